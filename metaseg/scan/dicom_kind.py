"""What a DICOM header says of the kind of its images."""

from collections.abc import Iterator

from pydicom import Dataset

from metaseg.scan.pictures import COLOUR

MODALITY = (
    "Its header names a modality other than MR: the networks know MR images alone, so their "
    "outlines mean nothing here."
)
BODY_PART = (
    "Its header names a body part other than the head: the networks know heads alone, so their "
    "outlines mean nothing here."
)
OF_THE_HEAD = (
    "HEAD", "BRAIN", "SKULL", "CRAN", "NEURO", "ENCEPH", "ORBIT", "PITUIT", "SELLA", "FACE", "KOPF",
    "HIRN", "SCHAED", "SCHÄD", "CEREB", "CERVEAU", "TETE", "TÊTE", "CABEZA", "TESTA",
)  # fmt: skip
"""Parts of words: scanners write them in many languages."""
GREY = ("MONOCHROME1", "MONOCHROME2")


def odd_kind(header: Dataset) -> Iterator[str]:
    """A notice for each entry of ``header`` that does not fit MR images of the head. What it says
    is not repeated: people write names into any field."""
    if str(header.get("Modality") or "MR").strip().upper() != "MR":
        yield MODALITY
    body_part = str(header.get("BodyPartExamined") or "").strip().upper()
    if body_part and not any(word in body_part for word in OF_THE_HEAD):
        yield BODY_PART
    if str(header.get("PhotometricInterpretation") or GREY[0]).strip().upper() not in GREY:
        yield COLOUR
