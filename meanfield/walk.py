"""Truncated Wigner runs from start to end: their noise, their steps, what is read on the way."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meanfield.moments import BATTERY, System
from meanfield.noise import fill_normals
from meanfield.paths import (
    INVERSION,
    S_IMAG,
    S_REAL,
    SUMS,
    Paths,
    Q,
    Step,
    advance,
    collect,
    normals_per_step,
    step_of,
)
from nvmodel.refusal import InputError

Array = NDArray[np.float64]

# runs side by side: many, so that loops over lanes outweigh calls, but their state stays in cache
LANE_CLASSES, FEWEST_LANES, MOST_LANES = 4096, 32, 256
# normals held at once
CHUNK = 1 << 16
# of one run; days for a million runs of the smallest systems
MOST_STEPS = 1e8

# rows of what is read from a run: energies per spin, dE_B/dt, and per spin of all: rate at which
# photons leave without the bath's share, their integral, photons in the resonator
BATTERY_ENERGY, CHARGER_ENERGY, POWER, LEAVING, LEFT, PHOTONS = range(6)
ROWS = 6


@dataclass(frozen=True, eq=False)
class Runs:
    """What a batch of runs yields.

    Attributes
    ----------
    rows : ndarray (ROWS, T, runs)
    delay : ndarray (runs,)
        When the inversion of all spins first fell through zero; infinity if it did not.
    """

    rows: Array
    delay: Array


@dataclass(frozen=True, eq=False)
class Plan:
    """How a study is stepped: an even number of steps before each output time."""

    system: System
    times: Array
    steps: tuple[int, ...]


def plan_with_step(system: System, times: Array, step: float) -> Plan:
    """Steps of at most `step` between output times; InputError for more than 1e8 of them.

    >>> from meanfield.moments import system_of
    >>> from nvmodel import CollectiveBattery
    >>> system = system_of(CollectiveBattery(n_battery=2, n_charger=10), 1)
    >>> plan_with_step(system, np.array([0.0, 1.0, 1.5]), 0.3).steps
    (0, 4, 2)
    """
    if times[-1] > MOST_STEPS * step:
        raise InputError(
            "times", float(times[-1]), f"needs more than {MOST_STEPS:.0e} steps of {step:.1e}"
        )
    lengths = np.diff(times, prepend=0.0)
    return Plan(system, times, tuple(int(2 * np.ceil(x / (2.0 * step))) for x in lengths))


def simulate(plan: Plan, seed: int, first: int, runs: int) -> Iterator[tuple[int, Runs]]:
    """Runs first, ..., first + runs - 1 in batches with the index of their first.

    Each run is a function of (seed, i) alone.
    """
    lanes = min(runs, lanes_for(plan.system))
    for start in range(first, first + runs, lanes):
        found = walk(plan, PathNoise(seed, start, lanes), start_of(plan.system, seed, start, lanes))
        valid = min(lanes, first + runs - start)
        yield start, Runs(found.rows[:, :, :valid], found.delay[:valid])


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


def walk(plan: Plan, source: PathNoise, paths: Paths) -> Runs:
    """All steps of the runs side by side in `paths`, read at the output times."""
    system, times = plan.system, plan.times
    lanes, total = paths.field.shape[1], system.total
    rows, now, number = np.empty((ROWS, times.size, lanes)), 0.0, 0
    delay, left = np.full(lanes, np.inf), np.zeros(lanes)
    weights = np.array([system.of(BATTERY), system.of(1 - BATTERY)])
    local = np.array([system.relaxation, system.supply])
    step, steps_length = step_of(system, 0.0), 0.0
    collect(paths, step)
    for i, count in enumerate(plan.steps):
        if count:
            h = (times[i] - now) / count
            if h != steps_length:
                step, steps_length = step_of(system, h), h
            per_step = normals_per_step(step)
            chunk = max(2, CHUNK // (per_step * lanes) // 2 * 2)
            for done in range(0, count, chunk):
                size = min(chunk, count - done)
                noise = np.empty((size * per_step, lanes))
                source.fill(system, number, noise)
                number += size * per_step
                start = now + done * h
                _advance_all(
                    paths,
                    step,
                    _drive(system, start, h, size),
                    total,
                    noise,
                    start,
                    delay,
                    left,
                )
            now = times[i]
        _read(paths, step, total, system.nbar, weights, local, left, rows[:, i])
    return Runs(rows, delay)


def _drive(system: System, start: float, h: float, steps: int) -> Array:
    """eta/sqrt(N) amid each step."""
    if system.drive is None:
        return np.zeros(steps)
    middles = start + h * (np.arange(steps) + 0.5)
    return system.drive.field(middles) / np.sqrt(system.total)


@njit(cache=True, error_model="numpy")
def _advance_all(
    paths: Paths,
    p: Step,
    drive: Array,
    total: float,
    noise: Array,
    now: float,
    delay: Array,
    left: Array,
) -> None:
    per_step = noise.shape[0] // drive.size
    lanes = left.size
    before, leaving = np.empty(lanes), np.empty(lanes)
    inversion = paths.sums[INVERSION]
    _leaving(paths, p, total, leaving)
    for i in range(drive.size):
        for lane in range(lanes):
            before[lane] = inversion[lane]
            left[lane] += 0.5 * p.h * leaving[lane]
        advance(paths, p, drive[i], noise[i * per_step : (i + 1) * per_step])
        _leaving(paths, p, total, leaving)
        falls = 0
        for lane in range(lanes):
            left[lane] += 0.5 * p.h * leaving[lane]
            falls += (before[lane] > 0.0) & (inversion[lane] <= 0.0)
        if falls:
            _note_falls(before, inversion, now + i * p.h, p.h, delay)


@njit(error_model="numpy")
def _note_falls(before: Array, after: Array, now: float, h: float, delay: Array) -> None:
    """When the inversion first fell through zero, taken as linear over the step."""
    for lane in range(delay.size):
        if before[lane] > 0.0 and after[lane] <= 0.0 and delay[lane] == np.inf:
            delay[lane] = now + h * before[lane] / (before[lane] - after[lane])


@njit(error_model="numpy")
def _leaving(paths: Paths, p: Step, total: float, out: Array) -> None:
    """kappa n/N from |alpha|^2 = n + 1/2; or gamma <J^+J^->/N from |S^-|^2 = J^+J^- - J^z."""
    if p.eliminated:
        re, im, q = paths.sums[S_REAL], paths.sums[S_IMAG], paths.sums[Q]
        for lane in range(out.size):
            square = re[lane] * re[lane] + im[lane] * im[lane]
            out[lane] = 4.0 / p.kappa * (square + 0.5 * q[lane] / total)
    else:
        re, im = paths.field[0], paths.field[1]
        for lane in range(out.size):
            out[lane] = p.kappa * (re[lane] * re[lane] + im[lane] * im[lane] - 0.5 / total)


@njit(cache=True, error_model="numpy")
def _read(
    paths: Paths,
    p: Step,
    total: float,
    nbar: float,
    weights: Array,
    local: Array,
    left: Array,
    out: Array,
) -> None:
    """Fill `out` (ROWS, lanes)."""
    lanes = left.size
    _leaving(paths, p, total, out[LEAVING])
    out[BATTERY_ENERGY], out[CHARGER_ENERGY], out[POWER] = 0.5, 0.5, 0.0
    for k in range(p.share.size):
        w, g = weights[0, k], p.coupling[k]
        for lane in range(lanes):
            x, y, z = paths.spins[0, k, lane], paths.spins[1, k, lane], paths.spins[2, k, lane]
            out[BATTERY_ENERGY, lane] += 0.5 * w * z
            out[CHARGER_ENERGY, lane] += 0.5 * weights[1, k] * z
            if p.eliminated:
                # -(4/kappa) Re(s* beta) and the symmetric order's share of spontaneous decay
                dot = 0.5 * (x * paths.sums[S_REAL, lane] - y * paths.sums[S_IMAG, lane])
                flow = -4.0 / p.kappa * g * (dot + 0.5 * g * (2.0 * nbar + 1.0) * z / total)
            else:
                # -2 g Im(alpha* beta), beta = (x - iy)/2
                flow = g * (paths.field[0, lane] * y + paths.field[1, lane] * x)
            out[POWER, lane] += w * (flow + 0.5 * (local[1, k] - local[0, k] * z))
    for lane in range(lanes):
        re, im = paths.field[0, lane], paths.field[1, lane]
        out[PHOTONS, lane] = 0.0 if p.eliminated else re * re + im * im - 0.5 / total
        out[LEFT, lane] = left[lane]
