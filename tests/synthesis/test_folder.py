"""The data set that needs no download."""

from pathlib import Path

import numpy as np

from metaseg.data.cases import hold_out_validation, read_cases
from metaseg.preprocess import brain_mask, prepare
from metaseg.scan import read_mask, read_scan
from metaseg.synthesis.folder import write_synthetic_folder
from metaseg.synthesis.heads import draw_anatomy, draw_slice
from tests.conftest import preprocessing


def test_heads_pass_for_heads() -> None:
    found = []
    for seed in range(6):
        random = np.random.default_rng(seed)
        grey, brain = draw_slice(draw_anatomy(random), 0.2 * (seed % 4), random)
        assert prepare(grey, preprocessing()) is not None
        mask = brain_mask(grey)
        if mask is not None:
            found.append(2 * (mask & brain).sum() / (mask.sum() + brain.sum()))
    assert len(found) >= 4 and min(found) > 0.85


def test_the_folder_is_a_data_folder_and_always_the_same(tmp_path: Path) -> None:
    first = write_synthetic_folder(tmp_path / "a", groups=10, slices=3)
    again = write_synthetic_folder(tmp_path / "b", groups=10, slices=3)
    cases = read_cases(first)
    assert len(cases) == 30 and {case.split for case in cases} == {"train", "test"}
    training, validation = hold_out_validation([c for c in cases if c.split == "train"], 0.1)
    assert training and validation
    lesions = 0
    for case, same in zip(cases, read_cases(again)):
        assert case.image.read_bytes() == same.image.read_bytes()
        scan = read_scan(case.image)
        mask = read_mask(case.mask, scan)
        lesions += bool(mask.any())
        if mask.any():
            bright = np.percentile(scan.voxels[mask], 90)
            assert bright > 1.2 * np.median(scan.voxels[scan.voxels > 40])
    assert 12 <= lesions <= 28
    written = (first / "cases.csv").stat().st_mtime_ns
    write_synthetic_folder(first)
    assert (first / "cases.csv").stat().st_mtime_ns == written
