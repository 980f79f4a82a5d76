"""What the tests share: small networks, a drawn head, the shipped examples."""

import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Tests run side by side: each takes one core, and what it starts as well.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Small networks are quicker to run than to export. What tests OpenVINO names it.
os.environ["METASEG_RUNTIME"] = "pytorch"
# gradio takes the first free port of a hundred; two that look at once would find the same.
os.environ["GRADIO_SERVER_PORT"] = f"8{os.environ.get('PYTEST_XDIST_WORKER', 'gw0')[2:]}00"

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import settings

from metaseg.checkpoint import FORMAT, Checkpoint, Weights
from metaseg.config import Config
from metaseg.data.dataset import Dataset, write_dataset
from metaseg.models import ARCHITECTURES
from metaseg.preprocess import VERSION, Preprocessing
from metaseg.segmenter import Segmenter

# A busy machine is slow, and that is no fault of what is tested.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

EXAMPLES = Path(__file__).parent.parent / "examples"
SMALL_ENCODER = "tu-mobilenetv3_small_050"
SMALL_WIDTHS = (8, 8, 16, 16)

STARTING_SECONDS = 120


@pytest.fixture(scope="session", autouse=True)
def patient_gradio():
    """gradio gives a server five seconds to start, which a busy machine exceeds, and then tries
    other ports with an app that cannot start twice."""
    from gradio.http_server import Server, ServerFailedToStartError

    def run_in_thread(server: Server) -> None:
        server.thread = threading.Thread(target=server.run, daemon=True)
        server.thread.start()
        end = time.monotonic() + STARTING_SECONDS
        while not server.started:
            if time.monotonic() > end or not server.thread.is_alive():
                raise ServerFailedToStartError
            time.sleep(0.01)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Server, "run_in_thread", run_in_thread)
        yield


@pytest.fixture(autouse=True)
def audible_logger():
    """The command line makes MetaSeg's logger quiet for its whole process."""
    yield
    logging.getLogger("metaseg").setLevel(logging.NOTSET)


DRAWN = Dataset(
    title="Drawn heads",
    modality="t1ce",
    target="drawn lesions",
    groups="drawn heads",
    license="CC0-1.0",
)
"""What the drawn heads of the tests say of themselves."""


def draw_head(shape: tuple[int, int] = (128, 120), seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A skull, a textured brain and one bright lesion: uint8 (H, W) and the lesion's mask."""
    height, width = shape
    random = np.random.default_rng(seed)
    grey = np.zeros(shape, np.uint8)
    centre = width // 2, height // 2
    cv2.ellipse(grey, centre, (int(width * 0.42), int(height * 0.44)), 0, 0, 360, 190, -1)
    cv2.ellipse(grey, centre, (int(width * 0.37), int(height * 0.39)), 0, 0, 360, 90, -1)
    noise = cv2.GaussianBlur(random.normal(0, 40, shape), (0, 0), 3)
    grey = np.where(grey > 0, np.clip(grey + noise, 1, 255), 0).astype(np.uint8)
    mask = np.zeros(shape, np.uint8)
    spot = centre[0] + int(random.integers(-20, 20)), centre[1] + int(random.integers(-20, 20))
    cv2.circle(mask, spot, int(random.integers(5, 10)), 1, -1)
    grey[mask > 0] = 235
    return grey, mask > 0


def preprocessing(size: int = 96, **changes: object) -> Preprocessing:
    """Settings for a test, those of the shipped networks but for ``changes``."""
    values = {
        "version": VERSION,
        "channels": ("window", "clahe", "gamma"),
        "window": "volume",
        "low_percentile": 0.5,
        "high_percentile": 99.9,
        "clahe_clip_limit": 2.0,
        "clahe_tile_grid": 6,
        "minimum_deviation": 8.0,
        "minimum_range": 12.0,
        "minimum_structure": 0.35,
        "noise_limit": 3.0,
    }
    return Preprocessing(size=size, **(values | changes))


def config_of(architecture: str, **changes: object) -> Config:
    """The config of a small network that nobody has calibrated."""
    values = {
        "encoder": SMALL_ENCODER,
        "decoder_channels": SMALL_WIDTHS,
        "preprocessing": preprocessing(64),
        "threshold": 0.5,
        "sensitive_threshold": None,
        "temperature": 1.0,
        "mirrored": False,
        "input_check": None,
        "volume": None,
        "training": {},
        "license": "cc-by-nc-sa-4.0",
        "format": FORMAT,
    }
    return Config(architecture, **(values | changes))


def small_checkpoint(architecture: str, size: int = 64, **changes: object) -> Checkpoint:
    """An untrained network that is quick to run; ``changes`` are those of its config."""
    torch.manual_seed(0)
    config = config_of(architecture, **({"preprocessing": preprocessing(size)} | changes))
    network = config.build().eval()
    return Checkpoint(architecture, config, Weights(lambda: network), revision="0" * 64)


@pytest.fixture(scope="session")
def small_segmenter() -> Segmenter:
    return Segmenter([small_checkpoint(name) for name in ARCHITECTURES], device="cpu")


@pytest.fixture
def data_folder(tmp_path: Path) -> Path:
    """A data folder of 12 drawn slices of 6 groups, every third one without a lesion."""
    return write_data_folder(tmp_path / "heads")


def write_data_folder(folder: Path, groups: int = 6, slices: int = 2, of: str = "group") -> Path:
    rows = ["case,group,image,mask,split"]
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for number in range(groups * slices):
        grey, mask = draw_head(seed=number)
        if number % 3 == 2:
            grey[mask], mask = 90, np.zeros_like(mask)
        cv2.imwrite(str(folder / f"images/{number}.png"), grey)
        cv2.imwrite(str(folder / f"masks/{number}.png"), mask.astype(np.uint8) * 255)
        group = number // slices
        split = "test" if group == groups - 1 else "train"
        rows.append(f"case{number},{of}{group},images/{number}.png,masks/{number}.png,{split}")
    write_dataset(folder, DRAWN)
    (folder / "cases.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="session")
def served() -> Segmenter:
    """What the demo serves: the shipped checkpoints."""
    from metaseg.hub.resolve import load_models

    return Segmenter(load_models())


@pytest.fixture(scope="session")
def server(served):
    """The real demo with the shipped checkpoints, on a free port of this machine."""
    yield from serve(served)


@pytest.fixture(scope="module")
def quick(small_segmenter):
    """A real server with networks that are quick to run."""
    yield from serve(small_segmenter)


def serve(segmenter: Segmenter) -> Iterator[str]:
    """The address of the demo, for as long as its fixture lasts."""
    from metaseg.demo.launch import launch_options
    from metaseg.demo.page import build_page

    page = build_page(segmenter)
    _, url, _ = page.launch(prevent_thread_lock=True, quiet=True, **launch_options())
    yield url
    page.close()
