"""The commands of ``python -m metaseg``, one module each.

A module offers ``add_parser(subparsers)``, whose parser sets ``run``: a function of the options
that returns the exit status.
"""
