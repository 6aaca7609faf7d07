"""Propagation: one state, or one function on a grid, stepped in time."""
