"""Truncated Wigner runs from start to end: their noise, their steps, what is read on the way."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from darkbattery.meanfield.averages.stretches import Piece, pieces
from darkbattery.meanfield.classes.moments import BATTERY, System
from darkbattery.meanfield.paths.noise import fill_normals
from darkbattery.meanfield.paths.paths import (
    INVERSION,
    SCRATCH,
    SUMS,
    Paths,
    Seen,
    Step,
    normals_per_step,
    step_of,
    steps_of,
)
from darkbattery.meanfield.paths.readings import (
    ROWS,
    Reading,
    Schedule,
    Vectors,
    follow,
    reading_of,
)
from darkbattery.meanfield.paths.steps import collect
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.sums import FULL

Array = NDArray[np.float64]

# runs side by side: many, so that loops over lanes outweigh calls, but their state stays in cache
LANE_CLASSES, FEWEST_LANES, MOST_LANES = 4096, 32, 256
# normals held at once
CHUNK = 1 << 16
# of one run; days for a million runs of the smallest systems
MOST_STEPS = 1e8
# of the inversion of all spins, a mean over classes
ROUNDING = 1e-14
# of runs, i mod 32, for the jackknife of what is not linear in the averages
GROUPS = 32
# standard deviations of a fluctuation that still fit: a billion runs have none beyond
FAR = 8.0


@dataclass(frozen=True, eq=False)
class Runs:
    """What a batch of runs yields.

    Attributes
    ----------
    rows : ndarray (ROWS, T, runs)
    delay : ndarray (runs,)
        When the inversion of all spins first was <= 0; infinity if it was not.
    vectors : ndarray of int64 (GROUPS, T, components, classes)
        Of `meanfield.paths.readings.Vectors`: summed over the runs.
    """

    rows: Array
    delay: Array
    vectors: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Plan:
    """How a study is stepped: an even number of steps in each piece of the way.

    Without a drive there is a piece before each output time.
    """

    system: System
    times: Array
    steps: tuple[int, ...]

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """Between output times and features of the drive."""
        return tuple(pieces(self.system.drive, self.times))

    @cached_property
    def first_step(self) -> Step:
        """Of no length: what does not depend on it."""
        return step_of(self.system, 0.0)

    @cached_property
    def reading(self) -> Reading:
        """What readings take."""
        return reading_of(self.system)

    @cached_property
    def schedule(self) -> Schedule:
        """The steps as the kernel takes them."""
        count = np.array(self.steps, dtype=np.int64)
        start = np.array([piece.start for piece in self.pieces])
        # a piece may have no length and no step
        length = np.array([piece.length for piece in self.pieces]) / np.maximum(count, 1)
        different, which = np.unique(length, return_inverse=True)
        steps = steps_of(self.system, different)
        return Schedule(count, start, length, which.astype(np.int64), steps)


def plan_with_step(system: System, times: Array, step: float) -> Plan:
    """Steps of at most `step` in each piece; InputError for more than 1e8 of them.

    >>> from darkbattery.meanfield.classes.moments import system_of
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> system = system_of(CollectiveBattery(n_battery=2, n_charger=10), 1)
    >>> plan_with_step(system, np.array([0.0, 1.0, 1.5]), 0.3).steps
    (0, 4, 2)
    """
    if times[-1] > MOST_STEPS * step:
        raise InputError(
            "times", float(times[-1]), f"needs more than {MOST_STEPS:.0e} steps of {step:.1e}"
        )
    every = pieces(system.drive, times)
    return Plan(system, times, tuple(int(2 * np.ceil(x.length / (2.0 * step))) for x in every))


def simulate(plan: Plan, seed: int, first: int, runs: int) -> Iterator[tuple[int, Runs]]:
    """Runs first, ..., first + runs - 1 in batches with the index of their first.

    Each run is a function of (seed, i) alone.
    """
    lanes = min(runs, lanes_for(plan.system))
    for start in range(first, first + runs, lanes):
        valid = min(lanes, first + runs - start)
        paths = start_of(plan.system, seed, start, lanes)
        found = walk(plan, PathNoise(seed, start, lanes), paths, valid)
        yield start, Runs(found.rows[:, :, :valid], found.delay[:valid], found.vectors)


def lanes_for(system: System) -> int:
    """How many runs to keep side by side."""
    return min(MOST_LANES, max(FEWEST_LANES, LANE_CLASSES // system.number.size))


def start_blocks(system: System) -> int:
    """Blocks of four numbers that the start takes from each stream."""
    return -(-(2 + 3 * system.number.size) // 4)


def start_of(system: System, seed: int, first: int, lanes: int) -> Paths:
    """Vacuum and thermal fluctuations of the start: <|S^-_k|^2> = N_k/2, var S^z = N_k (1-p^2)."""
    M = system.number.size
    normals = np.empty((4 * start_blocks(system), lanes))
    fill_normals(np.uint64(seed), first, 0, normals)
    spins = np.empty((3, M, lanes))
    width = 1.0 / np.sqrt(system.number)[:, None]
    spins[0] = width * normals[2 : 2 + M]
    spins[1] = width * normals[2 + M : 2 + 2 * M]
    along = width * np.sqrt(1.0 - system.start**2)[:, None]
    spins[2] = system.start[:, None] + along * normals[2 + 2 * M : 2 + 3 * M]
    field = np.sqrt((system.nbar + 0.5) / 2.0 / system.total) * normals[:2]
    return Paths(spins, field, np.empty((SUMS, lanes)))


@dataclass(frozen=True)
class PathNoise:
    """The numbers of consecutive runs, in order, after those of the start."""

    seed: int
    first: int
    lanes: int

    def fill(self, system: System, number: int, out: Array) -> None:
        """Fill `out` (normals, lanes) from normal `number` (a multiple of 4) on."""
        fill_normals(np.uint64(self.seed), self.first, start_blocks(system) + number // 4, out)


@dataclass(frozen=True)
class HalvedNoise(PathNoise):
    """The same path with every increment in two: (a + b)/sqrt 2 and (a - b)/sqrt 2."""

    per_step: int
    offset: int = 1 << 40

    def fill(self, system: System, number: int, out: Array) -> None:
        """See `PathNoise`; `number` counts halved increments."""
        P, coarse = self.per_step, number // 2
        blocks = start_blocks(system) + coarse // 4
        lead = coarse % 4
        size = -(-(lead + out.shape[0] // 2) // 4) * 4
        whole, half = np.empty((size, self.lanes)), np.empty((size, self.lanes))
        fill_normals(np.uint64(self.seed), self.first, blocks, whole)
        fill_normals(np.uint64(self.seed), self.first, self.offset + blocks, half)
        stop = lead + out.shape[0] // 2
        a = whole[lead:stop].reshape(-1, P, self.lanes)
        b = half[lead:stop].reshape(-1, P, self.lanes)
        pair = np.stack([a + b, a - b], axis=1) * np.sqrt(0.5)
        out[:] = pair.reshape(out.shape)


def longest_vector(system: System) -> float:
    """Of a class: N_k spins have fluctuations of 1/sqrt(N_k) in each direction."""
    return 1.0 + FAR / np.sqrt(float(system.number.min()))


def kept_vectors(system: System) -> tuple[int, NDArray[np.int64]]:
    """Components and classes of the battery that are summed apart: mean vectors of single spins.

    None where there is one class and no drive: its energy says as much, and without a drive
    the phase is random.
    """
    mine = np.flatnonzero(system.ensemble == BATTERY)
    driven = system.drive is not None
    return (3 if driven else 1), (mine if driven or mine.size > 1 else mine[:0])


def _vectors(plan: Plan, first: int, lanes: int, valid: int) -> Vectors:
    components, classes = kept_vectors(plan.system)
    group = np.where(np.arange(lanes) < valid, (first + np.arange(lanes)) % GROUPS, -1)
    shape = (GROUPS, len(plan.pieces), components, classes.size)
    scale = FULL / longest_vector(plan.system)
    return Vectors(np.zeros(shape, dtype=np.int64), classes, group, scale)


def walk(plan: Plan, source: PathNoise, paths: Paths, valid: int = MOST_LANES) -> Runs:
    """All steps of the runs side by side in `paths`, read at the output times.

    The vectors are those of the first `valid` runs.
    """
    system, schedule = plan.system, plan.schedule
    lanes, total = paths.field.shape[1], sum(plan.steps)
    per_step = normals_per_step(plan.first_step)
    size = max(2, CHUNK // (per_step * lanes) // 2 * 2)
    noise = np.empty((min(size, total) * per_step, lanes))
    seen = Seen(np.zeros(lanes), np.full(lanes, np.inf), np.empty((SCRATCH, lanes)))
    rows = np.empty((ROWS, len(plan.pieces), lanes))
    vectors = _vectors(plan, source.first, lanes, valid)
    place = np.zeros(2, dtype=np.int64)
    collect(paths, plan.first_step)
    seen.delay[paths.sums[INVERSION] <= ROUNDING] = 0.0
    for done in range(0, max(total, 1), size):
        count = min(size, total - done)
        part = noise[: count * per_step]
        source.fill(system, done * per_step, part)
        drive = _drive(plan, place, count)
        follow(paths, schedule, plan.reading, drive, part, place, seen, rows, vectors)
    asked = np.array([piece.output for piece in plan.pieces])
    if asked.all():
        return Runs(rows, seen.delay, vectors.total)
    return Runs(rows[:, asked], seen.delay, vectors.total[:, asked])


def _drive(plan: Plan, place: NDArray[np.int64], steps: int) -> Array:
    """Mean of eta/sqrt(N) over each of the next steps, from step place[1] of piece place[0] on."""
    system, schedule, found = plan.system, plan.schedule, np.zeros(steps)
    if system.drive is None:
        return found
    (number, first), filled = place.tolist(), 0
    while filled < steps:
        until = min(plan.steps[number], first + steps - filled)
        piece, h = plan.pieces[number], schedule.length[number]
        areas = piece.span.area(piece.since + h * np.arange(first, until + 1))
        if until > first:
            found[filled : filled + until - first] = np.diff(areas) / h
        filled, number, first = filled + until - first, number + 1, 0
    return found / np.sqrt(system.total)
