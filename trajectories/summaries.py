"""One line a run: what single runs differ in, for tables of all of them."""

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from nvmodel.battery import CollectiveBattery
from nvmodel.rows import Summary
from trajectories.conditional import BATTERY_Z, BATTERY_Z_RATE, EMISSION, unravelling
from trajectories.recording import Path

Array = NDArray[np.float64]

COLUMNS = 7  # of a row without its index and the times to a charge


class RunRows:
    """Rows of the runs first ... first + runs - 1, filled while a tally makes them.

    Columns: ``run``; ``final_energy`` (conditional, per battery spin, at the last time);
    ``emitted_photons`` and ``absorbed_photons`` until then; ``burst_time``, when the total J^z
    first is <= 0; ``peak_power`` and ``peak_power_time``, the conditional battery power per spin
    where it is largest among the output times, and when; ``time_to_25`` and the like,
    the first output time at which the conditional battery energy reaches a level
    (`nvmodel.Summary`); ``peak_emission_time``, the output time at which the conditional emission
    rate is largest; ``local_loss``, excitations lost to single-spin processes; ``final_J``, the
    ladder that the run is on, whose dark state |J,-J> it ends in at T = 0 (NaN where J is not
    conserved); ``time_to_90_of_end`` and the like. NaN: not until the last time.

    Examples
    --------
    >>> from trajectories import sample
    >>> battery, times = CollectiveBattery(1, 5), np.linspace(0, 9, 91)
    >>> table = sample(battery, times, runs=2, seed=3, first=10, records="summary").records
    >>> table.run.tolist(), (table.final_energy > 0.8).tolist(), table.emitted_photons.tolist()
    ([10, 11], [True, True], [4, 4])
    """

    def __init__(
        self, battery: CollectiveBattery, times: Array, first: int, runs: int, summary: Summary
    ) -> None:
        self._battery, self._taus, self._first = battery, times * battery.gamma, first
        self._found = np.full((runs, COLUMNS), np.nan)
        self._summary, self._ladder = summary, np.empty(runs)
        self._when = {name: np.empty(runs) for name in summary.columns}
        self._J = unravelling(battery).basis.J

    def add(self, start: int, path: Path) -> None:
        """Read the runs start, start + 1, ... that were followed into `path`."""
        T, begin = self._taus.size, start - self._first
        here = slice(begin, begin + path.burst.size)
        group = self._found[here]
        self._ladder[here] = self._J[path.drawn % self._J.size]
        energies = 0.5 + path.means[BATTERY_Z] / float(self._battery.n_battery)
        group[:, 1] = path.emitted[T - 1 :: T]
        group[:, 2] = path.absorbed[T - 1 :: T]
        group[:, 3] = np.where(path.burst < np.inf, path.burst, np.nan)
        powers, emission = path.means[BATTERY_Z_RATE], path.means[EMISSION]
        _summarise(energies, powers, emission, self._taus, group)
        courses = energies.reshape(-1, T).T
        for name, when in self._summary.charge_times(courses, self._taus).items():
            self._when[name][here] = when
        group[:, 4] = group[:, 4] * self._battery.gamma / self._battery.n_battery

    def table(self) -> pd.DataFrame:
        """All rows."""
        lost = np.zeros(self._ladder.size, dtype=np.int64)
        rate = self._battery.gamma
        return table_of_rows(self._found, self._when, lost, self._ladder, self._first, rate)


def table_of_rows(
    found: Array,
    charge_times: dict[str, Array],
    lost: NDArray[np.int64],
    ladder: Array,
    first: int,
    rate: float,
) -> pd.DataFrame:
    """The rows of runs first, first + 1, ... as a table, its times in units of 1/rate."""
    times = {name: when / rate for name, when in charge_times.items()}
    of_end = [name for name in times if name.endswith("_of_end")]
    columns = {
        "run": np.arange(first, first + found.shape[0]),
        "final_energy": found[:, 0],
        "emitted_photons": found[:, 1].astype(np.int64),
        "absorbed_photons": found[:, 2].astype(np.int64),
        "burst_time": found[:, 3] / rate,
        "peak_power": found[:, 4],
        "peak_power_time": found[:, 5] / rate,
    }
    columns |= {name: when for name, when in times.items() if name not in of_end}
    columns["peak_emission_time"] = found[:, COLUMNS - 1] / rate
    columns |= {"local_loss": lost, "final_J": ladder}
    return pd.DataFrame(columns | {name: times[name] for name in of_end})


@njit(cache=True, error_model="numpy")
def _summarise(energies: Array, powers: Array, emission: Array, taus: Array, found: Array) -> None:
    """Columns of `found` (G, COLUMNS) that are read from energies, powers, emission (G T,)."""
    T = taus.size
    for r in range(found.shape[0]):
        found[r, 0] = energies[r * T + T - 1]
        peak, brightest = 0, 0
        for i in range(T):
            if powers[r * T + i] > powers[r * T + peak]:
                peak = i
            if emission[r * T + i] > emission[r * T + brightest]:
                brightest = i
        found[r, 4], found[r, 5] = powers[r * T + peak], taus[peak]
        found[r, found.shape[1] - 1] = taus[brightest]
