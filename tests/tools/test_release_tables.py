"""The tables that a release of the networks writes, and the commands that it is made of."""

import re
import shlex
from pathlib import Path

import pytest

from metaseg.cli.main import main as metaseg
from tests.measured import write_network
from tools.readme_table import HEAD, main
from tools.volume_table import table_of

ROOT = Path(__file__).parent.parent.parent


def test_the_readme_table_is_replaced_and_nothing_else(tmp_path):
    write_network(tmp_path / "a/unet", "unet")
    readme = tmp_path / "README.md"
    readme.write_text(f"# Title\n\n{HEAD}| old | row |\n\nAfter it.\n")
    options = ["--checkpoints", str(tmp_path / "a"), "--readme", str(readme)]
    assert main(options) == 0
    text = readme.read_text()
    assert text.startswith("# Title\n\n| model |") and text.endswith(" |\n\nAfter it.\n")
    assert "| U-Net (baseline) | `t1ce_slices` |" in text and "old" not in text
    assert "0.600 (0.500 to 0.700)" in text
    assert main(options) == 0 and readme.read_text() == text


def test_the_committed_readme_has_the_table_of_the_committed_metrics(tmp_path):
    """Run ``python -m tools.readme_table`` where this fails."""
    readme = tmp_path / "README.md"
    readme.write_text((ROOT / "README.md").read_text())
    assert main(["--checkpoints", str(ROOT / "checkpoints"), "--readme", str(readme)]) == 0
    assert readme.read_text() == (ROOT / "README.md").read_text()


def test_a_readme_without_a_table_is_one_sentence(tmp_path, capsys):
    (tmp_path / "README.md").write_text("# Title\n")
    assert main(["--readme", str(tmp_path / "README.md")]) == 2
    assert "no table of results" in capsys.readouterr().err


def test_volumes_stand_in_rows_and_networks_in_columns(tmp_path):
    for number, rows in enumerate(
        (("unet,v1,p,20,0.5", "nested_unet,v1,p,20,0.75"), ("unet,v2,q,30,",))
    ):
        text = "model,case,group,slices,dice\n" + "\n".join(rows) + "\n"
        (tmp_path / f"{number}.csv").write_text(text)
    table = table_of([tmp_path / "0.csv", tmp_path / "1.csv"])
    assert table.startswith("| volume | slices | U-Net (baseline) | Nested U-Net |")
    assert "| v1 | 20 | 0.500 | 0.750 |" in table and "| v2 | 30 | – | – |" in table


def commands() -> list[list[str]]:
    text = (ROOT / "docs/how-to/release.md").read_text()
    block = text.split("<!-- release commands -->\n```bash\n", 1)[1].split("\n```", 1)[0]
    lines = block.replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.strip().startswith("python -m")]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_the_commands_of_a_release_have_the_options_that_they_use(words, capsys):
    module = words[2]
    used = {word for word in words[3:] if word.startswith("--")}
    if module == "metaseg":
        with pytest.raises(SystemExit):
            metaseg([words[3], "--help"])
        assert used and used <= set(re.findall(r"--[\w-]+", capsys.readouterr().out))
    elif module != "pytest":
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file() or module == "tools.report"
    else:
        assert all((ROOT / word).exists() for word in words[5:])
