"""The methods of the quantum engine, in order: steady states, averages, and single runs."""

from darkbattery.trajectories.averages import evolution, steady
from darkbattery.trajectories.averages.dicke import CLOSED
from darkbattery.trajectories.averages.evolution import EVOLVE
from darkbattery.trajectories.averages.steady import STEADY
from darkbattery.trajectories.jumps import sampling
from darkbattery.trajectories.jumps.sampling import SAMPLE

__all__ = ["AT_RESONATOR", "CLOSED", "IN_RESERVOIR"]

AT_RESONATOR = (
    steady.AT_RESONATOR,
    *evolution.AT_RESONATOR,
    *sampling.AT_RESONATOR,
)
"""Of a battery at a resonator."""
IN_RESERVOIR = (*STEADY, *EVOLVE, *SAMPLE)
"""Of a battery in a shared reservoir."""
