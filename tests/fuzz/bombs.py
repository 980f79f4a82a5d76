"""Small files that want gigabytes: python -m tests.fuzz.bombs

Makes each in a temporary folder, which takes up to 5 GB of memory, handles it, and prints a
Markdown table of what it took. Those within the limits of a scan may take what such a scan takes.
"""

import gzip
import io
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import cv2
import nibabel
import numpy as np
from pydicom import Dataset, dcmwrite
from pydicom.uid import DeflatedExplicitVRLittleEndian

from tests.dicom_files import one_slice
from tests.fuzz.worker import Worker

MB = 1 << 20


def padded(megabytes: int) -> Dataset:
    """A slice with a private element of so many zeros."""
    data = one_slice()
    data.add_new(0x00090010, "LO", "PADDING")
    data.add_new(0x00091010, "OB", bytes(megabytes * MB))
    return data


def deflated_dicom(path: Path) -> None:
    """1,500 MB in a deflated file (PS3.5, A.5)."""
    data = padded(1500)
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dcmwrite(path, data, enforce_file_format=True)


def zip_of_dicom(path: Path) -> None:
    """Four slices of 500 MB each."""
    dcmwrite(whole := io.BytesIO(), padded(500), enforce_file_format=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(4):
            archive.writestr(f"{number}.dcm", whole.getbuffer())


def nifti(dtype: type) -> Callable[[Path], None]:
    """As many zeros as a scan may have voxels, nearly."""

    def write(path: Path) -> None:
        header = nibabel.Nifti1Image(np.zeros((1, 1, 1), dtype), np.eye(4)).header
        header.set_data_shape((500, 500, 1000))
        with gzip.open(path, "wb", compresslevel=9) as file:
            header.write_to(file)
            file.write(bytes(int(header["vox_offset"]) - file.tell()))
            for _ in range(1000):
                file.write(bytes(250_000 * np.dtype(dtype).itemsize))

    return write


def png(path: Path) -> None:
    """64 million pixels of 16 bits and four channels."""
    cv2.imwrite(str(path), np.zeros((8000, 8000, 4), np.uint16), [cv2.IMWRITE_PNG_COMPRESSION, 9])


BOMBS: dict[str, Callable[[Path], None]] = {
    "deflated_1500MB.dcm": deflated_dicom,
    "dicom_4x500MB.zip": zip_of_dicom,
    "zeros_f64_250M.nii.gz": nifti(np.float64),
    "zeros_u8_250M.nii.gz": nifti(np.uint8),
    "rgba16_64MP.png": png,
}


def main() -> None:
    print("| file | kB | came out | MB of memory | seconds of the processor |")
    print("|---|---|---|---|---|")
    for name, make in BOMBS.items():
        with tempfile.TemporaryDirectory() as folder, Worker(patience=150) as worker:
            make(path := Path(folder) / name)
            result = worker.handle(path)
            came = result.words or result.kind
            size = path.stat().st_size >> 10
            print(f"| {name} | {size} | {came} | {result.megabytes:.0f} | {result.seconds:.1f} |")


if __name__ == "__main__":
    main()
