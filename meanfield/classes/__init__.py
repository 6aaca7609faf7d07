"""Ensembles as classes of spins, and what their number decides."""
