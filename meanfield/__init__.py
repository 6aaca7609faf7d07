"""The semiclassical engine: cumulant averages and truncated-Wigner single runs.

Its contract is the quantum engine's: `evolve(model, times, order=2)` and
`sample(model, times, runs, seed, first=0)` return a `nvmodel.Solution`.
"""

from darkbattery.meanfield.cumulants import evolve
from darkbattery.meanfield.delay import BurstDelay, delay_average, expected_delay
from darkbattery.meanfield.linear import growth_rate, threshold_cooperativity
from darkbattery.meanfield.wigner import sample

__all__ = [
    "BurstDelay",
    "delay_average",
    "evolve",
    "expected_delay",
    "growth_rate",
    "sample",
    "threshold_cooperativity",
]


def __dir__() -> list[str]:
    return sorted(__all__)  # what tab completion offers
