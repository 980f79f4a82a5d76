"""Training: the only wing that knows accelerate and albumentations. Begin with train.py."""
