"""What the README says is run."""

import json
import re
from pathlib import Path

from metaseg.models import TITLES
from metaseg.sources import shipped_models

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(name: str) -> str:
    return re.search(rf"<!-- {name} -->\n```\w+\n(.*?)```", README, re.DOTALL)[1]


def test_the_snippet_runs(server, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    exec(block("snippet").replace("http://127.0.0.1:7860", server), {})
    dice, lesions = capsys.readouterr().out.strip().splitlines()[-1].split(" ", 1)
    assert 0 <= float(dice) <= 1 and "area_px" in lesions


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
            assert re.search(rf"\| {title} \| `{data}` \|.*{re.escape(cell)}", README), cell
            rows += 1
    assert rows >= 2 * len(shipped_models()) >= 4
