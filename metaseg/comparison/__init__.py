"""What was measured of the shipped networks and of the runs that compare, as one report.

Nothing is measured here: every figure comes from the ``metrics.json``, ``slice_dice.csv`` and
``curves.json`` that evaluation and training have left. ``build.py`` puts the report together.
"""
