r"""Single runs at T = 0 as two histograms, which say everything.

At T = 0 a run is the list of its photons' times, and its state at time t depends on t and on the
number of photons so far. So the study is, exactly, the number of runs whose n-th photon came in
each interval between output times: whole numbers, added without rounding in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nvmodel.battery import CollectiveBattery
from nvmodel.ergotropy import (
    ladder_ergotropy,
    ladder_ergotropy_gradient,
    total_ergotropy_symmetric,
    total_ergotropy_symmetric_gradient,
)
from nvmodel.errors import Unseen
from nvmodel.refusal import InputError
from nvmodel.solution import Distribution, Reading, RunSpans, same_shapes
from trajectories.conditional import Unravelling, decay_tables, unravelling
from trajectories.exact_moments import PHOTONS, errors_from_energy, largest_rates, unseen_of
from trajectories.fluctuations import (
    FLUCTUATIONS,
    NEED_ERGOTROPY,
    OVER_RUNS,
    OverRuns,
    fluctuations,
)
from trajectories.histograms import burst_distribution, energy_edges
from trajectories.photonstates import photon_states, populations_by_photons
from trajectories.readout import FROM_POPULATIONS, derived
from trajectories.recording import Path, follow, groups_of_runs, kernel_tables
from trajectories.summaries import RunRows
from trajectories.walks import (
    FEW_PHOTONS,
    count_few_photons,
    count_many_photons,
    interval_table,
)

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

# beyond this histogram sums at output times are smaller, and quicker to merge after each block
FEW_CELLS = 1_000_000
ROUNDING = float(np.finfo(float).eps)  # of what a conditional rate is summed up from
MOST_CELLS = 8_000_000  # of the arrival histogram: 64 MB, and three times that to read it


def histogram_cells(battery: CollectiveBattery, n_times: int) -> float:
    """Size of the arrival histogram."""
    return (battery.n_charger + 1.0) * n_times


@dataclass(frozen=True, eq=False)
class DecayTally:
    """Photon arrivals of a set of runs at T = 0; see `nvmodel.solution.Tally`.

    Attributes
    ----------
    arrivals : ndarray of int64 (photons + 1, T)
        Row n counts the runs whose n-th photon came in (t_{i-1}, t_i]; row 0 is empty.
    ladders : ndarray of int64 (K,)
        Runs on each ladder: they end in the dark state |J,-J>.
    """

    battery: CollectiveBattery
    times: Array
    seed: int
    names: tuple[str, ...]
    spans: RunSpans
    arrivals: Counts
    ladders: Counts

    @classmethod
    def count(
        cls,
        battery: CollectiveBattery,
        times: Array,
        seed: int,
        names: tuple[str, ...],
        first: int,
        runs: int,
        rows: RunRows | None = None,
    ) -> DecayTally:
        """Make runs first ... first + runs - 1 and count them, and add them to `rows` if given."""
        tables = unravelling(battery)
        taus = times * battery.gamma
        photons = round(tables.basis.J[-1] + tables.basis.m_start)
        arrivals = np.zeros((photons + 1, taus.size), dtype=np.int64)
        ladders = np.zeros(tables.basis.n_ladders, dtype=np.int64)
        start = np.uint64(seed), first, runs, tables.cumulative, tables.basis.J
        if rows is not None:
            q = kernel_tables(tables, battery)
            marks = np.zeros((photons + 2, taus.size), dtype=np.int64)
            for begin, path in groups_of_runs(q, taus, first, runs):
                follow(np.uint64(seed), begin, taus, q, path)
                rows.add(begin, path)
                _mark_arrivals(path, marks, ladders)
            arrivals = np.cumsum(marks, axis=0)[:-1]
        elif photons < FEW_PHOTONS * taus.size:
            count_few_photons(
                *start, tables.basis.m_start, taus, interval_table(taus), arrivals, ladders
            )
        else:
            count_many_photons(*start, tables.basis.m_start, taus, arrivals, ladders)
        spans = RunSpans(((first, first + runs),))
        return cls(battery, times, seed, names, spans, arrivals, ladders)

    def merge(self, other: Any) -> DecayTally:
        """The tally of both sets of runs."""
        if not isinstance(other, DecayTally) or self._study() != other._study():
            raise InputError("merge", other, "not the same study")
        return DecayTally(
            self.battery,
            self.times,
            self.seed,
            self.names,
            self.spans.union(other.spans),
            self.arrivals + other.arrivals,
            self.ladders + other.ladders,
        )

    def arrays(self) -> dict[str, Counts]:
        """Both histograms."""
        return {"arrivals": self.arrivals, "ladders": self.ladders}

    def with_arrays(self, spans: RunSpans, arrays: Mapping[str, Counts]) -> DecayTally:
        """The same study with other counts."""
        same_shapes(arrays, self.arrays())
        return replace(self, spans=spans, arrivals=arrays["arrivals"], ladders=arrays["ladders"])

    @property
    def _taus(self) -> Array:
        return self.times * self.battery.gamma

    def _study(self) -> tuple[Any, ...]:
        return self.battery, self.times.tobytes(), self.seed, self.names

    @cached_property
    def occupation(self) -> Counts:
        """Number of runs with exactly n photons at each output time, (photons + 1, T)."""
        reached = np.cumsum(self.arrivals, axis=1)
        reached[0] = len(self.spans)
        exactly = reached.copy()
        exactly[:-1] -= reached[1:]
        exactly.setflags(write=False)  # remembered, and read again for what is asked later
        return exactly

    def read(self) -> Reading:
        """Means, standard errors and distributions."""
        tables = unravelling(self.battery)
        basis, gamma = tables.basis, self.battery.gamma
        z, z_rate, emission = self._conditional(tables)
        photons = np.arange(z.shape[0], dtype=float)[:, None]
        battery_energy = 0.5 + z / basis.n_battery
        quantities = {
            "battery_energy": battery_energy,
            "charger_energy": 0.5 + (basis.m_start - photons - z) / basis.n_charger,
            "power": gamma * z_rate / basis.n_battery,
            "emission_rate": gamma * emission,
            "absorption_rate": np.zeros_like(z),
            "emitted_photons": np.broadcast_to(photons, z.shape),
            "absorbed_photons": np.zeros_like(z),
            "recorded_photons": np.broadcast_to(photons, z.shape),
        }
        values: dict[str, Array] = {}
        errors: dict[str, Array | None] = {}
        over = OverRuns(self.occupation, len(self.spans))
        photons_so_far = (over.mean(quantities[name]) for name in PHOTONS)
        unseen = unseen_of(self.battery, self.times, len(self.spans), *photons_so_far)
        power, emission_rate, _ = largest_rates(self.battery, float(basis.J[-1]))
        # differences of such sizes: a power of 1e-17 after the burst is rounding
        rounding = {"power": ROUNDING * power, "emission_rate": ROUNDING * emission_rate}
        for name, quantity in quantities.items():
            values[name], errors[name] = (
                over.mean(quantity),
                over.error(quantity, unseen.of_means[name], rounding.get(name, 0.0)),
            )
        values |= derived(self.names, self.battery, values["battery_energy"], None)
        energy_error = over.error(battery_energy, unseen.energy)
        errors |= errors_from_energy(values["battery_energy"], energy_error, len(self.spans))
        distributions = self._distributions(tables, battery_energy)
        if {*FROM_POPULATIONS, "daemonic_ergotropy"} & set(self.names):
            self._read_populations(tables, unseen, values, errors, distributions)
        if {*FLUCTUATIONS, *OVER_RUNS} & set(self.names):
            with_ergotropy = bool(set(NEED_ERGOTROPY) & set(self.names))
            states = photon_states(tables, self._taus, self.occupation > 0, with_ergotropy)
            found, found_errors = fluctuations(
                self.names, states, over, self.battery.n_charger, unseen
            )
            values |= found
            errors |= found_errors
        return Reading(
            {name: values[name] for name in self.names},
            {name: errors[name] for name in self.names},
            distributions,
        )

    def _conditional(self, tables: Unravelling) -> Array:
        return decay_tables(tables, self._taus, self.occupation > 0)

    def _distributions(self, tables: Unravelling, energy: Array) -> dict[str, Distribution]:
        edges = energy_edges()
        cell = np.clip(np.searchsorted(edges, energy, side="right") - 1, 0, edges.size - 2)
        weight = np.zeros((self.times.size, edges.size - 1), dtype=np.int64)
        column = np.broadcast_to(np.arange(self.times.size), cell.shape)
        np.add.at(weight, (column.ravel(), cell.ravel()), self.occupation.ravel())
        # the photon after which the total J^z is no longer positive
        halfway = max(0, int(np.ceil(tables.basis.m_start)))
        before = np.zeros(self.times.size, dtype=np.int64)
        before[0] = len(self.spans)
        arrived = self.arrivals[halfway] if halfway > 0 else before
        first_photon = burst_distribution(self.times, self.arrivals[1])
        photons = np.arange(self.arrivals.shape[0], dtype=float)
        return {
            "battery_energy": Distribution("E_B per spin", edges[:-1], edges[1:], weight),
            "emitted_photons": Distribution.of_values("photons", photons, self.occupation.T),
            "burst_time": burst_distribution(self.times, arrived),
            "first_photon_time": replace(first_photon, quantity="time of the first photon"),
            "dark_state": Distribution.of_values(
                "J of the final dark state", tables.basis.J, self.ladders
            ),
        }

    def _read_populations(
        self,
        tables: Unravelling,
        unseen: Unseen,
        values: dict[str, Array],
        errors: dict[str, Array | None],
        distributions: dict[str, Distribution],
    ) -> None:
        """Ergotropies of the average state, errors by the infinitesimal jackknife (Efron 1982).

        The derivative of the functional with respect to one run's weight is that run's influence;
        the variance of the mean influence is the functional's, to first order in 1/runs.
        """
        runs = len(self.spans)
        active = self.occupation > 0
        ladder = np.zeros((self.times.size, tables.basis.n_battery + 1))
        for n, at, p in populations_by_photons(tables, self._taus, active):
            ladder[at] += self.occupation[n, at, None] * p
        ladder /= runs
        slopes = {
            "ergotropy": ladder_ergotropy_gradient(ladder),
            "ergotropy_total": total_ergotropy_symmetric_gradient(ladder),
        }
        influence = {name: np.zeros(self.arrivals.shape) for name in slopes}
        for n, at, p in populations_by_photons(tables, self._taus, active):
            for name, slope in slopes.items():
                influence[name][n, at] = np.einsum("tm,tm->t", p, slope[at])
        values["ergotropy"] = ladder_ergotropy(ladder)
        values["ergotropy_total"] = total_ergotropy_symmetric(ladder)
        over = OverRuns(self.occupation, runs)
        for name in slopes:
            errors[name] = over.error(influence[name], unseen.ergotropy)
        excitations = np.arange(ladder.shape[1], dtype=float)
        distributions["populations"] = Distribution.of_values(
            "battery excitations m_B + N_B/2", excitations, ladder
        )


def _mark_arrivals(path: Path, marks: Counts, ladders: Counts) -> None:
    """Mark both ends of the photons that came in each interval, of runs that were followed."""
    ladders += np.bincount(path.drawn, minlength=ladders.size)
    T = marks.shape[1]
    after = path.emitted.reshape(-1, T).astype(np.int64)
    before = np.concatenate([np.zeros_like(after[:, :1]), after[:, :-1]], axis=1)
    column = np.broadcast_to(np.arange(T), after.shape)
    np.add.at(marks, (before + 1, column), 1)
    np.add.at(marks, (after + 1, column), -1)
