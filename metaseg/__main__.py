"""``python -m metaseg``, the same as the installed command ``metaseg``."""

import sys

from metaseg.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
