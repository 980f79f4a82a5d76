"""The demo, as the Space starts it: python app.py"""

import sys

from metaseg.demo.launch import prepare_page, serve
from metaseg.errors import InputError

try:
    demo = prepare_page()
except InputError as error:
    sys.exit(str(error))

if __name__ == "__main__":
    serve(demo)
