"""MetaSeg finds and outlines brain metastases on MRI slices. Research software, not for diagnosis.

import metaseg

result = metaseg.segment("slice.png", model="nested_unet")
print(result.lesions)
result.save("results")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from metaseg.errors import InputError
from metaseg.version import __version__

if TYPE_CHECKING:
    from metaseg.api import Result, segment
    from metaseg.hub.resolve import from_pretrained
    from metaseg.scan import Scan, read_scan

__all__ = [
    "InputError",
    "Result",
    "Scan",
    "__version__",
    "from_pretrained",
    "read_scan",
    "segment",
]

_HOMES = {
    "Result": "metaseg.api",
    "segment": "metaseg.api",
    "Scan": "metaseg.scan",
    "read_scan": "metaseg.scan",
    "from_pretrained": "metaseg.hub.resolve",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import metaseg`` is quick."""
    if name not in _HOMES:
        raise AttributeError(f"module 'metaseg' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
