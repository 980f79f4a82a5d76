import gzip
import json
import shutil
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metaseg.demo.answer import FAILED, answer, following, forget_wanted, want
from metaseg.demo.gallery import read_examples
from metaseg.demo.page import build_page
from metaseg.demo.panel import DOUBTS
from metaseg.demo.pixels import pack_probability
from metaseg.demo.store import store
from metaseg.demo.tables import metrics_table, notice_list
from metaseg.demo.views import UNREVIEWED, view_of
from metaseg.findings.report import find
from metaseg.prediction import Prediction, reaches
from metaseg.scan import Scan, read_mask, read_scan
from metaseg.segmenter import Segmenter
from tests.conftest import EXAMPLES, small_checkpoint

SLICE, TRUTH = str(EXAMPLES / "meningioma_axial.jpg"), str(EXAMPLES / "meningioma_axial_truth.png")


def ask(workbench, **changes):
    """All steps of the page's answer together."""
    state = {"id": 1, "scan": SLICE, "truth": TRUTH, "model": "Both", "threshold": 0.5}
    steps = list(answer(workbench, {**state, **changes}, waited=True))
    assert all(step["id"] == 1 for step in steps)
    return {name: value for step in steps for name, value in step.items() if value is not None}


def unpack(parts, shape):
    """The voxels of ``parts`` as the browser puts them together."""
    voxels = np.zeros(shape, np.uint8)
    for part in parts:
        _, folder, name = part["url"].split("/")
        data = gzip.decompress(store().result(folder, name).read_bytes())
        voxels[part["first"] : part["first"] + part["depth"]].flat = np.frombuffer(data, np.uint8)
    return voxels


def test_moving_the_threshold_runs_no_network(workbench, passes):
    assert len(ask(workbench)["findings"]["regions"]) > 0 and len(passes) == 2
    has = ["scene", "truth", "attention_unet", "nested_unet"]
    for threshold in (0.0, 0.2, 0.45, 0.55):
        again = ask(workbench, threshold=threshold, has=has)
        assert set(again) == {"id", "question", "truth_for", "findings"}, "pixels are sent once"
    assert "Neither" in ask(workbench, threshold=1.0, has=has)["findings"]["verdict"]
    ask(workbench, truth=None)
    ask(workbench, model="Nested U-Net")
    assert len(passes) == 2


@settings(max_examples=30, deadline=None)
@given(arrays(np.float32, (1, 5, 7), elements=st.floats(0, 1, width=32)), st.integers(1, 100))
def test_the_browsers_mask_is_the_servers(probability, hundredths):
    packed = pack_probability(probability)
    assert np.array_equal(packed >= 2 * hundredths, reaches(probability, hundredths / 100))


def test_another_slice_runs_the_networks_again(workbench, passes):
    ask(workbench)
    ask(workbench, scan=str(EXAMPLES / "glioma_coronal.jpg"), truth=None)
    assert len(passes) == 4


def test_the_same_path_with_other_content_is_another_scan(workbench, tmp_path):
    path = tmp_path / "slice.jpg"
    shutil.copy(SLICE, path)
    before = workbench.open(str(path), None).scan.voxels
    shutil.copy(EXAMPLES / "glioma_coronal.jpg", path)
    assert not np.array_equal(before, workbench.open(str(path), None).scan.voxels)


def look(workbench, **changes):
    state = {"id": 1, "scan": SLICE, "truth": TRUTH, "model": "Both", "threshold": 0.5}
    return view_of(workbench, {**state, **changes}, "http://127.0.0.1")["html"]


def test_explaining_runs_each_network_once_more_and_only_when_asked(workbench, passes):
    ask(workbench)
    assert len(passes) == 2
    page = look(workbench, view="explain")
    assert page.count("<section") == 5 and len(passes) == 4
    assert look(workbench, view="explain", threshold=0.3) == page
    assert "Attention U-Net attend" not in look(workbench, view="explain", model="Nested U-Net")
    assert len(passes) == 4


def test_both_is_two_networks_and_their_agreement(workbench):
    page = ask(workbench)
    assert set(page["networks"]) == {"attention_unet", "nested_unet"}
    assert page["findings"]["metrics"].count("<tr>") == 3
    assert page["scene"]["truth"] and "F1" not in page["findings"]["metrics"]
    assert "Only Nested U-Net" in look(workbench, view="compare")
    alone = ask(workbench, truth=None, model="Nested U-Net")
    assert set(alone["networks"]) == {"nested_unet"} and alone["scene"].get("truth") is None
    assert alone["findings"]["metrics"] == ""
    assert "Only" not in look(workbench, view="compare", truth=None, model="Nested U-Net")


def test_compare_says_that_it_shows_no_review(workbench):
    ask(workbench)
    review = {"shape": [1, 512, 512], "rejected": [[0, 1, 1]], "added": []}
    review = json.dumps({**review, "painted": [], "erased": []})
    plain = look(workbench, view="compare")
    assert UNREVIEWED not in plain
    reviewed = look(workbench, view="compare", review=review)
    assert UNREVIEWED in reviewed and plain.partition("</svg>")[2] in reviewed


def test_the_browser_gets_the_grey_levels_and_probabilities_of_the_scan(workbench):
    page = ask(workbench)
    shape = page["scene"]["shape"]
    assert shape == [1, 512, 512]
    assert np.array_equal(unpack(page["scene"]["grey"], shape), read_scan(SLICE).voxels)
    truth = read_mask(TRUTH, read_scan(SLICE))
    assert np.array_equal(unpack(page["scene"]["truth"], shape), truth)
    probability = workbench.predict(workbench.open(SLICE, None), "nested_unet").probability
    packed = unpack(page["networks"]["nested_unet"], shape)
    assert np.abs(packed / 200 - probability).max() <= 1 / 200 + 1e-6


def test_a_bad_truth_is_told_and_the_scan_shown(workbench):
    page = ask(workbench, truth=str(EXAMPLES / "nothing_to_find_truth.png"))
    notices = page["findings"]["notices"]
    assert "role='alert'" in notices and "256 x 256" in notices
    assert page["scene"].get("truth") is None and len(page["networks"]) == 2


def test_a_bad_scan_is_one_sentence(workbench, tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    page = ask(workbench, scan=str(bad))
    assert set(page) == {"id", "question", "truth_for", "alert"}
    assert "bad.png is not an image" in page["alert"]
    assert "No scan was given" in ask(workbench, scan=None)["alert"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"threshold": 7}, "outside 0 to 1"),
        ({"threshold": "half"}, "must be a number"),
        ({"position": -1}, "whole number"),
        ({"position": 1.5}, "whole number"),
        ({"model": "ResNet"}, 'no model "ResNet"'),
        ({"scan": "example:../app.py"}, "no such example"),
        ({"scan": 7}, "No scan was given"),
        ({"truth": ["a"]}, ""),
        ({"has": 7}, "could not be segmented"),
    ],
)
def test_whatever_the_browser_says_is_checked(workbench, changes, words):
    assert words in ask(workbench, **changes).get("alert", "")


def test_what_the_work_raises_reaches_the_answer(workbench, monkeypatch, caplog):
    def fail(*_):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(workbench.segmenter, "predict_each", fail)
    page = ask(workbench)
    assert page["alert"] == FAILED and "secret" not in caplog.text


def test_work_that_nobody_waits_for_stops(workbench):
    done, let_go = [], threading.Event()

    def work(progress):
        for number in progress(range(5)):
            let_go.wait(10)
            done.append(number)

    steps = following(work)
    assert next(steps) == (0, 5)
    steps.close()
    let_go.set()
    time.sleep(0.2)
    assert done == [0]


def test_work_for_another_scan_than_the_visitors_stops(workbench, monkeypatch):
    monkeypatch.setattr("metaseg.demo.answer.current_session", lambda: "somebody")
    state = {"id": 1, "scan": SLICE, "model": "Both"}
    steps = answer(workbench, state)
    assert "scene" in next(steps)
    want({"wanted": 2})
    assert list(steps) == [] and list(answer(workbench, state)) == []
    assert "findings" in list(answer(workbench, {**state, "id": 2}))[-1]
    forget_wanted()
    assert "findings" in list(answer(workbench, state))[-1]


@pytest.mark.parametrize("doubt", DOUBTS)
def test_an_input_in_doubt_says_so(workbench, monkeypatch, doubt):
    predict = workbench.segmenter.predict_each

    def doubtful(*arguments):
        return [replace(found, notices=(doubt,)) for found in predict(*arguments)]

    monkeypatch.setattr(workbench.segmenter, "predict_each", doubtful)
    findings = ask(workbench)["findings"]
    assert findings["doubts"] == [doubt] and doubt not in findings["notices"]


def test_examples_are_real_files_with_fitting_truth():
    examples = read_examples()
    assert len(examples) >= 6
    empty = 0
    for example in examples:
        scan = read_scan(example.scan)
        empty += not read_mask(example.truth, scan).any()
        assert "CC BY" in example.source
    assert empty == 1 and any("etastasis" in example.title for example in examples)


def test_tables_escape_and_say_what_is_undefined():
    scan, nothing = Scan(np.zeros((1, 20, 20), np.float32)), np.zeros((1, 20, 20), bool)
    prediction = Prediction(scan.voxels, "net", "<Net>", "0" * 64, 1.0)
    assert metrics_table([find(scan, prediction, 0.5).report]) == ""
    table = metrics_table([find(scan, prediction, 0.5, truth=nothing).report])
    assert table.count("–") == 4 and "&lt;Net&gt;" in table
    assert notice_list(["a & b", "a & b"]) == "<p>a &amp; b</p>"


def test_what_went_wrong_with_the_models_stands_at_the_top():
    segmenter = Segmenter([small_checkpoint("unet")], device="cpu")
    page = build_page(segmenter, ["The Hub <could> not be reached."])
    texts = [part["props"].get("value") for part in page.get_config_file()["components"]]
    assert "<p>The Hub &lt;could&gt; not be reached.</p>" in texts


def test_the_same_content_is_the_same_scan_wherever_it_was_uploaded(workbench, passes, tmp_path):
    for folder in ("first", "second"):
        (tmp_path / folder).mkdir()
        shutil.copy(SLICE, tmp_path / folder)
        opened = workbench.open(str(tmp_path / folder / Path(SLICE).name), None)
        for threshold in (0.3, 0.5):
            workbench.segment(opened, "unet", threshold)
    assert len(passes) == 1


def test_networks_that_are_missing_run_together_and_the_others_not(workbench, passes):
    opened = workbench.open(SLICE, None)
    first = workbench.predict(opened, "unet")
    both = workbench.predict_each(opened, ["unet", "nested_unet"])
    assert both[0] is first and both[1].model == "nested_unet" and len(passes) == 2
    assert workbench.predict(opened, "nested_unet") is both[1]


WITHOUT_TORCH = """
import sys
from metaseg.demo.page import build_page
from metaseg.demo.workbench import Workbench
from metaseg.hub.resolve import load_models
from metaseg.segmenter import Segmenter
segmenter = Segmenter(load_models(["nested_unet"]), "cpu", "openvino")
build_page(segmenter)
workbench = Workbench(segmenter)
segmenter.load()
exported = "torch" in sys.modules
for threshold in (0.3, 0.5):
    workbench.segment(workbench.open(sys.argv[1], None), "nested_unet", threshold)
print(exported, "torch" in sys.modules)
"""


@pytest.mark.slow
def test_a_server_answers_without_torch_once_its_network_is_exported():
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", WITHOUT_TORCH, SLICE],
            capture_output=True,
            text=True,
            timeout=240,
        )
        said = done.stdout.splitlines()[-1]
        if said != "True True":  # it had to be exported first
            break
    assert said == "False False", done.stderr
