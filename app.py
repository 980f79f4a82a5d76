"""The demo, as the Space starts it: python app.py"""

from metaseg.demo import LAUNCH_OPTIONS, build_page
from metaseg.demo.store import remove_on_signals
from metaseg.segmenter import Segmenter
from metaseg.sources import resolve_checkpoints

checkpoints, notices = resolve_checkpoints()
demo = build_page(Segmenter(checkpoints), notices)

if __name__ == "__main__":
    remove_on_signals()
    demo.launch(**LAUNCH_OPTIONS)
