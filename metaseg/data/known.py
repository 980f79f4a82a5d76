"""The data sets that MetaSeg knows by name: what they show, and which licence follows from them."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class KnownData:
    """A public data set, in words for people."""

    title: str
    tumours: tuple[str, ...]
    source: str
    license: str
    """Licence of the data, and so of weights trained on them, as the Hub spells it."""


KNOWN_DATA = {
    "t1ce_slices": KnownData(
        "contrast-enhanced T1 slices",
        ("meningioma", "glioma", "pituitary tumour"),
        "Cheng et al., brain tumor dataset, Figshare 1512427",
        "cc-by-4.0",
    ),
    "flair_slices": KnownData(
        "FLAIR slices",
        ("glioma",),
        "Buda, Saha and Mazurowski 2019, masks on TCGA-LGG of The Cancer Imaging Archive",
        "cc-by-nc-sa-4.0",
    ),
    "t1ce_volumes": KnownData(
        "contrast-enhanced T1 volumes",
        ("glioblastoma",),
        "TCIA Brain-Tumor-Progression, DOI 10.7937/K9/TCIA.2018.15quzvnb",
        "cc-by-3.0",
    ),
    "metastasis_t2_slices": KnownData(
        "T2 slices of real brain metastases",
        ("brain metastasis",),
        "TCIA Pretreat-MetsToBrain-Masks, DOI 10.7937/6be1-r748",
        "cc-by-4.0",
    ),
}

# From the one that asks most to the one that asks least.
_BY_DEMAND = ("cc-by-nc-sa-4.0", "cc-by-4.0", "cc-by-3.0")


def weights_license(data_sets: Iterable[str]) -> str:
    """The licence of weights trained on ``data_sets``, ``"other"`` where only an owner can say."""
    return demanding_license(
        KNOWN_DATA[name].license if name in KNOWN_DATA else "other" for name in data_sets
    )


def demanding_license(licenses: Iterable[str]) -> str:
    """The one of ``licenses`` that asks most, and so holds for all together.

    ``"other"`` where one is unknown and no known one decides.
    """
    licenses = set(licenses)
    if _BY_DEMAND[0] in licenses:
        return _BY_DEMAND[0]
    if not licenses or not licenses <= set(_BY_DEMAND):
        return "other"
    return min(licenses, key=_BY_DEMAND.index)


def trained_on(record: dict) -> list[str]:
    """Names of the data folders in a training's record, those of the trainings before included."""
    earlier = record.get("started_from")
    return sorted({*record.get("training", {}), *(trained_on(earlier) if earlier else ())})


def list_tumours(data_sets: Iterable[str]) -> list[str]:
    """The kinds of tumour in the known ones of ``data_sets``, each once."""
    known = [KNOWN_DATA[name] for name in data_sets if name in KNOWN_DATA]
    return list(dict.fromkeys(tumour for data in known for tumour in data.tumours))
