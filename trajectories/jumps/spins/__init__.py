"""Runs with jumps of single spins: local noise, protocols, any start."""
