"""Voxels for the viewer: packed into files that the browser fetches, and the address of results.

A part is a few slices as uint8, compressed by gzip. Its address names a folder of 128 random bits,
which only the answer to its visitor names.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from metaseg.demo.gallery import EXAMPLES
from metaseg.demo.store import SCAN, store
from metaseg.prediction import STEPS

PART_VOXELS = 4_000_000
GONE = "This result is not kept any more: open the scan again."


def pack_probability(probability: np.ndarray) -> np.ndarray:
    """``probability`` (D, H, W) in [0, 1] as uint8 (D, H, W) in ``STEPS`` steps, rounded down.

    A step of the slider is two of them, so that the browser's mask at a threshold of whole
    hundredths is exactly the server's."""
    # A float32 that just reaches a hundredth may lie below it as a float64.
    return np.floor(probability * np.float32(STEPS) + np.float32(1e-4)).astype(np.uint8)


def write_parts(voxels: np.ndarray, start: int = 0) -> list[dict]:
    """``voxels`` (D, H, W) uint8 or bool, the slices of a scan from ``start`` on, as parts: first
    slice, number of slices and address. They are in the order to fetch, from the middle outwards,
    where the viewer opens."""
    folder = store().new_result(SCAN)
    step = part_depth(voxels.shape)
    parts = []
    for first in from_the_middle(len(voxels), step):
        slices = np.ascontiguousarray(voxels[first : first + step]).view(np.uint8)
        path = folder / f"{first}.gz"
        path.write_bytes(gzip.compress(slices.tobytes(), compresslevel=1, mtime=0))
        parts.append({"first": start + first, "depth": len(slices), "url": address_of(path)})
    return parts


def part_depth(shape: tuple[int, ...]) -> int:
    """Slices of one part of voxels of ``shape`` (D, H, W)."""
    return max(1, PART_VOXELS // (shape[1] * shape[2]))


def from_the_middle(depth: int, step: int) -> Iterator[int]:
    """The first slices of the parts of ``step`` slices, the one with the middle slice first."""
    starts = range(0, depth, step)
    return iter(sorted(starts, key=lambda first: abs(first + step / 2 - depth / 2)))


def address_of(path: Path) -> str:
    """Where the browser gets the result at ``path``, relative to the page."""
    return f"results/{path.parent.name}/{path.name}"


def deliver(request: Request) -> Response:
    """A result, to whoever knows its address."""
    path = store().result(request.path_params["folder"], request.path_params["name"])
    if path is None:
        return PlainTextResponse(GONE, 404)
    # Patients' images must not stay in the visitor's browser.
    headers = {"Cache-Control": "no-store"}
    if path.suffix == ".gz":
        return FileResponse(path, media_type="application/gzip", headers=headers)
    return FileResponse(path, filename=path.name, headers=headers)


FOLDER = Path(__file__).parent
RESULT_ROUTES = [
    Route("/results/{folder}/{name}", deliver, methods=["GET"]),
    Mount("/viewer", StaticFiles(directory=FOLDER / "viewer")),
    Mount("/thumbnails", StaticFiles(directory=EXAMPLES / "thumbnails")),
]
