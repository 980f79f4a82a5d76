"""Where the threshold starts on the page, in the API and in links."""

import html
import json
import re

from playwright.sync_api import expect

from metaseg.demo.answer import answer
from metaseg.demo.page import build_page
from metaseg.demo.render import typed_threshold
from metaseg.demo.shell import shell
from metaseg.demo.workbench import Workbench
from metaseg.segmenter import Segmenter
from tests.conftest import EXAMPLES, small_checkpoint
from tests.demo.browser import needs_chromium, set_one_apart, set_threshold

SLICE = str(EXAMPLES / "meningioma_axial.jpg")


def with_thresholds(**thresholds: float) -> Segmenter:
    return Segmenter([small_checkpoint(n, threshold=t) for n, t in thresholds.items()], "cpu")


def test_the_sensitive_threshold_is_named():
    checkpoint = small_checkpoint("unet", sensitive_threshold=0.2)
    workbench = Workbench(Segmenter([checkpoint], device="cpu"))
    opened = workbench.open(SLICE, None)
    assert workbench.segment(opened, "unet", "sensitive").report.threshold == 0.2
    assert workbench.segment(opened, "unet", None).report.threshold == 0.5


def test_every_door_starts_at_the_models_own_threshold():
    segmenter = with_thresholds(attention_unet=0.3)
    parts = [part["props"] for part in build_page(segmenter).get_config_file()["components"]]
    values = [part.get("value") for part in parts if str(part.get("label")).lower() == "threshold"]
    # Batch and three endpoints: nothing stands for the model's own.
    assert values == [None] * 4


def test_a_threshold_left_out_is_that_of_the_checkpoint():
    workbench = Workbench(with_thresholds(attention_unet=0.3, nested_unet=0.6, unet=0.8))
    opened = workbench.open(SLICE, None)
    for name, own in (("attention_unet", 0.3), ("Nested U-Net", 0.6), ("unet", 0.8)):
        assert workbench.segment(opened, name, None).report.threshold == own
        assert workbench.segment(opened, name, 0.0).report.threshold == 0


def test_both_takes_each_networks_own_threshold():
    workbench = Workbench(with_thresholds(attention_unet=0.3, nested_unet=0.6))
    state = {"id": 1, "scan": SLICE, "model": "Both", "threshold": None}
    list(answer(workbench, state))
    opened = workbench.open(SLICE, None)
    for name, own in (("attention_unet", 0.3), ("nested_unet", 0.6)):
        assert workbench.read(opened, name, None, 0).threshold == own
    known = config_of_page(workbench)
    assert [network["threshold"] for network in known["networks"]] == [0.3, 0.6]


def config_of_page(workbench: Workbench) -> dict:
    return json.loads(html.unescape(shell(workbench).split('data-config="')[1].split('"')[0]))


def test_batch_and_viewer_mean_the_same_threshold():
    sensitive = {"attention_unet": 0.1583, "nested_unet": 0.2313, "unet": None}
    checkpoints = [small_checkpoint(n, sensitive_threshold=t) for n, t in sensitive.items()]
    workbench = Workbench(Segmenter(checkpoints, device="cpu"))
    shown = config_of_page(workbench)["sensitive"]
    assert shown == {"Both": 0.235, "attention_unet": 0.16, "nested_unet": 0.235, "unet": None}
    for model, threshold in (("Both", 0.235), ("Attention U-Net", 0.16), ("unet", "sensitive")):
        assert typed_threshold(workbench, model, "sensitive") == threshold
    for text, threshold in (("", None), ("0.123", 0.125), ("0.9", 0.9), ("0", 0.0)):
        assert typed_threshold(workbench, "Both", text) == threshold


@needs_chromium
def test_each_network_keeps_its_own_threshold_until_the_slider_moves(page, server):
    """A late answer to the choice of a network must not move the slider."""
    set_one_apart(page, server)
    own, number = page.locator("#own"), page.locator("#threshold-number")
    expect(own).to_have_text(re.compile(r"each its own: 0\.9 / 0\.\d+"))
    start = number.input_value()
    assert start != "0.25"
    for name in ("Nested U-Net", "Both", "Attention U-Net", "Both"):
        page.locator("#model").get_by_label(name).check()
        set_threshold(page, "0.25")
        page.wait_for_timeout(600)
        assert page.locator("#threshold-range").input_value() == "0.25"
        expect(own).to_be_empty()
    page.locator("#ticks button", has_text="default").click()
    expect(own).to_contain_text("each its own: 0.9 / ")
    expect(number).to_have_value(start)
