"""Spaces: ladders of J, irreps of both ensembles, and the mode of a resonator."""
