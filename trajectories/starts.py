"""The starts of a battery in the coupled basis."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nvmodel.battery import CollectiveBattery
from nvmodel.refusal import InputError
from trajectories.angular import CoupledBasis

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Start:
    """One pure state of a mixture: its weight, its M, and its amplitude on each ladder."""

    probability: float
    M: float
    amplitude: Array


def starts(battery: CollectiveBattery, basis: CoupledBasis) -> tuple[Start, ...]:
    """The mixture the charging starts from; the charger is all up.

    A thermal battery of one spin is up with probability nbar/(2 nbar + 1). Thermal batteries of
    more spins leave the symmetric ladder and are refused.
    """
    alternating = np.where((np.arange(basis.n_ladders)) % 2 == 0, 1.0, -1.0)
    down = Start(1.0, basis.m_start, alternating * np.sqrt(basis.weight))
    if battery.battery_start == "down" or battery.occupation == 0.0:
        return (down,)
    if battery.n_battery > 1:
        raise InputError(
            "battery_start",
            "thermal",
            f"needs n_battery = 1 (here {battery.n_battery}): more thermal spins leave the "
            "symmetric states, which this engine does not hold yet",
        )
    up = np.zeros(basis.n_ladders)
    up[-1] = 1.0  # all spins up: the top of the highest ladder
    hot = battery.thermal_energy
    return (
        Start(1.0 - hot, down.M, down.amplitude),
        Start(hot, basis.m_start + 1.0, up),
    )
