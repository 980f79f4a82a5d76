"""The notebooks run from top to bottom."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))


def read(name: str) -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def run(name: str) -> nbformat.NotebookNode:
    """The notebook with its outputs, run where it lies; an error in a cell is raised."""
    notebook = read(name)
    resources = {"metadata": {"path": str(NOTEBOOKS)}}
    NotebookClient(notebook, timeout=3600, kernel_name="python3", resources=resources).execute()
    return notebook


def texts(notebook: nbformat.NotebookNode) -> str:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(output.get("text", "") for output in outputs)


def pictures(notebook: nbformat.NotebookNode) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_valid_small_and_without_outputs(name):
    notebook = read(name)
    nbformat.validate(notebook)
    assert (NOTEBOOKS / f"{name}.ipynb").stat().st_size < 300_000
    assert not any(cell.get("outputs") for cell in notebook.cells)
    assert "not for diagnosis" in notebook.cells[0].source


@pytest.mark.slow
def test_quickstart():
    notebook = run("quickstart")
    assert pictures(notebook) == 2
    assert re.search(r"nested_unet: Dice 0\.\d{3} \(0\.\d{3} to 0\.\d{3}\)", texts(notebook))
    model, agreement = ast.literal_eval(notebook.cells[-1].outputs[-1].data["text/plain"])
    assert model == "Nested U-Net" and agreement > 0.99


@pytest.mark.slow
def test_train_your_own():
    notebook = run("train_your_own")
    assert pictures(notebook) == 2
    assert re.search(r"Dice [01]\.\d{3} on 12 slices", texts(notebook))
