from dataclasses import asdict, replace
from itertools import islice

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from metaseg import input_check
from metaseg.checkpoint import load_checkpoint, read_config, save_checkpoint, write_config
from metaseg.files import to_json
from metaseg.hub.resolve import load_models
from metaseg.input_check import (
    DOUBTED,
    OF_A_VOLUME,
    UNLIKE,
    InputCheck,
    find_unlike,
    fit_input_check,
)
from metaseg.passes import NO_TISSUE, PANELS
from metaseg.preprocess import has_panels
from metaseg.scan import Scan, read_scan
from metaseg.segmenter import Segmenter
from metaseg.synthesis.strange import SIDE, strange_pictures
from tests.conftest import EXAMPLES, draw_head, small_checkpoint
from tests.input_check_samples import write_samples


def features(count: int, seed: int = 0, shift: float = 0) -> np.ndarray:
    """Of slices that differ along three directions among forty, and a little in all; ``shift``
    moves them along a fourth."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(9).normal(size=(4, 40))
    along = random.normal(size=(count, 3)) @ mixing[:3]
    return 2 + along + shift * mixing[3] + 0.1 * random.normal(size=(count, 40))


def fit(training: np.ndarray, validation: np.ndarray, strange: np.ndarray) -> InputCheck:
    """The check for strange pictures of two kinds."""
    return fit_input_check(training, validation, strange, np.arange(len(strange)) // 2 % 2)


def scores(check: InputCheck, features: np.ndarray) -> np.ndarray:
    return features @ np.array(check.weights)


def test_the_discriminant_is_that_of_fisher(monkeypatch):
    """Without shrinkage its direction is that of the inverse covariance within both."""
    monkeypatch.setattr(input_check, "SHRINKAGES", (0,))
    random = np.random.default_rng(0)
    usual, strange = random.normal(size=(2, 4000, 6)) * 0.1 * np.arange(1, 7) + 3
    strange[:, 2] += 0.5
    found = np.array(fit(usual, usual, np.repeat(strange, 2, axis=0)).weights)
    apart = strange.mean(axis=0) - usual.mean(axis=0)
    expected = np.linalg.solve(np.cov(usual.T) + np.cov(strange.T), apart)
    cosine = found @ expected / np.linalg.norm(found) / np.linalg.norm(expected)
    assert cosine == pytest.approx(1, abs=1e-4)


def test_the_limit_lets_99_of_100_validation_slices_pass_and_strange_ones_do_not(monkeypatch):
    # With others, the rounded limit falls on the other side of one picture.
    monkeypatch.setattr(input_check, "SHRINKAGES", (0.3,))
    near, tried = features(200, seed=3, shift=0.05), features(300, seed=1)
    check = fit(features(200), tried, near)  # which can hardly be told apart
    assert 1 <= (scores(check, tried) > check.limit).sum() <= 3 + 1
    far = features(200, seed=3, shift=2)
    check = fit(features(200), tried, far)
    assert (scores(check, features(300, seed=2)) <= check.limit).all()
    assert np.mean(scores(check, far[1::2]) > check.limit) == DOUBTED
    assert (scores(check, features(20, seed=4, shift=4)) > check.limit).all()


def test_the_shrinkage_is_that_which_finds_kinds_that_it_has_not_learned(monkeypatch):
    data = features(200), features(300, seed=1), features(200, seed=3, shift=0.2)
    made = {}
    for shrinkages in ((0.01,), (1e6,), (0.01, 1e6), (1e6, 0.01)):
        monkeypatch.setattr(input_check, "SHRINKAGES", shrinkages)
        made[shrinkages] = fit(*data)
    few, many = (np.mean(scores(made[s,], data[2]) > made[s,].limit) for s in (1e6, 0.01))
    assert few + 0.2 < many
    assert made[0.01, 1e6] == made[1e6, 0.01] == made[0.01,] != made[1e6,]


def test_a_volume_may_have_a_few_strange_slices():
    strange = features(20, seed=5, shift=4)
    check = fit(features(200), features(300, seed=1), features(200, 3, shift=2))
    usual = features(12, seed=2)
    assert list(find_unlike(check, usual)) == list(find_unlike(check, usual[:0])) == []
    assert list(find_unlike(check, strange[:1])) == [UNLIKE]
    assert list(find_unlike(check, np.concatenate([usual, strange[:4]]))) == []
    assert list(find_unlike(check, np.concatenate([usual, strange[:5]]))) == [UNLIKE]


def test_too_few_slices_and_damaged_values_are_refused():
    with pytest.raises(ValueError, match="too few"):
        fit(features(9), features(9), features(1))
    check = fit(features(20), features(20, seed=1), features(20, shift=2))
    values = to_json(asdict(check))
    read = TypeAdapter(InputCheck)
    assert read.validate_python(values) == check
    for name, value in (("limit", None), ("weights", []), ("weights", [float("nan")])):
        with pytest.raises(ValidationError, match=name):
            read.validate_python(values | {name: value})


def test_strange_pictures_are_of_seven_kinds_and_always_the_same():
    first, again = (list(islice(strange_pictures(), 14)) for _ in range(2))
    assert all(np.array_equal(*pair) for pair in zip(first, again))
    assert all(p.shape == (SIDE, SIDE) and p.dtype == np.uint8 and p.std() > 0 for p in first)
    assert len({p.tobytes() for p in first}) == 14


@pytest.fixture
def checked():
    """A small network that knows drawn heads, and its Segmenter."""
    plain = small_checkpoint("unet")
    segmenter = Segmenter([plain], "cpu")

    def look(pictures) -> np.ndarray:
        found = [segmenter.features(scan_of(picture), "unet") for picture in pictures]
        return np.concatenate([f for f in found if len(f)])  # without tissue there are none

    known, tried = (look(draw_head(seed=n)[0] for n in part) for part in (range(40), range(40, 60)))
    strange = look(islice(strange_pictures(), 40))
    check = fit(known, tried, strange)
    return Segmenter([replace(plain, config=replace(plain.config, input_check=check))], "cpu")


def scan_of(*slices: np.ndarray) -> Scan:
    return Scan(np.stack(slices).astype(np.float32), "scan", eight_bit=True)


def test_the_segmenter_says_what_it_does_not_know(checked):
    head = draw_head(seed=70)[0]
    assert checked.predict(scan_of(head), "unet").notices == ()
    stripes = (127 + 120 * np.sin(np.indices((128, 120)).sum(0) / 3)).astype(np.uint8)
    stripes[:20] = stripes[-20:] = 0
    assert checked.predict(scan_of(stripes), "unet").notices == (UNLIKE,)
    assert checked.predict(scan_of(head, stripes, stripes), "unet").notices == (UNLIKE,)
    assert checked.predict(scan_of(np.zeros((90, 90))), "unet").notices == (NO_TISSUE,)
    assert checked.features(scan_of(*[head] * 40), "unet").shape[0] == OF_A_VOLUME


def test_panels_are_noticed_on_single_slices(small_segmenter):
    head = draw_head()[0]
    figure = np.hstack([head, np.full((128, 8), 255, np.uint8), head])
    assert small_segmenter.predict(scan_of(figure), "unet").notices == (PANELS,)
    assert small_segmenter.predict(scan_of(figure, figure), "unet").notices == ()
    assert not has_panels(head) and has_panels(np.vstack([head, head]))


def test_the_check_travels_in_the_checkpoint(tmp_path, checked):
    made = checked.checkpoints["unet"]
    save_checkpoint(tmp_path, made.config, made.network.state_dict())
    assert load_checkpoint(tmp_path).config == made.config
    before = (tmp_path / "config.json").read_text()
    write_config(tmp_path, read_config(tmp_path))
    assert (tmp_path / "config.json").read_text() == before
    assert before.count("\n") < 200  # a row of numbers stands on one line


@pytest.mark.slow
def test_the_shipped_networks_flag_what_is_no_slice_of_a_head(tmp_path):
    """At least 95 of 100 such files, and none of the gallery: only the baseline doubts one picture
    of T2, which no network was trained on."""
    paths = write_samples(tmp_path)
    assert len(paths) >= 40
    segmenter = Segmenter(load_models(), "cpu")
    with_check = [n for n, c in segmenter.checkpoints.items() if c.config.input_check is not None]
    assert with_check
    for name in with_check:
        silent = [p.name for p in paths if not segmenter.predict(read_scan(p), name).notices]
        assert len(silent) <= 0.05 * len(paths), silent
        gallery = {*EXAMPLES.glob("*.jpg")}
        if name == "unet":
            gallery.remove(EXAMPLES / "metastasis_second.jpg")
        for picture in gallery:
            assert segmenter.predict(read_scan(picture), name).notices == (), picture.name
