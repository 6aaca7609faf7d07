"""Runs as their observer knows them: what is read of a group of them, summed up and told.

Of a diffusive record, and of whatever else leaves no ladder to be known of a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.method import Problem
from darkbattery.nvmodel.runstatistics import Ranges
from darkbattery.nvmodel.solution import Distribution, Solution
from darkbattery.nvmodel.tally import usable_bounds
from darkbattery.trajectories.jumps.counts.summaries import (
    Batch,
    DiffusiveRows,
    Told,
    solution_of,
    told_of,
)
from darkbattery.trajectories.jumps.counts.sums import spread_bounds, state_counts
from darkbattery.trajectories.jumps.counts.tally import (
    JumpStudy,
    largest_rates,
)
from darkbattery.trajectories.jumps.diffusive.reading import add_runs
from darkbattery.trajectories.reading.derived import LINEAR
from darkbattery.trajectories.reading.fluctuations import OF_STATES
from darkbattery.trajectories.space.angular import CoupledBasis

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

# rows of what is read of a run
EMITTED, ABSORBED, LOST = LINEAR.index("emitted_photons"), LINEAR.index("absorbed_photons"), 7
LIGHT = LINEAR.index("emission_rate")


@dataclass(frozen=True, eq=False)
class Group:
    """Runs side by side, read at T output times each.

    Attributes
    ----------
    start : int
    quantities : ndarray (Q, runs, T)
        The rows of `derived.LINEAR`, of a mode its photons for the emission rate; and excitations
        lost, where it is not the paper's model.
    spread : ndarray (QUANTITIES, runs, T)
        What variances are made of.
    populations : ndarray (runs, T, positions)
    known : ndarray (3, runs, T)
        Purity, entropy in bits, ergotropy; without runs where nobody asks, as the populations.
    burst : ndarray (runs,)
        When the total J^z first was <= 0; infinity if it was not.
    recorded : list of ndarray
        Times of recorded photons.
    window : ndarray (runs, T)
        Of a diffusive record: its integral since the output time before, in units of one over the
        root of the light's rate.
    """

    start: int
    quantities: Array
    spread: Array
    populations: Array
    known: Array
    burst: Array
    recorded: list[Array]
    window: NDArray[Any]


@dataclass(frozen=True, eq=False)
class DiffusiveStudy(JumpStudy):
    """As of runs that jump, but that no ladder is drawn."""

    @property
    def identity(self) -> tuple[Any, ...]:
        """Runs of equal identity belong together."""
        return "diffusive", self.battery, self.times.tobytes(), self.seed, self.names

    @property
    def ranges(self) -> Ranges:
        """No ladder is known of a run, and its photons are the observer's mean of them."""
        return replace(super().ranges, J=np.zeros(0), whole_photons=False)

    def no_runs_yet(self) -> dict[str, Counts]:
        """Counts of no runs."""
        asked = self.times.size if set(OF_STATES) & set(self.names) else 0
        return super().no_runs_yet() | state_counts(asked)

    @property
    def _detector_misses(self) -> bool:
        return False  # no photons are recorded at all

    def _distributions(self, counts: Mapping[str, Counts]) -> dict[str, Distribution]:
        found = super()._distributions(counts)
        del found["emitted_photons"]  # a run knows their mean alone
        return found


def diffusive_study(
    battery: Experiment, times: Array, seed: int, names: tuple[str, ...], basis: CoupledBasis
) -> DiffusiveStudy:
    """What is summed of runs of this battery."""
    J = float(basis.J[-1])
    photons = max(J + basis.m_start, 1.0)  # means of them, and no whole numbers
    bounds = [1.0, 1.0, *largest_rates(battery, J), photons, 1.0, 1.0]
    return DiffusiveStudy(
        battery,
        times,
        seed,
        names,
        LINEAR,
        usable_bounds(bounds),
        spread_bounds(J),
        max(1.0, photons),
        np.zeros(0),
        None,
    )


def first_low(M: Array, at: Array, least: float = 0.0) -> Array:
    """The first output time at which the total J^z is <= `least` on average; else infinity.

    M (runs, T) -> (runs,).
    """
    low = least >= M
    return np.where(low.any(axis=1), at[np.argmax(low, axis=1)], np.inf)


def count_groups(
    problem: Problem, study: DiffusiveStudy, groups: Iterable[Group], provenance: dict[str, Any]
) -> Solution:
    """Add the runs of a problem up, and tell of each what is asked for."""
    at, first, runs = problem.times, problem.first, problem.runs or 1
    counts, told = study.no_runs_yet(), _told(problem, study)
    sums, states = study.sums_into(counts), study.states_into(counts)
    for group in groups:
        columns, known = group.burst.size * at.size, group.known.shape[1] * at.size
        flat, spread = (x.reshape(-1, columns) for x in (group.quantities, group.spread))
        recorded = np.array([record.size for record in group.recorded], dtype=np.int64)
        populations = group.populations.reshape(known, study.positions)
        read = flat, spread, populations, group.known.reshape(len(group.known), known)
        add_runs(group.start, *read, group.burst, recorded, at, sums, states)
        if told is not None:
            _tell(study.asked_of, group, flat, recorded, told)
    return solution_of(problem, study.tally(first, runs, counts), told, provenance)


def _told(problem: Problem, study: DiffusiveStudy) -> Told | None:
    battery = study.asked_of
    rate = battery.watched_rate
    told = told_of(problem, study, rate)
    if told is None or problem.rows is None or battery.detector is None:
        return told
    of_runs = problem.first, problem.runs or 1, problem.rows
    return replace(told, rows=DiffusiveRows(problem.times * rate, *of_runs, rate=rate))


def _tell(battery: Experiment, group: Group, flat: Array, recorded: Counts, told: Told) -> None:
    T, diffuses = group.quantities.shape[2], battery.detector is not None
    lost = flat[LOST, T - 1 :: T] if len(flat) > LOST else np.zeros(group.burst.size)
    light = flat[0], flat[2], flat[LIGHT], (flat[EMITTED], flat[ABSORBED])
    batch = Batch(
        group.start,
        *light,
        group.burst * battery.watched_rate,
        lost=lost if diffuses else lost.astype(np.int64),
        recorded=None if diffuses else recorded,
    )
    told.add(batch)
    if isinstance(told.rows, DiffusiveRows):
        told.rows.add_records(batch, group.window)
