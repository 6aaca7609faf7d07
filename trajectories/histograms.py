"""Bins of the distributions over single runs; they depend on the definition alone."""

import numpy as np
from numpy.typing import NDArray

from nvmodel.solution import Distribution

ENERGY_BINS = 100


def energy_edges() -> NDArray[np.float64]:
    """Edges of the bins for energies per spin, 0 ... 1 in hbar omega."""
    return np.linspace(0.0, 1.0, ENERGY_BINS + 1)


def burst_distribution(times: NDArray[np.float64], arrived: NDArray[np.int64]) -> Distribution:
    """Time at which the total J^z of a run first is <= 0, between output times.

    Runs that are not there at the last output time are in no bin.
    """
    low = np.concatenate([[0.0], times[:-1]])
    return Distribution("time of the burst", low, times, arrived)
