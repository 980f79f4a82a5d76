"""DICOM series whose headers hold what must not leave them, each value easy to find again."""

import gzip
import io
import zipfile
from pathlib import Path

from tests.dicom_files import save_series, series_of
from tests.findings.test_files import head_volume
from tests.volumes import affine_of

MARKS = {
    "PatientName": "Mustermann^Erikalia",
    "PatientID": "PID4711",
    "PatientBirthDate": "19640312",
    "OtherPatientIDs": "OTHER0815",
    "PatientAddress": "Heidestrasse 17",
    "PatientTelephoneNumbers": "0301234567",
    "PatientMotherBirthName": "Gabler",
    "AccessionNumber": "ACC2026X",
    "StudyID": "STUDY99Q",
    "ReferringPhysicianName": "Hausarzt^Ottokar",
    "PerformingPhysicianName": "Radiologe^Idalia",
    "OperatorsName": "Assistent^Udokles",
    "InstitutionName": "Klinikum Musterstadt",
    "StationName": "STATION5MR",
    "PatientComments": "kommt mit Tochter",
    "StudyDescription": "Verlauf nach OP Mustermann",
}
# Shorter names would be found by chance in pictures that a page holds as text.
PARTS = sorted({part.encode() for value in MARKS.values() for part in value.split("^")})
KEPT = {"PatientName", "PatientID", "PatientBirthDate", "AccessionNumber", "StudyID"}
KEPT |= {"ReferringPhysicianName", "StudyDescription"}
"""What a DICOM-SEG or a structured report needs, so that an archive files it with its study
(PS3.3, A.51 and A.35.13)."""
OBJECTS = ("_seg.dcm", "_sr.dcm")
"""How the names of the DICOM objects end."""


def save_marked(folder: Path) -> Path:
    """A series of a drawn head with MARKS in every header."""
    affine = affine_of("LPS", (0.9, 0.9, 4.0))
    return save_series(folder, series_of(head_volume(), affine, **MARKS))


def marks_in(data: bytes) -> list[bytes]:
    """The MARKS that ``data`` holds, packed or not; of a zip, in its members but the DICOM."""
    if data.startswith(b"\x1f\x8b"):
        data = gzip.decompress(data)
    found = [] if data.startswith(b"PK") else [mark for mark in PARTS if mark in data]
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                if not name.startswith("original/") and not name.endswith(OBJECTS):
                    found += marks_in(name.encode()) + marks_in(archive.read(name))
    return found
