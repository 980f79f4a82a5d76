"""OpenVINO answers as PyTorch does, its exports are safe, and without it PyTorch runs."""

import logging
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from metaseg import passes, runtime
from metaseg.checkpoint import load_checkpoint, save_checkpoint
from metaseg.errors import InputError
from metaseg.runtime import SLOWER, exports
from metaseg.runtime.threads import threads
from metaseg.runtime.turns import Turns
from metaseg.scan import Scan
from metaseg.segmenter import Segmenter
from tests.conftest import draw_head, small_checkpoint

openvino = pytest.importorskip("openvino")


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The user's cache folder, empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "metaseg"


@pytest.fixture
def stored(tmp_path):
    """The folder of a small checkpoint that sees the mirror image too."""
    made = small_checkpoint("nested_unet", mirrored=True, temperature=1.5)
    made.network.heads[-1].weight.data *= 150  # answers from 0 to 1
    save_checkpoint(tmp_path / "nested_unet", made.config, made.network.state_dict())
    return tmp_path / "nested_unet"


def head() -> Scan:
    return Scan(draw_head((128, 120))[0][None].astype(np.float32), "head", eight_bit=True)


def probability(folder, library: str) -> np.ndarray:
    segmenter = Segmenter([load_checkpoint(folder)], "cpu", library)
    return segmenter.predict(head(), "nested_unet").probability


@pytest.mark.parametrize("mirrored", [False, True])
def test_both_libraries_give_the_same_probability_and_features(cache, stored, mirrored):
    segmenters = [Segmenter([load_checkpoint(stored)], "cpu", name) for name in runtime.LIBRARIES]
    images = np.random.default_rng(0).normal(size=(3, 3, 64, 64)).astype(np.float32)
    answers = [one.runtime("nested_unet").run(images, mirrored, set()) for one in segmenters]
    for one, other in zip(*answers):
        assert one.shape == other.shape and one.dtype == other.dtype == np.float32
        np.testing.assert_allclose(one, other, atol=0.05)  # in bf16 where there is bf16
    assert np.ptp(answers[0][0]) > 0.3
    names = [one.runtime("nested_unet").name for one in segmenters]
    assert names[0].startswith("OpenVINO 20") and names[1].startswith("PyTorch 2.")
    explained = segmenters[0].explain(head(), "nested_unet").supervised[-1]
    predicted = segmenters[0].predict(head(), "nested_unet").probability[0]
    np.testing.assert_allclose(explained, predicted, atol=0.05)


def test_an_export_is_made_once_and_kept_for_its_owner(cache, stored, monkeypatch):
    first = probability(stored, "openvino")
    kept = sorted(cache.iterdir())
    assert len(kept) == 2 and cache.stat().st_mode & 0o777 == 0o700
    monkeypatch.setattr(exports, "_export", lambda *_: pytest.fail("exported again"))
    np.testing.assert_array_equal(probability(stored, "openvino"), first)
    assert sorted(cache.iterdir()) == kept


def test_an_export_is_that_of_its_weights(cache, stored):
    before = probability(stored, "openvino")
    other = load_checkpoint(stored)
    other.network.heads[-1].weight.data *= -1
    save_checkpoint(stored, other.config, other.network.state_dict())
    assert np.abs(probability(stored, "openvino") - before).max() > 0.1
    assert len(list(cache.iterdir())) == 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: d[:-9],
        pytest.param(lambda d: d[:50], marks=pytest.mark.slow),
        pytest.param(lambda d: b"", marks=pytest.mark.slow),
        pytest.param(lambda d: d[:999] + b"?" + d[1000:], marks=pytest.mark.slow),
    ],
)
def test_a_damaged_export_is_made_anew(cache, stored, damage, monkeypatch):
    expected = probability(stored, "openvino")
    for path in cache.iterdir():
        path.write_bytes(damage(path.read_bytes()))
    np.testing.assert_array_equal(probability(stored, "openvino"), expected)
    # The files are whole again: two exports of the same weights may differ in a few bytes.
    monkeypatch.setattr(exports, "_export", lambda *_: pytest.fail("exported again"))
    np.testing.assert_array_equal(probability(stored, "openvino"), expected)


def test_a_cache_folder_that_others_may_write_is_not_used(cache, stored, caplog):
    cache.mkdir(parents=True)
    cache.chmod(0o777)
    probability(stored, "openvino")
    assert not list(cache.iterdir()) and "may be written by others" in caplog.text


def test_without_a_cache_folder_nothing_is_kept_and_all_works(stored, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert probability(stored, "openvino").max() > 0


PROGRAM = """
import sys
from metaseg.checkpoint import load_checkpoint
from metaseg.segmenter import Segmenter
segmenter = Segmenter([load_checkpoint(sys.argv[1])], "cpu", "openvino")
print(segmenter.runtime("nested_unet").name)
print("openvino_telemetry.main" in sys.modules)
"""


@pytest.mark.slow
def test_two_processes_may_export_at_once_and_none_reports_home(cache, stored):
    running = [
        subprocess.Popen([sys.executable, "-c", PROGRAM, stored], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in running:
        said = process.communicate(timeout=120)[0].splitlines()
        assert process.returncode == 0
        assert said[-2].startswith("OpenVINO") and said[-1] == "False"
    kept = list(cache.iterdir())
    assert len(kept) == 2 and all(exports._read(path) is not None for path in kept)


def test_without_openvino_pytorch_runs_with_one_line_in_the_log_and_a_notice(
    stored, monkeypatch, caplog
):
    monkeypatch.setitem(sys.modules, "metaseg.runtime.openvino", None)  # cannot be imported
    monkeypatch.delenv(runtime.VARIABLE)
    segmenter = Segmenter([load_checkpoint(stored)], "cpu")
    for _ in range(2):
        assert segmenter.predict(head(), "nested_unet").notices == (SLOWER,)
    assert segmenter.runtime("nested_unet").name.startswith("PyTorch")
    assert [r.levelno for r in caplog.records] == [logging.WARNING]
    assert "PyTorch runs nested_unet, OpenVINO cannot" in caplog.text
    chosen = Segmenter([load_checkpoint(stored)], "cpu", "pytorch")
    assert chosen.predict(head(), "nested_unet").notices == ()


def test_an_unknown_runtime_is_a_sentence(monkeypatch):
    monkeypatch.setenv(runtime.VARIABLE, "abacus")
    with pytest.raises(InputError, match='no runtime "abacus": use openvino or pytorch'):
        Segmenter([small_checkpoint("unet")], "cpu")


def test_networks_with_the_same_preprocessing_share_it(monkeypatch):
    prepared, prepare = [], passes.prepare
    monkeypatch.setattr(passes, "prepare", lambda *a: prepared.append(1) or prepare(*a))
    names = ["unet", "nested_unet"]
    segmenter = Segmenter([small_checkpoint(name) for name in names], "cpu")
    volume = replace(head(), voxels=np.concatenate([head().voxels] * 3))
    both = segmenter.predict_each(volume, names)
    assert len(prepared) == 3 and [one.model for one in both] == names
    for one in both:
        alone = segmenter.predict(volume, one.model)
        np.testing.assert_array_equal(one.probability, alone.probability)
    assert both[0].probability.max() != both[1].probability.max()


def test_slices_go_before_volumes_that_wait():
    turns, order, started = Turns(), [], threading.Barrier(5)

    def work(name: str, urgent: bool) -> None:
        started.wait()
        with turns.take(urgent):
            order.append(name)
            time.sleep(0.01)

    names = [("volume", False)] * 2 + [("slice", True)] * 2
    workers = [threading.Thread(target=work, args=one) for one in names]
    with turns.take(True):
        for worker in workers:
            worker.start()
        started.wait()
        time.sleep(0.2)  # until all wait
    for worker in workers:
        worker.join(5)
    assert order == ["slice", "slice", "volume", "volume"]


def test_a_volume_waits_for_a_slice_but_not_for_ever(monkeypatch):
    monkeypatch.setattr("metaseg.runtime.turns.LONGEST_WAIT", 0.3)
    turns, started = Turns(), time.monotonic()
    with turns.ahead():
        with turns.take(True):
            assert time.monotonic() - started < 0.2
        with turns.take(False):
            assert 0.25 < time.monotonic() - started
    began = time.monotonic()
    with turns.take(False):
        assert time.monotonic() - began < 0.2


def test_a_turn_ends_with_its_error():
    turns = Turns()
    with pytest.raises(ValueError), turns.take(False):
        raise ValueError
    with turns.take(False):
        pass


def test_threads_follow_the_variable_the_affinity_and_the_quota(tmp_path, monkeypatch):
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr("metaseg.runtime.threads.QUOTA", quota)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads() == 3
    monkeypatch.delenv("OMP_NUM_THREADS")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert threads() == 8
    for text, count in (("max 100000", 8), ("150000 100000", 2), ("20000 100000", 1)):
        quota.write_text(text)
        assert threads() == count
