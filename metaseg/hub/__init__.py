"""Publish checkpoints and the demo on the Hugging Face Hub, and load checkpoints from it."""
