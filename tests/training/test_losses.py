"""Losses reward the ground truth."""

import pytest
import torch

from metaseg.errors import InputError
from metaseg.training.losses import LOSSES, build_loss


@pytest.mark.parametrize("name", LOSSES)
def test_losses_reward_the_truth(name):
    truth = torch.zeros(2, 1, 8, 8)
    truth[..., 2:5, 3:6] = 1
    loss = build_loss(name)
    right, wrong = (truth * 2 - 1) * 9, (1 - truth * 2) * 9
    assert loss(right, truth) < 0.01 < 0.5 < loss(wrong, truth)
    halves = loss(torch.cat([right, wrong], dim=1), truth)
    torch.testing.assert_close(halves, (loss(right, truth) + loss(wrong, truth)) / 2)


def test_losses_add_up_by_name():
    logits, truth = torch.randn(2, 1, 8, 8), (torch.rand(2, 1, 8, 8) > 0.5).float()
    total = build_loss("bce")(logits, truth) + build_loss("dice")(logits, truth)
    torch.testing.assert_close(build_loss("bce+dice")(logits, truth), total)
    with pytest.raises(InputError, match="Unknown loss hinge"):
        build_loss("bce+hinge")


def test_the_supervised_outputs_weigh_the_same():
    truth = torch.zeros(1, 1, 8, 8)
    truth[..., 2:5, 3:6] = 1
    parts = [torch.randn(1, 1, 8, 8) for _ in range(3)]
    single = [build_loss("bce")(part, truth) for part in parts]
    whole = build_loss("bce")(torch.cat(parts, dim=1), truth)
    torch.testing.assert_close(whole, sum(single) / 3)
