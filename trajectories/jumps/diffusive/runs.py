"""Single runs with a homodyne or heterodyne record: made in groups, and added up."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.method import Method, Problem, Work, refused_by
from darkbattery.nvmodel.refusal import refused_sizes
from darkbattery.nvmodel.runstatistics import RunCounts
from darkbattery.nvmodel.solution import Solution
from darkbattery.trajectories.jumps.counts.summaries import Batch, Told, solution_of
from darkbattery.trajectories.jumps.counts.sums import ENERGY, QUANTITIES, VARIANCE
from darkbattery.trajectories.jumps.diffusive.diffusion import (
    ALLOWED,
    PILOT_SEED,
    PILOTS,
    REACH,
    Steps,
    follow_mixed,
    follow_pure,
    joined,
    noise_of,
    short_enough,
)
from darkbattery.trajectories.jumps.diffusive.reading import (
    COURSES,
    EMITTED_PHOTONS,
    Tables,
    add_runs,
    read_batteries,
    read_runs,
)
from darkbattery.trajectories.jumps.diffusive.recordladder import (
    RecordLadder,
    ladder_readings,
    record_ladder,
)
from darkbattery.trajectories.jumps.diffusive.rows import DiffusiveRows
from darkbattery.trajectories.jumps.diffusive.study import diffusive_study
from darkbattery.trajectories.reading.conditional import unravelling
from darkbattery.trajectories.reading.derived import ENERGIES, FROM_ENERGY, FROM_POPULATIONS
from darkbattery.trajectories.reading.fluctuations import OF_STATES
from darkbattery.trajectories.space.angular import ladders_of

Array = NDArray[np.float64]

_VARIANCES = ("energy_variance", "energy_variance_conditional", "energy_variance_runs")
_WORK = ("daemonic_ergotropy", "ergotropy_variance_runs")
AVAILABLE = (*ENERGIES, *FROM_ENERGY, *FROM_POPULATIONS, *_VARIANCES, *_WORK, *OF_STATES)

MOST_PURE, MOST_MIXED = 450, 80  # photons whose amplitudes, or matrix, are followed
MOST_STATES = 16_000_000  # doubles of the amplitudes of the battery after n photons: 128 MB
GROUP_NUMBERS = 1 << 17  # of noise and bands that are held at once
MOST_GROUP = 64
# of a photon number and step, measured on one core; of a pair of them where light is missed
SECONDS_PURE, SECONDS_MIXED, COMPLEX = 1.5e-8, 3e-8, 3.0


@dataclass(frozen=True, eq=False)
class RecordPlan:
    """Steps that are short enough for a battery, and what they were seen to leave.

    Attributes
    ----------
    ladder : RecordLadder
    error : float
        Root mean square, over `PILOTS` runs, of what halving all steps changes in the conditional
        energy per spin on one record; the largest over the output times.
    """

    ladder: RecordLadder
    error: float


def followed_on_ladders(battery: Experiment) -> bool:
    """Whether a diffusive record leaves amplitudes on the ladder of photons: at T = 0, plainly.

    >>> from darkbattery.nvmodel import CollectiveBattery, Detector
    >>> followed_on_ladders(CollectiveBattery(1, 2, 0.1, detector=Detector("homodyne")).experiment)
    False
    """
    return battery.occupation == 0.0 and battery.is_collective


def photons_of(battery: Experiment) -> float:
    """The largest number of photons that a run emits."""
    ladders = ladders_of(*battery.sizes)
    return 0.5 * (ladders.rows - 1.0 + battery.n_charger - battery.n_battery)


def refuse_large(problem: Problem) -> None:
    """Refuse what memory or time forbids, before anything is allocated."""
    battery = problem.model
    pure = battery.detector.efficiency == 1.0
    photons, most = photons_of(battery), MOST_PURE if pure else MOST_MIXED
    if photons > most:
        what = "amplitudes" if pure else "a matrix below efficiency 1"
        text = f"a diffusive record is followed by {what} over {photons:.2g} photons, at most "
        raise refused_sizes(battery.sizes, f"{text}{most}; take fewer spins, or count photons")
    size = problem.times.size * (photons + 1.0) * (battery.n_battery + 1.0)
    if size > MOST_STATES:
        text = f"the battery's states after n photons need {size * 8e-9:.2g} GB; take fewer times"
        raise refused_sizes(battery.sizes, text)
    record_ladder(battery, problem.times, REACH)  # refuses too many steps


def is_pure(battery: Experiment) -> bool:
    """Whether the record tells all: the state stays pure."""
    return battery.detector is not None and battery.detector.efficiency == 1.0


def steps_of(battery: Experiment, ladder: RecordLadder) -> Steps:
    """The ladder as kernels take it, for the battery's detector."""
    detector = battery.detector
    assert detector is not None
    bracket = 1.0 if detector.kind == "homodyne" else 0.0
    tables = ladder.lowering, ladder.decay, ladder.shift, ladder.low, ladder.high
    return Steps(ladder.steps, ladder.at, ladder.M, *tables, detector.efficiency, bracket)


def follow(
    battery: Experiment, ladder: RecordLadder, noise: NDArray[Any], bands: int, record: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Bands (runs, T, bands, N + 1) of the states and the windows' records (runs, T).

    See `diffusion.follow_pure` for `noise` and `record`.
    """
    runs, T = max(noise.shape[2], record.shape[2]), ladder.at.size
    found = np.empty((runs, T, bands, ladder.M.size), dtype=noise.dtype)
    window = np.empty((runs, T), dtype=noise.dtype)
    kernel = follow_pure if is_pure(battery) else follow_mixed
    kernel(noise, steps_of(battery, ladder), found, record, window)
    return found, window


def halved(ladder: RecordLadder, battery: Experiment) -> RecordLadder:
    """The same with every step in two, the ends of all steps being output times."""
    middles = 0.5 * (ladder.taus[1:] + ladder.taus[:-1])
    ends = np.sort(np.concatenate([ladder.taus, middles]))
    return record_ladder(battery, ends / battery.gamma, math.inf)


@lru_cache(maxsize=8)
def _planned(battery: Experiment, times: tuple[float, ...]) -> RecordPlan:
    t = np.array(times)
    z = ladder_readings(battery, t, states=False).z
    found = short_enough(
        lambda reach: record_ladder(battery, t, reach),
        lambda ladder: _step_error(battery, ladder, z) if ladder.steps.size else 0.0,
    )
    return RecordPlan(*found)


def _step_error(battery: Experiment, ladder: RecordLadder, z: Array) -> float:
    fine = halved(ladder, battery)
    noise = noise_of(battery, PILOT_SEED, 0, PILOTS, fine.steps.size)
    record = np.zeros_like(noise)
    exact, _ = follow(battery, fine, noise, 1, record)
    exact = exact[:, 2 * ladder.at]
    again = joined(record, fine.steps)
    found, _ = follow(battery, ladder, np.zeros((0, 2, 0), noise.dtype), 1, again)
    apart = np.einsum("rtn,nt->rt", (found - exact)[:, :, 0].real, z) / battery.n_battery
    return float(np.sqrt((apart**2).mean(axis=0)).max())


def planned(battery: Experiment, times: Array) -> RecordPlan:
    """The steps of a study, by its model and times alone, so that every rank has the same."""
    return _planned(battery, tuple(times.tolist()))


@dataclass(frozen=True, eq=False)
class Group:
    """Runs side by side, read in columns of T output times each.

    Attributes
    ----------
    start : int
    quantities : ndarray (7, runs T)
        The rows of `readout.LINEAR`.
    variance : ndarray (runs T,)
    populations : ndarray (runs T, N_B + 1)
    known : ndarray (3, runs T)
        Of `read_batteries`; without columns where nobody asks, as the populations.
    burst : ndarray (runs,)
        The first output time at which the total J^z is <= 0 on average; infinity if at none.
    window : ndarray (runs, T)
        Of the record.
    bands : ndarray (runs, T, d, N + 1)
    """

    start: int
    quantities: Array
    variance: Array
    populations: Array
    known: Array
    burst: Array
    window: NDArray[Any]
    bands: NDArray[Any]


def groups_of_runs(
    battery: Experiment,
    times: Array,
    seed: int,
    first: int,
    runs: int,
    states: bool,
    bands: int | None = None,
) -> Iterator[Group]:
    """The runs first ... first + runs - 1 in groups; with the battery's matrix if `states`.

    V is kept in as many bands as that takes, or in `bands`.
    """
    ladder, T = planned(battery, times).ladder, times.size
    reading = ladder_readings(battery, times, states)
    q = Tables(
        reading.z,
        reading.z_rate,
        reading.emission,
        reading.variance,
        reading.amplitude,
        ladder.M,
        *battery.sizes,
        battery.gamma,
    )
    bands = bands or (battery.n_battery + 1 if states else 1)
    held = 4 * ladder.steps.size + T * bands * ladder.M.size
    size = max(1, min(MOST_GROUP, runs, GROUP_NUMBERS // max(held, 1)))
    for start in range(first, first + runs, size):
        n = min(size, first + runs - start)
        noise = noise_of(battery, seed, start, n, ladder.steps.size)
        nobody = np.zeros((0, 2, 0), noise.dtype)
        found, window = follow(battery, ladder, noise, bands, nobody)
        quantities, variance = np.empty((7, n * T)), np.empty(n * T)
        read_runs(found, q, quantities, variance)
        columns = n * T if states else 0
        populations, known = np.empty((columns, battery.n_battery + 1)), np.empty((3, columns))
        if states:
            read_batteries(found, q, populations, known)
        above = ladder.M[0] - quantities[EMITTED_PHOTONS].reshape(n, T) > 0.0
        burst = np.append(times * battery.gamma, np.inf)[
            np.where(above.all(axis=1), T, np.argmin(above, axis=1))
        ]
        record = np.conj(window)  # states are followed with dZ*
        yield Group(start, quantities, variance, populations, known, burst, record, found)


def count_runs(problem: Problem) -> Solution:
    """Make the runs of a problem and add them up."""
    battery, times, names = problem.model, problem.times, problem.names
    runs, first = problem.runs or 1, problem.first
    study = diffusive_study(battery, times, problem.seed, names, unravelling(battery).basis)
    counts, taus = study.no_runs_yet(), times * battery.gamma
    sums, states = study.sums_into(counts), study.states_into(counts)
    rows = None
    if problem.rows is not None:
        rows = DiffusiveRows(taus, first, runs, problem.rows, rate=battery.gamma)
    counted = None
    if problem.statistics is not None:
        counted = RunCounts(problem.statistics, times, study.ranges)
    told = Told(rows, counted, battery.gamma)
    made = problem.seed, first, runs, study.needs_populations
    for group in groups_of_runs(battery, times, *made):
        spread = np.zeros((QUANTITIES, group.variance.size))
        spread[ENERGY], spread[VARIANCE] = group.quantities[0], group.variance
        read = group.quantities, spread, group.populations, group.known, group.burst
        nothing = np.zeros(group.burst.size, dtype=np.int64)  # no photon is recorded by itself
        add_runs(group.start, *read, nothing, taus, times, sums, states)
        energies, powers, emission, photons = group.quantities[COURSES]
        light = emission, (photons, np.zeros_like(photons))
        batch = Batch(group.start, energies, powers, *light, group.burst)
        told.add(batch)
        if rows is not None:
            rows.add_records(batch, group.window)
    plan = planned(battery, times)
    provenance = {
        "solver": f"{battery.detector.kind} record",
        "seed": problem.seed,
        "steps": plan.ladder.steps.size,
        "step_error": plan.error,
    }
    return solution_of(problem, study.tally(first, runs, counts), told, provenance)


def _offers(battery: Experiment) -> tuple[str, ...]:
    if battery.detector is None or not followed_on_ladders(battery):
        return ()
    return AVAILABLE


def _work(problem: Problem) -> Work:
    battery = problem.model
    ladder = record_ladder(battery, problem.times, REACH)
    size, pure = ladder.M.size, is_pure(battery)
    numbers = ladder.steps.size * (size if pure else size**2)
    seconds = numbers * (SECONDS_PURE if pure else SECONDS_MIXED)
    seconds *= COMPLEX if battery.detector.kind == "heterodyne" else 1.0
    return Work((problem.runs or 1) * seconds)


DIFFUSIVE_RECORD = Method(
    name="diffusive record",
    kind="sample",
    offers=_offers,
    why_not=refused_by(refuse_large),
    work=_work,
    solve=count_runs,
    error=f"statistical, and at most {ALLOWED:g} of a run's energy per spin from its steps",
)
"""How runs with a homodyne or heterodyne record are made."""
