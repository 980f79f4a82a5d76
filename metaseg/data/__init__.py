"""Data folders and their cases, lesions drawn into slices, and heads that are drawn whole."""
