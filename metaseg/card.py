"""The model card: README.md of a checkpoint, written from what the checkpoint itself records."""

import json
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from metaseg.checkpoint import CARD, Config, read_config, write_whole
from metaseg.data.known import KNOWN_DATA, list_tumours
from metaseg.errors import InputError

METRICS = "metrics.json"
"""What the evaluation measured: one object per data set."""
CURVES, CURVES_PICTURE = "curves.json", "curves.png"

SCORES = {
    "dice": "Dice",
    "iou": "IoU",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "group_dice": "Dice per group",
    "pooled_dice": "Pooled Dice",
    "empty_false_positive_rate": "False-positive rate on empty slices",
}
"""Keys of an object in ``metrics.json``, in the order of the card, and what people read."""

PAPERS = {
    "nested_unet": """\
@inproceedings{zhou2018unetplusplus,
  title     = {{UNet++}: A Nested {U-Net} Architecture for Medical Image Segmentation},
  author    = {Zhou, Zongwei and Rahman Siddiquee, Md Mahfuzur and Tajbakhsh, Nima and Liang,
               Jianming},
  booktitle = {Deep Learning in Medical Image Analysis (DLMIA 2018)},
  year      = {2018}
}""",
    "attention_unet": """\
@inproceedings{oktay2018attention,
  title     = {Attention {U-Net}: Learning Where to Look for the Pancreas},
  author    = {Oktay, Ozan and Schlemper, Jo and Le Folgoc, Loic and Lee, Matthew and Heinrich,
               Mattias and Misawa, Kazunari and Mori, Kensaku and McDonagh, Steven and Hammerla,
               Nils Y and Kainz, Bernhard and Glocker, Ben and Rueckert, Daniel},
  booktitle = {Medical Imaging with Deep Learning (MIDL 2018)},
  year      = {2018}
}""",
}


def write_card(folder: Path, repo_id: str | None = None) -> Path:
    """Write the README.md of the checkpoint in ``folder`` and return its path.

    InputError where ``folder`` holds no checkpoint, or files beside it are damaged.
    """
    path = Path(folder) / CARD
    write_whole(path, render_card(folder, repo_id).encode())
    return path


def render_card(folder: Path, repo_id: str | None = None) -> str:
    """The card of the checkpoint in ``folder``: metadata for the Hub, then text for people.

    ``repo_id`` is where it will lie on the Hub, for the lines on loading it. The figures come from
    the folder's ``metrics.json``, the time of the training from its ``curves.json``, where it has
    them. InputError as for ``write_card``.
    """
    folder = Path(folder)
    config = read_config(folder)
    metrics = _read_json(folder / METRICS) or {}
    history = _read_json(folder / CURVES) or []
    sections = [
        f"---\n{_metadata(config, metrics).to_yaml()}\n---\n",
        f"# MetaSeg: {config.title}\n",
        "Outlines brain tumours on single MR slices, as part of MetaSeg, research software for "
        "brain metastases. A prediction is a probability for every pixel; from "
        f"{config.threshold:g} on, a pixel counts as lesion.\n",
        _describe_use(config),
        _describe_loading(config, repo_id),
        _describe_training(config, history, (folder / CURVES_PICTURE).is_file()),
        _describe_results(metrics),
        _describe_license(config),
        _describe_papers(),
    ]
    return "\n".join(sections)


def training_data(config: Config) -> list[str]:
    """Names of the data folders that the checkpoint was trained on, in order."""
    return sorted(config.training.get("training", {}))


def _read_json(path: Path) -> Any:
    """The content of ``path``, or None where there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise InputError(f"{path.name} of the checkpoint {path.parent.name} is damaged.") from error


def _metadata(config: Config, metrics: dict[str, dict]) -> ModelCardData:
    names = training_data(config)
    results = [
        EvalResult(
            task_type="image-segmentation",
            dataset_type=name,
            dataset_name=_title(name),
            dataset_split=measured.get("split", "test"),
            metric_type=key,
            metric_name=title,
            **_value(measured[key]),
        )
        for name, measured in metrics.items()
        for key, title in SCORES.items()
        if _is_measured(measured.get(key))
    ]
    return ModelCardData(
        library_name="metaseg",
        pipeline_tag="image-segmentation",
        license=config.license,
        license_name="as-the-training-data" if config.license == "other" else None,
        license_link="README.md" if config.license == "other" else None,
        datasets=names or None,
        metrics=[key for key in SCORES if any(r.metric_type == key for r in results)] or None,
        tags=["brain", "brain-tumor", "brain-metastases", "mri", "medical", config.architecture],
        model_name=f"MetaSeg {config.title}" if results else None,
        eval_results=results or None,
    )


def _value(measured: float | dict[str, float]) -> dict[str, Any]:
    """A measured score as what EvalResult takes; the interval stands beside the value."""
    if not isinstance(measured, dict):
        return {"metric_value": round(measured, 4)}
    interval = {f"interval_95_{end}": measured.get(end) for end in ("low", "high")}
    interval = {end: round(value, 4) for end, value in interval.items() if value is not None}
    return {"metric_value": round(measured["mean"], 4), "metric_args": interval or None}


def _is_measured(score: object) -> bool:
    return (score["mean"] if isinstance(score, dict) else score) is not None


def _title(name: str) -> str:
    return KNOWN_DATA[name].title if name in KNOWN_DATA else name


def _join(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _describe_use(config: Config) -> str:
    names = training_data(config)
    unknown = [name for name in names if name not in KNOWN_DATA]
    lines = ["## What it is for, and not for\n"]
    lines.append(
        "For research and teaching. It is not a medical device: it was not tested in a clinical "
        "study, and no diagnosis or treatment may rest on it.\n"
    )
    tumours = list_tumours(names)
    if tumours:
        none = "" if "brain metastasis" in tumours else "; no real metastasis was among them"
        lines.append(f"It was trained on {_join(tumours)}{none}.")
    if unknown:
        lines.append(
            f"It was trained on {_join([f'`{name}`' for name in unknown])}: data of whoever trained "
            "it, which this card cannot describe."
        )
    lines.append(
        "It sees one grey slice at a time, so it may miss small lesions and mark bright vessels, "
        "and it may fail on scanners and sequences other than those it was trained on.\n"
    )
    return "\n".join(lines)


def _describe_loading(config: Config, repo_id: str | None) -> str:
    place = repo_id or "the/folder/of/this/file"
    return f"""\
## How to load it

```python
import metaseg

checkpoint = metaseg.from_pretrained("{place}")
```

or `python -m metaseg predict slice.png --model {place} --output predictions`. The preprocessing and
the threshold are part of `config.json`; the weights are float16 safetensors.
"""


def _describe_training(config: Config, history: list[dict], has_picture: bool) -> str:
    record = config.training
    lines = [
        "## How it was trained\n",
        f"From scratch, encoder `{config.encoder}`, on slices of {config.preprocessing.size} x "
        f"{config.preprocessing.size} pixels.\n",
    ]
    if record.get("training"):
        lines += ["| data | training | validation | source |", "|---|---|---|---|"]
        for name in training_data(config):
            source = KNOWN_DATA[name].source if name in KNOWN_DATA else "not known to MetaSeg"
            counts = [
                f"{part[name]['cases']} cases in {part[name]['groups']} groups"
                if name in (part := record.get(split, {}))
                else "none"
                for split in ("training", "validation")
            ]
            lines.append(f"| `{name}`: {_title(name)} | {counts[0]} | {counts[1]} | {source} |")
        lines.append("\nNo group (patient, or what stands for one) is on both sides of a split.")
    settings = record.get("config", {})
    if settings:
        lines.append(
            f"{settings['epochs']} epochs, batches of {settings['batch_size']}, loss "
            f"{settings['loss']}, AdamW with a peak learning rate of {settings['learning_rate']:g},"
            f" seed {settings['seed']}; all settings are in `config.json`."
        )
    if history:
        minutes = sum(entry.get("seconds", 0) for entry in history) / 60
        lines.append(f"The training took {_duration(minutes)}.")
    if "best" in record:
        best = record["best"]
        lines.append(
            f"The weights are those of epoch {best['epoch']}, with a validation Dice of "
            f"{best['dice']:.3f}."
        )
    if has_picture:
        lines.append(f"\n![Training loss and validation Dice by epoch]({CURVES_PICTURE})")
    return "\n".join(lines) + "\n"


def _duration(minutes: float) -> str:
    return f"{minutes:.0f} minutes" if minutes >= 2 else f"{60 * minutes:.0f} s"


def _describe_results(metrics: dict[str, dict]) -> str:
    if not metrics:
        return "## Results\n\nNot measured yet: `python -m metaseg evaluate` measures it.\n"
    names = list(metrics)
    lines = [
        "## Results\n",
        "Means over the slices with a lesion, with 95 % bootstrap intervals over groups; an empty "
        "prediction there scores 0. Dice per group, pooled Dice and the false-positive rate "
        "count slices without a lesion as well. Pixel-wise F1 equals Dice.\n",
        "| | " + " | ".join(_title(name) for name in names) + " |",
        "|---|" + "---|" * len(names),
    ]
    for key, title in SCORES.items():
        if any(key in metrics[name] for name in names):
            cells = (_cell(metrics[name].get(key)) for name in names)
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
    lines.append("")
    for name in names:
        measured = metrics[name]
        groups = f" in {measured['groups']} groups" if measured.get("groups") else ""
        empty = measured.get("empty_cases")
        empty = f", {empty} of them without a lesion" if empty is not None else ""
        lines.append(
            f"- {_title(name)}: `{name}`, split {measured.get('split', 'test')}, "
            f"{measured.get('cases', '?')} slices{groups}{empty}."
        )
    if "t1ce_slices" in names:
        lines.append(
            "\nThe source of `t1ce_slices` names no patients; its groups only stand for them."
        )
    return "\n".join(lines) + "\n"


def _cell(score: float | dict[str, float] | None) -> str:
    """A score as people read it, for example ``0.712 (0.690 to 0.734)``."""
    if not _is_measured(score):
        return "–"
    if not isinstance(score, dict):
        return f"{score:.3f}"
    if score.get("low") is None or score.get("high") is None:
        return f"{score['mean']:.3f}"
    return f"{score['mean']:.3f} ({score['low']:.3f} to {score['high']:.3f})"


def _describe_license(config: Config) -> str:
    if config.license == "other":
        text = "The weights follow the licence of the data they were trained on; ask their owner."
    else:
        text = (
            f"The weights are under {config.license.upper()}, which follows from the data they "
            "were trained on. MetaSeg's code is under Apache-2.0."
        )
    return f"## Licence\n\n{text}\n"


def _describe_papers() -> str:
    papers = "\n\n".join(PAPERS.values())
    return (
        "## Citation\n\nThe architectures are those of Zhou et al. 2018 (U-Net++ or Nested U-Net)"
        f" and Oktay et al. 2018 (Attention U-Net).\n\n```bibtex\n{papers}\n```\n"
    )
