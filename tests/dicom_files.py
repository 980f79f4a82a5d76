"""DICOM series for the tests, made from arrays: no patient, no download."""

from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from metaseg.scan.archive import open_folder_or_zip
from metaseg.scan.dicom_series import find_series
from tests.volumes import affine_of, volume_of

ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


def geometry(affine: np.ndarray) -> tuple[list[float], list[float], np.ndarray]:
    """Orientation, pixel spacing and slice step in DICOM's terms of a NIfTI affine from
    (column, row, slice)."""
    moved = FLIP @ affine
    spacing = np.linalg.norm(moved[:3, :3], axis=0)
    directions = moved[:3, :3] / spacing
    orientation = [*directions[:, 0], *directions[:, 1]]
    return [float(x) for x in orientation], [float(spacing[1]), float(spacing[0])], moved


def new_dataset(study: str, series: str, description: str) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = MRImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = MRImageStorage
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID, data.SeriesInstanceUID = study, series
    data.FrameOfReferenceUID = study[:60] + ".1"
    data.SeriesDescription = description
    data.Modality = "MR"
    data.PatientName, data.PatientID = "Test^Phantom", "phantom"
    data.PatientBirthDate = data.PatientSex = data.AccessionNumber = data.StudyID = ""
    data.StudyDate, data.StudyTime = "20200101", "120000"
    data.ReferringPhysicianName = data.PositionReferenceIndicator = data.Manufacturer = ""
    data.SeriesNumber = 1
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    return data


def set_pixels(data: Dataset, pixels: np.ndarray) -> None:
    data.Rows, data.Columns = pixels.shape[-2:]
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PixelData = pixels.tobytes()


def series_of(
    array: np.ndarray, affine: np.ndarray, description: str = "T1 post", **attributes: object
) -> list[FileDataset]:
    """One dataset for each slice ``array[:, :, k]`` (column, row, slice) of 8 or 16 bits."""
    orientation, spacing, moved = geometry(affine)
    study, series = generate_uid(), generate_uid()
    slices = []
    for k in range(array.shape[2]):
        data = new_dataset(study, series, description)
        data.InstanceNumber = k + 1
        data.ImageOrientationPatient = [round(x, 10) for x in orientation]
        position = moved[:3, :3] @ [0, 0, k] + moved[:3, 3]
        data.ImagePositionPatient = [round(float(x), 6) for x in position]
        data.PixelSpacing = spacing
        data.SliceThickness = float(np.linalg.norm(moved[:3, 2]))
        set_pixels(data, np.ascontiguousarray(array[:, :, k].T))
        for name, value in attributes.items():
            setattr(data, name, value)
        slices.append(data)
    return slices


def multi_frame_of(array: np.ndarray, affine: np.ndarray) -> FileDataset:
    """The same as one enhanced MR file with functional groups (PS3.3, C.7.6.16)."""
    orientation, spacing, moved = geometry(affine)
    data = new_dataset(generate_uid(), generate_uid(), "Enhanced T1")
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = ENHANCED_MR
    data.NumberOfFrames = array.shape[2]
    data.InstanceNumber = 1
    set_pixels(data, np.ascontiguousarray(array.transpose(2, 1, 0)))
    shared, measures, plane = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = spacing
    measures.SliceThickness = float(np.linalg.norm(moved[:3, 2]))
    plane.ImageOrientationPatient = [round(x, 10) for x in orientation]
    shared.PixelMeasuresSequence = Sequence([measures])
    shared.PlaneOrientationSequence = Sequence([plane])
    data.SharedFunctionalGroupsSequence = Sequence([shared])
    groups = []
    for k in range(array.shape[2]):
        group, place = Dataset(), Dataset()
        position = moved[:3, :3] @ [0, 0, k] + moved[:3, 3]
        place.ImagePositionPatient = [round(float(x), 6) for x in position]
        group.PlanePositionSequence = Sequence([place])
        groups.append(group)
    data.PerFrameFunctionalGroupsSequence = Sequence(groups)
    return data


def save_series(folder: Path, slices: list[FileDataset], shuffle: bool = True) -> Path:
    """Files whose names say nothing about the order of the slices."""
    folder.mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(5).permutation(len(slices)) if shuffle else range(len(slices))
    for number, k in enumerate(order):
        name = f"IM{number:04d}_{str(slices[k].SOPInstanceUID)[-6:]}"
        slices[k].save_as(folder / name, enforce_file_format=True)
    return folder


LPS = ("L", "P", "S")
ARRAY, AFFINE = volume_of(LPS), affine_of(LPS)


def one_slice(**attributes) -> Dataset:
    return series_of(ARRAY, AFFINE, **attributes)[4]


def save(folder: Path, data: Dataset, name: str = "slice.png") -> Path:
    data.save_as(folder / name, enforce_file_format=True)
    return folder / name


def list_series(path: Path) -> list[str]:
    """Descriptions of the DICOM series in a folder or zip, in the order of their numbers."""
    with open_folder_or_zip(path) as entries:
        return [one.description for one in find_series(entries)[0]]
