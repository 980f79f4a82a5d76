"""Memory that is short: on a GPU a smaller batch, then the processor; on a machine a sentence."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from metaseg.checkpoint import save_checkpoint
from metaseg.cli.main import main
from metaseg.runtime.pytorch import ON_PROCESSOR
from metaseg.scan import Scan
from metaseg.segmenter import Segmenter
from tests.conftest import draw_head, small_checkpoint
from tests.volumes import affine_of, save

TOO_LARGE = "metaseg: big.nii.gz is too large for the memory of this machine: use a smaller one."


@pytest.fixture
def heads() -> Scan:
    return Scan(np.stack([draw_head(seed=n)[0] for n in range(6)]).astype(np.float32), "heads")


def crowded(room: int) -> tuple[Segmenter, list[int]]:
    """A Segmenter whose GPU has room for ``room`` slices at once, and the sizes that were tried."""
    segmenter, tried = Segmenter([small_checkpoint("unet")], device="cpu"), []

    def allocate(network, inputs):
        tried.append(len(inputs[0]))
        if len(inputs[0]) > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    segmenter.checkpoints["unet"].network.encoder.register_forward_pre_hook(allocate)
    return segmenter, tried


@pytest.mark.parametrize(
    ("room", "tries"), [(6, [6]), (3, [6, 3, 3]), (1, [6, 3, 2, 1, 1, 1, 3, 2, 1, 1, 1])]
)
def test_a_batch_that_does_not_fit_the_gpu_is_halved(heads, monkeypatch, room, tries):
    segmenter, tried = crowded(room)
    images = np.random.default_rng(0).normal(size=(6, 3, 64, 64)).astype(np.float32)
    other, short = Segmenter([small_checkpoint("unet")], "cpu"), set()
    expected = other.runtime("unet").run(images, False, set())
    found = segmenter.runtime("unet").run(images, False, short)
    for array, wanted in zip(found, expected):
        np.testing.assert_allclose(array, wanted, atol=2e-3)
    assert tried == tries and not short


def test_a_slice_that_does_not_fit_the_gpu_goes_to_the_processor_and_that_is_said_once(heads):
    segmenter, tried = crowded(0)
    expected = Segmenter([small_checkpoint("unet")], "cpu").predict(heads, "unet")
    found = segmenter.predict(heads, "unet")
    np.testing.assert_array_equal(found.probability, expected.probability)
    assert found.notices == (ON_PROCESSOR,) and expected.notices == ()
    assert tried == [1]  # the rest of the scan did not try again
    one = replace(heads, voxels=heads.voxels[:1])
    maps, wanted = segmenter.explain(one, "unet"), Segmenter([small_checkpoint("unet")], "cpu")
    np.testing.assert_array_equal(
        maps.mirror_difference, wanted.explain(one, "unet").mirror_difference
    )


def test_another_fault_of_a_network_is_not_taken_for_want_of_memory(heads):
    segmenter, _ = crowded(6)

    def fail(*_):
        raise RuntimeError("a fault of ours")

    segmenter.checkpoints["unet"].network.encoder.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="a fault of ours"):
        segmenter.predict(heads, "unet")


@pytest.fixture
def command(tmp_path) -> list[str]:
    """``predict`` of a volume that is too large, and of one that is not."""
    checkpoint = small_checkpoint("unet")
    save_checkpoint(tmp_path / "small", checkpoint.config, checkpoint.network.state_dict())
    voxels = np.zeros((1024, 1024, 230), np.uint8)
    save(tmp_path / "scans/big.nii.gz", voxels, affine_of("LPS", (1, 1, 1)))
    save(tmp_path / "scans/small.nii.gz", voxels[:64, :64, :2], affine_of("LPS", (1, 1, 1)))
    options = ["--model", str(tmp_path / "small"), "--output", str(tmp_path / "out")]
    return ["predict", str(tmp_path / "scans"), *options]


@pytest.mark.slow
def test_a_volume_beyond_the_memory_is_a_row_of_the_run(command):
    """The limit on memory is real; 230 x 1024 x 1024 voxels are 960 MB as float32."""
    limited = (
        "import resource, sys\n"
        "import metaseg.cli.predict, metaseg.runtime.pytorch, metaseg.runtime.openvino\n"
        "from metaseg.cli.main import main\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + 900_000_000,) * 2)\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", limited, *command], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 2 and TOO_LARGE in done.stderr and "Traceback" not in done.stderr
    assert "1 of 2 done, 1 failed." in done.stdout


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
    ],
)
def test_want_of_memory_in_a_network_is_the_same_sentence(tmp_path, monkeypatch, capsys, error):
    checkpoint = small_checkpoint("unet")
    save_checkpoint(tmp_path / "small", checkpoint.config, checkpoint.network.state_dict())
    save(tmp_path / "big.nii.gz", np.zeros((64, 64, 2), np.uint8), affine_of("LPS", (1, 1, 1)))

    def run_short(*_):
        raise error

    monkeypatch.setattr(Segmenter, "predict", run_short)
    options = ["--model", str(tmp_path / "small"), "--output", str(tmp_path / "out")]
    assert main(["predict", str(tmp_path / "big.nii.gz"), *options]) == 2
    assert TOO_LARGE in capsys.readouterr().err
    assert not list((tmp_path / "out").glob(".*"))
