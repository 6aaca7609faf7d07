"""Rows of single runs with local noise, detuning, protocols or any start."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

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
from trajectories.summaries import CHARGE_LEVELS, COLUMNS, table_of_rows


class NoisyRows(NamedTuple):
    """Rows that are filled while runs are added up; none where nobody asked for them.

    Attributes
    ----------
    levels : ndarray
        Battery energies per spin whose times are noted.
    found : ndarray (runs, COLUMNS)
        As of `trajectories.summaries.RunRows`.
    lost : ndarray of int64 (runs,)
        Excitations lost to single spins.
    """

    levels: Array
    found: Array
    lost: NDArray[np.int64]


def no_rows_yet(runs: int) -> NoisyRows:
    """Room for so many rows."""
    found, lost = np.full((runs, COLUMNS), np.nan), np.zeros(runs, dtype=np.int64)
    return NoisyRows(np.array(CHARGE_LEVELS), found, lost)


def table_of_noisy_rows(rows: NoisyRows, first: int) -> pd.DataFrame:
    """The rows of the runs from `first` on, as `RunRows.table`, and their ``local_loss``."""
    table = table_of_rows(rows.found, first, rate=1.0)
    table["local_loss"] = rows.lost
    return table


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
    level = 0
    for i in range(times.size):
        while level < rows.levels.size and q[BATTERY_ENERGY, i] >= rows.levels[level]:
            found[r, 6 + level] = times[i]
            level += 1
