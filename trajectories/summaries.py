"""One line a run: what single runs differ in, for tables of all of them."""

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from nvmodel.battery import CollectiveBattery
from trajectories.conditional import BATTERY_Z, BATTERY_Z_RATE, EMISSION, unravelling
from trajectories.recording import follow, groups_of_runs, kernel_tables

Array = NDArray[np.float64]

CHARGE_LEVELS = (0.25, 0.5, 0.75)  # of the conditional battery energy per spin, in hbar omega
COLUMNS = 7 + len(CHARGE_LEVELS)  # of a row without its index


def summarise_runs(
    battery: CollectiveBattery, times: Array, seed: int, first: int, runs: int
) -> pd.DataFrame:
    """A row for each of the runs first ... first + runs - 1.

    Columns: ``run``; ``final_energy`` (conditional, per battery spin, at the last time);
    ``emitted_photons`` and ``absorbed_photons`` until then; ``burst_time``, when the total J^z
    first is <= 0; ``peak_power`` and ``peak_power_time``, the conditional battery power per spin
    where it is largest among the output times, and when; ``time_to_25``, ``time_to_50``,
    ``time_to_75``, the first output time at which the conditional battery energy reaches that
    percentage of hbar omega; ``peak_emission_time``, the output time at which the conditional
    emission rate is largest. NaN: not until the last time.

    Examples
    --------
    >>> table = summarise_runs(CollectiveBattery(1, 5), np.linspace(0, 9, 91), 3, first=10, runs=2)
    >>> table.run.tolist(), (table.final_energy > 0.8).tolist(), table.emitted_photons.tolist()
    ([10, 11], [True, True], [4, 4])
    """
    taus, tables = times * battery.gamma, unravelling(battery)
    q = kernel_tables(tables, battery)
    found = np.full((runs, COLUMNS), np.nan)
    levels = np.array(CHARGE_LEVELS)
    for start, path in groups_of_runs(q, taus, first, runs):
        follow(np.uint64(seed), start, taus, q, path)
        group = found[start - first : start - first + path.burst.size]
        energies = 0.5 + path.means[BATTERY_Z] / q.n_battery
        group[:, 1] = path.emitted[taus.size - 1 :: taus.size]
        group[:, 2] = path.absorbed[taus.size - 1 :: taus.size]
        group[:, 3] = np.where(path.burst < np.inf, path.burst, np.nan)
        powers, emission = path.means[BATTERY_Z_RATE], path.means[EMISSION]
        _summarise(energies, powers, emission, taus, levels, group)
    found[:, 4] = found[:, 4] * battery.gamma / battery.n_battery
    return table_of_rows(found, first, rate=battery.gamma)


def table_of_rows(found: Array, first: int, rate: float) -> pd.DataFrame:
    """The rows of runs first, first + 1, ... as a table, its times in units of 1/rate."""
    columns = {
        "run": np.arange(first, first + found.shape[0]),
        "final_energy": found[:, 0],
        "emitted_photons": found[:, 1].astype(np.int64),
        "absorbed_photons": found[:, 2].astype(np.int64),
        "burst_time": found[:, 3] / rate,
        "peak_power": found[:, 4],
        "peak_power_time": found[:, 5] / rate,
    }
    for i, level in enumerate(CHARGE_LEVELS):
        columns[f"time_to_{100 * level:.0f}"] = found[:, 6 + i] / rate
    columns["peak_emission_time"] = found[:, COLUMNS - 1] / rate
    return pd.DataFrame(columns)


@njit(cache=True, error_model="numpy")
def _summarise(
    energies: Array, powers: Array, emission: Array, taus: Array, levels: Array, found: Array
) -> None:
    """Columns of `found` (G, COLUMNS) that are read from energies, powers, emission (G T,)."""
    T = taus.size
    for r in range(found.shape[0]):
        found[r, 0] = energies[r * T + T - 1]
        level, peak, brightest = 0, 0, 0
        for i in range(T):
            if powers[r * T + i] > powers[r * T + peak]:
                peak = i
            if emission[r * T + i] > emission[r * T + brightest]:
                brightest = i
            while level < levels.size and energies[r * T + i] >= levels[level]:
                found[r, 6 + level] = taus[i]
                level += 1
        found[r, 4], found[r, 5] = powers[r * T + peak], taus[peak]
        found[r, found.shape[1] - 1] = taus[brightest]
