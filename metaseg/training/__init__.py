"""Training. Only this package imports accelerate and albumentations. Start with train.py."""
