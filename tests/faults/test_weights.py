"""A flipped bit in the weights is seen, wherever it lies."""

import random

import pytest
import torch
from safetensors.torch import load, save_file

from metaseg.checkpoint import WEIGHTS, load_checkpoint, save_checkpoint
from metaseg.errors import InputError
from tests.conftest import small_checkpoint

DAMAGED = "The weights of the checkpoint small are damaged or belong to another architecture"


@pytest.fixture
def folder(tmp_path):
    checkpoint = small_checkpoint("unet")
    save_checkpoint(tmp_path / "small", checkpoint.config, checkpoint.network.state_dict())
    return tmp_path / "small"


def flip(data: bytes, place: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1 << bit
    return bytes(changed)


def test_a_flipped_bit_is_refused_or_changes_no_weight(folder):
    """In the tensors it is always refused. In the header a blank may change, or the name of the
    metadata: then every weight is as it was."""
    data, draw = (folder / WEIGHTS).read_bytes(), random.Random(0)
    before = load_checkpoint(folder).network.state_dict()
    header = 8 + int.from_bytes(data[:8], "little")
    tensors = [draw.randrange(header, len(data)) for _ in range(30)]
    for place in [*tensors, *(draw.randrange(header) for _ in range(30)), *range(8)]:
        (folder / WEIGHTS).write_bytes(flip(data, place, draw.randrange(8)))
        try:
            after = load_checkpoint(folder).network.state_dict()
        except InputError as error:
            assert DAMAGED in str(error)
            continue
        assert place < header
        assert all(torch.equal(before[name], after[name]) for name in before)


def test_weights_that_state_no_hash_load(folder):
    """Those of other programs, which write safetensors as well."""
    state = load((folder / WEIGHTS).read_bytes())
    save_file(state, folder / WEIGHTS, metadata={"format": "pt"})
    load_checkpoint(folder)
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-1])
    with pytest.raises(InputError, match=DAMAGED):
        load_checkpoint(folder)
