"""The card's text, which people read, section by section."""

from metaseg.card.facts import SCORES, data_title, join, show_score
from metaseg.checkpoint import Config
from metaseg.data.known import KNOWN_DATA, list_tumours, trained_on

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


def describe_use(config: Config) -> str:
    """What the network is for and not for, and what it was trained on."""
    names = trained_on(config.training)
    unknown = [name for name in names if name not in KNOWN_DATA]
    lines = ["## What it is for, and not for\n"]
    lines.append(
        "For research and teaching. It is not a medical device: it was not tested in a clinical "
        "study, and no diagnosis or treatment may rest on it.\n"
    )
    tumours = list_tumours(names)
    if tumours:
        none = "" if "brain metastasis" in tumours else "; no real metastasis was among them"
        lines.append(f"It was trained on {join(tumours)}{none}.")
    if unknown:
        lines.append(
            f"It was trained on {join([f'`{name}`' for name in unknown])}: data of whoever "
            "trained it, which this card cannot describe."
        )
    lines.append(
        "It sees one grey slice at a time, so it may miss small lesions and mark bright vessels, "
        "and it may fail on scanners and sequences other than those it was trained on.\n"
    )
    looks = ["mirrored"] * config.mirror
    looks += ["turned by 90, 180 and 270 degrees"] * config.turned
    looks += [f"enlarged {config.enlarge:g} times"] * (config.enlarge != 1)
    if looks:
        lines.append(f"It looks at a slice {join(looks)} as well, and averages its answers.")
    if config.temperature != 1:
        lines.append(
            f"Its probabilities are calibrated with a temperature of {config.temperature:.2f}, "
            "fitted on validation groups."
        )
    return "\n".join(lines).rstrip() + "\n"


def describe_loading(config: Config, repo_id: str | None) -> str:
    """How to load the checkpoint; ``repo_id`` is where it lies on the Hub."""
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


def describe_training(config: Config, history: list[dict], picture: str | None) -> str:
    """How it was trained, on how many cases, for how long."""
    record = config.training
    earlier = record.get("started_from")
    settings = record.get("config", {})
    lines = [
        "## How it was trained\n",
        f"{'Further' if earlier else 'From scratch'}, encoder `{config.encoder}`, on slices of "
        f"{config.preprocessing.size} x {config.preprocessing.size} pixels.\n",
    ]
    if record.get("training"):
        lines += ["| data | training | validation | source |", "|---|---|---|---|"]
        for name in sorted(record["training"]):
            source = KNOWN_DATA[name].source if name in KNOWN_DATA else "not known to MetaSeg"
            counts = [
                f"{part[name]['cases']} cases in {part[name]['groups']} groups"
                if name in (part := record.get(split, {}))
                else "none"
                for split in ("training", "validation")
            ]
            lines.append(f"| `{name}`: {data_title(name)} | {counts[0]} | {counts[1]} | {source} |")
        lines.append(
            "\nValidation took single cases at random, so groups (patients, or what stands for "
            "them) lie on both sides: its Dice flatters."
            if settings.get("validation_by") == "slice"
            else "\nNo group (patient, or what stands for one) is on both sides of a split."
        )
    if settings:
        lines.append(
            f"{settings['epochs']} epochs, batches of {settings['batch_size']}, loss "
            f"{settings['loss']}, AdamW with a peak learning rate of {settings['learning_rate']:g},"
            f" seed {settings['seed']}; all settings are in `config.json`."
        )
    if settings.get("metastases"):
        share = f"{settings['metastases']:.0%}"
        lines.append(f"Synthetic metastases were drawn into {share} of the training slices.")
    if earlier:
        lines.append(
            f"It went on from the weights after {_epochs(earlier)} epochs of earlier training on "
            f"{join([f'`{name}`' for name in trained_on(earlier)])}."
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
    if picture:
        lines.append(f"\n![Training loss and validation Dice by epoch]({picture})")
    return "\n".join(lines) + "\n"


def _epochs(record: dict) -> int:
    """Epochs until the weights were kept, those of the trainings before included."""
    before = record.get("started_from")
    return record.get("best", {}).get("epoch", 0) + (_epochs(before) if before else 0)


def _duration(minutes: float) -> str:
    return f"{minutes:.0f} minutes" if minutes >= 2 else f"{60 * minutes:.0f} s"


def describe_results(metrics: dict[str, dict]) -> str:
    """The measured figures with their intervals."""
    if not metrics:
        return "## Results\n\nNot measured yet: `python -m metaseg evaluate` measures it.\n"
    names = list(metrics)
    lines = [
        "## Results\n",
        "Means over the slices with a lesion, with 95 % bootstrap intervals over groups; an empty "
        "prediction there scores 0. Dice per group, pooled Dice and the false-positive rate "
        "count slices without a lesion as well. Pixel-wise F1 equals Dice.\n",
        "| | " + " | ".join(data_title(name) for name in names) + " |",
        "|---|" + "---|" * len(names),
    ]
    for key, title in SCORES.items():
        if any(key in metrics[name] for name in names):
            cells = (show_score(metrics[name].get(key)) for name in names)
            lines.append(f"| {title} | " + " | ".join(cells) + " |")
    lines.append("")
    for name in names:
        measured = metrics[name]
        groups = f" in {measured['groups']} groups" if measured.get("groups") else ""
        empty = measured.get("empty_cases")
        empty = f", {empty} of them without a lesion" if empty is not None else ""
        lines.append(
            f"- {data_title(name)}: `{name}`, split {measured.get('split', 'test')}, "
            f"{measured.get('cases', '?')} slices{groups}{empty}."
        )
    if "t1ce_slices" in names:
        lines.append(
            "\nThe source of `t1ce_slices` names no patients; its groups only stand for them."
        )
    return "\n".join(lines) + "\n"


def describe_license(config: Config) -> str:
    """The licence of the weights."""
    if config.license == "other":
        text = "The weights follow the licence of the data they were trained on; ask their owner."
    else:
        text = (
            f"The weights are under {config.license.upper()}, which follows from the data they "
            "were trained on. MetaSeg's code is under Apache-2.0."
        )
    return f"## Licence\n\n{text}\n"


def describe_papers() -> str:
    """The papers to cite."""
    papers = "\n\n".join(PAPERS.values())
    return (
        "## Citation\n\nThe architectures are those of Zhou et al. 2018 (U-Net++ or Nested U-Net)"
        f" and Oktay et al. 2018 (Attention U-Net).\n\n```bibtex\n{papers}\n```\n"
    )
