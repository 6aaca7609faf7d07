"""Batteries that others compare with, beside the dark-state battery: definitions and a figure."""
