"""Train one network: read from top to bottom."""

import time
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

import torch
from accelerate import Accelerator, PartialState
from accelerate.utils import broadcast
from torch import nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from metaseg.checkpoint import FORMAT, load_checkpoint, save_checkpoint
from metaseg.config import Config
from metaseg.data.prepared import PreparedSlices
from metaseg.data.record import weights_license
from metaseg.errors import InputError
from metaseg.models import TITLES, build_network
from metaseg.models.pretrained import load_imagenet, read_imagenet
from metaseg.preprocess import Preprocessing
from metaseg.runtime.pytorch import has_bf16
from metaseg.training.config import TrainingConfig
from metaseg.training.curves import write_curves, write_scalars
from metaseg.training.dataset import AugmentedDataset, find_donors
from metaseg.training.fine_tuning import (
    add_drop_path,
    keep_depthwise_in_float32,
    parameter_groups,
)
from metaseg.training.losses import build_loss
from metaseg.training.schedule import interrupted, keep_state, rate
from metaseg.training.validation import validate

PROCESS_SEED = 1_000_003
GRADIENT_CLIP = 1.0
"""Largest norm of the gradient of one step."""


def train_network(
    architecture: str,
    config: TrainingConfig,
    training: PreparedSlices,
    validation: PreparedSlices,
    judges: PreparedSlices | None,
    folder: Path,
    record: dict,
    resume: bool,
    start: Path | None,
) -> None:
    """Train ``architecture`` and write the checkpoint of the chosen epoch to ``folder``.

    ``judges`` are slices of data folders that are not used for training. Every epoch is evaluated
    on them as well.

    ``folder`` also gets what ``resume`` needs, written after every epoch, and the curves, as files
    and for TensorBoard. ``record`` goes into the checkpoint's config, together with the outcome.
    ``start`` is a checkpoint folder with the initial weights; its record is kept.

    Under ``torchrun``, several processes share every batch: each takes its part of the slices, and
    the gradients are averaged.
    """
    torch.manual_seed(config.seed)
    settings = config.preprocessing
    precision = config.precision
    if precision == "auto":
        precision = "bf16" if has_bf16(PartialState().device) else "no"
    accelerator = Accelerator(mixed_precision=precision)
    network = build_network(
        architecture, config.encoder, config.decoder_channels, len(settings.channels)
    )
    if config.encoder_weights:
        load_imagenet(network.encoder, read_imagenet(config.encoder))
    add_drop_path(network.encoder, config.drop_path)
    if start is not None:
        earlier = load_checkpoint(start)
        network.load_state_dict(earlier.network.state_dict())
        record = {**record, "started_from": earlier.config.training}
    network = network.to(accelerator.device, memory_format=torch.channels_last)
    # AveragedModel copies the network, so it is made before the network is changed and wrapped.
    averaged = AveragedModel(
        network, multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay), use_buffers=True
    )
    if accelerator.device.type == "cpu":
        keep_depthwise_in_float32(network)
    optimizer = torch.optim.AdamW(
        parameter_groups(network, config.learning_rate, config.encoder_rate, config.weight_decay)
    )
    network, optimizer = accelerator.prepare(network, optimizer)
    loss_function = build_loss(config.loss)
    epoch_loader = _epoch_loader(config, training, settings, accelerator)
    steps = len(epoch_loader(0))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer.optimizer, lambda step: rate(step / steps, config)
    )
    history: list[dict] = []
    chosen: tuple[dict, dict[str, torch.Tensor]] | None = None
    terms = {
        "data": (record["provenance"]["data"], record["data"]),
        "preprocessing": asdict(settings),
        # Dice and batch normalisation are of each process's part of a batch.
        "processes": accelerator.num_processes,
        "start": record["started_from"].get("provenance") if start else None,
    }
    if resume and (state := interrupted(folder, config, terms)):
        accelerator.unwrap_model(network).load_state_dict(state["network"])
        averaged.load_state_dict(state["averaged"])
        optimizer.optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        history, chosen = state["history"], state["chosen"]

    for epoch in range(len(history), config.epochs):
        started = time.monotonic()
        # Each process drops paths of its own.
        torch.manual_seed(config.seed + epoch + PROCESS_SEED * accelerator.process_index)
        network.train()
        if config.freeze_batch_norm:
            _freeze_batch_norm(network)
        total, count = 0.0, 0
        title = f"{TITLES[architecture]}, epoch {epoch + 1} of {config.epochs}"
        best = max((entry["dice"] for entry in history), default=0.0)
        # None hides the bar only if there is no terminal.
        hidden = None if accelerator.is_main_process else True
        size = config.early_size or config.size if epoch < config.trunk else config.size
        with tqdm(epoch_loader(epoch), desc=title, disable=hidden) as bar:
            for images, masks in bar:
                images, masks = (_shrink(batch, size) for batch in (images, masks))
                images = images.to(memory_format=torch.channels_last)
                with accelerator.autocast():
                    logits = network(images)
                loss = loss_function(logits, masks)
                accelerator.backward(loss)
                accelerator.clip_grad_norm_(network.parameters(), GRADIENT_CLIP)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                averaged.update_parameters(accelerator.unwrap_model(network))
                total, count = total + loss.item(), count + 1
                bar.set_postfix(loss=f"{total / count:.3f}", best_dice=f"{best:.3f}")
        _share_statistics(averaged.module)
        mean_loss = accelerator.reduce(
            torch.tensor(total / count, device=accelerator.device), reduction="mean"
        )
        if not torch.isfinite(mean_loss):
            raise InputError(
                f"{title}: the loss is no number any more. Use a lower learning_rate; what the "
                "epochs before gave is kept."
            )
        scores = validate(averaged.module, validation, settings, accelerator)
        if judges is not None:
            judged = validate(averaged.module, judges, settings, accelerator)
            scores |= {key: value for key, value in judged.items() if key.startswith("dice_")}
        seconds = round(time.monotonic() - started, 1)
        entry = {"epoch": epoch + 1, "loss": float(mean_loss), **scores, "seconds": seconds}
        history.append(entry)
        if not accelerator.is_main_process:
            continue

        spent = sum(entry["seconds"] for entry in history)
        left = spent / len(history) * (config.epochs - len(history)) / 60
        print(
            f"{title}: loss {entry['loss']:.3f}, validation Dice {entry['dice']:.3f}, "
            f"about {left:.0f} min left",
            flush=True,
        )
        folder.mkdir(parents=True, exist_ok=True)
        if chosen is None or config.keep_last or entry["dice"] >= chosen[0]["dice"]:
            chosen = entry, deepcopy(averaged.module.state_dict())
        checkpoint = Config(
            architecture,
            config.encoder,
            config.decoder_channels,
            settings,
            threshold=0.5,
            sensitive_threshold=None,
            temperature=1.0,
            mirrored=config.mirrored,
            input_check=None,
            volume=None,
            training={**record, "config": asdict(config), "best": chosen[0], "seconds": spent},
            license=weights_license(record),
            format=FORMAT,
        )
        # Also where the weights are as before: a resumed training may have left others there.
        save_checkpoint(folder, checkpoint, chosen[1])
        write_curves(folder, TITLES[architecture], history)
        with SummaryWriter(folder / "tensorboard", purge_step=epoch + 1) as scalars:
            write_scalars(scalars, entry, schedule.get_last_lr()[0])
        state = {
            "network": accelerator.unwrap_model(network).state_dict(),
            "averaged": averaged.state_dict(),
            "optimizer": optimizer.optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "history": history,
            "chosen": chosen,
        }
        keep_state(folder, state, config, terms)


def _epoch_loader(
    config: TrainingConfig,
    training: PreparedSlices,
    settings: Preprocessing,
    accelerator: Accelerator,
):
    """A function from the epoch number to a loader of this process's part of the batches.

    Raises InputError if the processes cannot share a batch.
    """
    processes = accelerator.num_processes
    if config.batch_size % processes:
        raise InputError(
            f"{processes} processes cannot share a batch of {config.batch_size} slices: use a "
            "batch_size that is a multiple of the processes."
        )
    donors = find_donors(training)

    def epoch_loader(epoch: int) -> DataLoader:
        slices = AugmentedDataset(
            training,
            settings,
            config.seed,
            epoch,
            sampling=config,
            variation=config,
            donors=donors,
            strength=config.augmentation,
        )
        if len(slices) < config.batch_size:
            raise InputError(
                f"An epoch has {len(slices)} slices, fewer than one batch of {config.batch_size}: "
                "use a smaller batch_size."
            )
        # A prepared loader hands whole batches to the processes in turn.
        loader = DataLoader(
            slices, config.batch_size // processes, drop_last=True, num_workers=config.workers
        )
        return accelerator.prepare(loader)

    return epoch_loader


def _shrink(batch: torch.Tensor, size: int) -> torch.Tensor:
    """``batch`` (B, C, S, S) as means over the pixels of a coarser grid: a lesion smaller than one
    of them leaves its share there. Unchanged if ``size`` is S or more."""
    return batch if size >= batch.shape[-1] else functional.interpolate(batch, size, mode="area")


def _freeze_batch_norm(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.eval()


def _share_statistics(network: nn.Module) -> None:
    """Copy the main process's buffers to all: batch normalisation differs between processes."""
    for buffer in network.buffers():
        buffer.copy_(broadcast(buffer))
