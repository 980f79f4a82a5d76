"""The optimiser's groups, drop path, and depthwise convolutions under autocast."""

import torch
from timm.layers import DropPath
from torch import nn

from metaseg.models import build_network
from metaseg.training.fine_tuning import (
    add_drop_path,
    keep_depthwise_in_float32,
    parameter_groups,
)

LITE = "tu-tf_efficientnet_lite0"
WIDTHS = (4, 4, 8, 8)


def test_the_encoder_learns_slower_and_norms_do_not_decay():
    network = build_network("attention_unet", LITE, WIDTHS)
    groups = parameter_groups(network, 1e-3, 0.1, 0.05)
    assert [group["lr"] for group in groups] == [1e-3, 1e-3, 1e-4, 1e-4]
    grouped = [parameter for group in groups for parameter in group["params"]]
    assert len(grouped) == len(set(map(id, grouped))) == len(list(network.parameters()))
    inside = {id(parameter) for parameter in network.encoder.parameters()}
    for group in groups:
        assert all((id(p) in inside) == (group["lr"] == 1e-4) for p in group["params"])
        assert all((p.ndim > 1) == (group["weight_decay"] > 0) for p in group["params"])


def test_drop_path_grows_with_depth_and_changes_no_weight():
    network = build_network("unet", LITE, WIDTHS)
    names = list(network.state_dict())
    add_drop_path(network.encoder, 0.2)
    rates = [module.drop_prob for module in network.modules() if isinstance(module, DropPath)]
    assert rates[0] == 0 and rates[-1] == 0.2 and rates == sorted(rates)
    assert list(network.state_dict()) == names
    x = torch.randn(2, 1, 64, 64)
    assert not torch.equal(network.train()(x), network(x))
    assert torch.equal(network.eval()(x), network(x))


def test_depthwise_convolutions_stay_precise_under_autocast():
    layers = [nn.Conv2d(8, 8, 3, groups=8), nn.Conv2d(8, 8, 1)]
    network = nn.Sequential(*layers)
    x = torch.randn(1, 8, 9, 9)
    expected = layers[0](x)
    keep_depthwise_in_float32(network)
    with torch.autocast("cpu", torch.bfloat16):
        inside, outside = layers[0](x), network(x)
    assert torch.equal(inside, expected) and outside.dtype == torch.bfloat16
    outside.float().sum().backward()
    assert layers[0].weight.grad.isfinite().all()
