import re
import struct
import zlib
from pathlib import Path

import cv2
import nibabel
import numpy as np
import pytest
import tifffile
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from metaseg.metrics import Counts
from metaseg.scan import read_scan
from metaseg.segmenter import Segmenter
from metaseg.sources import load_models
from tests.conftest import EXAMPLES

SLICE, TRUTH = EXAMPLES / "meningioma_axial.jpg", EXAMPLES / "meningioma_axial_truth.png"


@pytest.fixture(scope="module")
def client(server):
    return Client(server, verbose=False)


def test_segment_answers_what_the_segmenter_says(client):
    overlay, mask, report = client.predict(
        scan=handle_file(SLICE),
        ground_truth=handle_file(TRUTH),
        model="Nested U-Net",
        threshold=0.4,
        slice_index=None,
        api_name="/segment",
    )
    local = Segmenter(load_models(["nested_unet"])).predict(read_scan(SLICE), "nested_unet")
    pixels = cv2.imread(mask, cv2.IMREAD_UNCHANGED)
    assert Path(mask).suffix == Path(overlay).suffix == ".png"
    assert pixels.shape == (512, 512) and set(np.unique(pixels)) <= {0, 255}
    # Two threads of a server and one of a test may round bf16 differently at the border.
    assert Counts.of(pixels > 0, local.mask(0.4)[0]).dice > 0.99
    assert cv2.imread(overlay).shape == (512, 512, 3)
    assert set(report) == {
        "schema",
        "model",
        "revision",
        "threshold",
        "lesions",
        "metrics",
        "seconds",
        "notices",
    }
    assert report["schema"] == 1 and report["model"] == "Nested U-Net"
    assert report["threshold"] == 0.4 and report["revision"] == local.revision
    assert sum(lesion["area_px"] for lesion in report["lesions"]) == np.count_nonzero(pixels)
    assert set(report["metrics"]) == {"dice", "iou", "precision", "recall", "f1"}
    truth = cv2.imread(str(TRUTH), cv2.IMREAD_UNCHANGED) > 0
    assert report["metrics"]["dice"] == pytest.approx(Counts.of(pixels > 0, truth).dice)
    assert any("not for diagnosis" in notice for notice in report["notices"])


def test_trailing_arguments_may_be_left_out(client):
    _, _, report = client.predict(scan=handle_file(SLICE), api_name="/segment")
    assert report["model"] == "Attention U-Net" and report["threshold"] == 0.5
    assert report["metrics"] is None
    assert report["lesions"] and report["lesions"][0]["area_mm2"] is None


def test_compare_answers_for_each_network(client):
    answers = client.predict(
        scan=handle_file(SLICE), ground_truth=handle_file(TRUTH), api_name="/compare"
    )
    assert [answers[2]["model"], answers[5]["model"]] == ["Attention U-Net", "Nested U-Net"]
    for mask, report in ((answers[1], answers[2]), (answers[4], answers[5])):
        pixels = cv2.imread(mask, cv2.IMREAD_UNCHANGED)
        assert np.count_nonzero(pixels) == sum(x["area_px"] for x in report["lesions"])


def test_checkpoint_names_are_models_too(client):
    answers = [
        client.predict(scan=handle_file(SLICE), model=name, api_name="/segment")[2]
        for name in ("attention_unet", "Attention U-Net")
    ]
    assert answers[0]["revision"] == answers[1]["revision"]
    assert answers[0]["lesions"] == answers[1]["lesions"]


def test_a_constant_slice_is_empty_with_a_notice(client, tmp_path):
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((100, 80), 90, np.uint8))
    _, mask, report = client.predict(scan=handle_file(path), api_name="/segment")
    assert not cv2.imread(mask, cv2.IMREAD_UNCHANGED).any()
    assert report["lesions"] == [] and "No tissue" in report["notices"][0]


def large_png() -> bytes:
    """A picture of 20,000 x 20,000 pixels by its header, with next to nothing behind it."""
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def write(path: Path, content) -> Path:
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content.dtype.kind == "f":
        tifffile.imwrite(path, content)
    else:
        Image.fromarray(content).save(path)
    return path


def test_a_volume_through_the_api(client, tmp_path):
    slice_ = read_scan(SLICE).voxels[0]
    path = tmp_path / "volume.nii.gz"
    affine = np.diag([0.5, 0.5, 5.0, 1.0])
    voxels = np.stack([slice_.T, slice_.T * 0], axis=-1).astype(np.int16)
    nibabel.save(nibabel.Nifti1Image(voxels, affine), path)
    mask, table, report = client.predict(
        scan=handle_file(path), model="Nested U-Net", api_name="/segment_volume"
    )
    image = nibabel.load(mask)
    found = np.asarray(image.dataobj)
    assert found.shape == voxels.shape and np.allclose(image.affine, affine)
    assert found[..., 0].any() and not found[..., 1].any()
    assert Path(table).read_text().count("\n") == 1 + len(report["lesions"])
    volume = sum(lesion["volume_mm3"] for lesion in report["lesions"])
    assert volume == pytest.approx(found.sum() * 0.5 * 0.5 * 5)
    one = client.predict(scan=handle_file(path), slice_index=0, api_name="/segment")[2]
    assert one["lesions"][0]["area_mm2"] == pytest.approx(one["lesions"][0]["area_px"] / 4)
    with pytest.raises(AppError, match="smallest lesion"):
        client.predict(scan=handle_file(path), min_lesion_mm3=-1, api_name="/segment_volume")


BAD_SCANS = [
    ("text.png", b"hello", "text.png is not an image"),
    ("empty.png", b"", "empty.png is empty"),
    ("cut.jpg", SLICE.read_bytes()[:4000], "cut.jpg is damaged or cut off"),
    ("dot.png", np.zeros((1, 1), np.uint8), "dot.png is 1 x 1 pixels"),
    ("huge.png", large_png(), "huge.png has more than 64 megapixels"),
    ("nan.tiff", np.full((64, 64), np.nan, np.float32), "not finite"),
]


@pytest.mark.parametrize(("name", "content", "sentence"), BAD_SCANS)
def test_a_bad_scan_is_a_sentence_and_the_server_goes_on(client, tmp_path, name, content, sentence):
    path = write(tmp_path / name, content)
    with pytest.raises(AppError, match=re.escape(sentence)) as error:
        client.predict(scan=handle_file(path), api_name="/segment")
    assert "Traceback" not in str(error.value) and "/" not in str(error.value)
    assert client.predict(scan=handle_file(SLICE), api_name="/segment")[2]["lesions"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"model": "Both"}, "call /compare"),
        ({"model": "ResNet"}, "There is no model «ResNet»"),
        ({"threshold": 1.5}, "The threshold 1.5 is outside 0 to 1"),
        ({"threshold": -0.01}, "outside 0 to 1"),
        ({"threshold": "half"}, "must be a number from 0 to 1"),
        ({"slice_index": 1}, "There is no slice 1"),
        ({"scan": None}, "There is no MRI slice yet"),
        ({"ground_truth": handle_file(SLICE)}, "has grey values"),
        (
            {"ground_truth": handle_file(EXAMPLES / "nothing_to_find_truth.png")},
            "is 256 x 256 and the scan is 512 x 512",
        ),
    ],
)
def test_bad_arguments_are_sentences(client, arguments, sentence):
    with pytest.raises(AppError, match=re.escape(sentence)):
        client.predict(**{"scan": handle_file(SLICE), **arguments}, api_name="/segment")


def test_only_the_public_endpoints_are_shown(client):
    endpoints = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(endpoints) == {"/segment", "/compare", "/segment_volume"}
    parameters = [p["parameter_name"] for p in endpoints["/segment"]["parameters"]]
    assert parameters == ["scan", "ground_truth", "model", "threshold", "slice_index"]
