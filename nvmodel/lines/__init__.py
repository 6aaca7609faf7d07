"""Inhomogeneous lines: their shape, their response, and their division into classes."""
