"""Synthetic metastases, the benchmark made of them, and synthetic heads."""
