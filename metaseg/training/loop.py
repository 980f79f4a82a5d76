"""Train one network: read from top to bottom."""

import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader
from tqdm import tqdm

from metaseg.checkpoint import Config, load_checkpoint, save_checkpoint
from metaseg.data.known import trained_on, weights_license
from metaseg.data.lesion_shapes import collect_donors
from metaseg.data.prepared import PreparedSlices
from metaseg.models import TITLES, build_network
from metaseg.preprocess import Preprocessing
from metaseg.training.config import TrainingConfig
from metaseg.training.curves import write_curves
from metaseg.training.dataset import AugmentedDataset, SliceDataset
from metaseg.training.losses import build_loss


def train_network(
    architecture: str,
    config: TrainingConfig,
    training: PreparedSlices,
    validation: PreparedSlices,
    folder: Path,
    record: dict,
    resume: bool,
    start: Path | None,
) -> None:
    """Train ``architecture`` and leave its best checkpoint in ``folder``.

    ``folder`` also gets ``last.pt`` (all that ``resume`` needs, written after every epoch) and the
    curves. ``record`` goes into the checkpoint's config, with what came of the training. ``start``
    is a checkpoint folder whose weights the training begins with; its own record is kept as well.
    """
    torch.manual_seed(config.seed)
    settings = Preprocessing(size=config.size)
    accelerator = Accelerator(mixed_precision="bf16" if _has_bf16() else "no")
    network = build_network(architecture, config.encoder, config.decoder_channels)
    if start is not None:
        earlier = load_checkpoint(start)
        network.load_state_dict(earlier.network.state_dict())
        record = {**record, "started_from": earlier.config.training}
    network = network.to(accelerator.device, memory_format=torch.channels_last)
    # AveragedModel copies the network, so it is made before the network is wrapped.
    averaged = AveragedModel(
        network, multi_avg_fn=get_ema_multi_avg_fn(config.ema_decay), use_buffers=True
    )
    optimizer = torch.optim.AdamW(
        network.parameters(), config.learning_rate, weight_decay=config.weight_decay
    )
    network, optimizer = accelerator.prepare(network, optimizer)
    loss_function = build_loss(config.loss)
    enhancing = np.char.find(training.sources, "t1ce") >= 0
    donors = collect_donors(training.levels[enhancing], training.masks[enhancing])

    def epoch_loader(epoch: int) -> DataLoader:
        slices = AugmentedDataset(
            training,
            settings,
            config.empty_share,
            config.seed,
            epoch,
            variation=config,
            donors=donors,
            strength=config.augmentation,
        )
        per_process = config.batch_size // accelerator.num_processes
        return accelerator.prepare(DataLoader(slices, per_process, drop_last=True))

    steps = config.epochs * len(epoch_loader(0))
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer.optimizer, config.learning_rate, total_steps=steps, pct_start=0.15
    )
    history: list[dict] = []
    last = folder / "last.pt"
    if resume and last.is_file():
        state = torch.load(last, map_location=accelerator.device, weights_only=True)
        accelerator.unwrap_model(network).load_state_dict(state["network"])
        averaged.load_state_dict(state["averaged"])
        optimizer.optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
        history = state["history"]

    for epoch in range(len(history), config.epochs):
        started = time.monotonic()
        torch.manual_seed(config.seed + epoch)
        network.train()
        total, count = 0.0, 0
        title = f"{TITLES[architecture]}, epoch {epoch + 1} of {config.epochs}"
        best = max((entry["dice"] for entry in history), default=0.0)
        with tqdm(epoch_loader(epoch), desc=title, disable=not accelerator.is_main_process) as bar:
            for images, masks in bar:
                images = images.to(memory_format=torch.channels_last)
                with accelerator.autocast():
                    logits = network(images)
                loss = loss_function(logits, masks)
                accelerator.backward(loss)
                accelerator.clip_grad_norm_(network.parameters(), config.gradient_clip)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
                averaged.update_parameters(accelerator.unwrap_model(network))
                total, count = total + loss.item(), count + 1
                bar.set_postfix(loss=f"{total / count:.3f}", best_dice=f"{best:.3f}")
        scores = validate(averaged.module, validation, settings, accelerator)
        seconds = time.monotonic() - started
        entry = {"epoch": epoch + 1, "loss": total / count, **scores, "seconds": round(seconds, 1)}
        history.append(entry)
        if not accelerator.is_main_process:
            continue
        left = sum(entry["seconds"] for entry in history) / len(history)
        left *= (config.epochs - len(history)) / 60
        print(
            f"{title}: loss {entry['loss']:.3f}, validation Dice {entry['dice']:.3f}, "
            f"about {left:.0f} min left",
            flush=True,
        )
        folder.mkdir(parents=True, exist_ok=True)
        if entry["dice"] >= max(best["dice"] for best in history):
            outcome = {**record, "config": asdict(config), "best": entry}
            checkpoint = Config(
                architecture,
                config.encoder,
                config.decoder_channels,
                settings,
                training=outcome,
                license=weights_license(trained_on(record)),
            )
            save_checkpoint(folder, checkpoint, averaged.module.state_dict())
        write_curves(folder, TITLES[architecture], history)
        state = {
            "network": accelerator.unwrap_model(network).state_dict(),
            "averaged": averaged.state_dict(),
            "optimizer": optimizer.optimizer.state_dict(),
            "schedule": schedule.state_dict(),
            "history": history,
        }
        partial = last.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(last)


@torch.no_grad()
def validate(
    network: nn.Module, slices: PreparedSlices, settings: Preprocessing, accelerator: Accelerator
) -> dict[str, float]:
    """Mean Dice over slices with a lesion (each data folder weighs the same), and the share of
    empty slices with a false positive, at threshold 0.5 on the network's grid."""
    network.eval()
    everything = SliceDataset(slices, settings, range(len(slices.levels)))
    dice, false_positives = {}, []
    position = 0
    for images, masks in DataLoader(everything, batch_size=8):
        with accelerator.autocast():
            logits = network(_channels_last(images.to(accelerator.device)))
        predictions = logits[:, -1:] > 0
        for prediction, mask in zip(predictions, masks.to(accelerator.device) > 0):
            if mask.any():
                overlap = 2 * (prediction & mask).sum() / (prediction.sum() + mask.sum())
                dice.setdefault(slices.sources[position], []).append(overlap.item())
            else:
                false_positives.append(prediction.any().item())
            position += 1
    means = {f"dice_{source}": sum(v) / len(v) for source, v in dice.items()}
    rate = sum(false_positives) / len(false_positives) if false_positives else float("nan")
    return {"dice": sum(means.values()) / len(means), **means, "empty_false_positive_rate": rate}


def _channels_last(images: Tensor) -> Tensor:
    return images.to(memory_format=torch.channels_last)


def _has_bf16() -> bool:
    return not torch.cuda.is_available() or torch.cuda.is_bf16_supported()
