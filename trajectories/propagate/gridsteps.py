r"""Stepping functions on a ladder's grid in time, and reading numbers from them.

Steps follow the solution alone. Their lengths are one times powers of two, so that few factorised
generators serve all, and numbers are read in between from the polynomial of each step
(`trajectories.propagate.radau`): output times cost next to nothing, however many and wherever they
are. Rational approximations on a contour fixed for all times lose everything here, because the
chains are far from normal.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkbattery.trajectories.propagate.blocksolve import factorise, solve
from darkbattery.trajectories.propagate.grids import Blocks
from darkbattery.trajectories.propagate.radau import (
    ERROR_PER_DEFECT,
    ORDER,
    POLES,
    SLOPE_AT_START,
    STAGES,
    between_points,
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
_END = np.stack([_SHARES[-1].real, -_SHARES[-1].imag], axis=-1)  # on real and imaginary part


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
    accepted = READING_TOLERANCE * largest
    reading_error = np.zeros(read.shape[2:])
    walk = _Walk(blocks, readings, size, start.T.copy())
    readable = _Length()
    done = int(np.searchsorted(taus, 0.0, side="right"))
    read[:done, 0] = (readings @ start).T
    for _ in range(MOST_STEPS):
        if done == taus.size:
            values, integrals = read.transpose(1, 0, 3, 2)
            return Readings(values, integrals, walk.error, reading_error.T)
        h = _length_towards(taus[done] - walk.now, walk.length.value, readable.value)
        step = walk.step(h)
        reached = int(np.searchsorted(taus, walk.now + h, side="right"))
        if reached > done and not np.all(step.reading_error <= accepted):
            readable.refuse(h)
            continue
        theta = (taus[done:reached] - walk.now) / h
        if walk.advance(step) and reached > done:
            read[done:reached] = step.read(theta)
            reading_error = np.maximum(reading_error, step.reading_error)
            readable.accept(h, bool(np.all(step.reading_error <= EASY_READING * accepted)))
            done = reached
    raise TooManyStepsError


def _length_towards(left: float, longest: float, readable: float) -> float:
    """The longest step that ends before the next output, or one that can be read to its end."""
    if left > longest:
        return longest
    fitting = FIRST_STEP * 2.0 ** (np.ceil(np.log2(left / FIRST_STEP)) - 1.0)
    return float(min(longest, max(readable, fitting)))


@dataclass
class _Length:
    """A length of step that is halved where it was refused, and doubled with patience."""

    value: float = FIRST_STEP
    reached: float = 0.0
    patience: int = 0
    pause: int = PATIENCE

    def refuse(self, h: float) -> None:
        self.value, self.pause = 0.5 * h, 2 * self.pause
        self.patience = self.pause

    def accept(self, h: float, easily: bool) -> None:
        if h > self.reached:
            self.pause = PATIENCE
        self.reached, self.patience = h, self.patience - 1
        if easily and self.patience <= 0:
            self.value = max(self.value, 2.0 * h)


@dataclass(frozen=True, eq=False)
class _Step:
    """A step of length h: the functions (columns, points) at its end, and what is read in it.

    `path` (9, 2, columns, r) holds readings and their integrals at `POINTS_IN_TIME`.
    """

    h: float
    x: Array
    path: Array
    reading_error: Array

    @property
    def integrals(self) -> Array:
        """At the end."""
        return self.path[-1, 1]

    def read(self, theta: Array) -> Array:
        """Readings and integrals (T, 2, columns, r) at the times theta h from its start."""
        return _combined(between_points(theta), self.path)


class _Walk:
    """The functions on their way, with the factorised generators of a few lengths of step."""

    def __init__(self, blocks: Blocks, readings: Array, size: Array, x: Array) -> None:
        self.blocks, self.readings, self.size, self.x = blocks, readings, size, x
        self.integrals = np.zeros((x.shape[0], readings.shape[0]))
        self.reading_scale = np.abs(readings).sum(axis=1)
        self.now, self.error, self.length = 0.0, 0.0, _Length()
        self._difference, self._verified, self._unverified = 1.0, 0.0, 0
        self._factors: dict[float, Array] = {}

    def step(self, h: float) -> _Step:
        """One step from here."""
        return self._step_from(h, self.x, self.integrals)

    def advance(self, step: _Step) -> bool:
        """Take the step, or two halves of it where it is to be verified; False if refused."""
        h = step.h
        if (
            h <= self._verified
            and self._difference < ROUNDING_SEEN
            and self._unverified < MOST_UNVERIFIED
        ):
            self._unverified += 1
            self.length.patience -= 1
            self.error += self._difference
        else:
            half = self._step_from(0.5 * h, self.x, self.integrals)
            two = self._step_from(0.5 * h, half.x, half.integrals)
            self._difference = self._between(two, step)
            if not self._difference <= STEP_TOLERANCE:  # nan is refused
                self.length.refuse(h)
                return False
            self.error += self._difference * 2.0**-ORDER
            self._verified, self._unverified = h, 0
            self.length.accept(h, self._difference < EASY_STEP * STEP_TOLERANCE)
            step = two
        self.x, self.integrals = step.x, step.integrals
        self.now += h
        return True

    def _between(self, two: _Step, one: _Step) -> float:
        """Relative to the start's largest value, or to that of a reading over one e-fold."""
        change = np.abs(two.integrals - one.integrals)
        scale = np.maximum(self.reading_scale, np.abs(two.integrals))
        relative = np.max(change / np.maximum(scale, 1e-300))
        return float(np.maximum(relative, np.max(self.size * np.abs(two.x - one.x))))

    def _step_from(self, h: float, x: Array, integrals: Array) -> _Step:
        # r(A) x = x + 2 Re sum (c/z) (A - z)^-1 A x, since r(0) = 1: what changes little in a
        # step gets little of the residues' rounding, however many steps there are
        rate, solved = solve(h, self._factorised(h), self.blocks, x)
        end = x + np.einsum("ps,pcsn->cn", h * _END, solved.reshape(POLES.size, 2, 2, -1))
        end[np.abs(end) < SMALLEST] = 0.0
        value, slope = x @ self.readings.T, rate @ self.readings.T
        parts = (solved @ self.readings.T).reshape(POLES.size, 2, 2, -1)
        path = np.empty((STAGES.shape[0] + 1, 2, *value.shape))
        path[0] = value, integrals
        flow = np.empty((POLES.size, *path.shape[1:]), complex)
        flow[:, 0] = h * (parts[:, :, 0] + 1j * parts[:, :, 1])
        # an integral is one more row of the generator, with rate 0: its solve is a division
        flow[:, 1] = h * (flow[:, 0] - value) / POLES[:, None, None]
        path[1:] = path[0] + _combined(_SHARES.real, flow.real) - _combined(_SHARES.imag, flow.imag)
        defect = _combined(SLOPE_AT_START[None], path[:, 0])[0] - h * slope
        return _Step(h, end, path, ERROR_PER_DEFECT * np.abs(defect))

    def _factorised(self, h: float) -> Array:
        if h in self._factors:
            self._factors[h] = self._factors.pop(h)  # the last used comes last
        else:
            if len(self._factors) == SLOTS:
                del self._factors[next(iter(self._factors))]
            self._factors[h] = factorise(h, self.blocks)
        return self._factors[h]


def _combined(weights: Array, parts: Array) -> Array:
    """Sums over the first axis of `parts`."""
    return np.asarray(weights @ parts.reshape(parts.shape[0], -1)).reshape(-1, *parts.shape[1:])
