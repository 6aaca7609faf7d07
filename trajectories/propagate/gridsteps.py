r"""Stepping functions on a ladder's grid in time, and reading numbers from them.

Steps follow the solution alone. Their lengths are one times powers of two, so that few factorised
generators serve all, and numbers are read in between from the polynomial of each step
(`trajectories.propagate.radau`): output times cost next to nothing, however many and wherever they
are. All steps of a chain are one kernel: a step of some hundred rungs takes less than its calls
from Python would. Rational approximations on a contour fixed for all times lose everything here,
because the chains are far from normal.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.kernelcache import INNER, KERNEL
from darkbattery.trajectories.propagate.blocksolve import SUMS, apply, factorise, solve
from darkbattery.trajectories.propagate.grids import POINTS, Blocks
from darkbattery.trajectories.propagate.radau import (
    ERROR_PER_DEFECT,
    ORDER,
    POINTS_IN_TIME,
    POLES,
    SLOPE_AT_START,
    STAGES,
    share_at,
)

Array = NDArray[np.float64]

# all lengths are this times a power of two. Readings of a burst keep `READING_TOLERANCE` with this
# one and miss it with 0.8; five eighths, so that times add up without rounding
FIRST_STEP = 0.625

# largest accepted difference between one step and two half steps, relative to the largest value
# the function starts with. Half steps are better by 2^15, so what is left is 3e-14 a step
STEP_TOLERANCE = 1e-9

# largest accepted error of a reading between the ends of a step, relative to the largest value
# that the reading can have. Unlike that of the steps it does not add up
READING_TOLERANCE = 1e-11

# two half steps and one differ by this from rounding alone: the residues times 1e-16, and some.
# Below it the next few steps of the same size are taken whole
ROUNDING_SEEN = 1e-12
MOST_UNVERIFIED = 4

# after a length was refused, this many steps are taken before a longer one is tried, and twice as
# many each time that is refused in turn: rounding hides how much longer a step could be
PATIENCE = 8

# errors this much below what is accepted allow to double a step. That of a step grows by 2^16, but
# a refused step costs little; that of a reading by 2^9
EASY_STEP, EASY_READING = 0.1, 2.0**-8

# factorised steps kept, some 2 MB each
SLOTS = 6

# where rates are 1e25 times the slowest, rounding leaves only tiny steps; others take hundreds
MOST_STEPS = 10_000

# smaller numbers are put to zero: denormals would cost a hundred times a number's time
SMALLEST = 1e-100

# resolvents to changes of the function at each of the points in time: 2 c_j(c_i)/z_j
_SHARES = 2.0 * STAGES / POLES
_LAST = np.stack([_SHARES[-1].real, -_SHARES[-1].imag], axis=-1)  # on real and imaginary part


class TooManyStepsError(ArithmeticError):
    """The last time was not reached within the steps allowed."""


@dataclass(frozen=True, eq=False)
class Readings:
    """What was read along the way.

    Attributes
    ----------
    values, integrals : ndarray (T, r, columns)
        Readings, and their integrals over tau.
    step_error : float
        Estimated largest error of any column at any point at the last time, times `size`.
    reading_error : ndarray (r, columns)
        Estimated largest error that reading between the ends of steps adds to `values`.
    """

    values: Array
    integrals: Array
    step_error: float
    reading_error: Array


def propagate_readings(
    blocks: Blocks, start: Array, readings: Array, size: Array, taus: Array
) -> Readings:
    """Readings of exp(Q tau) applied to each column of `start`, and their integrals over tau.

    Parameters
    ----------
    blocks : Blocks
        Q.
    start : ndarray (points, 2)
    readings : ndarray (r, points)
        Row vectors to be applied to the columns.
    size : ndarray (points,)
        Weight of each point in the measure of the stepping error; 0 leaves a point out.
    taus : ndarray (T,)
        Increasing, >= 0.

    Raises
    ------
    TooManyStepsError
    """
    read = np.zeros((taus.size, 2, start.shape[1], readings.shape[0]))
    # the largest value of a reading, of functions whose `size` times value is at most 1
    largest = np.abs(readings) @ np.divide(1.0, size, where=size > 0.0, out=np.zeros_like(size))
    reading_error = np.zeros(read.shape[2:])
    accepted = _Accepted(STEP_TOLERANCE, READING_TOLERANCE * largest, EASY_READING)
    reader = _reader(readings)
    error = _walk(blocks, start.T.copy(), reader, size, taus, accepted, read, reading_error)
    if error < 0.0:
        raise TooManyStepsError
    values, integrals = read.transpose(1, 0, 3, 2)
    return Readings(values, integrals, error, reading_error.T)


class _Accepted(NamedTuple):
    """Accepted errors of a step and of each reading (r,), and the share of those to double at."""

    step: float
    reading: Array
    easy: float


class _Reader(NamedTuple):
    """Readings (r, stop - first) of the points that any of them has, and their sums of sizes (r,).

    Most of a ladder's points are in none.
    """

    rows: Array
    first: int
    scale: Array


def _reader(readings: Array) -> _Reader:
    used = np.flatnonzero(np.any(readings != 0.0, axis=0))
    first, stop = (int(used[0]), int(used[-1]) + 1) if used.size else (0, 1)
    rows = np.ascontiguousarray(readings[:, first:stop])
    return _Reader(rows, first, np.abs(rows).sum(axis=1))


class _Length(NamedTuple):
    """A length of step that is halved where it was refused, and doubled with patience."""

    value: float
    reached: float
    patience: int
    pause: int


class _Steps(NamedTuple):
    """Where steps lead: from HERE in a WHOLE step, in HALF of it, and from there in a SECOND half.

    `x` (4, columns, points) holds the functions at their ends, `path` (4, 9, 2, columns, r)
    readings and their integrals at `POINTS_IN_TIME`, `missing` (4, columns, r) the estimated error
    of readings in between; of steps within which nothing is read only their ends are.
    """

    x: Array
    path: Array
    missing: Array


HERE, WHOLE, HALF, SECOND = range(4)
END = POINTS_IN_TIME.size - 1  # of a step, among these points


class _Space(NamedTuple):
    """What a step needs: Q x, the resolvents of it, and factorised generators by length."""

    rate: Array
    solved: Array
    factors: Array
    lengths: Array
    used: NDArray[np.int64]


@njit(**KERNEL)
def _walk(
    q: Blocks,
    x: Array,
    reader: _Reader,
    size: Array,
    taus: Array,
    accepted: _Accepted,
    read: Array,
    reading_error: Array,
) -> float:
    """Fill `read` and `reading_error`; the error of all steps, or -1 if they are too many."""
    space, steps = _room_for(x, reader.rows.shape[0])
    length = _Length(FIRST_STEP, 0.0, 0, PATIENCE)
    readable = length
    now, error, difference, verified, unverified, done = 0.0, 0.0, 1.0, 0.0, 0, 0
    while done < taus.size and taus[done] <= 0.0:
        _read_rows(x, reader, read[done, 0])
        done += 1
    for _ in range(MOST_STEPS):
        if done == taus.size:
            return error
        h = _length_towards(taus[done] - now, length.value, readable.value)
        reached = done  # the outputs within the step, up to this one
        while reached < taus.size and taus[reached] <= now + h:
            reached += 1
        trusted = h <= verified and difference < ROUNDING_SEEN and unverified < MOST_UNVERIFIED
        if not _tried(h, q, trusted, reached > done, reader, accepted, space, steps):
            readable = _refused(readable, h)
            continue
        if trusted:
            unverified += 1
            length = _Length(length.value, length.reached, length.patience - 1, length.pause)
            error += difference
        else:
            difference = _between(steps, size, reader.scale)
            if not difference <= accepted.step:  # nan is refused
                length = _refused(length, h)
                continue
            error += difference * 2.0**-ORDER
            verified, unverified = h, 0
            length = _accepted(length, h, difference < EASY_STEP * accepted.step)
        if reached > done:
            for i in range(done, reached):
                _read_between((taus[i] - now) / h, steps.path[WHOLE], read[i])
            _keep_larger(steps.missing[WHOLE], reading_error)
            easily = _all_below(steps.missing[WHOLE], accepted.reading, accepted.easy)
            readable = _accepted(readable, h, easily)
            done = reached
        taken = WHOLE if trusted else SECOND
        _copy(steps.x[taken], steps.x[HERE])
        _copy(steps.path[taken, -1, 1], steps.path[HERE, -1, 1])
        now += h
    return -1.0


@njit(**INNER)
def _room_for(x: Array, several: int) -> tuple[_Space, _Steps]:
    """Room for steps from x (columns, points), with so many readings."""
    columns, points = x.shape
    space = _Space(
        np.empty((columns, points)),
        np.empty((POLES.size, 2 * columns, points)),
        np.zeros((SLOTS, POLES.size, 2, points, POINTS)),
        np.zeros(SLOTS),
        np.zeros(SLOTS, np.int64),
    )
    steps = _Steps(
        np.empty((4, columns, points)),
        np.zeros((4, POINTS_IN_TIME.size, 2, columns, several)),
        np.zeros((4, columns, several)),
    )
    _copy(x, steps.x[HERE])
    return space, steps


@njit(**INNER)
def _tried(
    h: float,
    q: Blocks,
    trusted: bool,
    within: bool,
    reader: _Reader,
    accepted: _Accepted,
    space: _Space,
    steps: _Steps,
) -> bool:
    """A whole step and, if it is not `trusted`, two halves.

    False where readings `within` it would miss too much: halves are not made then.
    """
    legible = True
    for to in range(WHOLE, WHOLE + 1 if trusted else SECOND + 1):
        if legible:  # written once: what is called thrice is compiled thrice
            start, share = (HALF if to == SECOND else HERE), (1.0 if to == WHOLE else 0.5)
            since = 1 if to == WHOLE and within else END
            _step(share * h, q, start, to, reader, space, steps, since)
            if to == WHOLE and within:
                legible = _all_below(steps.missing[to], accepted.reading, 1.0)
    return legible


@njit(**INNER)
def _copy(x: Array, out: Array) -> None:
    for c in range(x.shape[0]):
        for n in range(x.shape[1]):
            out[c, n] = x[c, n]


@njit(**INNER)
def _keep_larger(x: Array, out: Array) -> None:
    for c in range(x.shape[0]):
        for n in range(x.shape[1]):
            out[c, n] = max(out[c, n], x[c, n])


@njit(**INNER)
def _length_towards(left: float, longest: float, readable: float) -> float:
    """The longest step that ends before the next output, or one that can be read to its end."""
    if left > longest:
        return longest
    fitting = FIRST_STEP * 2.0 ** (np.ceil(np.log2(left / FIRST_STEP)) - 1.0)
    return min(longest, max(readable, fitting))


@njit(**INNER)
def _refused(length: _Length, h: float) -> _Length:
    return _Length(0.5 * h, length.reached, 2 * length.pause, 2 * length.pause)


@njit(**INNER)
def _accepted(length: _Length, h: float, easily: bool) -> _Length:
    pause = PATIENCE if h > length.reached else length.pause
    patience = length.patience - 1
    value = max(length.value, 2.0 * h) if easily and patience <= 0 else length.value
    return _Length(value, h, patience, pause)


@njit(**INNER)
def _all_below(missing: Array, accepted: Array, share: float) -> bool:
    for c in range(missing.shape[0]):
        for r in range(missing.shape[1]):
            if not missing[c, r] <= share * accepted[r]:  # nan is not
                return False
    return True


@njit(**INNER)
def _between(steps: _Steps, size: Array, scale: Array) -> float:
    """Relative to the start's largest value, or to that of a reading over one e-fold."""
    largest = 0.0
    one, two = steps.x[WHOLE], steps.x[SECOND]
    for c in range(one.shape[0]):
        for r in range(scale.size):
            gained = steps.path[SECOND, -1, 1, c, r]
            reference = max(max(scale[r], abs(gained)), 1e-300)
            largest = _larger(largest, abs(gained - steps.path[WHOLE, -1, 1, c, r]) / reference)
        for n in range(size.size):
            largest = _larger(largest, size[n] * abs(two[c, n] - one[c, n]))
    return largest


@njit(**INNER)
def _larger(a: float, b: float) -> float:
    """The larger; nan if any is."""
    return a if b <= a or a != a else b


@njit(**INNER)
def _step(
    h: float,
    q: Blocks,
    start: int,
    to: int,
    reader: _Reader,
    space: _Space,
    steps: _Steps,
    since: int,
) -> None:
    """The step `to` from the end of the step `start`, read at points in time from `since` on.

    From the first on where outputs lie within, and what is missing there is estimated; else `END`.
    """
    # r(A) x = x + 2 Re sum (c/z) (A - z)^-1 A x, since r(0) = 1: what changes little in a
    # step gets little of the residues' rounding, however many steps there are
    x, out, path, rate, solved = (
        steps.x[start],
        steps.x[to],
        steps.path[to],
        space.rate,
        space.solved,
    )
    apply(q, x, rate)
    solve(h, space.factors[_factorised(h, q, space)], q, rate, solved)
    for c in range(x.shape[0]):
        for n in range(x.shape[1]):
            value = 0.0
            for p in range(POLES.size):
                value += _LAST[p, 0] * solved[p, 2 * c, n] + _LAST[p, 1] * solved[p, 2 * c + 1, n]
            value = x[c, n] + h * value
            out[c, n] = 0.0 if abs(value) < SMALLEST else value
    slope, parts = np.empty(path.shape[2:]), np.empty((2 * x.shape[0], path.shape[3]))
    _read_rows(x, reader, path[0, 0])
    _read_rows(rate, reader, slope)
    _copy(steps.path[start, -1, 1], path[0, 1])
    for i in range(since, path.shape[0]):
        _copy(path[0, 0], path[i, 0])
        _copy(path[0, 1], path[i, 1])
    for p in range(POLES.size):
        _read_rows(solved[p], reader, parts)
        for c in range(slope.shape[0]):
            for r in range(slope.shape[1]):
                flow = h * complex(parts[2 * c, r], parts[2 * c + 1, r])
                # an integral is one more row of the generator, with rate 0: its solve is a division
                gained = h * (flow - path[0, 0, c, r]) / POLES[p]
                for i in range(since, path.shape[0]):
                    path[i, 0, c, r] += (_SHARES[i - 1, p] * flow).real
                    path[i, 1, c, r] += (_SHARES[i - 1, p] * gained).real
    for c in range(slope.shape[0] if since == 1 else 0):
        for r in range(slope.shape[1]):
            defect = -h * slope[c, r]
            for i in range(SLOPE_AT_START.size):
                defect += SLOPE_AT_START[i] * path[i, 0, c, r]
            steps.missing[to, c, r] = ERROR_PER_DEFECT * abs(defect)


@njit(**SUMS)
def _read_rows(x: Array, reader: _Reader, out: Array) -> None:
    """Readings of each row of x (rows, points)."""
    for c in range(x.shape[0]):
        for r in range(reader.rows.shape[0]):
            value = 0.0
            for n in range(reader.rows.shape[1]):
                value += reader.rows[r, n] * x[c, reader.first + n]
            out[c, r] = value


@njit(**INNER)
def _read_between(theta: float, path: Array, out: Array) -> None:
    """Readings and integrals (2, columns, r) at the time theta h from a step's start."""
    for i in range(POINTS_IN_TIME.size):
        share = share_at(i, theta)
        for part in range(2):
            for c in range(path.shape[2]):
                for r in range(path.shape[3]):
                    out[part, c, r] += share * path[i, part, c, r]


@njit(**INNER)
def _factorised(h: float, q: Blocks, space: _Space) -> int:
    """The place of this length's factors: the one that was used longest ago gives way."""
    found, oldest, latest = -1, 0, 0
    for i in range(SLOTS):
        latest = max(latest, space.used[i])
        if space.used[i] < space.used[oldest]:
            oldest = i
        if space.lengths[i] == h:
            found = i
    if found < 0:
        found = oldest
        factorise(h, q, space.factors[found])
        space.lengths[found] = h
    space.used[found] = latest + 1
    return found
