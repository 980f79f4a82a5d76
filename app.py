"""The demo, as the Space starts it: python app.py"""

import threading

import cv2

from metaseg.demo.launch import launch_options
from metaseg.demo.page import build_page
from metaseg.demo.store import remove_on_signals
from metaseg.hub.resolve import resolve_checkpoints
from metaseg.segmenter import Segmenter

# OpenCV's threads compete with torch's for the same cores, and slices are small.
cv2.setNumThreads(1)
checkpoints, notices = resolve_checkpoints()
segmenter = Segmenter(checkpoints)
# The page is served while the networks load.
threading.Thread(target=segmenter.load, daemon=True).start()
demo = build_page(segmenter, notices)

if __name__ == "__main__":
    remove_on_signals()
    demo.launch(**launch_options())
