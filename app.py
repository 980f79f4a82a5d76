"""The demo, as the Space starts it: python app.py"""

import cv2

from metaseg.demo.launch import launch_options
from metaseg.demo.page import build_page
from metaseg.demo.store import remove_on_signals
from metaseg.hub.resolve import resolve_checkpoints
from metaseg.segmenter import Segmenter

# OpenCV's threads compete with torch's for the same cores, and slices are small.
cv2.setNumThreads(1)
checkpoints, notices = resolve_checkpoints()
demo = build_page(Segmenter(checkpoints), notices)

if __name__ == "__main__":
    remove_on_signals()
    demo.launch(**launch_options())
