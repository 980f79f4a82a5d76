"""What is no slice of a head, as people send it by mistake: photographs, drawings, text pages, CT
and body scans, noise and figures of several panels. All of it is drawn here or lies in the wheels
of pydicom and scikit-image, or beside the gallery of the demo."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import skimage.data
from pydicom.data import get_testdata_file

from metaseg.scan import read_scan
from metaseg.scan.pictures import write_png
from tests.conftest import EXAMPLES

PHOTOGRAPHS = (
    "astronaut", "brick", "camera", "cat", "cell", "clock", "coffee", "coins", "grass", "gravel",
    "hubble_deep_field", "immunohistochemistry", "logo", "moon", "retina", "rocket",
)  # fmt: skip
IN_COLOUR = ("astronaut", "cat", "coffee", "immunohistochemistry", "retina", "rocket")
PAGES = ("page", "text")
DICOM = (
    "CT_small.dcm", "693_J2KI.dcm", "J2K_pixelrep_mismatch.dcm", "JPEG2000.dcm", "image_dfl.dcm",
    "examples_overlay.dcm", "examples_palette.dcm", "examples_rgb_color.dcm",
)  # fmt: skip
SLICES = ("meningioma_axial.jpg", "glioma_coronal.jpg", "metastasis_first.jpg")


def write_samples(folder: Path) -> list[Path]:
    """The samples as files in ``folder``; a name says what each is."""
    paths = []
    for name, pixels in _pictures():
        paths.append(folder / f"{name}.png")
        write_png(paths[-1], pixels)
    for name in DICOM:
        paths.append(Path(shutil.copy(get_testdata_file(name, download=False), folder)))
    return paths


def _pictures() -> Iterator[tuple[str, np.ndarray]]:
    for name in (*PHOTOGRAPHS, *PAGES):
        pixels = getattr(skimage.data, name)()
        if name in IN_COLOUR:
            yield f"colour_{name}", pixels
        if pixels.ndim == 3:
            pixels = cv2.cvtColor(pixels[..., :3], cv2.COLOR_RGB2GRAY)
        yield f"{'page' if name in PAGES else 'photograph'}_{name}", pixels
    yield "drawing_horse", (~skimage.data.horse()).astype(np.uint8) * 255
    for number in range(6):
        random = np.random.default_rng(number)
        yield f"drawing_{number}", _drawing(random, ground=(0, 255)[number % 2])
    for number in range(4):
        random = np.random.default_rng(number)
        yield f"page_{number}", _text(random, ground=(255, 255, 235, 0)[number])
    for number in range(4):
        random = np.random.default_rng(number)
        yield f"noise_{number}", _noise(random, (0, 2, 8, 20)[number])
    heads = [read_scan(EXAMPLES / name).voxels[0].astype(np.uint8) for name in SLICES]
    first, second, third = (cv2.resize(head, (256, 256)) for head in heads)
    for name, gap, level in (("touching", 0, 0), ("white_gap", 12, 255), ("black_gap", 12, 0)):
        between = np.full((256, gap), level, np.uint8)
        yield f"panels_{name}", np.hstack([first, between, second])
        yield f"panels_{name}_below", np.vstack([second, between.T, third])
    yield "panels_four", np.block([[first, second], [third, first]])
    yield "panels_three", np.hstack([first, second, third])
    page = np.full((420, 700), 255, np.uint8)
    page[60:316, 60:316], page[60:316, 360:616] = first, third
    cv2.putText(page, "Figure 2. Before and after", (60, 370), 0, 0.8, 0, 2)
    yield "panels_figure", page


def _drawing(random: np.random.Generator, ground: int) -> np.ndarray:
    canvas = np.full((320, 320), ground, np.uint8)
    for _ in range(12):
        ink = int(random.integers(60, 200)) if random.random() < 0.5 else 255 - ground
        a, b = (tuple(map(int, random.integers(10, 310, 2))) for _ in range(2))
        thickness = int(random.choice([1, 2, 4, -1]))
        shape = random.integers(3)
        if shape == 0:
            cv2.rectangle(canvas, a, b, ink, thickness)
        elif shape == 1:
            cv2.circle(canvas, a, int(random.integers(8, 60)), ink, thickness)
        else:
            cv2.line(canvas, a, b, ink, max(1, thickness), cv2.LINE_AA)
    return canvas


def _text(random: np.random.Generator, ground: int) -> np.ndarray:
    page = np.full((500, 400), ground, np.uint8)
    letters = list("abcdefghiklmnoprstuw    ")
    for y in range(40, 480, 24):
        line = "".join(random.choice(letters, 30))
        cv2.putText(page, line, (20, y), 0, 0.55, 255 if ground < 128 else 10, 1, cv2.LINE_AA)
    return page


def _noise(random: np.random.Generator, blur: float) -> np.ndarray:
    noise = random.normal(0, 1, (256, 256))
    if blur:
        noise = cv2.GaussianBlur(noise, (0, 0), blur)
    return np.clip(128 + 50 * noise / noise.std(), 0, 255).astype(np.uint8)
