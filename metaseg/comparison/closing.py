"""The sections at the end: limits, sources, and how to make the report again."""

from metaseg.checkpoint import METRICS
from metaseg.comparison.markdown import code, escape, table
from metaseg.comparison.material import CHANGED, STRESS, Material
from metaseg.comparison.measured import data_sets, description
from metaseg.hub.card import join

LIMITS = "Limits"

PAPERS = """\
- U-Net: Ronneberger O. et al., 2015, [arXiv:1505.04597](https://arxiv.org/abs/1505.04597)
- Nested U-Net: Zhou Z. et al., 2018, [arXiv:1807.10165](https://arxiv.org/abs/1807.10165)
- Attention U-Net: Oktay O. et al., 2018, [arXiv:1804.03999](https://arxiv.org/abs/1804.03999)"""


def describe_limits() -> list[str]:
    return [
        f"## {LIMITS}",
        "- The networks were trained on primary tumours and pituitary tumour. No real metastasis "
        "was among the training slices, and only a few slices of a few patients with metastases "
        "were there to test on: their intervals are wide.\n"
        "- The source of `t1ce_slices` names no patients. Its groups only stand for patients, so a "
        "patient may lie on both sides of the split.\n"
        "- The test split of `t1ce_slices` was looked at several times before the last training "
        "phases. One was added because of what it showed, the last ones because of what changed "
        "copies of the test sets showed: how far Dice falls where slices are turned, noisy, "
        "blurred, cut close, without skull or part of a screenshot. For the same reason noise is "
        "smoothed, contrast is evened out over the tissue alone and the pair looks at quarter "
        "turns; how, was chosen on training and validation groups. The look of T2 that training "
        "slices are given was judged by eye beside slices of `metastasis_t2_slices`. The last "
        "choices of weights and of the rule for the threshold were made on validation groups, but "
        "after looks at the test sets. Take the figures as slightly favourable.\n"
        "- Everything was trained on two processor cores at a low resolution. The comparison of "
        "the architectures holds for a few short runs under that budget.\n"
        "- The networks see one slice at a time, and no clinical study was made. Masks were drawn "
        "by others under their own rules, and readers disagree as well.\n"
        "- Intervals are over the groups of one test set. They do not speak of other hospitals; "
        "the unseen sources give a first idea of those.",
    ]


def describe_sources(material: Material) -> list[str]:
    """Where the data come from, and the papers of the architectures."""
    networks = [
        network for models in (material.shipped, *material.runs.values())
        for network in models.values()
    ]  # fmt: skip
    rows = [
        [code(name), *(escape(data.get(key, "")) for key in ("title", "citation", "license"))]
        for name in data_sets(networks)
        for data in [description(networks, name)]
        if data
    ]
    known = [table(["data", "what", "source", "licence"], rows, words=4)] if rows else []
    return ["## Sources", *known, PAPERS]


def describe_commands() -> list[str]:
    return [
        "## How to make this report again",
        "Every figure comes from files of this repository: "
        f"{join([code(f'checkpoints/*/{METRICS}'), code(f'docs/runs/*/*/{METRICS}')])} and what "
        "lies beside them. The first two commands measure the shipped weights again, the third "
        "makes this page; `DATA` is a data folder with a `cases.csv`.",
        f"```bash\n{CHANGED}\n{STRESS}\npython -m metaseg report --data DATA --output docs\n```",
        "The runs are trained and measured like this; of their folders, all but the weights is "
        "kept:",
        "```bash\n"
        "python train.py --recipe recipes/compare.yaml --seed 0 --model unet \\\n"
        "    --model attention_unet --model nested_unet --data DATA --output runs/compare-seed0\n"
        "python train.py --recipe recipes/compare.yaml --seed 0 --metastases 0 ...\n"
        "python train.py --recipe recipes/compare.yaml --seed 0 --validation-by slice ...\n"
        "python -m metaseg evaluate DATA --model runs/compare-seed0/unet --record --output OUT\n"
        "```",
    ]
