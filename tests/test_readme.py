"""What the README and its how-to pages say is run."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from metaseg.hub.resolve import shipped_models
from metaseg.models import TITLES
from tests.demo.browser import CHROMIUM
from tests.demo.conftest import browser  # noqa: F401

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "meningioma_axial.jpg"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = README + (ROOT / "docs" / "how-to" / "api.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    return re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", PAGES, re.DOTALL)[1]


def test_the_snippet_runs(server, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(block("snippet").replace("http://127.0.0.1:7860", server), {})
    dice, lesions = capsys.readouterr().out.strip().splitlines()[-1].split(" ", 1)
    assert 0 <= float(dice) <= 1 and "area_px" in lesions


def test_the_snippet_for_many_calls_runs(server, capsys):
    exec(block("quick snippet").replace("http://127.0.0.1:7860", server), {})
    thresholds = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert thresholds and all(0 < threshold < 1 for threshold in thresholds)


def test_the_package_snippet_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(block("package snippet").replace('"examples/', f'"{ROOT}/examples/'), {})
    assert "'dice': 0." in capsys.readouterr().out
    assert (tmp_path / "results" / "meningioma_axial_mask.png").is_file()


def test_the_tutorial_runs(tmp_path, monkeypatch, capsys):
    tutorial = (ROOT / "docs" / "tutorials" / "first-slice.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", tutorial, re.DOTALL))
    monkeypatch.chdir(tmp_path)
    exec(code.replace('"examples/', f'"{ROOT}/examples/'), {})
    assert len(capsys.readouterr().out.splitlines()) >= 3
    assert (tmp_path / "results" / "meningioma_axial_mask.png").is_file()


def test_the_shell_snippet_runs(server, tmp_path):
    path = os.environ["PATH"]
    if shutil.which("curl") is None:
        stand_in = tmp_path / "curl"
        stand_in.write_text(
            f'#!/bin/sh\nexec {sys.executable} {ROOT}/tests/curl_stand_in.py "$@"\n'
        )
        stand_in.chmod(0o755)
        path = f"{tmp_path}:{path}"
    script = block("curl snippet").replace("http://127.0.0.1:7860/", server)
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    data = re.search(r"event: complete\ndata: (.*)", done.stdout)[1]
    overlay, mask, report = json.loads(data)
    assert report["model"] == "Nested U-Net" and report["lesions"]
    assert overlay["url"].startswith("http") and mask["url"].endswith(".png")


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_javascript_snippet_runs_in_a_browser(server, browser):  # noqa: F811
    picture = EXAMPLE.read_bytes()
    page = browser.new_page()
    page.set_default_timeout(300_000)
    page.goto(f"{server}gradio_api/info")
    answer = page.evaluate(
        """async ([code, data, server]) => {
          const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
          const file = new File([bytes], "slice.jpg", { type: "image/jpeg" });
          const call = eval(code + "; segment");
          const options = { model: "Nested U-Net", threshold: 0.5 };
          const found = await call(file, options, server);
          const mask = await createImageBitmap(await (await fetch(found.mask)).blob());
          const refused = await call(file, { threshold: 3 }, server).catch(String);
          return { ...found, width: mask.width, height: mask.height, refused };
        }""",
        [block("JavaScript snippet"), base64.b64encode(picture).decode(), server.rstrip("/")],
    )
    page.close()
    assert answer["report"]["model"] == "Nested U-Net" and answer["report"]["lesions"]
    assert (answer["width"], answer["height"]) == (512, 512)
    assert "The threshold 3 is outside 0 to 1" in answer["refused"]


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_the_javascript_snippet_runs_in_node(server):
    script = f"""{block("JavaScript snippet")}
      const data = await (await import("node:fs/promises")).readFile(process.argv[1]);
      const {{ report }} = await segment(new Blob([data]), {{ threshold: 0.4 }}, process.argv[2]);
      console.log(JSON.stringify(report));"""
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script, EXAMPLE, server.rstrip("/")],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    report = json.loads(done.stdout)
    assert report["threshold"] == 0.4 and report["lesions"]


def test_the_commands_name_files_that_exist():
    for name in ("demo command", "test command"):
        for file in re.findall(r"[\w-]+\.(?:txt|py)\b", block(name)):
            assert (ROOT / file).is_file(), file


def test_the_table_shows_the_committed_figures():
    rows = 0
    for name in shipped_models():
        title = TITLES[name]
        metrics = json.loads((ROOT / "checkpoints" / name / "metrics.json").read_text())
        for data, entry in metrics.items():
            dice = entry["dice"]
            cell = f"{dice['mean']:.3f} ({dice['low']:.3f} to {dice['high']:.3f})"
            start = re.escape(f"| {title} | `{data}` |")
            assert re.search(rf"{start}.*{re.escape(cell)}", README), cell
            rows += 1
    assert rows >= 2 * len(shipped_models()) >= 4
