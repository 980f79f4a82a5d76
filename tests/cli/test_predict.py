import json
import shutil
import subprocess
import sys

import cv2
import nibabel
import numpy as np
import pytest

from metaseg.checkpoint import save_checkpoint
from metaseg.cli.main import main
from metaseg.hub.resolve import load_models
from metaseg.scan import read_scan
from metaseg.segmenter import Segmenter
from tests.conftest import EXAMPLES, draw_head, small_checkpoint

SLICE = EXAMPLES / "meningioma_axial.jpg"


def test_files_of_a_slice_and_of_a_volume(tmp_path):
    voxels = np.stack([draw_head(seed=number)[0] for number in range(4)], axis=-1)
    affine = np.diag([0.9, 1.1, 5.0, 1.0])
    affine[:3, 3] = 10, -20, 30
    nibabel.save(nibabel.Nifti1Image(voxels.astype(np.int16), affine), tmp_path / "vol.nii.gz")
    output = tmp_path / "out"
    arguments = ["predict", str(SLICE), str(tmp_path / "vol.nii.gz"), "--output", str(output)]
    assert main([*arguments, "--model", "nested_unet", "--threshold", "0.4"]) == 0
    assert sorted(path.name for path in output.iterdir()) == [
        "meningioma_axial.json",
        "meningioma_axial_lesions.csv",
        "meningioma_axial_mask.png",
        "meningioma_axial_overlay.png",
        "metaseg_manifest.json",
        "vol.json",
        "vol_contact_sheet.png",
        "vol_lesions.csv",
        "vol_mask.nii.gz",
        "vol_overlay.png",
        "vol_probability.nii.gz",
    ]
    scan = read_scan(SLICE)
    expected = Segmenter(load_models(["nested_unet"])).predict(scan, "nested_unet").mask(0.4)[0]
    mask = cv2.imread(str(output / "meningioma_axial_mask.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(mask, expected * np.uint8(255))
    report = json.loads((output / "meningioma_axial.json").read_text())
    assert report["schema"] == 2 and report["threshold"] == 0.4
    assert report["model"] == "Nested U-Net" and len(report["revision"]) == 64
    assert sum(lesion["area_px"] for lesion in report["lesions"]) == expected.sum()
    volume = nibabel.load(output / "vol_mask.nii.gz")
    assert volume.shape == voxels.shape and np.allclose(volume.affine, affine)
    assert set(np.unique(volume.dataobj)) <= {0, 1}


def test_the_sensitive_threshold_is_an_option(tmp_path, capsys):
    for name, threshold in (("with", 0.2), ("without", None)):
        checkpoint = small_checkpoint("unet", sensitive_threshold=threshold)
        save_checkpoint(tmp_path / name, checkpoint.config, checkpoint.network.state_dict())
    arguments = ["predict", str(SLICE), "--output", str(tmp_path / "out"), "--threshold"]
    assert main([*arguments, "sensitive", "--model", str(tmp_path / "with")]) == 0
    assert json.loads((tmp_path / "out/meningioma_axial.json").read_text())["threshold"] == 0.2
    assert main([*arguments, "sensitive", "--model", str(tmp_path / "without")]) == 2
    assert "has no sensitive threshold" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([*arguments, "careful", "--model", str(tmp_path / "with")])


def test_equal_names_take_their_folder_in_front(tmp_path):
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        shutil.copy(SLICE, tmp_path / folder / "slice.jpg")
    paths = [str(tmp_path / folder / "slice.jpg") for folder in ("first", "second")]
    assert main(["predict", *paths, "--output", str(tmp_path / "out")]) == 0
    masks = sorted(path.name for path in (tmp_path / "out").glob("*_mask.png"))
    assert masks == ["first_slice_mask.png", "second_slice_mask.png"]


def test_one_bad_scan_does_not_stop_the_others(tmp_path, capsys):
    bad = tmp_path / "bad.png"
    bad.write_text("not a picture")
    assert main(["predict", str(bad), str(SLICE), "--output", str(tmp_path / "out")]) == 2
    assert "bad.png is not an image" in capsys.readouterr().err
    assert (tmp_path / "out/meningioma_axial_mask.png").is_file()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--threshold", "1.5"], "threshold 1.5 is outside"),
        (["--model", "Both"], 'no model "Both"'),
    ],
)
def test_bad_options_are_a_sentence_and_two(tmp_path, options, sentence):
    command = [sys.executable, "-m", "metaseg", "predict", str(SLICE), *options]
    done = subprocess.run(
        [*command, "--output", str(tmp_path)], capture_output=True, text=True, cwd=EXAMPLES.parent
    )
    assert done.returncode == 2 and sentence in done.stderr and "Traceback" not in done.stderr
