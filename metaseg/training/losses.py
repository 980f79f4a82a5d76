"""Losses by name, from segmentation-models-pytorch."""

from collections.abc import Callable, Sequence

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
    # A missed pixel weighs more than one too many (Salehi et al. 2017).
    "tversky": lambda: TverskyLoss(mode="binary", alpha=0.3, beta=0.7),
    # Lin et al. 2017, with their gamma of 2.
    "focal": lambda: FocalLoss(mode="binary"),
}


def build_loss(name: str, supervision: Sequence[float] = ()) -> Callable[[Tensor, Tensor], Tensor]:
    """A loss of logits (N, K, H, W) and masks (N, 1, H, W), for example ``bce+dice``.

    The terms are added. Over the K supervised outputs (deep supervision, Zhou et al. 2018) they are
    averaged, weighed by the last K of ``supervision``, or equally where that is empty. InputError
    where a name is unknown or the weights do not suffice.
    """
    unknown = [term for term in name.split("+") if term not in LOSSES]
    if unknown:
        raise InputError(f"Unknown loss {unknown[0]}: join {', '.join(LOSSES)} by +.")
    if any(weight < 0 for weight in supervision) or (supervision and supervision[-1] <= 0):
        raise InputError("No weight of supervision may be below 0, nor the prediction's be 0.")
    terms = [LOSSES[term]() for term in name.split("+")]

    def loss(logits: Tensor, masks: Tensor) -> Tensor:
        outputs = logits.float().split(1, dim=1)
        weights = list(supervision or [1.0] * len(outputs))[-len(outputs) :]
        if len(weights) < len(outputs):
            raise InputError(f"The network has {len(outputs)} outputs: give as many weights.")
        weighed = (
            weight * term(output, masks)
            for weight, output in zip(weights, outputs)
            for term in terms
        )
        return sum(weighed) / sum(weights)  # pyright: ignore[reportReturnType]

    return loss
