"""How the demo is served."""

from typing import Any

from metaseg.demo.pixels import RESULT_ROUTES
from metaseg.demo.protection import APP_OPTIONS
from metaseg.demo.style import HEAD, THEME
from metaseg.demo.uploads import UPLOAD_ROUTES
from metaseg.limits import MAX_FILE_BYTES


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
