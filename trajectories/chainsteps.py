r"""Stepping a few chains of the master equation in time, and reading their states on the way.

Steps of Radau collocation (`trajectories.radau`) follow the solution: where output times lie closer
than that, states come from the polynomial of the step. Chains are columns side by side, as many as
the processor's near memory holds with all resolvents of a step.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from trajectories.radau import (
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

# where halving changed less than this, the next few steps of the same size are taken whole
UNVERIFIED_BELOW = 1e-11
MOST_UNVERIFIED = 4

# a state that a step of this many units of the slowest mode's time moves less than the change has
# arrived: every mode but the steady ones decays at that rate or faster (a test diagonalises the
# chains). Longer steps would lose digits to rates times step.
STATIONARY_STEP = 1.0
STATIONARY_CHANGE = 1e-13

# chains stepped together: with their resolvents 1 MB at 1000 rows
COLUMNS = 8

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


class Generator(NamedTuple):
    """Rates (rows, columns) of some chains, as in `trajectories.chains.Chains`.

    Each of `counted` (k, rows, columns) weights the state in an integral over time; `thermal` says
    whether any rate is from below.
    """

    above: Array
    below: Array
    loss: Array
    counted: Array
    thermal: bool


def propagate_columns(
    q: Generator, start: Array, taus: Array, slowest: float, states: Array, first: int
) -> tuple[Array, float]:
    """Write the states at all `taus` to the columns of `states` (T, rows, all) from `first` on.

    Returns
    -------
    integrals : ndarray (k, T)
        Of the weighted sums.
    error : float
        Estimated largest error of any element of any state.
    """
    walk = _Walk(q, start, slowest, float(taus[-1]))
    integrals = np.zeros((q.counted.shape[0], taus.size))
    done = 0
    while True:
        arrived = np.inf if walk.stationary else walk.now
        while done < taus.size and taus[done] <= arrived:
            states[done, :, first : first + start.shape[1]] = walk.x
            if len(walk.y):
                integrals[:, done] = walk.integrals_at(taus[done])
            done += 1
        if done == taus.size:
            return integrals, walk.error + walk.reading_error
        h, end = walk.length_to(taus[done])
        inside = taus[done : np.searchsorted(taus, end)]  # before the end
        if not walk.solve(h, read=inside.size > 0):
            continue
        if inside.size:
            reading = integrals[:, done : done + inside.size]
            theta = (inside - walk.now) / h
            _read(theta, walk.x, walk.solved, walk.gained, states, done, first, reading)
            reading += np.array(walk.y)[:, None]
        if walk.advance(h, end):
            done += inside.size


class _Walk:
    """The chains on their way."""

    def __init__(self, q: Generator, start: Array, slowest: float, last: float) -> None:
        self.q, self.last = q, last
        self.x = np.where(np.abs(start) < SMALLEST, SMALLEST, start)
        # one or two numbers: as plain floats they cost a step twenty microseconds less
        self.y = [0.0] * q.counted.shape[0]
        self.now, self.error, self.reading_error = 0.0, 0.0, 0.0
        self.stationary = False
        self._settled = STATIONARY_STEP / slowest
        self._longest = 1.0 / max(float(np.max(np.where(start != 0.0, q.loss, 0.0))), 1e-300)
        self._readable, self._verified, self._unverified, self._difference = np.inf, 0.0, 0, 1.0
        self._verifies, self._change = True, 0.0
        self._rises = np.zeros((3, len(self.y)))
        rows, columns = start.shape
        # the resolvents below a row of zeros, real and imaginary parts alternating, what they add
        # to the integrals, and the factors of an elimination
        self.solved = np.zeros((2 * POLES.size, rows + 1, columns))
        self.gained = np.zeros((len(self.y), 2 * POLES.size))
        self._factors = np.zeros((2, rows + 1, columns))
        self._spare = [np.empty(start.shape) for _ in range(3)]

    def integrals_at(self, tau: float) -> Array:
        """At a time that was reached, or later than the state became stationary."""
        late = tau - self.now
        if not late > 0.0:
            return np.array(self.y)
        return np.array(self.y) + late * np.array([np.vdot(w, self.x) for w in self.q.counted])

    def length_to(self, output: float) -> tuple[float, float]:
        """A step: of equal ones to an output further off, onto the next, or one to read several.

        Its length, and the time at its end.
        """
        left = output - self.now
        longest = min(self._longest, 4.0 * self._settled)
        if left > longest:
            count = np.ceil(left / longest)
            return left / count, (output if count == 1 else self.now + left / count)
        if left >= self._readable:
            return left, output
        h = min(longest, self._readable, self.last - self.now)
        return h, (self.last if h == self.last - self.now else self.now + h)

    def solve(self, h: float, read: bool) -> bool:
        """Prepare a step; whether it can be read in between, if it is to be."""
        q = self.q
        whole, half, two = self._spare
        trusted = h <= self._verified and self._difference < UNVERIFIED_BELOW
        self._verifies = not (trusted and self._unverified < MOST_UNVERIFIED)
        rates = q.above, q.below, q.loss, q.counted, q.thermal
        space = self.solved, self._factors, self.gained
        self._change, defect = _try_step(
            h, self.x, *rates, *space, self._verifies, half, two, whole, self._rises
        )
        missing = ERROR_PER_DEFECT * defect
        growth = 0.9 * (READING_TOLERANCE / max(missing, 1e-300)) ** (1.0 / (STAGES.shape[0] + 1))
        self._readable = h * max(0.1, min(4.0, growth))
        if read:
            if missing > READING_TOLERANCE and h > 1e-15 * self.last:
                return False
            self.reading_error = max(self.reading_error, missing)
        return True

    def advance(self, h: float, end: float) -> bool:
        """Take the solved step, or two halves of it if it is verified; False if refused."""
        whole, half, two = self._spare
        one, first, second = self._rises.tolist()
        y = [before + one[i] for i, before in enumerate(self.y)]
        if not self._verifies:
            self._unverified += 1
            self.error += self._difference
            reached = whole
        else:
            change, y_two = self._change, []
            for i, before in enumerate(self.y):
                y_two.append(before + (first[i] + second[i]))
                change = max(change, abs(y_two[i] - y[i]) / (1.0 + abs(y_two[i])))
            growth = 0.9 * (STEP_TOLERANCE / max(change, 1e-300)) ** (1.0 / (ORDER + 1))
            if not change <= STEP_TOLERANCE and h > 1e-15 * self.last:
                self._longest = h * max(0.1, min(0.7, growth))
                return False
            self.error += change * 2.0**-ORDER
            self._longest = max(self._longest, h * min(4.0, growth)) if growth > 1 else h * growth
            self._verified, self._unverified, self._difference = 1.01 * h, 0, change
            reached, y = two, y_two
        moved = np.abs(reached - self.x).max() if h >= self._settled else np.inf
        self.stationary = bool(moved < STATIONARY_CHANGE)
        self._spare = [array for array in (whole, half, two, self.x) if array is not reached]
        self.x, self.y, self.now = reached, y, end
        return True


@njit(cache=True, error_model="numpy")
def _read(
    theta: Array,
    x: Array,
    solved: Array,
    gains: Array,
    states: Array,
    done: int,
    first: int,
    gained: Array,
) -> None:
    """States and integrals at the times theta h of a step, from its polynomial."""
    out = np.empty(x.shape)
    for i in range(theta.size):
        _take(_between_points(theta[i]), x, solved, gains, out, gained[:, i])
        # loops rather than slices: a slice's checks take seconds to compile
        for r in range(x.shape[0]):
            for c in range(x.shape[1]):
                states[done + i, r, first + c] = out[r, c]


@njit(error_model="numpy")
def _between_points(theta: float) -> Array:
    """Weights as in `_AT_POINTS`, at the time theta h."""
    weights = np.zeros(_AT_POINTS.shape[1])
    for i in range(POINTS_IN_TIME.size):
        share = 1.0
        for k in range(POINTS_IN_TIME.size):
            if k != i:
                share *= (theta - POINTS_IN_TIME[k]) / (POINTS_IN_TIME[i] - POINTS_IN_TIME[k])
        for j in range(weights.size):
            weights[j] += share * _AT_POINTS[i, j]
    return weights


@njit(inline="always")
def _nine(w: Any) -> Any:
    """As numbers by themselves, which stay in registers."""
    return w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8]


@njit(inline="always")
def _weighted(w: Any, x: Any, s: Any, r: Any, c: Any) -> Any:
    """The state and its resolvents at one place, with these weights."""
    first = w[1] * s[0, r + 1, c] + w[2] * s[1, r + 1, c] + w[3] * s[2, r + 1, c]
    second = w[4] * s[3, r + 1, c] + w[5] * s[4, r + 1, c] + w[6] * s[5, r + 1, c]
    third = w[7] * s[6, r + 1, c] + w[8] * s[7, r + 1, c] + w[0] * x[r, c]
    return first + second + third


@njit(error_model="numpy")
def _take(weights: Array, x: Array, s: Array, gains: Array, out: Array, gained: Array) -> None:
    """out = the state of these weights; `gained` becomes what the integrals have gained."""
    w = _nine(weights)
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            value = _weighted(w, x, s, r, c)
            out[r, c] = SMALLEST if abs(value) < SMALLEST else value
    for o in range(gains.shape[0]):
        gained[o] = 0.0
        for j in range(gains.shape[1]):
            gained[o] += weights[j + 1] * gains[o, j]


@njit(error_model="numpy")
def _defect(h: float, x: Array, above: Array, below: Array, loss: Array, s: Array) -> float:
    """Sum of what h times the polynomial's slope at the start has beside h Q x."""
    w = _nine(_SLOPE)
    rows = x.shape[0]
    total = np.zeros(x.shape[1])
    for r in range(rows):
        up, low = max(r - 1, 0), min(r + 1, rows - 1)  # no rate leads there from beyond the ends
        for c in range(x.shape[1]):
            rate = above[r, c] * x[up, c] + below[r, c] * x[low, c] - loss[r, c] * x[r, c]
            total[c] += abs(_weighted(w, x, s, r, c) - h * rate)
    return total.sum()


@njit(cache=True, error_model="numpy")
def _try_step(
    h: float,
    x: Array,
    above: Array,
    below: Array,
    loss: Array,
    counted: Array,
    thermal: bool,
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
    change, q = 0.0, (above, below, loss, counted, thermal)
    if verifies:
        _step(0.5 * h, x, *q, s, factors, gained, half, rises[1])
        _step(0.5 * h, half, *q, s, factors, gained, two, rises[2])
    _step(h, x, *q, s, factors, gained, whole, rises[0])
    if verifies:
        for r in range(x.shape[0]):
            for c in range(x.shape[1]):
                difference = abs(two[r, c] - whole[r, c])
                # what is not a number stays, and refuses the step
                if not np.isnan(change) and not difference <= change:
                    change = difference
    return change, _defect(h, x, above, below, loss, s)


@njit(error_model="numpy")
def _step(
    h: float,
    x: Array,
    above: Array,
    below: Array,
    loss: Array,
    counted: Array,
    thermal: bool,
    s: Array,
    factors: Array,
    gained: Array,
    out: Array,
    rise: Array,
) -> None:
    """out = r(hQ) x from the resolvents (hQ - z)^-1 x; `rise` becomes what the integrals gain."""
    for j in range(POLES.size):
        zr, zi = POLES[j].real, POLES[j].imag
        if thermal:
            _solve_tridiagonal(h, x, above, below, loss, zr, zi, s, 2 * j, factors)
        else:
            _solve_bidiagonal(h, x, above, loss, zr, zi, s, 2 * j)
        # an integral is one more row of the generator, with rate 0: its own solve is a division
        norm = h / (zr * zr + zi * zi)
        for o in range(counted.shape[0]):
            sr, si = 0.0, 0.0
            for r in range(x.shape[0]):
                for c in range(x.shape[1]):
                    sr += counted[o, r, c] * s[2 * j, r + 1, c]
                    si += counted[o, r, c] * s[2 * j + 1, r + 1, c]
            gained[o, 2 * j] = (sr * zr + si * zi) * norm
            gained[o, 2 * j + 1] = (si * zr - sr * zi) * norm
    _take(_AT_POINTS[-1], x, s, gained, out, rise)


@njit(error_model="numpy")
def _solve_bidiagonal(
    h: float, x: Array, above: Array, loss: Array, zr: float, zi: float, s: Array, j: int
) -> None:
    """s[j] + i s[j + 1] = (hQ - z)^-1 x below a row of zeros, where nothing climbs."""
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            g = h * above[r, c]
            dr, di = -h * loss[r, c] - zr, -zi
            nr, ni = x[r, c] - g * s[j, r, c], -g * s[j + 1, r, c]
            norm = 1.0 / (dr * dr + di * di)
            s[j, r + 1, c] = (nr * dr + ni * di) * norm
            s[j + 1, r + 1, c] = (ni * dr - nr * di) * norm


@njit(error_model="numpy")
def _solve_tridiagonal(
    h: float,
    x: Array,
    above: Array,
    below: Array,
    loss: Array,
    zr: float,
    zi: float,
    s: Array,
    j: int,
    f: Array,
) -> None:
    """The same by elimination down the rows, factors kept in f, then back up."""
    rows, chains = x.shape
    for r in range(rows):
        for c in range(chains):
            g = h * above[r, c]
            dr = -h * loss[r, c] - zr - g * f[0, r, c]
            di = -zi - g * f[1, r, c]
            nr, ni = x[r, c] - g * s[j, r, c], -g * s[j + 1, r, c]
            norm = 1.0 / (dr * dr + di * di)
            s[j, r + 1, c] = (nr * dr + ni * di) * norm
            s[j + 1, r + 1, c] = (ni * dr - nr * di) * norm
            u = h * below[r, c] * norm
            f[0, r + 1, c] = u * dr
            f[1, r + 1, c] = -u * di
    for r in range(rows - 1, 0, -1):
        for c in range(chains):
            sr, si = s[j, r + 1, c], s[j + 1, r + 1, c]
            fr, fi = f[0, r, c], f[1, r, c]
            s[j, r, c] -= fr * sr - fi * si
            s[j + 1, r, c] -= fr * si + fi * sr
