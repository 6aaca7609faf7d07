"""The semiclassical engine: cumulant averages and truncated-Wigner single runs.

Its contract is the quantum engine's: `evolve(model, times, order=2)` and
`sample(model, times, runs, seed, first=0)` return a `nvmodel.Solution`.
"""

from darkbattery.meanfield.averages.cumulants import evolve
from darkbattery.meanfield.averages.delay import BurstDelay, delay_average, expected_delay
from darkbattery.meanfield.averages.linear import growth_rate, threshold_cooperativity
from darkbattery.meanfield.averages.remaining import Remaining, remaining, scattering
from darkbattery.meanfield.paths.port import PortRecords, port_records
from darkbattery.meanfield.paths.wigner import sample

__all__ = [
    "BurstDelay",
    "PortRecords",
    "Remaining",
    "delay_average",
    "evolve",
    "expected_delay",
    "growth_rate",
    "port_records",
    "remaining",
    "sample",
    "scattering",
    "threshold_cooperativity",
]


def __dir__() -> list[str]:
    return sorted(__all__)  # what tab completion offers
