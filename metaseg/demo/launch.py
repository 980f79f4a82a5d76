"""How the demo is served."""

import threading
from typing import Any

import cv2
import gradio as gr

from metaseg.demo.page import build_page
from metaseg.demo.pixels import RESULT_ROUTES
from metaseg.demo.protection import APP_OPTIONS
from metaseg.demo.store import remove_on_signals
from metaseg.demo.style import HEAD, THEME
from metaseg.demo.uploads import UPLOAD_ROUTES
from metaseg.hub.resolve import resolve_checkpoints
from metaseg.limits import MAX_FILE_BYTES
from metaseg.segmenter import Segmenter


def prepare_page() -> gr.Blocks:
    """The page with the networks that METASEG_MODELS names, which load while it is served."""
    # OpenCV's threads compete with torch's for the same cores, and slices are small.
    cv2.setNumThreads(1)
    checkpoints, notices = resolve_checkpoints()
    segmenter = Segmenter(checkpoints)
    threading.Thread(target=segmenter.load, daemon=True).start()
    return build_page(segmenter, notices)


def serve(page: gr.Blocks) -> None:
    """Serve ``page`` until interrupted, and leave no file of a visitor behind."""
    remove_on_signals()
    page.launch(**launch_options())


def launch_options() -> dict[str, Any]:
    """What to launch the page with: made anew, as gradio writes into it and a second launch would
    start the first one's tools again."""
    return {
        "theme": THEME,
        "head": HEAD,
        "app_kwargs": {"routes": [*UPLOAD_ROUTES, *RESULT_ROUTES], **APP_OPTIONS},
        "max_file_size": MAX_FILE_BYTES,
        # A server of its own would stand between the visitor and what guards the page.
        "ssr_mode": False,
        "allowed_paths": [],
        "show_error": False,
        # Patients' images must not stay in the visitor's browser.
        "run_history": False,
        "footer_links": ["api"],
        # The public endpoints are tools of the Model Context Protocol too.
        "mcp_server": True,
    }
