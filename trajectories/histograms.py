"""Bins of the distributions over single runs; they depend on the definition alone."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nvmodel.solution import Distribution

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

ENERGY_BINS = 100
PHOTON_BINS = 256


def energy_edges() -> Array:
    """Edges of the bins for energies per spin, 0 ... 1 in hbar omega."""
    return np.linspace(0.0, 1.0, ENERGY_BINS + 1)


def burst_distribution(times: Array, arrived: Counts) -> Distribution:
    """Time at which the total J^z of a run first is <= 0, between output times.

    Runs that are not there at the last output time are in no bin.
    """
    low = np.concatenate([[0.0], times[:-1]])
    return Distribution("time of the burst", low, times, arrived)


def photon_distribution(quantity: str, width: float, counts: Counts) -> Distribution:
    """Numbers of photons in bins `width` wide; the last one is open."""
    low = width * np.arange(counts.size, dtype=float)
    high = low + width
    high[-1] = np.inf
    return Distribution(quantity, low, high, counts)


@njit(error_model="numpy")
def sort_ascending(values: Array) -> None:
    """Shell's sort, in place: numpy's takes two seconds to compile."""
    gap = values.size // 2
    while gap > 0:
        for i in range(gap, values.size):
            moving, j = values[i], i
            while j >= gap and values[j - gap] > moving:
                values[j] = values[j - gap]
                j -= gap
            values[j] = moving
        gap //= 2
