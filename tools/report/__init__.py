"""The report on what was measured of checkpoints: docs/report.md.

Nothing is measured here: every number comes from the ``config.json``, ``metrics.json``,
``slice_dice.csv`` and ``curves.json`` that training and evaluation have left.
"""
