"""All output times of runs side by side in one kernel: steps, what is read, when runs burst."""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.meanfield.classes.moments import BATTERY, System
from darkbattery.meanfield.paths.paths import (
    LEAVING_RATE,
    S_IMAG,
    S_REAL,
    Paths,
    Seen,
    Step,
    Steps,
    step_at,
)
from darkbattery.meanfield.paths.steps import advance, leaving_field, leaving_spins
from darkbattery.nvmodel.sums import quantised

Array = NDArray[np.float64]
Amplitudes = NDArray[np.complex128]

# rows of what is read from a run: energies per spin, dE_B/dt, and per spin of all: rate at which
# photons leave without the bath's share, their integral, photons in the resonator; then the field
# over sqrt(N). The first SUMMED are those of every tally
BATTERY_ENERGY, CHARGER_ENERGY, POWER, LEAVING, LEFT, PHOTONS, FIELD_REAL, FIELD_IMAG = range(8)
ROWS, SUMMED = 8, 6


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


@njit(cache=True, error_model="numpy")
def follow(
    paths: Paths,
    plan: Schedule,
    reading: Reading,
    drive: Amplitudes,
    shift: Array,
    noise: Array,
    place: NDArray[np.int64],
    seen: Seen,
    rows: Array,
    vectors: Vectors,
) -> None:
    """As many steps as `drive` has, and the readings between and after them.

    `place` holds the next piece and how many of its steps are done; it is moved on.
    """
    i, done, used = place[0], place[1], 0
    while i < plan.steps.size:
        step = step_at(plan.table, plan.which[i])
        count = min(plan.steps[i] - done, drive.size - used)
        if used == 0:  # the rates of the end of the last call are gone
            _leaving(paths, step, seen.scratch, LEAVING_RATE)
        if count:
            steps = (done, done + count)
            advance(paths, step, plan.start[i], steps, drive, shift, noise, used, seen)
            done, used = done + count, used + count
        if done < plan.steps[i]:
            break
        _read(paths, step, reading, seen, i, rows)
        if vectors.classes.size:
            _add_vectors(paths.spins, vectors, i)
        i, done = i + 1, 0
    place[0], place[1] = i, done


@njit(error_model="numpy")
def _add_vectors(spins: Array, vectors: Vectors, i: int) -> None:
    total, group, scale = vectors.total, vectors.group, vectors.scale
    for c in range(total.shape[2]):
        axis = (c + 2) % 3  # z comes first
        for n in range(vectors.classes.size):
            k = vectors.classes[n]
            for lane in range(group.size):
                if group[lane] >= 0:
                    # the energies' rows tell of what is cut off
                    total[group[lane], i, c, n] += quantised(spins[axis, k, lane], scale)


@njit(error_model="numpy")
def _leaving(paths: Paths, p: Step, out: Array, row: int) -> None:
    """Rate at which photons leave, per spin, without the bath's share."""
    if p.eliminated:
        leaving_spins(paths.sums, 4.0 / p.kappa, 0.5 / p.total, out, row)
    else:
        leaving_field(paths.field, p.kappa, 0.5 / p.total, out, row)


@njit(error_model="numpy")
def _read(paths: Paths, p: Step, reading: Reading, seen: Seen, i: int, rows: Array) -> None:
    """Fill rows[:, i] (ROWS, lanes)."""
    spins, field, sums = paths
    coupling, weights, local, nbar = p.coupling, reading.weights, reading.local, reading.nbar
    eliminated, kappa, total = p.eliminated, p.kappa, p.total
    _begin_rows(seen.left, seen.scratch, field, 0.5 / total, eliminated, i, rows)
    for k in range(coupling.size):
        if weights[1, k] != 0.0:
            _add_energy(spins, k, 0.5 * weights[1, k], rows, CHARGER_ENERGY, i)
        weight, g = weights[0, k], coupling[k]
        if weight == 0.0:
            continue
        _add_energy(spins, k, 0.5 * weight, rows, BATTERY_ENERGY, i)
        supply, loss = 0.5 * weight * local[1, k], 0.5 * weight * local[0, k]
        if eliminated:
            rate = -2.0 / kappa * weight * g
            # the symmetric order's share of spontaneous decay
            loss -= rate * g * (2.0 * nbar + 1.0) / total
            _add_power_from_spins(spins, k, sums, rate, (supply, -loss), rows, i)
        else:
            _add_power_from_field(spins, k, field, weight * g, (supply, -loss), rows, i)


@njit(error_model="numpy")
def _begin_rows(
    left: Array,
    scratch: Array,
    field: Array,
    vacuum: float,
    eliminated: bool,
    i: int,
    rows: Array,
) -> None:
    """What needs no sum over classes."""
    for lane in range(left.size):
        rows[BATTERY_ENERGY, i, lane] = rows[CHARGER_ENERGY, i, lane] = 0.5
        rows[POWER, i, lane] = 0.0
        rows[LEAVING, i, lane] = scratch[LEAVING_RATE, lane]
        rows[LEFT, i, lane] = left[lane]
        re, im = field[0, lane], field[1, lane]
        rows[PHOTONS, i, lane] = 0.0 if eliminated else re * re + im * im - vacuum
        rows[FIELD_REAL, i, lane] = re
        rows[FIELD_IMAG, i, lane] = im


@njit(error_model="numpy")
def _add_energy(spins: Array, k: int, weight: float, rows: Array, row: int, i: int) -> None:
    for lane in range(rows.shape[2]):
        rows[row, i, lane] += weight * spins[2, k, lane]


@njit(error_model="numpy")
def _add_power_from_field(
    spins: Array, k: int, field: Array, rate: float, own: tuple[float, float], rows: Array, i: int
) -> None:
    """-2 g Im(alpha* beta), beta = (x - iy)/2, and own[0] + own[1] z."""
    for lane in range(rows.shape[2]):
        flow = field[0, lane] * spins[1, k, lane] + field[1, lane] * spins[0, k, lane]
        rows[POWER, i, lane] += rate * flow + (own[0] + own[1] * spins[2, k, lane])


@njit(error_model="numpy")
def _add_power_from_spins(
    spins: Array, k: int, sums: Array, rate: float, own: tuple[float, float], rows: Array, i: int
) -> None:
    """-(4/kappa) g Re(s* beta), and own[0] + own[1] z."""
    for lane in range(rows.shape[2]):
        flow = spins[0, k, lane] * sums[S_REAL, lane] - spins[1, k, lane] * sums[S_IMAG, lane]
        rows[POWER, i, lane] += rate * flow + (own[0] + own[1] * spins[2, k, lane])
