"""All output times of runs side by side in one kernel: steps, what is read, when runs burst."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.meanfield.classes.moments import BATTERY, System
from darkbattery.meanfield.paths.pairsteps import advance_pair, is_pair, pair_of
from darkbattery.meanfield.paths.paths import (
    BLOCK,
    CLASS,
    COMPONENT,
    FIELD_IM,
    FIELD_RE,
    LANES,
    LEAVING_RATE,
    LEFT_SO_FAR,
    READ,
    ROWS,
    SUM_IM,
    SUM_RE,
    Paths,
    Seen,
    Steps,
    step_at,
)
from darkbattery.meanfield.paths.steps import advance, empty_block, fill_block, keep_block, leaving
from darkbattery.nvmodel.kernelcache import apart
from darkbattery.nvmodel.normals import four_rows, set_runs
from darkbattery.nvmodel.streams import TRUNCATED_WIGNER, WORDS, Words, block_beginning
from darkbattery.nvmodel.tally import quantised

Array = NDArray[np.float64]
Amplitudes = NDArray[np.complex128]

# rows of what is read from a run: energies per spin, dE_B/dt, and per spin of all: rate at which
# photons leave without the bath's share, their integral, photons in the resonator; then the field
# over sqrt(N). The first SUMMED are those of every tally
BATTERY_ENERGY, CHARGER_ENERGY, POWER, LEAVING, LEFT, PHOTONS, FIELD_REAL, FIELD_IMAG = range(8)
SUMMED = 6


class Schedule(NamedTuple):
    """Steps of each piece of the way: how many, from when, of what length, from which of `table`.

    `table` holds the different ones, so that each is computed once.
    """

    steps: NDArray[np.int64]
    start: Array
    length: Array
    which: NDArray[np.int64]
    table: Steps


class Reading(NamedTuple):
    """What readings take of a system: weights (2, M) of both ensembles, 1/T1 and its supply."""

    weights: Array
    local: Array
    nbar: float


def reading_of(system: System) -> Reading:
    """The numbers of a `System` that readings take."""
    return Reading(
        np.array([system.of(BATTERY), system.of(1 - BATTERY)]),
        np.array([system.relaxation, system.supply]),
        system.nbar,
    )


class Vectors(NamedTuple):
    """Sums over runs of the battery's Bloch vectors, class by class.

    Attributes
    ----------
    total : ndarray of int64 (GROUPS, T, components, classes)
        In units of 1/`scale`, over the runs of each group; <sigma_z>, then x and y where kept.
    classes : ndarray of int64 (classes,)
        Which of the system's; none where their mean says as much.
    group : ndarray of int64 (lanes,)
        Of each run beside the others; -1 for those that do not count.
    scale : float
    """

    total: NDArray[np.int64]
    classes: NDArray[np.int64]
    group: NDArray[np.int64]
    scale: float


class Numbers(NamedTuple):
    """Where the normal numbers of runs side by side come from, `per_step` of each run.

    Drawn where they are used, those of runs `first`, `first` + 1, ... under `seed` from block
    `block` of their streams on; or given, where `block` is negative.
    """

    per_step: int
    seed: np.uint64
    first: int
    block: int


# of each run, that are drawn or taken at once: 16 kB of a block, so that they stay in near memory
AT_ONCE = 32

# where they are in a block
_BATTERY, _CHARGER, _POWER, _LEAVING, _LEFT, _PHOTONS, _REAL, _IMAG = (
    READ + np.uint64(BLOCK * row) for row in range(ROWS)
)


@njit(cache=True, error_model="numpy")
def follow(
    paths: Paths,
    plan: Schedule,
    reading: Reading,
    drive: Amplitudes,
    shift: Array,
    noise: Array,
    numbers: Numbers,
    place: NDArray[np.int64],
    seen: Seen,
    rows: Array,
    vectors: Vectors,
) -> None:
    """As many steps as `drive` has, and the readings between and after them.

    `noise` (normals, runs) has the numbers where `numbers` does not say how to draw them. `place`
    holds the next piece and how many of its steps are done; it is moved on.
    """
    runs, i, done = seen.left.size, place[0], place[1]
    # an array that is taken out of a tuple costs: all are, before the loops
    table, counts, which, start = plan.table, plan.steps, plan.which, plan.start
    one = table.one
    h, decay, force, width = table.h, table.decay, table.force, table.field_noise
    coupling, weights, local = one.coupling, reading.weights, reading.local
    field = (one.eliminated, one.kappa, one.total, reading.nbar)
    paired, pair = is_pair(one, shift), pair_of(one)
    state, spins = empty_block(paths.spins.shape[1])
    per_step, read = numbers.per_step, rows.reshape(-1)
    most = max(2, AT_ONCE // per_step // 2 * 2)  # steps: two take whole blocks of a stream
    near, products = np.zeros((most * per_step, BLOCK)), np.empty((2, BLOCK), dtype=np.uint64)
    flat = near.reshape(-1)
    for first in range(0, runs, BLOCK):
        lanes = min(BLOCK, runs - first)
        fill_block(paths, seen, first, lanes, state, spins)
        set_runs(numbers.seed, numbers.first + first, products)
        leaving(state, one)  # those of the end of the last call are gone
        i, done, used, since, until = place[0], place[1], 0, 0, 0
        while i < counts.size:
            if used == until and used < drive.size:
                since, until = used, min(used + most, drive.size)
                some = (since * per_step, until * per_step)
                if numbers.block < 0:
                    _take_normals(noise, first, lanes, some, near)
                else:
                    _draw_normals(numbers, products, some, near)
            count = min(counts[i] - done, until - used)
            if count and paired:
                steps, at = (done, done + count), which[i]
                length = (h[at], decay[at], force[at], width[at])
                held = (since, per_step)
                advance_pair(state, spins, held, length, pair, start[i], steps, drive, flat, used)
            elif count:
                steps, step = (done, done + count), step_at(table, which[i])
                held = (since, per_step)
                advance(state, spins, held, step, start[i], steps, drive, shift, flat, used)
            done, used = done + count, used + count
            if done < counts[i] and used < drive.size:
                continue
            if done < counts[i]:
                break
            _read(state, spins, coupling, weights, local, field)
            _note(state, first, lanes, runs, i, rows.shape[1], read)
            if vectors.classes.size:
                _add_vectors(spins, first, lanes, vectors, i)
            i, done = i + 1, 0
        keep_block(paths, seen, first, lanes, state, spins)
    place[0], place[1] = i, done


@njit(error_model="numpy")
def _take_normals(noise: Array, first: int, lanes: int, some: tuple[int, int], near: Array) -> None:
    """Rows some[0] to some[1] of a block's runs; its other lanes keep what they have."""
    for row in range(some[0], some[1]):
        for lane in range(lanes):
            near[row - some[0], lane] = noise[row, first + lane]


@njit(error_model="numpy")
def _draw_normals(numbers: Numbers, products: Words, some: tuple[int, int], near: Array) -> None:
    """The same as `nvmodel.normals.fill_normals` has them."""
    begin = numbers.block + some[0] // WORDS
    for b in range((some[1] - some[0]) // WORDS):
        beginning = block_beginning(numbers.seed, TRUNCATED_WIGNER, begin + b)
        four_rows(beginning, products, near, WORDS * b)


@njit(error_model="numpy")
def _add_vectors(spins: Array, first: int, lanes: int, vectors: Vectors, i: int) -> None:
    total, group, scale = vectors.total, vectors.group, vectors.scale
    for c in range(total.shape[2]):
        axis = np.uint64((c + 2) % 3)  # z comes first
        for n in range(vectors.classes.size):
            row = CLASS * np.uint64(vectors.classes[n]) + COMPONENT * axis
            for lane in range(lanes):
                g = group[first + lane]
                if g >= 0:
                    # the energies' rows tell of what is cut off
                    total[g, i, c, n] += quantised(spins[row + np.uint64(lane)], scale)


@njit(error_model="numpy")
def _note(state: Array, first: int, lanes: int, runs: int, i: int, times: int, rows: Array) -> None:
    """Write what was read of a block to its place in rows (ROWS, T, runs), flat."""
    apart()
    for row in range(ROWS):
        at = np.uint64((row * times + i) * runs + first)
        here = READ + np.uint64(BLOCK * row)
        for lane in range(np.uint64(lanes)):
            rows[at + lane] = state[here + lane]


@njit(error_model="numpy")
def _read(
    state: Array,
    spins: Array,
    coupling: Array,
    weights: Array,
    local: Array,
    numbers: tuple[bool, float, float, float],
) -> None:
    """Fill a block's rows of what is read."""
    eliminated, kappa, total, nbar = numbers
    _begin_rows(state, 0.5 / total, eliminated)
    for k in range(coupling.size):
        spin = CLASS * np.uint64(k)
        if weights[1, k] != 0.0:
            _add_energy(state, spins, spin, 0.5 * weights[1, k], _CHARGER)
        weight, g = weights[0, k], coupling[k]
        if weight == 0.0:
            continue
        _add_energy(state, spins, spin, 0.5 * weight, _BATTERY)
        supply, loss = 0.5 * weight * local[1, k], 0.5 * weight * local[0, k]
        if eliminated:
            rate = -2.0 / kappa * weight * g
            # the symmetric order's share of spontaneous decay
            loss -= rate * g * (2.0 * nbar + 1.0) / total
            _add_power_from_spins(state, spins, spin, rate, (supply, -loss))
        else:
            _add_power_from_field(state, spins, spin, weight * g, (supply, -loss))


@njit(error_model="numpy")
def _begin_rows(state: Array, vacuum: float, eliminated: bool) -> None:
    """What needs no sum over classes."""
    for lane in range(LANES):
        state[_BATTERY + lane] = 0.5
        state[_CHARGER + lane] = 0.5
        state[_POWER + lane] = 0.0
        state[_LEAVING + lane] = state[LEAVING_RATE + lane]
        state[_LEFT + lane] = state[LEFT_SO_FAR + lane]
        re, im = state[FIELD_RE + lane], state[FIELD_IM + lane]
        state[_PHOTONS + lane] = 0.0 if eliminated else re * re + im * im - vacuum
        state[_REAL + lane] = re
        state[_IMAG + lane] = im


@njit(error_model="numpy")
def _add_energy(state: Array, spins: Array, spin: Any, weight: float, row: Any) -> None:
    apart()
    z = spin + np.uint64(2) * COMPONENT
    for lane in range(LANES):
        state[row + lane] += weight * spins[z + lane]


@njit(error_model="numpy")
def _add_power_from_field(
    state: Array, spins: Array, x: Any, rate: float, own: tuple[float, float]
) -> None:
    """-2 g Im(alpha* beta), beta = (x - iy)/2, and own[0] + own[1] z."""
    apart()
    y, z = x + COMPONENT, x + np.uint64(2) * COMPONENT
    for lane in range(LANES):
        flow = state[FIELD_RE + lane] * spins[y + lane] + state[FIELD_IM + lane] * spins[x + lane]
        state[_POWER + lane] += rate * flow + (own[0] + own[1] * spins[z + lane])


@njit(error_model="numpy")
def _add_power_from_spins(
    state: Array, spins: Array, x: Any, rate: float, own: tuple[float, float]
) -> None:
    """-(4/kappa) g Re(s* beta), and own[0] + own[1] z."""
    apart()
    y, z = x + COMPONENT, x + np.uint64(2) * COMPONENT
    for lane in range(LANES):
        flow = spins[x + lane] * state[SUM_RE + lane] - spins[y + lane] * state[SUM_IM + lane]
        state[_POWER + lane] += rate * flow + (own[0] + own[1] * spins[z + lane])
