import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from metaseg.demo.compare import compare_view
from metaseg.demo.curve import threshold_curve
from metaseg.demo.explain import combine, entropy, explain_view
from metaseg.demo.figure import Frame, figure, path_data, slice_store
from metaseg.demo.reading import Reading
from metaseg.findings.outlines import outline_lesions
from metaseg.findings.report import find
from metaseg.findings.sizes import area_text
from metaseg.prediction import Prediction
from metaseg.scan import Scan
from metaseg.segmenter import Explanation

FRAME = Frame("head & <neck>", 40, 30, 2.0, (0, 40, 0, 30))


def disc(row: float, column: float, radius: float = 6) -> np.ndarray:
    rows, columns = np.mgrid[:40, :30]
    distance = np.hypot(rows - row, columns - column)
    return np.clip(1 - distance / (2 * radius), 0, 1).astype(np.float32)


def read(name: str, title: str, probability: np.ndarray) -> Reading:
    prediction = Prediction(probability[None], name, title, "0" * 64, 1.0)
    found = find(Scan(probability[None]), prediction, 0.5)
    outlines = outline_lesions(probability, 0.5, found.components)
    numbers = [outline.number for outline in outlines]
    return Reading(name, title, (1, 2, 3), probability, 0.5, outlines, numbers, found.mask[0])


@pytest.fixture
def readings():
    return [read("one", "One", disc(20, 12)), read("two", "T<w>o", disc(20, 16))]


def parse(html: str) -> ElementTree.Element:
    """``html`` as a tree: whatever is not closed, nested or escaped as it should be fails."""
    html = re.sub(r"(<input[^>]*)>", r"\1/>", html)
    return ElementTree.fromstring(f"<div>{html}</div>")


def test_a_figure_is_well_formed_and_keeps_the_shape_of_pixels():
    tree = parse(
        figure("Title", FRAME, "", "caption", "1 lesion")
        + slice_store(np.zeros((40, 30), np.uint8), FRAME)
    )
    svg = tree.find(".//svg")
    assert svg.get("viewBox") == "0 0 30 80"
    assert svg.get("aria-label") == "Title, head & <neck>. 1 lesion"
    image = tree.find(".//image")
    assert (image.get("width"), float(image.get("height"))) == ("30", 80)
    assert image.get("href").startswith("data:image/png;base64,iVBOR")


def test_a_path_is_closed_and_rounded():
    ring = np.array([[0, 0], [1.234567, 0], [1, 1], [0, 0]])
    assert path_data([ring, ring]) == "M0,0 1.23,0 1,1Z" * 2


def test_the_areas_of_agreement_and_errors_add_up(readings):
    truth = disc(22, 14) >= 0.5
    html = compare_view(FRAME, readings, truth, None)
    parse(html)
    one, two = (reading.mask for reading in readings)
    assert f"Both: {(one & two).sum()} pixels" in html
    assert f"Only One: {(one & ~two).sum()} pixels" in html
    assert f"Missed: {(truth & ~two).sum()} pixels" in html
    in_mm = compare_view(FRAME, readings[:1], truth, 0.5)
    assert f"Correct: {area_text((one & truth).sum() * 0.5, 0)}" in in_mm and "Only" not in in_mm
    assert "Dice is undefined" in compare_view(FRAME, readings, np.zeros((40, 30), bool), None)
    assert "polyline" in html
    grown = compare_view(FRAME, [replace(readings[0], grows=True)], truth, None)
    assert "polyline" not in grown and "drawn for single slices alone" in grown


def test_titles_are_escaped_everywhere(readings):
    explanation = Explanation((), (readings[0].probability,), readings[0].probability)
    for html in (
        compare_view(FRAME, readings, disc(22, 14) >= 0.5, None),
        explain_view(FRAME, readings, [explanation, explanation]),
    ):
        parse(html)
        assert "<w>" not in html and "T&lt;w&gt;o" in html


def test_the_curve_says_what_it_draws():
    truth = disc(20, 12) >= 0.5
    one, other = read("one", "Net", disc(20, 12)), read("two", "Other", disc(20, 16))
    tree = parse(threshold_curve([one, replace(other, threshold=0.7)], truth))
    words = "".join(tree.itertext())
    assert "Net: 1.000 at 0.5, best 1.000 at 0.5" in words and " at 0.7, best" in words
    points = [
        tuple(map(float, p.split(","))) for p in tree.find(".//polyline").get("points").split()
    ]
    assert len(points) == 101
    highest = min(points, key=lambda point: point[1])
    marks = [float(mark.get("x1")) for mark in tree.findall(".//line[@class='present']")]
    dots = [float(dot.get("cx")) for dot in tree.findall(".//circle")]
    assert marks == dots and marks[0] < marks[1]
    assert highest[0] == pytest.approx(marks[0], abs=8)


def test_entropy_is_highest_at_a_coin_toss():
    values = entropy(np.array([[0, 0.5, 1, 0.11]]))
    np.testing.assert_allclose(values, [[0, 1, 0, 0.4999]], atol=1e-3)


def test_gates_that_let_everything_pass_tell_nothing_of_the_whole():
    varied = np.linspace(0.2, 0.8, 1200, dtype=np.float32).reshape(40, 30)
    even = np.full((40, 30), 0.99, np.float32)
    np.testing.assert_array_equal(combine([varied, even]), combine([varied]))
    assert combine([even]).min() > 0.9


def test_an_explanation_shows_a_panel_for_each_map(readings):
    maps = tuple(disc(row, 15) for row in (10, 20, 30, 35))
    html = explain_view(
        FRAME, readings, [Explanation(maps, maps[:1], maps[0]), Explanation((), maps, maps[0])]
    )
    sections = parse(html).findall(".//section")
    assert [len(section.findall(".//figure")) for section in sections] == [2, 2, 3, 5, 4]
    assert "no tissue" in explain_view(FRAME, readings, [None, None])
