"""What a file says of itself before anybody looks at the slice: no MR, no head, colour."""

import numpy as np
import pytest
import tifffile
from PIL import Image
from pydicom import Dataset

from metaseg.scan import read_scan
from metaseg.scan.dicom_kind import BODY_PART, MODALITY, odd_kind
from metaseg.scan.pictures import COLOUR, write_png
from tests.conftest import EXAMPLES
from tests.dicom_files import save_series, series_of
from tests.volumes import affine_of, volume_of


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"Modality": "CT"}, [MODALITY]),
        ({"Modality": "MR", "BodyPartExamined": "BRAIN"}, []),
        ({"BodyPartExamined": "Kopf nativ"}, []),
        ({"BodyPartExamined": "HEADNECK", "PhotometricInterpretation": "MONOCHROME1"}, []),
        ({"BodyPartExamined": ""}, []),
        ({"Modality": "MR", "BodyPartExamined": "ABDOMEN"}, [BODY_PART]),
        ({"Modality": "US", "PhotometricInterpretation": "RGB"}, [MODALITY, COLOUR]),
        ({}, []),
    ],
)
def test_a_dicom_header_names_another_kind(attributes, expected):
    header = Dataset()
    for name, value in attributes.items():
        setattr(header, name, value)
    assert list(odd_kind(header)) == expected


def test_a_ct_series_carries_the_notice_and_a_head_does_not(tmp_path):
    codes = ("L", "P", "S")
    mr = series_of(volume_of(codes), affine_of(codes))
    assert read_scan(save_series(tmp_path / "mr", mr)).notices == ()
    ct = series_of(volume_of(codes), affine_of(codes), Modality="CT", BodyPartExamined="CHEST")
    assert read_scan(save_series(tmp_path / "ct", ct)).notices == (MODALITY, BODY_PART)


def test_colour_is_noticed_in_pictures_and_tiff_unless_a_channel_is_asked_for(tmp_path):
    grey = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    colour = np.stack([grey, grey[::-1], grey], axis=-1)
    write_png(tmp_path / "c.png", colour)
    Image.fromarray(colour).save(tmp_path / "c.jpg", quality=90)
    tifffile.imwrite(tmp_path / "c.tif", colour, photometric="rgb")
    for file in ("c.png", "c.jpg", "c.tif"):
        assert read_scan(tmp_path / file).notices == (COLOUR,), file
    assert read_scan(tmp_path / "c.png", channel=1).notices == ()
    marked = np.stack([grey] * 3, axis=-1)
    marked[:2, :8] = 255, 0, 0  # a viewer's coloured mark
    write_png(tmp_path / "g.png", marked)
    Image.fromarray(np.stack([grey] * 3, axis=-1)).save(tmp_path / "g.jpg", quality=70)
    for file in ("g.png", "g.jpg"):
        assert read_scan(tmp_path / file).notices == (), file


def test_the_gallery_is_of_the_right_kind():
    pictures = [path for path in EXAMPLES.iterdir() if path.suffix in (".png", ".jpg")]
    assert len(pictures) > 10 and all(read_scan(path).notices == () for path in pictures)
