"""The command line, ``metaseg`` or ``python -m metaseg``, one module for each command.

A module offers ``add_options(parser)``, which also sets ``run``: a function that takes the options
and returns the exit status. It is imported only when its command runs.
"""
