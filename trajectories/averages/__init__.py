"""Averages: `evolve` and `steady_state`, and what only they have."""
