"""One line a run: what single runs differ in, for tables of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.method import Problem, Summary
from darkbattery.nvmodel.runquantities import Courses
from darkbattery.nvmodel.runstatistics import Ranges, RunCounts
from darkbattery.nvmodel.solution import Solution
from darkbattery.nvmodel.tally import Tally

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

COLUMNS = 7  # of a row without its index and the times to a charge


@dataclass(frozen=True, eq=False)
class Batch:
    """The runs start, start + 1, ..., side by side, as samplers yield them.

    Attributes
    ----------
    start : int
    energies, powers, emission : ndarray (runs T,)
        Conditional, at the output times of each run.
    photons : pair of ndarray (runs T,)
        Emitted and absorbed so far.
    burst : ndarray (runs,)
        Infinite where it has not come.
    J, lost : ndarray (runs,)
        The ladder, NaN where it is not conserved; excitations lost to single-spin processes.
    recorded : ndarray (runs,), optional
        Photons that a detector saw which misses some.
    """

    start: int
    energies: Array
    powers: Array
    emission: Array
    photons: tuple[Array, Array]
    burst: Array
    J: Array | float = np.nan
    lost: Counts | Array | int = 0
    recorded: Counts | None = None


@dataclass(frozen=True)
class Told:
    """What is told of each run while runs are added up: a row, its share of statistics, or both.

    Attributes
    ----------
    rows : RunRows or None
    counts : RunCounts or None
    rate : float
        The unit of time of what is added, in that of `counts`.
    """

    rows: RunRows | None
    counts: RunCounts | None
    rate: float = 1.0

    def add(self, runs: Batch) -> None:
        """Add some runs."""
        if self.rows is not None:
            self.rows.add(runs)
        if self.counts is not None:
            burst, courses = runs.burst, (runs.energies, runs.powers, *runs.photons)
            energy, power, emitted, absorbed = (np.reshape(c, (burst.size, -1)) for c in courses)
            when = np.where(burst < np.inf, burst, np.nan) / self.rate
            ladders = np.broadcast_to(np.asarray(runs.J, dtype=float), burst.shape)
            unknown = np.empty((burst.size, 0))
            self.counts.add(Courses(energy, power, emitted, absorbed, when, ladders, unknown))

    def table(self) -> pd.DataFrame | None:
        """The rows, where asked for."""
        return None if self.rows is None else self.rows.table()

    def counted(self, tally: Tally) -> Tally:
        """The tally of these runs, with their statistics where asked for."""
        return tally if self.counts is None else self.counts.with_counts(tally)


class OfRuns(Protocol):
    """A study that says what values its runs may have."""

    @property
    def ranges(self) -> Ranges:
        """From the definition alone."""


def told_of(problem: Problem, study: OfRuns, rate: float = 1.0) -> Told | None:
    """What a problem asks to be told of each run; None if nothing is.

    Runs are added with times in units of 1/`rate`, and have values in the ranges of
    their `study`.
    """
    if problem.rows is None and problem.statistics is None:
        return None
    rows, counts = None, None
    if problem.rows is not None:
        of_runs = problem.first, problem.runs or 1, problem.rows
        rows = RunRows(problem.times * rate, *of_runs, rate=rate)
    if problem.statistics is not None:
        counts = RunCounts(problem.statistics, problem.times, study.ranges)
    return Told(rows, counts, rate)


def solution_of(
    problem: Problem, tally: Tally, told: Told | None, provenance: dict[str, Any]
) -> Solution:
    """The answer to a problem, with what was told of its runs."""
    table = None
    if told is not None:
        table, tally = told.table(), told.counted(tally)
    return Solution(problem.times, tally, provenance, table, problem.model)


class RunRows:
    r"""Rows of the runs first ... first + runs - 1, filled while they are added up.

    `times` are the sampler's output times, in units of 1/`rate`.

    Columns: ``run``; ``final_energy`` (conditional, per battery spin, at the last time);
    ``emitted_photons`` and ``absorbed_photons`` until then; ``burst_time``, when the total
    :math:`J^z` first is :math:`\le0`; ``peak_power`` and ``peak_power_time``, the conditional
    battery power per spin where it is largest among the output times, and when; ``time_to_25`` and
    the like, the first output time at which the conditional battery energy reaches a level
    (`nvmodel.Summary`); ``peak_emission_time``, the output time at which the conditional emission
    rate is largest; ``local_loss``, excitations lost to single-spin processes; ``final_J``, the
    ladder that the run is on, whose dark state :math:`|J,-J\rangle` it ends in at :math:`T=0` (NaN
    where J is not conserved); ``time_to_90_of_end`` and the like. NaN: not until the last time.
    Where a detector misses photons also ``recorded_photons``; energies are conditional on those.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> from darkbattery.trajectories import sample
    >>> battery, times = CollectiveBattery(1, 5), np.linspace(0, 9, 91)
    >>> table = sample(battery, times, runs=2, seed=3, first=10, records="summary").records
    >>> table.run.tolist(), (table.final_energy > 0.8).tolist(), table.emitted_photons.tolist()
    ([10, 11], [True, True], [4, 4])
    """

    def __init__(
        self, times: Array, first: int, runs: int, summary: Summary, rate: float = 1.0
    ) -> None:
        self._times, self._first, self._rate, self._summary = times, first, rate, summary
        self._found = np.full((runs, COLUMNS), np.nan)
        self._when = {name: np.empty(runs) for name in summary.columns}
        self._J, self._lost = np.full(runs, np.nan), np.zeros(runs, dtype=np.int64)
        self._recorded: Counts | None = None

    def add(self, runs: Batch) -> None:
        """Add some runs."""
        T, begin = self._times.size, runs.start - self._first
        here = slice(begin, begin + runs.burst.size)
        group = self._found[here]
        self._J[here], self._lost[here] = runs.J, runs.lost
        if runs.recorded is not None:
            if self._recorded is None:
                self._recorded = np.zeros(self._J.size, dtype=np.int64)
            self._recorded[here] = runs.recorded
        for column, so_far in enumerate(runs.photons, start=1):
            group[:, column] = so_far[T - 1 :: T]
        group[:, 3] = np.where(runs.burst < np.inf, runs.burst, np.nan)
        _summarise(runs.energies, runs.powers, runs.emission, self._times, group)
        courses = runs.energies.reshape(-1, T).T
        for name, when in self._summary.charge_times(courses, self._times).items():
            self._when[name][here] = when

    def table(self) -> pd.DataFrame:
        """All rows."""
        import pandas as pd

        found, rate = self._found, self._rate
        times = {name: when / rate for name, when in self._when.items()}
        of_end = [name for name in times if name.endswith("_of_end")]
        columns = {
            "run": np.arange(self._first, self._first + found.shape[0]),
            "final_energy": found[:, 0],
            "emitted_photons": found[:, 1].astype(np.int64),
            "absorbed_photons": found[:, 2].astype(np.int64),
            "burst_time": found[:, 3] / rate,
            "peak_power": found[:, 4],
            "peak_power_time": found[:, 5] / rate,
        }
        columns |= {name: when for name, when in times.items() if name not in of_end}
        columns["peak_emission_time"] = found[:, COLUMNS - 1] / rate
        columns |= {"local_loss": self._lost, "final_J": self._J}
        if self._recorded is not None:
            columns["recorded_photons"] = self._recorded
        return pd.DataFrame(columns | {name: times[name] for name in of_end})


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
