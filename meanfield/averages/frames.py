"""Steps in a frame of each class: what both kinds of moments of second order have in common.

In it nothing is left that turns or decays by itself (Lawson 1967), and no stage of a Runge-Kutta
step needs a matrix of its own: it leaves a few vectors of the classes, and their products are added
up at the end.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import scipy
from numba import njit
from numpy.typing import NDArray

from darkbattery.meanfield.averages.equations import Coefficients, coefficients
from darkbattery.meanfield.averages.stepper import STAGES, Group, first_step
from darkbattery.meanfield.averages.stretches import Stretch
from darkbattery.meanfield.classes.legs import Leg
from darkbattery.nvmodel.normals import on_circle

Array = NDArray[np.float64]
Errors = tuple[float, float]

# rows of the matrices in which their error is looked for, at most: neighbouring classes have much
# the same
LOOKED_AT = 12
# of what a stage leaves of each class: real and imaginary parts of two, or two pairs
VECTORS = 4
TURN = 2.0 * math.pi
# columns of the tableau that stages 5, 6, ... leave out, and those that the end leaves out
TWO, FOUR = 2, 4


class Tableau(NamedTuple):
    """Dormand and Prince's: nodes, rows of earlier stages, the step's weights, of two errors.

    Columns stand in an order in which those that are not zero lie together: stage s is column
    `place[s]`.
    """

    nodes: Array
    inner: Array
    weights: Array
    errors: Array
    place: NDArray[np.int64]


@lru_cache(maxsize=1)
def tableau() -> Tableau:
    """The rule, with its columns in order."""
    # not on import: SciPy's integrators are for those who integrate
    pair, order = scipy.integrate.DOP853, np.array([1, 2, 3, 4, 0, *range(5, STAGES)])
    errors = np.array([pair.E5[order], pair.E3[order]])
    inner = np.ascontiguousarray(pair.A[:STAGES, order])
    assert not inner[FOUR + 1 :, :TWO].any()
    assert not pair.B[order[:FOUR]].any()
    assert not errors[:, :FOUR].any()
    return Tableau(np.array(pair.C[:STAGES]), inner, pair.B[order], errors, np.argsort(order))


class Given(NamedTuple):
    """What a leg's steps have in common.

    Numbers of the equations, the ensemble of each class, the rule, floors of the groups' scales,
    and the rows in which the error of a matrix is looked for.
    """

    p: Coefficients
    ensemble: NDArray[np.int64]
    rule: Tableau
    floors: Array
    looked: NDArray[np.int64]


class FrameSteps:
    """`meanfield.averages.stepper.Steps`, from `since` the start of a stretch on.

    A kind of moments says how it has its `slope` and its `step`.
    """

    def __init__(self, leg: Leg, stretch: Stretch, since: float, groups: Sequence[Group]) -> None:
        self._leg, self._begin = leg, stretch.start + since
        self._groups, floors = groups, np.array([floor for _, floor in groups])
        M, ensemble = leg.system.number.size, leg.system.ensemble.copy()
        looked = np.unique(np.linspace(0, M - 1, min(M, LOOKED_AT)).astype(np.int64))
        self.given = Given(coefficients(leg.system), ensemble, tableau(), floors, looked)

    def slope(self, y: Array, p: Coefficients, out: Array) -> None:
        """Write the derivative at the start into `out`."""
        raise NotImplementedError

    def step(self, now: float, y: Array, h: float, turned: Array, new: Array) -> Errors:
        """Write the state a step later into `new`; both estimates of its error over its length.

        `turned` (2, STAGES): by what the lines of both ensembles have turned beside p's detunings.
        """
        raise NotImplementedError

    def first(self, y: Array) -> float:
        """Length of the first step from y."""
        slope, p = np.empty_like(y), coefficients(self._leg.system)
        p.detuning[:] = self._leg.detuning(self._begin)
        self.slope(y, p, slope)
        return first_step(y, slope, self._groups)

    def take(self, now: float, y: Array, h: float) -> tuple[Array, float, float]:
        """The state a step later, and both estimates of its error over its length."""
        turned = self._leg.turned(self._begin + now, self.given.rule.nodes * h)
        new = np.empty_like(y)
        e5, e3 = self.step(now, y, h, turned, new)
        # of a NaN no comparison knows
        return (new, e5, e3) if np.isfinite(new).all() else (new, math.inf, math.inf)

    def accept(self) -> None:
        """The step was taken; nothing is kept of it."""


@njit(error_model="numpy")
def earlier(s: int) -> tuple[int, int]:
    """The columns that stage s takes: from which on, and until which."""
    return TWO if s > FOUR else 0, max(s, FOUR + 1)


@njit(error_model="numpy")
def circle(turns: Array, cosine: Array, sine: Array) -> None:
    """Cosine and sine of angles in turns, in a loop of its own: it runs in vector registers."""
    for k in range(turns.size):
        cosine[k], sine[k] = on_circle(turns[k] - np.floor(turns[k]))
