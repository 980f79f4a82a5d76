"""Evaluation of checkpoints on data folders. Start with evaluate.py."""
