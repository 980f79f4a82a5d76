"""DICOM Structured Report (PS3.16, TID 1500): the measures of the lesions of a DICOM-SEG."""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

from highdicom.seg import Segmentation
from highdicom.sr import AlgorithmIdentification as Algorithm
from highdicom.sr import (
    CodedConcept,
    Comprehensive3DSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    Measurement,
    MeasurementReport,
    ObservationContext,
    ObserverContext,
    ReferencedSegment,
    SourceSeriesForSegmentation,
    TrackingIdentifier,
    VolumetricROIMeasurementsAndQualitativeEvaluations,
)
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from metaseg.findings.lesions import Lesion
from metaseg.scan.dicom_seg import MOST_SEGMENTS, keep_what_files_it, series_number
from metaseg.scan.errors import about, decoding

MR_BRAIN = CodedConcept("24590-2", "LN", "MR Brain")
LACKED = "lacks what a structured report refers to (patient or study): use the table of lesions."
DEVICE = "MetaSeg, research use only"


def write_structured_report(
    path: str | Path,
    lesions: Sequence[Lesion],
    segmentation: Segmentation,
    headers: list[Dataset],
    name: str,
    in_volume: bool,
) -> None:
    """The measures in mm of ``lesions``, whose numbers are those of the segments of
    ``segmentation``, made from ``headers``; ``name`` is that of the scan.

    Volume and longest diameter in a slice, or area and diameter where the scan is one slice.
    Lesions that share a segment are left out. InputError if the files lack what it needs.
    """
    with about(name), decoding(LACKED), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (device,) = {segment.SegmentAlgorithmName for segment in segmentation.SegmentSequence}
        observer = ObserverContext(
            codes.DCM.Device,
            DeviceObserverIdentifyingAttributes(
                generate_uid(), name=DEVICE, manufacturer_name="MetaSeg", model_name=device
            ),
        )
        report = MeasurementReport(
            observation_context=ObservationContext(observer_device_context=observer),
            procedure_reported=MR_BRAIN,
            imaging_measurements=[
                _group(lesion, segmentation, headers, in_volume)
                for lesion in lesions[:MOST_SEGMENTS]
            ],
            title=codes.DCM.ImagingMeasurementReport,
        )
        result = Comprehensive3DSR(
            evidence=[segmentation, *headers],
            content=report,
            series_instance_uid=generate_uid(),
            series_number=series_number(headers, 1001),
            sop_instance_uid=generate_uid(),
            instance_number=1,
            manufacturer="MetaSeg",
            is_complete=True,
            series_description=str(segmentation.SeriesDescription).replace("lesions", "measures"),
        )
        keep_what_files_it(result)
        result.save_as(whole := io.BytesIO())
    Path(path).write_bytes(whole.getvalue())


def _group(
    lesion: Lesion, segmentation: Segmentation, headers: list[Dataset], in_volume: bool
) -> VolumetricROIMeasurementsAndQualitativeEvaluations:
    segment = segmentation.get_segment_description(lesion.number)
    if in_volume:
        extent = Measurement(codes.SCT.Volume, lesion.volume_mm3, codes.UCUM.CubicMillimeter)
    else:
        extent = Measurement(codes.SCT.Area, lesion.area_mm2, codes.UCUM.SquareMillimeter)
    diameter = Measurement(codes.SCT.LongAxis, lesion.diameter_mm, codes.UCUM.Millimeter)
    return VolumetricROIMeasurementsAndQualitativeEvaluations(
        TrackingIdentifier(segment.tracking_uid, segment.tracking_id),
        referenced_segment=ReferencedSegment(
            segmentation.SOPClassUID,
            segmentation.SOPInstanceUID,
            lesion.number,
            source_series=SourceSeriesForSegmentation(headers[0].SeriesInstanceUID),
        ),
        finding_type=codes.SCT.Lesion,
        finding_category=codes.SCT.MorphologicallyAbnormalStructure,
        finding_sites=[FindingSite(codes.SCT.Brain)],
        algorithm_id=Algorithm(
            segment.SegmentAlgorithmName,
            segment.SegmentationAlgorithmIdentificationSequence[0].AlgorithmVersion,
        ),
        measurements=[extent, diameter],
    )
