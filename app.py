"""The demo, as the Space starts it: python app.py"""

from metaseg.demo import LAUNCH_OPTIONS, build_page
from metaseg.segmenter import Segmenter, load_models

demo = build_page(Segmenter(load_models()))

if __name__ == "__main__":
    demo.launch(**LAUNCH_OPTIONS)
