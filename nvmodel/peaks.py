r"""When single runs emit most: times of the largest emission, added up exactly.

The emission of a run is that of its state given the record so far, and it is looked at at the
output times: the first of them at which it is largest is the peak's. That is defined for every kind
of run and at any size; it is as fine as the output times lie.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nvmodel.errors import mean_error
from nvmodel.solution import Distribution
from nvmodel.sums import FULL, ExactSums, add_value

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


@dataclass(frozen=True, eq=False)
class PeakTimes:
    """Times of the largest emission of a set of runs."""

    sums: ExactSums
    last: Counts

    @classmethod
    def of(cls, found: PeakSums, times: Array, runs: int) -> PeakTimes:
        """Of `runs` runs that were added to `found` at these output times."""
        bound = float(times[-1]) if times[-1] > 0.0 else 1.0
        return cls(ExactSums(runs, bound, found.total, found.low, found.high), found.last)

    def merge(self, other: PeakTimes) -> PeakTimes:
        """Of the runs of both."""
        return PeakTimes(self.sums.merge(other.sums), self.last + other.last)

    def arrays(self) -> dict[str, Counts]:
        """Its counts by name; none where nobody asked."""
        if not self.last.size:
            return {}
        return {
            "peak_total": self.sums.total,
            "peak_low": self.sums.square_low,
            "peak_high": self.sums.square_high,
            "peak_last": self.last,
        }

    def with_arrays(self, count: int, arrays: Mapping[str, Counts]) -> PeakTimes:
        """The same of `count` runs with other counts."""
        if not self.last.size:
            return self
        sums = replace(
            self.sums,
            count=count,
            total=arrays["peak_total"],
            square_low=arrays["peak_low"],
            square_high=arrays["peak_high"],
        )
        return PeakTimes(sums, arrays["peak_last"])

    def distribution(self, times: Array) -> Distribution:
        """Runs whose emission was largest at each output time, which closes its bin."""
        low = np.concatenate([[0.0], times[:-1]])
        return Distribution("time of the largest emission", low, times, self.last)

    def read_into(
        self,
        times: Array,
        values: dict[str, Array],
        errors: dict[str, Any],
        distributions: dict[str, Distribution],
    ) -> None:
        """Add mean, standard error and distribution, where somebody asked."""
        if self.last.size:
            values[PEAK] = self.sums.mean()
            # runs that agree do so to a distance of output times
            spacing = float(np.max(np.diff(times, prepend=0.0)))
            errors[PEAK] = mean_error(self.sums.variance(), self.sums.count, spacing)
            distributions[PEAK] = self.distribution(times)
