r"""Single runs at T = 0 as two histograms, which say everything.

At T = 0 a run is the list of its photons' times, and its state at time t depends on t and on the
number of photons so far. So the study is, exactly, the number of runs whose n-th photon came in
each interval between output times: whole numbers, added without rounding in any order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.errors import Unseen, bent_error, farther
from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.kernelcache import KERNEL
from darkbattery.nvmodel.runstatistics import Ranges
from darkbattery.nvmodel.solution import Distribution, Reading
from darkbattery.nvmodel.tally import RunSpans, Tally
from darkbattery.nvmodel.unitaries import slopes_of_works, works_of
from darkbattery.trajectories.jumps.counts.ladders import undrawn_ladders
from darkbattery.trajectories.jumps.counts.summaries import Told
from darkbattery.trajectories.jumps.counts.tally import (
    PHOTONS,
    burst_distribution,
    collective_study,
    energy_distribution,
    energy_edges,
    errors_from_energy,
    excitation_distribution,
    largest_rates,
    unseen_of,
)
from darkbattery.trajectories.jumps.photons.arrivals import Arrivals, count_few_photons
from darkbattery.trajectories.jumps.photons.recording import (
    Path,
    add_rows,
    follow,
    groups_of_runs,
    kernel_tables,
)
from darkbattery.trajectories.jumps.photons.walks import (
    BATCH,
    Starts,
    WaitRoom,
    interval_table,
    photon_numbers,
)
from darkbattery.trajectories.reading.conditional import Unravelling, decay_tables, unravelling
from darkbattery.trajectories.reading.derived import FROM_POPULATIONS, derived
from darkbattery.trajectories.reading.fluctuations import (
    FLUCTUATIONS,
    NEED_ERGOTROPY,
    OF_STATES,
    OVER_RUNS,
    OverRuns,
    fluctuations,
)
from darkbattery.trajectories.reading.photonstates import (
    information,
    photon_states,
    populations_by_photons,
)
from darkbattery.trajectories.space.angular import ladders_of

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

FEW_PHOTONS = 1.0  # photons an output time below which photons are counted one by one
# beyond this histogram sums at output times are smaller, and quicker to merge after each block
FEW_CELLS = 1_100_000  # holds (1e5, 110000) at 101 times
ROUNDING = float(np.finfo(float).eps)  # of what a conditional rate is summed up from
MOST_CELLS = 8_000_000  # of the arrival histogram: 64 MB, and three times that to read it


def histogram_cells(battery: Experiment, n_times: int) -> float:
    """Size of the arrival histogram: from the start down to the end of the highest ladder kept.

    Near R = 1 that is far below the charger's size.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> histogram_cells(CollectiveBattery(10_000, 11_000).experiment, 101) / 101
    1384.0
    """
    ladders = ladders_of(battery.n_battery, battery.n_charger)
    start = (battery.n_charger - battery.n_battery) / 2
    return ((ladders.rows - 1.0) / 2 + start + 1.0) * n_times


@dataclass(frozen=True, eq=False)
class DecayStudy:
    """A study at T = 0 by its photons' arrivals; see `nvmodel.tally.Study`.

    Its counts: ``arrivals`` (photons + 1, T), whose row n counts the runs whose n-th photon came in
    (t_{i-1}, t_i] (row 0 is empty); ``ladders`` (K,), the runs that end in the dark state |J,-J>.
    """

    battery: Experiment
    times: Array
    seed: int
    names: tuple[str, ...]

    @property
    def identity(self) -> tuple[Any, ...]:
        """Runs of equal identity belong together."""
        return "arrivals", self.battery, self.times.tobytes(), self.seed, self.names

    @property
    def ranges(self) -> Ranges:
        """What values of a run may be: those of runs that are followed one by one."""
        fixed = self.battery, self.times, self.seed, self.names
        return collective_study(*fixed, unravelling(self.battery).basis).ranges

    @property
    def _taus(self) -> Array:
        return self.times * self.battery.gamma

    def read(self, spans: RunSpans, counts: Mapping[str, Counts]) -> Reading:
        """Means, standard errors and distributions."""
        tables, runs = unravelling(self.battery), len(spans)
        over = OverRuns(occupation_of(counts["arrivals"], runs), runs)
        quantities = self._quantities(tables, over.weight > 0)
        battery_energy = quantities["battery_energy"]
        photons_so_far = (over.mean(quantities[name]) for name in PHOTONS)
        unseen = unseen_of(self.battery, self.times, runs, *photons_so_far)
        undrawn = undrawn_ladders(self.battery, tables.basis, self.times, counts["ladders"], {})
        beyond = farther(unseen.of_means, undrawn)
        power, emission_rate, _ = largest_rates(self.battery, float(tables.basis.J[-1]))
        # differences of such sizes: a power of 1e-17 after the burst is rounding
        rounding = {"power": ROUNDING * power, "emission_rate": ROUNDING * emission_rate}
        values = {name: over.mean(quantity) for name, quantity in quantities.items()}
        errors: dict[str, Array | None] = {
            name: over.error(quantity, beyond[name], rounding.get(name, 0.0))
            for name, quantity in quantities.items()
        }
        values |= derived(
            self.names, self.battery, values["battery_energy"], values["charger_energy"], None
        )
        energy_error = over.error(battery_energy, beyond["battery_energy"])
        errors |= errors_from_energy(self.battery, values, energy_error, errors, runs)
        distributions = self._distributions(tables, battery_energy, runs, counts)
        if {*FROM_POPULATIONS, "daemonic_ergotropy"} & set(self.names):
            worth, worth_errors, populations = self._read_populations(
                tables, over, battery_energy, unseen
            )
            values |= worth
            errors |= worth_errors
            distributions["populations"] = populations
        if {*FLUCTUATIONS, *OVER_RUNS} & set(self.names):
            with_ergotropy = bool(set(NEED_ERGOTROPY) & set(self.names))
            states = photon_states(tables, self._taus, over.weight > 0, with_ergotropy)
            found, found_errors = fluctuations(
                self.names, states, over, self.battery.n_charger, unseen
            )
            values |= found
            errors |= found_errors
        if set(OF_STATES) & set(self.names):
            told, told_errors = information(self.names, tables, self._taus, over, unseen)
            values |= told
            errors |= told_errors
        return Reading(
            {name: values[name] for name in self.names},
            {name: errors[name] for name in self.names},
            distributions,
        )

    def _quantities(self, tables: Unravelling, active: NDArray[np.bool_]) -> dict[str, Array]:
        """What is a mean over runs, after n photons at each time, (photons + 1, T)."""
        basis, gamma = tables.basis, self.battery.gamma
        z, z_rate, emission = decay_tables(tables, self._taus, active)
        photons = np.arange(z.shape[0], dtype=float)[:, None]
        so_far = np.broadcast_to(photons, z.shape)
        return {
            "battery_energy": 0.5 + z / basis.n_battery,
            "charger_energy": 0.5 + (basis.m_start - photons - z) / basis.n_charger,
            "power": gamma * z_rate / basis.n_battery,
            "emission_rate": gamma * emission,
            "absorption_rate": np.zeros_like(z),
            "emitted_photons": so_far,
            "absorbed_photons": np.zeros_like(z),
            "recorded_photons": so_far,
        }

    def _distributions(
        self, tables: Unravelling, energy: Array, runs: int, counts: Mapping[str, Counts]
    ) -> dict[str, Distribution]:
        came, edges = counts["arrivals"], energy_edges()
        occupation = occupation_of(came, runs)
        cell = np.clip(np.searchsorted(edges, energy, side="right") - 1, 0, edges.size - 2)
        weight = np.zeros((self.times.size, edges.size - 1), dtype=np.int64)
        column = np.broadcast_to(np.arange(self.times.size), cell.shape)
        np.add.at(weight, (column.ravel(), cell.ravel()), occupation.ravel())
        # the photon after which the total J^z is no longer positive
        halfway = max(0, int(np.ceil(tables.basis.m_start)))
        before = np.zeros(self.times.size, dtype=np.int64)
        before[0] = runs
        arrived = came[halfway] if halfway > 0 else before
        first_photon = burst_distribution(self.times, came[1])
        photons = np.arange(came.shape[0], dtype=float)
        return {
            "battery_energy": energy_distribution(weight),
            "emitted_photons": Distribution.of_values("photons", photons, occupation.T),
            "burst_time": burst_distribution(self.times, arrived),
            "first_photon_time": replace(first_photon, quantity="time of the first photon"),
            "dark_state": Distribution.of_values(
                "J of the final dark state", tables.basis.J, counts["ladders"]
            ),
        }

    def _read_populations(
        self, tables: Unravelling, over: OverRuns, energy: Array, unseen: Unseen
    ) -> tuple[dict[str, Array], dict[str, Array | None], Distribution]:
        """Ergotropies of the average state, errors by the infinitesimal jackknife (Efron 1982).

        The derivative of the functional with respect to one run's weight is that run's influence;
        the variance of the mean influence is the functional's, to first order in 1/runs. Near a
        change of sorting see `nvmodel.errors.bent_error`.
        """
        runs, active = over.runs or 1, over.weight > 0
        ladder, along = np.zeros((2, self.times.size, tables.basis.n_battery + 1))
        centred = energy - over.mean(energy)
        for n, at, p in populations_by_photons(tables, self._taus, active):
            ladder[at] += over.weight[n, at, None] * p
            along[at] += (over.weight[n, at] * centred[n, at])[:, None] * p
        ladder /= runs
        # how populations go with the energy, for one standard error of it
        spread = np.sqrt(np.maximum(over.variance(energy)[0], 0.0))
        along /= np.where(spread > 0.0, runs * math.sqrt(runs) * spread, np.inf)[:, None]
        asked = {name for name in works_of() if name in self.names}
        slopes = {name: of(ladder) for name, of in slopes_of_works().items() if name in asked}
        influence = {name: np.zeros(active.shape) for name in slopes}
        for n, at, p in populations_by_photons(tables, self._taus, active):
            for name, slope in slopes.items():
                influence[name][n, at] = np.einsum("tm,tm->t", p, slope[at])
        functionals = {name: of for name, of in works_of().items() if name in asked}
        values = {name: of(ladder) for name, of in functionals.items()}
        errors: dict[str, Array | None] = {}
        for name, of in functionals.items():
            error = over.error(influence[name], unseen.ergotropy)
            errors[name] = bent_error(of, ladder, along, error, runs)
        return values, errors, excitation_distribution(ladder)


def occupation_of(came: Counts, runs: int) -> Counts:
    """Number of runs with exactly n photons at each output time, (photons + 1, T)."""
    reached = np.cumsum(came, axis=1)
    reached[0] = runs
    exactly = reached.copy()
    exactly[:-1] -= reached[1:]
    return exactly


def count_decays(study: DecayStudy, first: int, runs: int, rows: Told | None = None) -> Tally:
    """Make runs first ... first + runs - 1 and count them, and add them to `rows` if given."""
    battery, tables = study.battery, unravelling(study.battery)
    taus, J = study.times * battery.gamma, tables.basis.J
    starts = Starts(tables.cumulative, J, tables.m_starts)
    photons = round(J[-1] + tables.basis.m_start)
    found = np.zeros((photons + 1, taus.size), dtype=np.int64)
    ladders = np.zeros(J.size, dtype=np.int64)
    span = np.uint64(study.seed), first, runs, starts, taus
    if rows is not None:
        q = kernel_tables(tables, battery)
        marks = np.zeros((photons + 2, taus.size), dtype=np.int64)
        for begin, path in groups_of_runs(q, taus, first, runs):
            follow(np.uint64(study.seed), begin, taus, q, path)
            add_rows(begin, path, battery, J, rows)
            _mark_arrivals(path, marks, ladders)
        found = np.cumsum(marks, axis=0)[:-1]
    elif photons < FEW_PHOTONS * taus.size:
        count_few_photons(*span, interval_table(taus), Arrivals(found, ladders))
    else:
        count_many_photons(*span, Arrivals(found, ladders))
    counts = {"arrivals": found, "ladders": ladders}
    return Tally(study, RunSpans(((first, first + runs),)), counts)


def _mark_arrivals(path: Path, marks: Counts, ladders: Counts) -> None:
    """Mark both ends of the photons that came in each interval, of runs that were followed."""
    ladders += np.bincount(path.drawn, minlength=ladders.size)
    T = marks.shape[1]
    after = path.emitted.reshape(-1, T).astype(np.int64)
    before = np.concatenate([np.zeros_like(after[:, :1]), after[:, :-1]], axis=1)
    column = np.broadcast_to(np.arange(T), after.shape)
    np.add.at(marks, (before + 1, column), 1)
    np.add.at(marks, (after + 1, column), -1)


@njit(**KERNEL)
def count_many_photons(
    seed: int, first: int, runs: int, starts: Starts, taus: Array, counts: Arrivals
) -> None:
    """`count_few_photons` at a cost an output time, not a photon; counts must be zero on entry."""
    room = WaitRoom(np.empty(BATCH, dtype=np.uint64), np.empty(BATCH))
    numbers, found, ladders = np.empty(taus.size, dtype=np.int64), counts.found, counts.ladders
    top = found.shape[0] - 1
    for run in range(first, first + runs):
        k, _ = photon_numbers(seed, run, starts, taus, 0, room, numbers)
        ladders[k] += 1
        before = 0
        for i in range(taus.size):
            # photons before + 1 ... numbers[i] came: marked at both ends, filled in below
            if numbers[i] > before:
                found[before + 1, i] += 1
                if numbers[i] < top:
                    found[numbers[i] + 1, i] -= 1
                before = numbers[i]
    for n in range(1, found.shape[0]):
        for i in range(taus.size):
            found[n, i] += found[n - 1, i]
