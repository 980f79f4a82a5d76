"""The commands of ``python -m metaseg``, one module each.

A module offers ``add_parser(subparsers)``, whose parser sets ``run``: a function that takes the
options and returns the exit status.
"""
