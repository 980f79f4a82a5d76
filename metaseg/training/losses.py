"""Losses by name, from segmentation-models-pytorch."""

from collections.abc import Callable

from segmentation_models_pytorch.losses import (
    DiceLoss,
    FocalLoss,
    JaccardLoss,
    SoftBCEWithLogitsLoss,
    TverskyLoss,
)
from torch import Tensor

from metaseg.errors import InputError

LOSSES: dict[str, Callable[[], Callable[[Tensor, Tensor], Tensor]]] = {
    "bce": SoftBCEWithLogitsLoss,
    "dice": lambda: DiceLoss(mode="binary"),
    "jaccard": lambda: JaccardLoss(mode="binary"),
    # A false negative weighs more than a false positive (Salehi et al. 2017).
    "tversky": lambda: TverskyLoss(mode="binary", alpha=0.3, beta=0.7),
    # Lin et al. 2017, with their gamma of 2.
    "focal": lambda: FocalLoss(mode="binary"),
}


def build_loss(name: str) -> Callable[[Tensor, Tensor], Tensor]:
    """A loss of logits (N, K, H, W) and masks (N, 1, H, W), for example ``bce+dice``.

    The terms are added. Over the K supervised outputs (deep supervision, Zhou et al. 2018) they are
    averaged. Raises InputError if a name is unknown.
    """
    unknown = [term for term in name.split("+") if term not in LOSSES]
    if unknown:
        raise InputError(f"Unknown loss {unknown[0]}: join {', '.join(LOSSES)} by +.")
    terms = [LOSSES[term]() for term in name.split("+")]

    def loss(logits: Tensor, masks: Tensor) -> Tensor:
        outputs = logits.float().split(1, dim=1)
        added = sum(term(output, masks) for output in outputs for term in terms)
        return added / len(outputs)  # pyright: ignore[reportReturnType]

    return loss
