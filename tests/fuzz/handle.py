"""What MetaSeg does with a file that someone hands in, all but the network itself."""

import json
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from metaseg.errors import InputError
from metaseg.findings.overlay import draw_overlay
from metaseg.preprocess import Preprocessing, grey_slices, prepare
from metaseg.scan import Scan, read_mask, read_scan
from metaseg.scan.dicom_seg import write_dicom_seg
from metaseg.scan.nifti import write_nifti
from metaseg.scan.planes import PLANES, in_plane

RED = (213, 94, 0)
CONFIG = Path(__file__).parents[2] / "checkpoints/attention_unet/config.json"
SETTINGS = Preprocessing(**json.loads(CONFIG.read_text())["preprocessing"])


def handle(path: Path, scan: Scan | None = None) -> str | None:
    """The sentence about the file at ``path``, or None where it was read, prepared, drawn and
    written. With ``scan`` the file is its ground truth."""
    try:
        if scan is not None:
            read_mask(path, scan)
            return None
        read = read_scan(path)
        index = len(read.voxels) // 2
        _prepare_and_draw(read, index)
        if read.is_volume and read.orientation is not None:
            for plane in PLANES:
                cut = in_plane(read, plane)
                if min(cut.voxels.shape[1:]) >= 16:
                    _prepare_and_draw(cut, len(cut.voxels) // 2)
        mask = np.zeros(read.voxels.shape, bool)
        mask[index, 4:9, 4:9] = True
        with tempfile.TemporaryDirectory() as folder:
            write_nifti(Path(folder) / "mask.nii.gz", mask, read)
            if read.sources:
                with suppress(InputError):  # a notice beside the other results
                    write_dicom_seg(Path(folder) / "mask.dcm", mask, read, "U-Net", "0" * 64)
    except InputError as error:
        return str(error)
    return None


def _prepare_and_draw(scan: Scan, index: int) -> None:
    grey = next(grey_slices(replace(scan, voxels=scan.voxels[index : index + 1]), SETTINGS))
    prepare(grey, SETTINGS, scan.aspect)
    draw_overlay(grey, [(grey > 128, RED)], scan.aspect)
