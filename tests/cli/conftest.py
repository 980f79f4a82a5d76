"""What the tests of the command line share."""

from pathlib import Path

import cv2
import pytest

from metaseg.checkpoint import save_checkpoint
from tests.conftest import draw_head, small_checkpoint
from tests.findings.test_files import head_volume
from tests.volumes import affine_of, save


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> str:
    """The folder of a small network."""
    folder = tmp_path_factory.mktemp("models") / "small"
    checkpoint = small_checkpoint("unet")
    save_checkpoint(folder, checkpoint.config, checkpoint.network.state_dict())
    return str(folder)


@pytest.fixture
def archive(tmp_path) -> Path:
    """Three volumes, two pictures and a broken file."""
    folder = tmp_path / "archive"
    for name in ("anna", "berta", "clara"):
        save(folder / f"{name}.nii.gz", head_volume(), affine_of("LPS", (0.9, 0.9, 4.0)))
    for number in range(2):
        cv2.imwrite(str(folder / f"slice{number}.png"), draw_head(seed=number)[0])
    (folder / "emil").mkdir()
    (folder / "emil" / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM and no more")
    return folder
