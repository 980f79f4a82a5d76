"""What a Space needs of this repository: the files that app.py reaches, and their requirements."""

import ast
import re
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path

from metaseg.checkpoint import CARD, CONFIG, METRICS, WEIGHTS
from metaseg.errors import InputError
from metaseg.hub.card import CURVES
from metaseg.sources import shipped_models

ROOT = Path(__file__).parent.parent.parent
APP, REQUIREMENTS, LICENSE = "app.py", "requirements.txt", "LICENSE"
OURS = "metaseg"
REPORT = "docs/report.md"
"""Its figures lie in the folder of the same name."""

TORCH_VERSIONS = ("2.8.0", "2.9.1", "2.10.0", "2.11.0")
"""Those that ZeroGPU runs."""


def space_files(root: Path = ROOT) -> list[str]:
    """Paths, relative to ``root``, of the files that the Space gets unchanged.

    These are app.py and the modules that it imports, directly or not, what lies beside them (style
    sheets and the like), the shipped checkpoints, the gallery, and the report that the page
    quotes. No tests, no training, no data. InputError where ``root`` is no whole copy of the
    repository.
    """
    if not (root / APP).is_file() or not (root / REQUIREMENTS).is_file():
        raise InputError("There is no app.py here: publish the Space from a clone of MetaSeg.")
    modules = reached_modules(root)
    beside = [
        path
        for folder in {module.parent for module in modules if module.name == "__init__.py"}
        for path in folder.iterdir()
        if path.is_file() and path.suffix not in (".py", ".pyc")
    ]
    weights = [
        root / "checkpoints" / name / file
        for name in shipped_models()
        for file in (CONFIG, WEIGHTS, CARD, METRICS, CURVES)
    ]
    gallery = (root / "examples").rglob("*")
    report = [root / REPORT, *(root / REPORT).with_suffix("").rglob("*")]
    files = [root / APP, root / LICENSE, *modules, *beside, *weights, *gallery, *report]
    names = {file.relative_to(root).as_posix() for file in files if file.is_file()}
    return sorted(name for name in names if not re.search(r"(^|/)[._](?!_init__)", name))


def reached_modules(root: Path) -> set[Path]:
    """The files of our package that app.py imports, directly or not, wherever in the code."""
    found: set[Path] = set()
    waiting = [root / APP]
    while waiting:
        for module in imported_modules(waiting.pop()):
            parts = module.split(".")
            if parts[0] != OURS:
                continue
            for length in range(1, len(parts) + 1):
                path = root.joinpath(*parts[:length])
                for file in (path.with_suffix(".py"), path / "__init__.py"):
                    if file.is_file() and file not in found:
                        found.add(file)
                        waiting.append(file)
    return found


def imported_modules(file: Path) -> set[str]:
    """Dotted names that ``file`` imports; ``from a import b`` counts as a and as a.b."""
    modules = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            modules |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return modules


def space_requirements(root: Path = ROOT) -> tuple[str, str]:
    """The Space's requirements.txt, and the version of gradio, which the Space installs itself.

    Left out are options such as another package index, and packages that only the files left out
    import (training, evaluation). InputError where ZeroGPU does not run the torch that is pinned.
    """
    left_out = _distributions(set(root.glob(f"{OURS}/**/*.py")) | {root / "train.py"})
    left_out -= _distributions({root / APP} | reached_modules(root))
    lines, gradio = [], None
    for line in (root / REQUIREMENTS).read_text(encoding="utf-8").splitlines():
        line = line.split("#")[0].strip()
        match = re.match(r"([A-Za-z0-9._-]+)(\[[^\]]*\])?==([^\s;+]+)(?:\+\w+)?(.*)", line)
        if match is None:
            if line and not line.startswith("-"):
                raise InputError(f"requirements.txt must pin every package, and does not: {line}.")
            continue
        name, extras, version, marker = match[1], match[2] or "", match[3], match[4]
        if name == "gradio":
            gradio = version
        elif _normal(name) not in left_out:
            lines.append(f"{name}{extras}=={version}{marker}")
        if name == "torch" and version not in TORCH_VERSIONS:
            raise InputError(
                f"requirements.txt pins torch {version}, and ZeroGPU runs "
                f"{', '.join(TORCH_VERSIONS)}: pin one of these."
            )
    if gradio is None:
        raise InputError("requirements.txt does not pin gradio, whose version the Space needs.")
    return "\n".join(lines) + "\n", gradio


def _distributions(files: Iterable[Path]) -> set[str]:
    """Names of the packages, as pip spells them, that ``files`` import."""
    providers = packages_distributions()
    imports = {module.split(".")[0] for file in files for module in imported_modules(file)}
    return {_normal(name) for module in imports for name in providers.get(module, [])}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
