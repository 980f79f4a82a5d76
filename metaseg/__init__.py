"""MetaSeg outlines brain metastases on MR slices. Research software, not for diagnosis."""

from typing import TYPE_CHECKING

from metaseg.version import __version__

if TYPE_CHECKING:
    from metaseg.checkpoint import Checkpoint


def from_pretrained(name: str, revision: str | None = None) -> "Checkpoint":
    """The checkpoint ``name``: a shipped one, a folder, or ``USER/NAME[@REVISION]`` on the Hub.

    See ``metaseg.sources.from_pretrained``. InputError says what is wrong.
    """
    # Imported here, so that «import metaseg» does not wait for torch.
    from metaseg.sources import from_pretrained

    return from_pretrained(name, revision)


__all__ = ["__version__", "from_pretrained"]
