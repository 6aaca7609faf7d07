"""Runs with a homodyne or heterodyne record."""
