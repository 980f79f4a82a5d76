"""The one tester that every architecture must pass."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from metaseg.models import ARCHITECTURES, Network, build_network
from metaseg.models.blocks import ConvBlock
from metaseg.training.config import TrainingConfig
from tests.conftest import SMALL_ENCODER, SMALL_WIDTHS

OUTPUTS = {"unet": 1, "nested_unet": 4, "attention_unet": 1}
SHIPPED = TrainingConfig()


@pytest.fixture(scope="module", params=ARCHITECTURES)
def architecture(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def network(architecture):
    torch.manual_seed(0)
    return build_network(architecture, SMALL_ENCODER, SMALL_WIDTHS).eval()


@given(height=st.integers(32, 700), width=st.integers(32, 700))
@settings(max_examples=6, deadline=None)
def test_any_size_comes_back(network, architecture, height, width):
    with torch.inference_mode():
        logits = network(torch.zeros(1, 1, height, width))
    assert logits.shape == (1, OUTPUTS[architecture], height, width)
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (64, 95)])
def test_every_parameter_learns(architecture, size):
    torch.manual_seed(0)
    network = build_network(architecture, SMALL_ENCODER, SMALL_WIDTHS).train()
    # BatchNorm cannot train on one value, which a batch of one would leave at stride 32.
    logits = network(torch.randn(2, 1, *size))
    (logits - torch.randn_like(logits)).square().mean().backward()
    without = [name for name, p in network.named_parameters() if p.grad is None]
    assert without == []
    assert all(torch.isfinite(p.grad).all() for p in network.parameters())


def test_padding_is_cropped_off_again(network):
    """A slice that fits and the same one padded by hand agree where both have pixels."""
    image = torch.randn(1, 1, 64, 50)
    padded = torch.nn.functional.pad(image, (0, 14, 0, 0), mode="replicate")
    with torch.inference_mode():
        torch.testing.assert_close(network(image), network(padded)[..., :50])


def test_state_is_saved_and_loaded_strictly(network, architecture, tmp_path):
    path = tmp_path / "state.pt"
    torch.save(network.state_dict(), path)
    copy = build_network(architecture, SMALL_ENCODER, SMALL_WIDTHS).eval()
    copy.load_state_dict(torch.load(path, weights_only=True), strict=True)
    image = torch.randn(1, 1, 50, 70)
    with torch.inference_mode():
        assert torch.equal(network(image), copy(image))
    other = next(name for name in ARCHITECTURES if name != architecture)
    with pytest.raises(RuntimeError, match="state_dict"):
        build_network(other, SMALL_ENCODER, SMALL_WIDTHS).load_state_dict(copy.state_dict())


def test_shipped_widths_stay_small(architecture):
    network = build_network(architecture, SHIPPED.encoder, SHIPPED.decoder_channels)
    assert 1_000_000 < network.count_parameters() <= 8_000_000
    size = sum(
        t.numel() * (2 if t.is_floating_point() else 8) for t in network.state_dict().values()
    )
    assert size <= 16_000_000


def test_decoder_shapes(network, architecture):
    """Every decoder block works at the stride its name or place says."""
    strides = {}

    def note(name):
        def hook(_module, _inputs, output):
            strides[name] = 128 // output.shape[-1], output.shape[1]

        return hook

    hooks = [
        module.register_forward_hook(note(name))
        for name, module in network.named_modules()
        if isinstance(module, ConvBlock)
    ]
    with torch.inference_mode():
        network(torch.zeros(1, 1, 128, 128))
    for hook in hooks:
        hook.remove()
    if architecture == "nested_unet":
        nodes = {
            f"nodes.x{i}{j}": (2 ** (i + 1), SMALL_WIDTHS[i])
            for j in range(1, 5)
            for i in range(5 - j)
        }
        assert strides == nodes
    else:
        assert strides == {f"blocks.{i}": (2 ** (i + 1), SMALL_WIDTHS[i]) for i in range(4)}


def test_nested_nodes_have_heads_of_their_own():
    network = build_network("nested_unet", SMALL_ENCODER, SMALL_WIDTHS).eval()
    with torch.inference_mode():
        before = network(torch.ones(1, 1, 64, 64))
        network.heads[0].bias += 1
        after = network(torch.ones(1, 1, 64, 64))
    torch.testing.assert_close(after[:, 0], before[:, 0] + 1)
    torch.testing.assert_close(after[:, 1:], before[:, 1:])


def test_attention_maps_cover_the_slice():
    network = build_network("attention_unet", SMALL_ENCODER, SMALL_WIDTHS).eval()
    image = torch.randn(2, 1, 75, 101)
    with torch.inference_mode():
        logits, maps = network.forward_with_attention(image)
        torch.testing.assert_close(logits, network(image))
    assert [tuple(m.shape) for m in maps] == [(2, 1, 75, 101)] * 4
    assert all(0 <= m.min() and m.max() <= 1 and m.std() > 0 for m in maps)


def test_a_closed_gate_closes_the_skip():
    network = build_network("attention_unet", SMALL_ENCODER, SMALL_WIDTHS).eval()
    with torch.inference_mode():
        for gate in network.gates:
            gate.psi.bias.fill_(-1e4)
        _, maps = network.forward_with_attention(torch.randn(1, 1, 64, 64))
    assert all(m.max() == 0 for m in maps)


def test_features_are_pooled_by_deviation_and_maximum():
    features = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    features[:, 1] = 0.5  # a channel that says the same everywhere
    pooled = Network.pool(features)
    assert pooled.shape == (2, 6)
    deviation, highest = features.std((2, 3), correction=0), features.amax((2, 3))
    for half, expected in ((pooled[:, :3], deviation), (pooled[:, 3:], highest)):
        torch.testing.assert_close(half, expected / expected.norm(dim=1, keepdim=True))
    torch.testing.assert_close(Network.pool(3 * features), pooled)
