"""metaseg demo: serve the page, like app.py"""

import argparse

from metaseg.demo.launch import prepare_page, serve


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the command's options to ``parser``."""
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Serve until interrupted, as METASEG_MODELS, METASEG_DEVICE and GRADIO_SERVER_PORT say."""
    serve(prepare_page())
    return 0
