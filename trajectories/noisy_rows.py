"""Rows of single runs with local noise, detuning, protocols or any start."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from nvmodel.rows import EMPTY, Summary
from trajectories.local_noise import Array
from trajectories.noisy_runs import (
    ABSORBED,
    BATTERY_ENERGY,
    BURST,
    EMISSION_RATE,
    EMITTED,
    LOCAL_LOSS,
    POWER,
    Course,
)
from trajectories.summaries import COLUMNS, table_of_rows


class NoisyRows(NamedTuple):
    """Rows that are filled while runs are added up; none where nobody asked for them.

    Attributes
    ----------
    levels, shares : ndarray
        Battery energies per spin, and shares of a run's own end, whose times are noted.
    when : ndarray (runs, levels and shares)
    found : ndarray (runs, COLUMNS)
        As of `trajectories.summaries.RunRows`.
    lost : ndarray of int64 (runs,)
        Excitations lost to single spins.
    ladders : ndarray of int64 (runs,)
        Numbers of the ladders, from the lowest J on; -1 where J is not conserved.
    """

    levels: Array
    shares: Array
    when: Array
    found: Array
    lost: NDArray[np.int64]
    ladders: NDArray[np.int64]


def no_rows_yet(runs: int, summary: Summary) -> NoisyRows:
    """Room for so many rows."""
    levels, shares = np.array(summary.levels, dtype=float), np.array(summary.of_end, dtype=float)
    return NoisyRows(
        levels,
        shares,
        np.full((runs, levels.size + shares.size), np.nan),
        np.full((runs, COLUMNS), np.nan),
        np.zeros(runs, dtype=np.int64),
        np.full(runs, -1, dtype=np.int64),
    )


def table_of_noisy_rows(rows: NoisyRows, summary: Summary, first: int, spins: int) -> pd.DataFrame:
    """The rows of the runs of so many spins from `first` on, as `RunRows.table`."""
    J = np.where(rows.ladders < 0, np.nan, rows.ladders + 0.5 * (spins % 2))
    when = dict(zip(summary.columns, rows.when.T, strict=True))
    return table_of_rows(rows.found, when, rows.lost, J, first, rate=1.0)


@njit(error_model="numpy")
def add_row_of(r: int, course: Course, times: Array, rows: NoisyRows) -> None:
    """Row r: the run that was followed into `course`."""
    q, found, last = course.quantities, rows.found, times.size - 1
    found[r, 0] = q[BATTERY_ENERGY, last]
    found[r, 1], found[r, 2] = q[EMITTED, last], q[ABSORBED, last]
    rows.lost[r] = round(q[LOCAL_LOSS, last])
    # a burst after the last output time was not looked for
    found[r, 3] = course.now[BURST] if course.now[BURST] < np.inf else np.nan
    peak = np.argmax(q[POWER])
    found[r, 4], found[r, 5] = q[POWER, peak], times[peak]
    found[r, found.shape[1] - 1] = times[np.argmax(q[EMISSION_RATE])]
    end = q[BATTERY_ENERGY, last]
    for k in range(rows.when.shape[1]):
        absolute = k < rows.levels.size
        mark = rows.levels[k] if absolute else rows.shares[k - rows.levels.size] * end
        if not absolute and end <= EMPTY:
            continue
        for i in range(times.size):
            if q[BATTERY_ENERGY, i] >= mark:
                rows.when[r, k] = times[i]
                break
