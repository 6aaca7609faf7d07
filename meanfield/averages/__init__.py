"""Averages by moment equations, the delay average, and linear response."""
