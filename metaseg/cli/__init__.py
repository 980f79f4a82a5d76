"""The command line, ``metaseg`` or ``python -m metaseg``, one module for each command.

Each module has ``add_options(parser)``, which also sets ``run``: a function that takes the options
and returns the exit status. A module is imported only when its command runs.
"""
