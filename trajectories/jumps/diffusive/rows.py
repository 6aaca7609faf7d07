"""One line a run with a diffusive record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.rows import Summary
from darkbattery.trajectories.jumps.counts.summaries import Batch, RunRows

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


class DiffusiveRows(RunRows):
    r"""The rows of `RunRows`; ``emitted_photons`` and the like are the observer's means of them.

    ``record_x`` and ``record_y`` are the integrated record, of its real and imaginary part (NaN of
    a homodyne one), ``record_photons`` what the windows between output times hold by it, summed:
    a window of length :math:`\Delta` whose record integrates to y holds :math:`(y^2/\Delta-1)/2`
    photons of its own mode on average, :math:`|z|^2/\Delta-1` heterodyne, times the efficiency.
    In units of :math:`\gamma^{-1/2}`.
    """

    def __init__(
        self, times: Array, first: int, runs: int, summary: Summary, rate: float = 1.0
    ) -> None:
        super().__init__(times, first, runs, summary, rate)
        self._start, self._lengths = first, np.diff(times, prepend=0.0)
        self._record, self._mean = np.full((runs, 3), np.nan), np.zeros(runs)
        self._others = np.zeros((runs, 2))

    def add_records(self, runs: Batch, window: NDArray[Any]) -> None:
        """Add the record of runs that are added already; `window` (runs, T)."""
        T, begin = self._lengths.size, runs.start - self._start
        here = slice(begin, begin + runs.burst.size)
        self._mean[here] = runs.photons[0][T - 1 :: T]
        self._others[here, 0], self._others[here, 1] = runs.photons[1][T - 1 :: T], runs.lost
        used = self._lengths > 0.0
        held = np.abs(window[:, used]) ** 2 / self._lengths[used] - 1.0
        whole, both = window.sum(axis=1), np.iscomplexobj(window)
        self._record[here, 0] = whole.real
        if both:
            self._record[here, 1] = whole.imag
        self._record[here, 2] = held.sum(axis=1) * (1.0 if both else 0.5)

    def table(self) -> pd.DataFrame:
        """All rows."""
        found = super().table()
        found["emitted_photons"] = self._mean
        for name, means in zip(("absorbed_photons", "local_loss"), self._others.T, strict=True):
            if means.any():
                found[name] = means
        for column, name in enumerate(("record_x", "record_y", "record_photons")):
            found[name] = self._record[:, column]
        return found
