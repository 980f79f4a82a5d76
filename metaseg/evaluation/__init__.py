"""Measuring checkpoints on data folders. Begin with evaluate.py."""
