r"""When single runs emit most: times of the largest emission, added up exactly.

The emission of a run is that of its state given the record so far, and it is looked at at the
output times: the first of them at which it is largest is the peak's. That is defined for every kind
of run and at any size; it is as fine as the output times lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.errors import mean_error
from darkbattery.nvmodel.solution import Distribution
from darkbattery.nvmodel.tally import FULL, ExactSums, add_value

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

PEAK = "peak_emission_time"  # of `nvmodel.OBSERVABLES`


class PeakSums(NamedTuple):
    """What kernels add to; of no times where nobody asked.

    Attributes
    ----------
    total, low, high : ndarray of int64 (T,)
        Limbs of the sums over runs of the peak's time until each output time, in units of the last.
    last : ndarray of int64 (T,)
        Runs whose emission is largest at each output time.
    """

    total: Counts
    low: Counts
    high: Counts
    last: Counts


def no_peaks(n_times: int) -> PeakSums:
    """Of no runs."""
    total, low, high, last = (np.zeros(n_times, dtype=np.int64) for _ in range(4))
    return PeakSums(total, low, high, last)


@njit(inline="always")
def add_peak(emission: Any, times: Any, peaks: Any) -> None:
    """Add one run with `emission` (T,) at `times` (T,)."""
    last = times[times.size - 1]
    scale = FULL / last if last > 0.0 else 0.0
    peak = 0
    for i in range(times.size):
        if emission[i] > emission[peak]:
            peak = i
        add_value(times[peak], scale, peaks.total, peaks.low, peaks.high, i)
    peaks.last[peak] += 1


@njit(cache=True, error_model="numpy")
def add_peaks(emission: Array, times: Array, peaks: PeakSums) -> None:
    """Add runs with `emission` (runs, T)."""
    for r in range(emission.shape[0]):
        add_peak(emission[r], times, peaks)


def peak_counts(peaks: PeakSums) -> dict[str, Counts]:
    """What was added, by the names that a tally has for it; nothing where nobody asked."""
    if not peaks.last.size:
        return {}
    return {f"peak_{name}": getattr(peaks, name) for name in ("total", "low", "high", "last")}


def read_peaks(
    times: Array, runs: int, counts: Mapping[str, Counts]
) -> tuple[Array, Array, Distribution]:
    """Mean over `runs` runs of the peak's time until each output time, its error, and when it is.

    `counts` holds those of `peak_counts`; an output time closes its bin.
    """
    bound = float(times[-1]) if times[-1] > 0.0 else 1.0
    total, low, high = (counts[name] for name in ("peak_total", "peak_low", "peak_high"))
    sums = ExactSums(runs, bound, total, low, high)
    # runs that agree do so to a distance of output times
    spacing = float(np.max(np.diff(times, prepend=0.0)))
    error = mean_error(sums.variance(), runs, spacing)
    since = np.concatenate([[0.0], times[:-1]])
    found = Distribution("time of the largest emission", since, times, counts["peak_last"])
    return sums.mean(), error, found
