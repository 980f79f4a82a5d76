import hashlib
import json
import re
import struct
import zipfile
import zlib
from pathlib import Path

import cv2
import httpx
import nibabel
import numpy as np
import pytest
import tifffile
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from metaseg.demo.api_docs import list_models
from metaseg.hub.resolve import SHIPPED, load_models, shipped_models
from metaseg.metrics import Counts
from metaseg.models import TITLES
from metaseg.scan import read_scan
from metaseg.segmenter import Segmenter
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
        "plane",
        "slices",
        "slices_with_lesion",
        "spacing_mm",
        "min_lesion_mm3",
        "min_lesion_voxels",
        "lesions",
        "metrics",
        "seconds",
        "notices",
        "reviewed",
        "review",
    }
    assert report["reviewed"] is False and report["review"] is None
    assert report["slices"] == 1 and report["plane"] is report["spacing_mm"] is None
    row, column = report["lesions"][0]["centroid"]
    assert 0 <= row < 512 and 0 <= column < 512
    assert report["schema"] == 2 and report["model"] == "Nested U-Net"
    assert report["threshold"] == 0.4 and report["revision"] == local.revision
    assert sum(lesion["area_px"] for lesion in report["lesions"]) == np.count_nonzero(pixels)
    assert set(report["metrics"]) == {"dice", "iou", "precision", "recall", "f1"}
    truth = cv2.imread(str(TRUTH), cv2.IMREAD_UNCHANGED) > 0
    assert report["metrics"]["dice"] == pytest.approx(Counts.of(pixels > 0, truth).dice)
    assert any("not for diagnosis" in notice for notice in report["notices"])


def test_trailing_arguments_may_be_left_out(client, served):
    _, _, report = client.predict(scan=handle_file(SLICE), api_name="/segment")
    assert report["model"] == "Attention U-Net"
    assert report["threshold"] == served.find("attention_unet").config.threshold
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
        ({"model": "ResNet"}, 'There is no model "ResNet"'),
        ({"threshold": 1.5}, "The threshold 1.5 is outside 0 to 1"),
        ({"threshold": -0.01}, "outside 0 to 1"),
        ({"threshold": "half"}, "must be a number from 0 to 1"),
        ({"slice_index": 1}, "There is no slice 1"),
        ({"scan": None}, "No scan was given"),
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


PARAMETERS = {
    "/segment": ["scan", "ground_truth", "model", "threshold", "slice_index", "plane", "series"],
    "/compare": ["scan", "ground_truth", "threshold", "slice_index", "plane", "series"],
    "/segment_volume": ["scan", "model", "threshold", "min_lesion_mm3", "series"],
    "/models": [],
}
TYPES = {
    "scan": "filepath",
    "ground_truth": "filepath",
    "model": "str",
    "threshold": "float | Literal[sensitive]",
    "slice_index": "int",
    "plane": "str",
    "min_lesion_mm3": "float",
    "series": "str",
}


def test_the_api_page_shows_the_public_endpoints_alone_and_describes_them(server):
    answer = httpx.get(f"{server}gradio_api/info").json()
    assert not answer["unnamed_endpoints"]
    endpoints = answer["named_endpoints"]
    assert {
        name: [p["parameter_name"] for p in e["parameters"]] for name, e in endpoints.items()
    } == PARAMETERS
    for endpoint in endpoints.values():
        assert "not for diagnosis" in endpoint["description"]
        assert endpoint["returns"]
        for part in [*endpoint["parameters"], *endpoint["returns"]]:
            assert part["python_type"]["description"].endswith("."), part
        for part in endpoint["parameters"]:
            assert part["python_type"]["type"] == TYPES[part["parameter_name"]]
    scan, *_, plane, _ = endpoints["/segment"]["parameters"]
    assert scan["example_input"]["path"] == "examples/meningioma_axial.jpg"
    assert plane["example_input"] == "coronal"
    names = [part["label"] for part in endpoints["/compare"]["returns"]]
    assert names[0] == "overlay_attention_unet" and names[5] == "report_nested_unet"


def test_models_lists_what_is_loaded(client):
    models = client.predict(api_name="/models")
    assert [model["name"] for model in models] == shipped_models()
    for model in models:
        folder = SHIPPED / model["name"]
        recorded = json.loads((folder / "metrics.json").read_text())
        assert set(model) == {
            "name", "title", "revision", "license", "threshold", "sensitive_threshold", "metrics",
            "runtime",
        }  # fmt: skip
        assert model["runtime"].startswith("PyTorch 2.")
        assert model["title"] == TITLES[model["name"]]
        assert (
            model["revision"]
            == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
        )
        config = json.loads((folder / "config.json").read_text())
        assert (model["license"], model["threshold"]) == (config["license"], config["threshold"])
        assert model["metrics"].keys() == recorded.keys()
        for data, figures in model["metrics"].items():
            assert figures["dice"] == recorded[data]["dice"]
            assert figures["cases"] == recorded[data]["cases"]


def test_models_without_figures_say_null(small_segmenter):
    assert [model["metrics"] for model in list_models(small_segmenter)] == [None] * 3


def test_one_scan_of_a_zip(client, tmp_path):
    study = tmp_path / "study.zip"
    with zipfile.ZipFile(study, "w") as archive:
        for name in ("meningioma_axial.jpg", "glioblastoma_axial.png"):
            archive.write(EXAMPLES / name, name)
    call = {"scan": handle_file(study), "api_name": "/segment"}
    with pytest.raises(AppError, match=r"2 images: choose one .*2\) meningioma_axial.jpg"):
        client.predict(**call)
    chosen = client.predict(**call, series="glioblastoma")[1]
    alone = client.predict(
        scan=handle_file(EXAMPLES / "glioblastoma_axial.png"), api_name="/segment"
    )[1]
    assert Path(chosen).read_bytes() == Path(alone).read_bytes()


def test_a_slice_of_another_plane(client, tmp_path):
    slice_ = read_scan(SLICE).voxels[0][::4, ::4]
    voxels = np.stack([slice_.T] * 20, axis=-1).astype(np.int16)
    path = tmp_path / "volume.nii.gz"
    nibabel.save(nibabel.Nifti1Image(voxels, np.diag([2.0, 2.0, 2.0, 1.0])), path)
    mask = client.predict(
        scan=handle_file(path), plane="coronal", slice_index=100, api_name="/segment"
    )[1]
    assert cv2.imread(mask, cv2.IMREAD_UNCHANGED).shape == (20, 128)
    with pytest.raises(AppError, match='There is no plane "oblique"'):
        client.predict(scan=handle_file(path), plane="oblique", api_name="/segment")
