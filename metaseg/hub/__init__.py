"""Checkpoints and the demo to the Hugging Face Hub, and checkpoints back."""
