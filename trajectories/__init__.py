"""The quantum engine: exact averages and quantum-jump single runs."""

from trajectories.master import evolve
from trajectories.steady import steady_state

__all__ = ["evolve", "steady_state"]
