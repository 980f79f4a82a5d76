"""What people drop by mistake gets an amber line or a sentence, in Chromium; never an all-clear."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from metaseg.input_check import UNLIKE
from metaseg.passes import PANELS
from metaseg.scan.dicom_kind import BODY_PART, MODALITY
from metaseg.scan.pictures import COLOUR
from tests.demo.browser import SLICE, carry, needs_chromium
from tests.dicom_files import new_dataset, set_pixels
from tests.input_check_samples import write_samples

pytestmark = [needs_chromium, pytest.mark.slow]

DOUBTED = {
    "colour_coffee.png": COLOUR,
    "colour_cat.png": COLOUR,
    "CT_small.dcm": MODALITY,
    "chest.dcm": MODALITY,
    "spine.dcm": BODY_PART,
    "panels_figure.png": PANELS,
    "photograph_camera.png": UNLIKE,
    "drawing_horse.png": UNLIKE,
    "page_text.png": UNLIKE,
    "noise_2.png": UNLIKE,
}
REFUSED = {
    "letter.txt": b"Dear colleague, thank you for the referral.",
    "paper.pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
    "empty.png": b"",
    "cut.png": None,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("junk")
    write_samples(folder)
    pixels = np.random.default_rng(0).normal(500, 80, (96, 96)).astype(np.uint16)
    for name, modality, part in (("chest", "DX", "CHEST"), ("spine", "MR", "CSPINE")):
        data = new_dataset("1.2.3", "1.2.3.4", name)
        data.Modality, data.BodyPartExamined = modality, part
        set_pixels(data, pixels)
        data.save_as(folder / f"{name}.dcm")
    for name, content in REFUSED.items():
        cut = (folder / "page_text.png").read_bytes()[:500]
        (folder / name).write_bytes(cut if content is None else content)
    return folder


def test_each_kind_of_junk_is_doubted_or_refused(page, folder):
    for name, doubt in DOUBTED.items():
        carry(page, "drop", folder / name)
        expect(page.locator("#doubts")).to_contain_text(doubt)
        expect(page.locator("#pictures figcaption").first).to_contain_text(Path(name).stem)
        expect(page.locator("#verdict")).to_be_empty()
        assert "at this threshold" not in page.locator("#viewer").inner_text(), name
    for name in REFUSED:
        carry(page, "drop", folder / name)
        expect(page.locator("#notice-words[role=alert]")).to_contain_text(Path(name).stem)
        expect(page.locator("#pictures figure")).to_have_count(0)
    carry(page, "drop", SLICE)
    expect(page.locator("#verdict")).to_contain_text("region")
    expect(page.locator("#doubts")).to_be_hidden()
