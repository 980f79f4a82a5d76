"""Data folders, their cases and their prepared slices."""
