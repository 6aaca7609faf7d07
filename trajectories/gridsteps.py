r"""Stepping functions on a ladder's grid in time, and reading numbers from them.

Each step applies the subdiagonal Pade approximant (7, 8) of exp in partial fractions, a sum of
resolvents of the block tridiagonal generator. It vanishes at infinity, which the stiff modes of
Chebyshev elements need, and its poles move with the step; rational approximations on a contour
fixed for all times lose everything here, because the chains are far from normal.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from trajectories.chains import ORDER, POLES, RESIDUES
from trajectories.grids import Blocks

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

# largest accepted difference between one step and two half steps, relative to the largest value
# the function starts with. Half steps are better by 2^15, so what is left is 3e-14 a step
STEP_TOLERANCE = 1e-9

# two half steps and one differ by this from rounding alone: the residues times 1e-16, and some.
# Below it the next few steps of the same size are taken whole
ROUNDING_SEEN = 1e-12
MOST_UNVERIFIED = 4

# after a step was refused, this many are taken before a longer one is tried, and twice as many
# each time that is refused in turn: rounding hides how much longer a step could be
PATIENCE = 8

# factorised steps kept: a step, its half, and those before the last change of size
SLOTS = 4

# an output time nearer than this many steps is reached in equal steps, so that times at equal
# distances share factors; on the way to one further off steps only double or halve
EQUAL_STEPS = 8

# step sizes this close share their factors. Times are counted as if they were the stored size, so
# the mismatch does not add up: outputs are late or early by at most this fraction of a step
SAME_STEP = 1e-11

# where rates are 1e25 times the slowest, rounding leaves only tiny steps; others take hundreds
MOST_STEPS, MOST_STEPS_PER_TIME = 10_000, 10
TOO_MANY = -1.0  # in place of the error


class TooManyStepsError(ArithmeticError):
    """The last time was not reached within the steps allowed."""


def propagate_readings(
    blocks: Blocks, start: Array, readings: Array, size: Array, taus: Array
) -> tuple[Array, Array, float]:
    """Readings of exp(Q tau) applied to each column of `start`, and their integrals over tau.

    Parameters
    ----------
    blocks : Blocks
        Q.
    start : ndarray (points, columns)
    readings : ndarray (r, points)
        Row vectors to be applied to the columns.
    size : ndarray (points,)
        Weight of each point in the measure of the stepping error; 0 leaves a point out.
    taus : ndarray (T,)
        Increasing, >= 0.

    Returns
    -------
    values, integrals : ndarray (T, r, columns)
    error : float
        Estimated largest error of any column at any point at the last time, times `size`.

    Raises
    ------
    TooManyStepsError
    """
    shape = (taus.size, readings.shape[0], start.shape[1])
    values, integrals = np.empty(shape), np.empty(shape)
    error = _propagate(
        blocks, POLES, RESIDUES, start, readings, size, np.asarray(taus), values, integrals
    )
    if error == TOO_MANY:
        raise TooManyStepsError
    return values, integrals, error


@njit(cache=True, error_model="numpy")
def _propagate(
    q: Blocks,
    poles: ComplexArray,
    residues: ComplexArray,
    start: Array,
    readings: Array,
    size: Array,
    taus: Array,
    values: Array,
    integrals: Array,
) -> float:
    inverse = np.empty((SLOTS, poles.size, q.inner.size), np.complex128)
    stored, oldest = np.zeros(SLOTS), 0
    x, y = start.copy(), np.zeros((readings.shape[0], start.shape[1]))
    whole, half, two = x.copy(), x.copy(), x.copy()
    y_whole, y_half, y_two = y.copy(), y.copy(), y.copy()
    work = np.empty(x.shape, np.complex128)
    scale = np.abs(readings).sum(axis=1)
    now, error, step, last = 0.0, 0.0, 0.5, 0.0
    difference, verified, unverified, patience, pause = 1.0, 0.0, 0, 0, PATIENCE
    steps = 0
    for t in range(taus.size):
        while taus[t] - now > SAME_STEP * max(last, taus[t] - now):
            steps += 1
            if steps > MOST_STEPS + MOST_STEPS_PER_TIME * taus.size:
                return TOO_MANY
            h = _next_step(taus[t] - now, step, last)
            slot, oldest = _slot(h, q, poles, inverse, stored, oldest)
            h = stored[slot]
            _step(h, inverse[slot], q, poles, residues, readings, x, y, whole, y_whole, work)
            if h <= verified and difference < ROUNDING_SEEN and unverified < MOST_UNVERIFIED:
                unverified, patience = unverified + 1, patience - 1
                error += difference
                x, whole, y, y_whole = whole, x, y_whole, y
            else:
                slot, oldest = _slot(h / 2, q, poles, inverse, stored, oldest)
                args = (h / 2, inverse[slot], q, poles, residues, readings)
                _step(*args, x, y, half, y_half, work)
                _step(*args, half, y_half, two, y_two, work)
                difference = _largest_difference(two, whole, size)
                difference = max(difference, _integral_difference(y_two, y_whole, scale))
                if difference > STEP_TOLERANCE:
                    step, pause = h / 2, 2 * pause
                    patience = pause
                    continue
                error += difference * 2.0**-ORDER
                if h > 1.5 * verified:
                    pause = PATIENCE
                verified, unverified, patience = h, 0, patience - 1
                if difference < 0.1 * STEP_TOLERANCE and patience <= 0:
                    step = max(step, 2.0 * h)
                x, two, y, y_two = two, x, y_two, y
            now += h
            last = h
        values[t] = readings @ x
        integrals[t] = y
    return error


@njit(error_model="numpy")
def _next_step(left: float, step: float, last: float) -> float:
    """The largest step, equal steps to a near output time, or the last size if it is one."""
    if left <= step:
        return left
    count = np.ceil(left / step)
    if count > EQUAL_STEPS:
        return step
    if 0.4 * step < last <= step:
        fitting = np.rint(left / last)
        if abs(left - fitting * last) < SAME_STEP * last:
            return last
    return left / count


@njit(error_model="numpy")
def _slot(
    h: float,
    q: Blocks,
    poles: ComplexArray,
    inverse: ComplexArray,
    stored: Array,
    oldest: int,
) -> tuple[int, int]:
    """The slot that holds the inverses for step h, factorised now if none does."""
    for s in range(SLOTS):
        if abs(stored[s] - h) <= SAME_STEP * h:
            return s, oldest
    for j in range(poles.size):
        _factorise(h, poles[j], q, inverse[oldest, j])
    stored[oldest] = h
    return oldest, (oldest + 1) % SLOTS


@njit(error_model="numpy")
def _largest_difference(a: Array, b: Array, size: Array) -> float:
    largest = 0.0
    for i in range(size.size):
        if size[i] > 0.0:
            for c in range(a.shape[1]):
                d = size[i] * abs(a[i, c] - b[i, c])
                if not d <= largest:  # lets nan through
                    largest = d
    return largest


@njit(error_model="numpy")
def _integral_difference(a: Array, b: Array, scale: Array) -> float:
    """Relative to the integral, or to the reading's largest value over one e-fold."""
    largest = 0.0
    for r in range(a.shape[0]):
        for c in range(a.shape[1]):
            d = abs(a[r, c] - b[r, c]) / max(scale[r], abs(b[r, c]), 1e-300)
            if not d <= largest:
                largest = d
    return largest


@njit(error_model="numpy")
def _factorise(h: float, z: complex, q: Blocks, inverse: ComplexArray) -> None:
    """Inverses of the diagonal blocks of h Q - z after elimination from the last block up."""
    last = q.first.size - 2
    for e in range(last, -1, -1):
        size = q.first[e + 1] - q.first[e]
        a = np.empty((size, size), np.complex128)
        for i in range(size):
            for j in range(size):
                a[i, j] = h * q.inner[q.start[e] + i * size + j]
            a[i, i] -= z
        if e < last:
            corner = inverse[q.start[e + 1]]
            for i in range(size):
                below = h * h * q.below[q.first[e] + i]
                if below != 0.0:
                    for j in range(size):
                        a[i, j] -= below * corner * q.above[e + 1, j]
        _invert(a, inverse[q.start[e] : q.start[e + 1]])


@njit(error_model="numpy")
def _invert(a: ComplexArray, out: ComplexArray) -> None:
    """Gauss and Jordan's inverse with row exchanges; `a` is used up."""
    n = a.shape[0]
    b = np.zeros((n, n), np.complex128)
    for i in range(n):
        b[i, i] = 1.0
    for c in range(n):
        pivot = c
        for i in range(c + 1, n):
            if abs(a[i, c]) > abs(a[pivot, c]):
                pivot = i
        if pivot != c:
            for j in range(n):
                a[c, j], a[pivot, j] = a[pivot, j], a[c, j]
                b[c, j], b[pivot, j] = b[pivot, j], b[c, j]
        scale = 1.0 / a[c, c]
        for j in range(n):
            a[c, j] *= scale
            b[c, j] *= scale
        for i in range(n):
            factor = a[i, c]
            if i != c and factor != 0.0:
                for j in range(c, n):
                    a[i, j] -= factor * a[c, j]
                for j in range(n):
                    b[i, j] -= factor * b[c, j]
    for i in range(n):
        for j in range(n):
            out[i * n + j] = b[i, j]


@njit(error_model="numpy")
def _step(
    h: float,
    inverse: ComplexArray,
    q: Blocks,
    poles: ComplexArray,
    residues: ComplexArray,
    readings: Array,
    x: Array,
    y: Array,
    out: Array,
    y_out: Array,
    work: ComplexArray,
) -> None:
    """out = r(h Q) x and the readings' integrals.

    As r(A) x = x + 2 Re sum (c/z) (A - z)^-1 A x, since r(0) = 1: what changes little in a step
    gets little of the residues' rounding, however many steps there are.
    """
    rate = np.zeros_like(x)
    _apply(q, x, rate)
    reading = readings @ x
    out[:] = x
    y_out[:] = y
    for j in range(poles.size):
        share = 2.0 * h * residues[j] / poles[j]
        _solve(h, inverse[j], q, rate, work)
        for i in range(x.shape[0]):
            for c in range(x.shape[1]):
                out[i, c] += (share * work[i, c]).real
        # an integral is one more row of the generator, with rate 0: its solve is a division
        for r in range(readings.shape[0]):
            for c in range(x.shape[1]):
                flow = 0.0j
                for i in range(x.shape[0]):
                    flow += readings[r, i] * work[i, c]
                y_out[r, c] += (share * (h * flow - reading[r, c]) / poles[j]).real
    for i in range(x.shape[0]):
        for c in range(x.shape[1]):
            if abs(out[i, c]) < 1e-100:  # denormals would cost a hundred times a number's time
                out[i, c] = 0.0


@njit(error_model="numpy")
def _apply(q: Blocks, x: Array, rate: Array) -> None:
    """rate += Q x."""
    for e in range(q.first.size - 1):
        low, high = q.first[e], q.first[e + 1]
        for c in range(x.shape[1]):
            for i in range(low, high):
                line = q.start[e] + (i - low) * (high - low)
                value = q.below[i] * x[high, c] if high < x.shape[0] else 0.0
                for j in range(low, high):
                    value += q.inner[line + j - low] * x[j, c]
                rate[i, c] += value
            if e:
                before = q.first[e - 1]
                for j in range(before, low):
                    rate[low, c] += q.above[e, j - before] * x[j, c]


@njit(error_model="numpy")
def _solve(h: float, inverse: ComplexArray, q: Blocks, x: Array, s: ComplexArray) -> None:
    """s = (h Q - z)^-1 x: up through the blocks for their first points, then down for all."""
    blocks = q.first.size - 1
    columns = x.shape[1]
    for i in range(x.shape[0]):
        for c in range(columns):
            s[i, c] = x[i, c]
    for e in range(blocks - 1, 0, -1):
        low, high, before = q.first[e], q.first[e + 1], q.first[e - 1]
        for c in range(columns):
            value = 0.0j
            for j in range(high - low):
                value += inverse[q.start[e] + j] * s[low + j, c]
            for i in range(before, low):
                s[i, c] -= h * q.below[i] * value
    temporary = np.empty(q.above.shape[1], np.complex128)
    for e in range(blocks):
        low, size = q.first[e], q.first[e + 1] - q.first[e]
        for c in range(columns):
            if e:
                above = 0.0j
                for j in range(low - q.first[e - 1]):
                    above += q.above[e, j] * s[q.first[e - 1] + j, c]
                s[low, c] -= h * above
            for j in range(size):
                temporary[j] = s[low + j, c]
            for i in range(size):
                value = 0.0j
                for j in range(size):
                    value += inverse[q.start[e] + i * size + j] * temporary[j]
                s[low + i, c] = value
