"""Runs at a resonator, mode and all."""
