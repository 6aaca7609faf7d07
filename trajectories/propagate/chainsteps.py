r"""Stepping a few chains of the master equation in time, and reading their states on the way.

Steps of Radau collocation (`trajectories.propagate.radau`) follow the solution: where output times
lie closer than that, states come from the polynomial of the step. Chains are columns side by side,
as many as the processor's near memory holds with all resolvents of a step.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.kernelcache import INNER, KERNEL
from darkbattery.trajectories.propagate.radau import (
    DIVISORS,
    ERROR_PER_DEFECT,
    ORDER,
    POINTS_IN_TIME,
    POLES,
    SLOPE_AT_START,
    STAGES,
)

Array = NDArray[np.float64]

# largest accepted difference between one step and two half steps, which themselves are more
# accurate by 2^15; what is left is far below the rounding of the residues, 1e-13 a step
STEP_TOLERANCE = 1e-9

# largest accepted error of a state read within a step, summed over its elements. It does not add up
READING_TOLERANCE = 1e-12

# how fast a step's difference and what a reading misses grow with its length
STEP_POWER = 1.0 / (ORDER + 1)
READING_POWER = 1.0 / (STAGES.shape[0] + 1)

# by which two half steps are more accurate than one
MORE_ACCURATE = 2.0**-ORDER

# where halving changed less than this, the next few steps of the same size are taken whole, and
# those whose length readings limit: at its end a step is more accurate than within
UNVERIFIED_BELOW = 1e-11
MOST_UNVERIFIED = 4

# a state that a step of this many units of the slowest mode's time moves less than the change has
# arrived: every mode but the steady ones decays at that rate or faster (a test diagonalises the
# chains). Longer steps would lose digits to rates times step.
STATIONARY_STEP = 1.0
STATIONARY_CHANGE = 1e-13

# chains stepped together: with their resolvents 1 MB at 1000 rows
COLUMNS = 8

# what a stepper knows of its pace, by place: the longest step, the longest that can be read within,
# the longest whose halves were compared, and by how much these differed
LONGEST, READABLE, VERIFIED, DIFFERENCE = range(4)

# a floor under all magnitudes: tails would fade into denormals, a hundred times slower
SMALLEST = 1e-100


def _weights_of(shares: NDArray[np.complex128], constant: float) -> Array:
    """Weights of the state and of its resolvents' real and imaginary parts, alternating."""
    parts = np.stack([2.0 * shares.real, -2.0 * shares.imag], axis=-1)
    return np.concatenate([[constant], parts.ravel()])


def _constant(shares: NDArray[np.complex128], at_zero: float) -> float:
    """What r(A) = c + 2 Re sum_j c_j (A - z_j)^-1 has as c, if r(0) is known."""
    return float(at_zero + 2.0 * np.sum((shares / POLES).real))


# rows: the weights that give the state at each point in time, and h times its slope at the start
_AT_POINTS = np.stack(
    [_weights_of(np.zeros_like(POLES), 1.0), *(_weights_of(c, _constant(c, 1.0)) for c in STAGES)]
)
_AT_POINTS[-1, 0] = 0.0  # but for rounding
_SLOPE = SLOPE_AT_START @ _AT_POINTS
# by the other points' products, which the polynomial through values at the points divides by
_OF_PRODUCTS = _AT_POINTS / DIVISORS[:, None]


class Generator(NamedTuple):
    """Rates (rows, columns) of some chains, as in `trajectories.propagate.chains.Chains`.

    Each of `counted` (k, rows, columns) weights the state in an integral over time; `thermal` says
    whether any rate is from below.
    """

    above: Array
    below: Array
    loss: Array
    counted: Array
    thermal: bool


def unknown_pace() -> Array:
    """Of chains that nobody has stepped: `LONGEST` is 0, and follows from the rates."""
    return np.array([0.0, np.inf, 0.0, 1.0])


def propagate_columns(
    q: Generator, start: Array, taus: Array, slowest: float, states: Array, first: int, pace: Array
) -> tuple[Array, float]:
    """Write the states at all `taus` to the columns of `states` (T, rows, all) from `first` on.

    `pace` is taken up where chains go on from `start`, and left as it is at the end.

    Returns
    -------
    integrals : ndarray (k, T)
        Of the weighted sums.
    error : float
        Estimated largest error of any element of any state.
    """
    integrals = np.zeros((q.counted.shape[0], taus.size))
    x, y, now, done, error = _follow(
        q, start, taus, slowest, READING_TOLERANCE, states, first, integrals, pace
    )
    if done < taus.size:  # the state is stationary from then on
        states[done:, :, first : first + start.shape[1]] = x
        late = np.maximum(taus[done:] - now, 0.0)
        rates = np.array([np.vdot(weights, x) for weights in q.counted])
        integrals[:, done:] = y[:, None] + late * rates[:, None]
    return integrals, error


@njit(**KERNEL)
def _follow(
    q: Generator,
    start: Array,
    taus: Array,
    slowest: float,
    reading_tolerance: float,
    states: Array,
    first: int,
    integrals: Array,
    pace: Array,
) -> tuple[Array, Array, float, np.int64, float]:
    """Steps to the last of `taus`, or until the state is stationary.

    All in one compiled loop: a step of a few spins takes a microsecond, less than a call does.
    Returns the state, its integrals, their time, how many of `taus` were read, and the error.
    """
    rows, columns, last, kinds = start.shape[0], start.shape[1], taus[-1], q.counted.shape[0]
    x = np.empty((rows, columns))
    _copy_above_floor(start, x)
    # the resolvents below a row of zeros, real and imaginary parts alternating, what they add to
    # the integrals, and the factors of an elimination
    s, gained = np.zeros((2 * POLES.size, rows + 1, columns)), np.zeros((kinds, 2 * POLES.size))
    factors = np.zeros((2, rows + 1, columns))
    half, two = np.empty((rows, columns)), np.empty((rows, columns))
    whole = np.empty((rows, columns))
    weights, products = np.empty(_AT_POINTS.shape[1]), np.empty(POINTS_IN_TIME.size)
    y, y_two, rises, at = np.zeros(kinds), np.zeros(kinds), np.zeros((3, kinds)), np.zeros(kinds)
    settled, unverified = STATIONARY_STEP / slowest, 0
    longest, readable = pace[LONGEST], pace[READABLE]
    verified, difference = pace[VERIFIED], pace[DIFFERENCE]
    if longest == 0.0:
        longest = _shortest_life(start, q.loss)
    # a number with a type: a plain 0 has what takes it compiled for a constant first
    now, error, reading_error, done, stationary = 0.0, 0.0, 0.0, np.int64(0), False
    while True:
        while done < taus.size and taus[done] <= now:
            _put(x, y, states, integrals, done, first)
            done += 1
        if done == taus.size or stationary:
            pace[LONGEST], pace[READABLE] = longest, readable
            pace[VERIFIED], pace[DIFFERENCE] = verified, difference
            return x, y, now, done, error + reading_error
        h, end = _next_step(now, taus[done], last, _smaller(longest, 4.0 * settled), readable)
        trusted = h <= verified or h <= readable <= longest
        few = unverified < MOST_UNVERIFIED and difference < UNVERIFIED_BELOW
        verifies = not (trusted and few)
        change, defect = _try_step(h, x, q, s, factors, gained, verifies, half, two, whole, rises)
        divisible = h > 1e-15 * last

        missing = ERROR_PER_DEFECT * defect
        growth = 0.9 * (reading_tolerance / _larger(missing, 1e-300)) ** READING_POWER
        readable = h * _larger(0.1, _smaller(4.0, growth))
        if not (verifies or h <= verified or missing <= reading_tolerance):
            difference = 1.0  # longer than was verified, and worse than foreseen: once more
            continue
        inside = done  # the outputs within the step, up to this one
        while inside < taus.size and taus[inside] < end:
            inside += 1
        if inside > done:
            if missing > reading_tolerance and divisible:
                continue
            reading_error = _larger(reading_error, missing)
        for i in range(done, inside):
            _between_points((taus[i] - now) / h, products, weights)
            _take(_nine(weights), x, s, gained, half, at)
            for o in range(kinds):
                at[o] += y[o]
            _put(half, at, states, integrals, i, first)

        for o in range(kinds):
            rises[0, o] += y[o]
        if verifies:
            for o in range(kinds):
                y_two[o] = y[o] + (rises[1, o] + rises[2, o])
                off = abs(y_two[o] - rises[0, o]) / (1.0 + abs(y_two[o]))
                change = _larger(change, off)
            growth = 0.9 * (STEP_TOLERANCE / _larger(change, 1e-300)) ** STEP_POWER
            if not change <= STEP_TOLERANCE and divisible:
                longest = h * _larger(0.1, _smaller(0.7, growth))
                continue
            error += change * MORE_ACCURATE
            if growth > 1.0:
                longest = _larger(longest, h * _smaller(4.0, growth))
            else:
                longest = h * growth
            verified, unverified, difference = 1.01 * h, 0, change
            stationary = h >= settled and _moved_less(two, x, STATIONARY_CHANGE)
            x, two = two, x
            for o in range(kinds):
                y[o] = y_two[o]
        else:
            unverified += 1
            error += difference if h <= verified else missing
            stationary = h >= settled and _moved_less(whole, x, STATIONARY_CHANGE)
            x, whole = whole, x
            for o in range(kinds):
                y[o] = rises[0, o]
        now, done = end, inside


@njit(**INNER)
def _copy_above_floor(start: Array, x: Array) -> None:
    """x = start, no element of it smaller than `SMALLEST`."""
    # loops here and below rather than numpy's functions on arrays, which take seconds to compile
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            value = start[r, c]
            x[r, c] = SMALLEST if abs(value) < SMALLEST else value


@njit(**INNER)
def _larger(a: float, b: float) -> float:
    """The first where they cannot be compared: what is not a number stays."""
    return b if b > a else a


@njit(**INNER)
def _smaller(a: float, b: float) -> float:
    return b if b < a else a


@njit(**INNER)
def _shortest_life(start: Array, loss: Array) -> float:
    """Of the states that are occupied."""
    rate = 1e-300
    for r in range(start.shape[0]):
        for c in range(start.shape[1]):
            if start[r, c] != 0.0:
                rate = _larger(rate, loss[r, c])
    return 1.0 / rate


@njit(**INNER)
def _next_step(
    now: float, output: float, last: float, longest: float, readable: float
) -> tuple[float, float]:
    """A step: of equal ones to an output further off, onto the next, or one to read several.

    Its length, and the time at its end.
    """
    left = output - now
    if left > longest:
        count = np.ceil(left / longest)
        return left / count, (output if count == 1 else now + left / count)
    if left >= readable:
        return left, output
    h = _smaller(_smaller(longest, readable), last - now)
    return h, (last if h == last - now else now + h)


@njit(**INNER)
def _moved_less(reached: Array, x: Array, change: float) -> bool:
    """Whether no element moved further; what is not a number did."""
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            if not abs(reached[r, c] - x[r, c]) < change:
                return False
    return True


@njit(**INNER)
def _put(x: Array, y: Array, states: Array, integrals: Array, i: int, first: int) -> None:
    """A state and its integrals into the answer's place i."""
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            states[i, r, first + c] = x[r, c]
    for o in range(y.size):
        integrals[o, i] = y[o]


@njit(**INNER)
def _between_points(theta: float, products: Array, weights: Array) -> None:
    """`weights` as in `_AT_POINTS`, at the time theta h, by Lagrange's products.

    Without their common divisors, which are in `_OF_PRODUCTS`: divisions took most of a reading.
    """
    points, product = POINTS_IN_TIME.size, 1.0
    for i in range(points):
        products[i] = product
        product *= theta - POINTS_IN_TIME[i]
    product = 1.0
    for i in range(points - 1, -1, -1):
        products[i] *= product
        product *= theta - POINTS_IN_TIME[i]
    p = _nine(products)
    for j in range(points):
        q = _OF_PRODUCTS[:, j]
        first = p[0] * q[0] + p[1] * q[1] + p[2] * q[2]
        second = p[3] * q[3] + p[4] * q[4] + p[5] * q[5]
        weights[j] = first + second + (p[6] * q[6] + p[7] * q[7] + p[8] * q[8])


@njit(inline="always")
def _nine(w: Any) -> Any:
    """As numbers by themselves, which stay in registers."""
    return w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8]


@njit(inline="always")
def _weighted(w: Any, x: Any, s: Any, i: Any, j: Any) -> Any:
    """The state at place i and its resolvents, there at j, with these weights."""
    first = w[1] * s[0, j] + w[2] * s[1, j] + w[3] * s[2, j]
    second = w[4] * s[3, j] + w[5] * s[4, j] + w[6] * s[5, j]
    third = w[7] * s[6, j] + w[8] * s[7, j] + w[0] * x[i]
    return first + second + third


@njit(**INNER)
def _take(w: Any, x: Array, s: Array, gains: Array, out: Array, gained: Array) -> None:
    """out = the state of these weights; `gained` becomes what the integrals have gained."""
    # rows end to end: three columns by themselves leave most of a register empty
    columns, begun, reached = x.shape[1], x.reshape(-1), out.reshape(-1)
    resolved = s.reshape(s.shape[0], -1)
    for i in range(begun.size):
        value = _weighted(w, begun, resolved, i, i + columns)
        reached[i] = SMALLEST if abs(value) < SMALLEST else value
    for o in range(gains.shape[0]):
        gained[o] = 0.0
        for j in range(gains.shape[1]):
            gained[o] += w[j + 1] * gains[o, j]


@njit(**INNER)
def _defect(h: float, x: Array, q: Generator, s: Array) -> float:
    """Sum of what h times the polynomial's slope at the start has beside h Q x."""
    w = _nine(_SLOPE)
    rows, columns, begun = x.shape[0], x.shape[1], x.reshape(-1)
    resolved = s.reshape(s.shape[0], -1)
    total = np.zeros(columns)
    for r in range(rows):
        up, low = max(r - 1, 0), min(r + 1, rows - 1)  # no rate leads there from beyond the ends
        for c in range(columns):
            rate = q.above[r, c] * x[up, c] + q.below[r, c] * x[low, c] - q.loss[r, c] * x[r, c]
            i = columns * r + c
            total[c] += abs(_weighted(w, begun, resolved, i, i + columns) - h * rate)
    whole = 0.0
    for c in range(columns):
        whole += total[c]
    return whole


@njit(inline="always")
def _try_step(
    h: float,
    x: Array,
    q: Generator,
    s: Array,
    factors: Array,
    gained: Array,
    verifies: bool,
    half: Array,
    two: Array,
    whole: Array,
    rises: Array,
) -> tuple[float, float]:
    """A step into `whole` and, if it `verifies`, two halves of it into `two`.

    Returns the largest difference between both, and the defect. `rises` (3, k) become what the
    integrals gain by the whole step and by each half. The resolvents left are those of the whole.
    """
    change = 0.0
    # a loop, for what is called at three places is compiled three times
    starts, ends = (x, half, x), (half, two, whole)
    for k in range(0 if verifies else 2, 3):
        length = h if k == 2 else 0.5 * h
        _step(length, starts[k], q, s, factors, gained, ends[k], rises[(k + 1) % 3])
    if verifies:
        for r in range(x.shape[0]):
            for c in range(x.shape[1]):
                difference = abs(two[r, c] - whole[r, c])
                # what is not a number stays, and refuses the step
                if not np.isnan(change) and not difference <= change:
                    change = difference
    return change, _defect(h, x, q, s)


@njit(**INNER)
def _step(
    h: float,
    x: Array,
    q: Generator,
    s: Array,
    factors: Array,
    gained: Array,
    out: Array,
    rise: Array,
) -> None:
    """out = r(hQ) x from the resolvents (hQ - z)^-1 x; `rise` becomes what the integrals gain."""
    if not q.thermal:
        _solve_bidiagonal(h, x, q, s)
    for j in range(POLES.size):
        zr, zi = POLES[j].real, POLES[j].imag
        if q.thermal:
            _solve_tridiagonal(h, x, q, zr, zi, s, 2 * j, factors)
        # an integral is one more row of the generator, with rate 0: its own solve is a division
        norm = h / (zr * zr + zi * zi)
        for o in range(q.counted.shape[0]):
            sr, si = 0.0, 0.0
            for r in range(x.shape[0]):
                for c in range(x.shape[1]):
                    sr += q.counted[o, r, c] * s[2 * j, r + 1, c]
                    si += q.counted[o, r, c] * s[2 * j + 1, r + 1, c]
            gained[o, 2 * j] = (sr * zr + si * zi) * norm
            gained[o, 2 * j + 1] = (si * zr - sr * zi) * norm
    _take(_nine(_AT_POINTS[-1]), x, s, gained, out, rise)


@njit(inline="always")
def _solve_bidiagonal(h: float, x: Array, q: Generator, s: Array) -> None:
    """s[2j] + i s[2j + 1] = (hQ - z_j)^-1 x below a row of zeros, where nothing climbs."""
    columns, begun = np.uint64(x.shape[1]), x.reshape(-1)
    resolved, above, loss = s.reshape(s.shape[0], -1), q.above.reshape(-1), q.loss.reshape(-1)
    for i in range(np.uint64(begun.size)):
        g, start, lost = h * above[i], begun[i], -h * loss[i]
        for j in range(POLES.size):
            zr, zi = POLES[j].real, POLES[j].imag
            dr, di = lost - zr, -zi
            nr, ni = start - g * resolved[2 * j, i], -g * resolved[2 * j + 1, i]
            norm = 1.0 / (dr * dr + di * di)
            resolved[2 * j, i + columns] = (nr * dr + ni * di) * norm
            resolved[2 * j + 1, i + columns] = (ni * dr - nr * di) * norm


@njit(inline="always")
def _solve_tridiagonal(
    h: float, x: Array, q: Generator, zr: float, zi: float, s: Array, j: int, f: Array
) -> None:
    """The same by elimination down the rows, factors kept in f, then back up."""
    rows, chains = x.shape
    for r in range(rows):
        for c in range(chains):
            g = h * q.above[r, c]
            dr = -h * q.loss[r, c] - zr - g * f[0, r, c]
            di = -zi - g * f[1, r, c]
            nr, ni = x[r, c] - g * s[j, r, c], -g * s[j + 1, r, c]
            norm = 1.0 / (dr * dr + di * di)
            s[j, r + 1, c] = (nr * dr + ni * di) * norm
            s[j + 1, r + 1, c] = (ni * dr - nr * di) * norm
            u = h * q.below[r, c] * norm
            f[0, r + 1, c] = u * dr
            f[1, r + 1, c] = -u * di
    for r in range(rows - 1, 0, -1):
        for c in range(chains):
            sr, si = s[j, r + 1, c], s[j + 1, r + 1, c]
            fr, fi = f[0, r, c], f[1, r, c]
            s[j, r, c] -= fr * sr - fi * si
            s[j + 1, r, c] -= fr * si + fi * sr
