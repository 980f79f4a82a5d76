"""What ships with MetaSeg beside its code: ``checkpoints`` and ``examples``."""

from pathlib import Path

PACKAGE = Path(__file__).parent


def resource(name: str) -> Path:
    """The folder ``name`` that ships with MetaSeg: inside the installed package, or in a clone."""
    installed = PACKAGE / name
    return installed if installed.is_dir() else PACKAGE.parent / name
