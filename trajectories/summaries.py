"""One line a run: what single runs differ in, for tables of all of them."""

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from nvmodel.battery import CollectiveBattery
from trajectories.conditional import (
    expectations,
    normalise_amplitudes,
    trace_record,
    unravelling,
)
from trajectories.walks import walk

Array = NDArray[np.float64]

CHARGE_LEVELS = (0.25, 0.5, 0.75)  # of the conditional battery energy per spin, in hbar omega


def summarise_runs(
    battery: CollectiveBattery, times: Array, seed: int, first: int, runs: int
) -> pd.DataFrame:
    """A row for each of the runs first ... first + runs - 1.

    Columns: ``run``; ``final_energy`` (conditional, per battery spin, at the last time);
    ``emitted_photons`` and ``absorbed_photons`` until then; ``burst_time``, when the total J^z
    first is <= 0; ``time_to_25``, ``time_to_50``, ``time_to_75``, the first output time at which
    the conditional battery energy reaches that percentage of hbar omega. NaN: not until the last
    time.

    Examples
    --------
    >>> table = summarise_runs(CollectiveBattery(1, 5), np.linspace(0, 9, 91), 3, first=10, runs=2)
    >>> table.run.tolist(), (table.final_energy > 0.8).tolist(), table.emitted_photons.tolist()
    ([10, 11], [True, True], [4, 4])
    """
    tables = unravelling(battery)
    basis = tables.basis
    found = np.full((runs, 4 + len(CHARGE_LEVELS)), np.nan)
    _summarise(
        np.uint64(seed),
        first,
        times * battery.gamma,
        float(battery.n_battery),
        tables.nbar,
        tables.cumulative,
        tables.m_starts,
        tables.rate,
        tables.fall,
        tables.log_start,
        tables.log_bond,
        tables.damping,
        basis.J,
        basis.diagonal,
        basis.coupling,
        tables.relative_sign,
        np.array(CHARGE_LEVELS),
        found,
    )
    columns = {
        "run": np.arange(first, first + runs),
        "final_energy": found[:, 0],
        "emitted_photons": found[:, 1].astype(np.int64),
        "absorbed_photons": found[:, 2].astype(np.int64),
        "burst_time": found[:, 3] / battery.gamma,
    }
    for i, level in enumerate(CHARGE_LEVELS):
        columns[f"time_to_{100 * level:.0f}"] = found[:, 4 + i] / battery.gamma
    return pd.DataFrame(columns)


@njit(cache=True, error_model="numpy")
def _summarise(
    seed: int,
    first: int,
    taus: Array,
    n_battery: float,
    nbar: float,
    cumulative: Array,
    m_starts: Array,
    rate: Array,
    fall: Array,
    log_start: Array,
    log_bond: Array,
    damping: Array,
    J: Array,
    g: Array,
    f: Array,
    sign: Array,
    levels: Array,
    found: Array,
) -> None:
    K, T = J.size, taus.size
    jump_taus, directions = np.empty(1024), np.empty(1024, dtype=np.int8)
    logs, c = np.empty((K, T)), np.empty((K, T))
    work, out, M = np.empty((2, T)), np.empty((4, T)), np.empty(T)
    emitted, absorbed = np.empty(T), np.empty(T)
    for r in range(found.shape[0]):
        jumps = jump_taus.size + 1
        while jumps > jump_taus.size:
            if jumps > 1025:
                jump_taus, directions = np.empty(2 * jumps), np.empty(2 * jumps, dtype=np.int8)
            jumps, drawn = walk(
                seed,
                first + r,
                cumulative,
                J,
                m_starts,
                rate,
                fall,
                taus[T - 1],
                jump_taus,
                directions,
            )
        start = drawn // K
        trace_record(
            jump_taus,
            directions,
            jumps,
            taus,
            m_starts[start],
            log_start[start],
            log_bond,
            J[K - 1],
            M,
            emitted,
            absorbed,
            logs,
        )
        normalise_amplitudes(logs, damping, taus, c, work)
        expectations(c, M, J, g, f, sign, nbar, out)
        found[r, 0] = 0.5 + out[0, T - 1] / n_battery
        found[r, 1], found[r, 2] = emitted[T - 1], absorbed[T - 1]
        m, j = m_starts[start], 0
        while m > 0.0 and j < jumps:
            m += directions[j]
            j += 1
        if m <= 0.0:
            found[r, 3] = 0.0 if j == 0 else jump_taus[j - 1]
        level = 0
        for i in range(T):
            while level < levels.size and 0.5 + out[0, i] / n_battery >= levels[level]:
                found[r, 4 + level] = taus[i]
                level += 1
