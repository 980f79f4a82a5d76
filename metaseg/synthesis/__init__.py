"""Drawn metastases, the benchmark made of them, and heads that are drawn whole."""
