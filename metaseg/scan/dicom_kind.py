"""Check whether a DICOM header describes MR images of the head."""

from collections.abc import Iterator

from pydicom import Dataset

from metaseg.scan.pictures import COLOUR

MODALITY = (
    "Its header names a modality other than MR: the networks are made for MR images only, and "
    "their outlines are meaningless here."
)
BODY_PART = (
    "Its header names a body part other than the head: the networks are made for heads only, and "
    "their outlines are meaningless here."
)
OF_THE_HEAD = (
    "HEAD", "BRAIN", "SKULL", "CRAN", "NEURO", "ENCEPH", "ORBIT", "PITUIT", "SELLA", "FACE", "KOPF",
    "HIRN", "SCHAED", "SCHÄD", "CEREB", "CERVEAU", "TETE", "TÊTE", "CABEZA", "TESTA",
)  # fmt: skip
"""Word stems in several languages, as scanners write them."""
GREY = ("MONOCHROME1", "MONOCHROME2")


def odd_kind(header: Dataset) -> Iterator[str]:
    """Yield a notice for each entry of ``header`` that does not fit MR images of the head.

    Values are not quoted: people write patients' names into any field.
    """
    if str(header.get("Modality") or "MR").strip().upper() != "MR":
        yield MODALITY
    body_part = str(header.get("BodyPartExamined") or "").strip().upper()
    if body_part and not any(word in body_part for word in OF_THE_HEAD):
        yield BODY_PART
    if str(header.get("PhotometricInterpretation") or GREY[0]).strip().upper() not in GREY:
        yield COLOUR
