"""metaseg demo: serve the page, like app.py"""

import argparse
import threading

from metaseg.demo.launch import launch_options
from metaseg.demo.page import build_page
from metaseg.hub.resolve import resolve_checkpoints
from metaseg.segmenter import Segmenter


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to ``parser``."""
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted, as METASEG_MODELS, METASEG_DEVICE and GRADIO_SERVER_PORT say."""
    checkpoints, notices = resolve_checkpoints()
    segmenter = Segmenter(checkpoints)
    # The page is served while the networks load.
    threading.Thread(target=segmenter.load, daemon=True).start()
    build_page(segmenter, notices).launch(**launch_options())
    return 0
