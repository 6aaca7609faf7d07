r"""The adaptive Runge-Kutta method of the engine: DOP853 with errors measured by groups.

Dormand and Prince's pair of order 8 with error estimates of order 5 and 3 (Hairer, Norsett and
Wanner, Solving Ordinary Differential Equations I, 2nd ed., section II.10). An ordinary error
control compares each component with its own size (real and imaginary parts cross zero all the
time, and it crawls) or with an absolute one (vacuum is 1e-16 of full inversion). Here each error is
compared with the largest component of its group.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.refusal import InputError

Array = NDArray[np.float64]
RightHandSide = Callable[[float, Array, Array], None]
# components with a common scale, and the least that scale may be
Group = tuple[slice, float]

STAGES = 12
# explicit steps follow the fastest rate for ever: after the first number of steps, those still
# ahead at their present size may not be more than the second (20 minutes for the smallest systems)
MEASURED_STEPS, MOST_STEPS = 20_000, 10_000_000
SHRINK, GROW, SAFETY = 0.2, 6.0, 0.9
# below the shortest time that any model has
LEAST_STEP = 1e-280


class Steps(Protocol):
    """A method that takes one step at a time, from `since` it was made on.

    `take(now, y, h)` gives a new array and two estimates of its error over h, relative to the
    largest component of the group that has most, of order 5 and 3; `accept` follows where that was
    small enough.
    """

    def first(self, y: Array) -> float:
        """Length of the first step from y."""

    def take(self, now: float, y: Array, h: float) -> tuple[Array, float, float]:
        """One step."""

    def accept(self) -> None:
        """The step was taken."""


def advance(
    method: Steps,
    start: Array,
    times: Sequence[float] | Array,
    tolerance: float,
    began: float = 0.0,
    after_step: Callable[[Array], None] | None = None,
) -> Iterator[Array]:
    """Yield the state at each of `times` (increasing, from 0), by the steps of a method.

    Parameters
    ----------
    method : Steps
    start : ndarray
        y(0).
    times : sequence of float
    tolerance : float
        Largest error of a step, relative to the group's largest component.
    began : float
        What messages add to times, where 0 is the start of a stretch.
    after_step : callable, optional
        Sees the state after each step.

    Yields
    ------
    ndarray
        The state; a view that the next step overwrites.

    Raises
    ------
    InputError
        For times that cannot be reached: the solution diverges, or too many steps are needed.

    Examples
    --------
    >>> def decay(t, y, out):
    ...     out[:] = -y
    >>> steps = Explicit(decay, [(slice(0, 1), 0.1)])
    >>> print([float(y[0].round(9)) for y in advance(steps, np.ones(1), [0.0, 1.0], 1e-9)])
    [1.0, 0.367879441]
    """
    y, now = np.array(start, dtype=float), 0.0
    step = method.first(y)
    steps = 0
    for target in times:
        while now < target:
            left = target - now
            steps += 1
            if steps > MEASURED_STEPS and left > MOST_STEPS * step:
                raise InputError(
                    "times",
                    float(began + target),
                    f"needs more than {MOST_STEPS:.0e} steps of {step:.1e}",
                )
            # equal steps to the output time, so that no sliver is left at its end
            h = left / np.ceil(left / step) if left > step else left
            new, e5, e3 = method.take(now, y, h)
            error = h * _joined(e5, e3) / tolerance
            if not error <= 1.0:  # NaN too
                step = h * (max(SHRINK, SAFETY * error**-0.125) if error < np.inf else SHRINK)
                if step <= max(1e-14 * now, LEAST_STEP):
                    raise InputError(
                        "times",
                        float(began + target),
                        f"the moments diverge at {began + now:.6g}: end before it",
                    )
                continue
            growth = min(GROW, SAFETY * max(error, 1e-12) ** -0.125)
            # a step cut short by an output time says little about longer ones
            step = max(step, h * growth) if growth >= 1.0 else h * growth
            now = target if h == left else now + h
            y = new
            method.accept()
            if after_step is not None:
                after_step(y)
        yield y


class Explicit:
    """`Steps` of y' = rhs(t, y), with a state at every stage.

    Parameters
    ----------
    rhs : callable
        rhs(t, y, out) writes y' into `out`.
    groups : sequence of (slice, float)
        Components whose errors are measured against the largest among them, or against the floor
        given beside them if that is larger: below it lies nothing but rounding.
    """

    def __init__(self, rhs: RightHandSide, groups: Sequence[Group]) -> None:
        self._rhs, self._groups = rhs, groups
        self._stages = np.empty((STAGES + 1, 0))

    def first(self, y: Array) -> float:
        """Length of the first step from y."""
        self._stages = np.empty((STAGES + 1, y.size))
        self._rhs(0.0, y, self._stages[0])
        return first_step(y, self._stages[0], self._groups)

    def take(self, now: float, y: Array, h: float) -> tuple[Array, float, float]:
        """One step. The last stage is the next step's first."""
        rhs, stages, pair = self._rhs, self._stages, scipy.integrate.DOP853
        with np.errstate(invalid="ignore", over="ignore"):  # a step far too long overflows
            for s in range(1, STAGES):
                rhs(now + pair.C[s] * h, y + (h * pair.A[s, :s]) @ stages[:s], stages[s])
            new: Array = y + (h * pair.B) @ stages[:STAGES]
            rhs(now + h, new, stages[STAGES])
            return new, *self._errors(y, new)

    def accept(self) -> None:
        """The step was taken."""
        self._stages[0] = self._stages[STAGES]

    def _errors(self, old: Array, new: Array) -> tuple[float, float]:
        pair = scipy.integrate.DOP853
        fifth, third = pair.E5 @ self._stages, pair.E3 @ self._stages
        # of a NaN no comparison below would know
        if not (np.isfinite(new).all() and np.isfinite(fifth).all()):
            return math.inf, math.inf
        e5 = e3 = 0.0
        for group, floor in self._groups:
            scale = max(np.abs(old[group]).max(), np.abs(new[group]).max(), floor)
            e5 = max(e5, float(np.abs(fifth[group]).max() / scale))
            e3 = max(e3, float(np.abs(third[group]).max() / scale))
        return e5, e3


def _joined(e5: float, e3: float) -> float:
    """The two estimates as one, as Hairer joins them."""
    if e5 == 0.0 and e3 == 0.0:
        return 0.0
    if not math.isfinite(e5 + e3):
        return math.inf
    # in the tail of a pulse the squares alone may be below the smallest double
    return e5 * (e5 / math.hypot(e5, 0.1 * e3))


def first_step(y: Array, slope: Array, groups: Sequence[Group]) -> float:
    """A hundredth of the shortest time in which a group changes by its own size."""
    rate = 0.0
    for group, floor in groups:
        size = np.abs(y[group]).max()
        if size > floor:
            rate = max(rate, float(np.abs(slope[group]).max() / size))
    return 0.01 / rate if rate > 0.0 else 1.0
