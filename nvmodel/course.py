r"""How a detuning goes from one value to the next: at once, linearly, or as :math:`1-e^{-s/\tau}`.

.. math:: D(s) = D_1 + (D_0 - D_1)\,f(s/\tau),\qquad f(x) = e^{-x}\ \text{or}\ \max(1-x, 0)

or f = 1 - r(s) of a measured step response r. Field coils and their supplies have an inductance and
a resistance: a step of the voltage is an exponential of the field.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.stepresponse import StepResponse

Array = NDArray[np.float64]
RiseShape = Literal["exponential", "linear"]
# where integrators stop: of an exponential in its time constants, of a line in its length
PARTS = {"exponential": (1.0, 2.0, 3.0, 5.0, 8.0, 12.0), "linear": (0.25, 0.5, 0.75, 1.0)}


@dataclass(frozen=True)
class Course:
    r"""A detuning over one stage; times count from the stage's start.

    Attributes
    ----------
    before, after : float
        :math:`D_0`, which the stage takes over, and :math:`D_1`, where it goes; rad/s or the unit
        of :math:`\gamma`.
    rise : float
        :math:`\tau`; 0 for a step.
    shape : "exponential", "linear" or StepResponse

    Examples
    --------
    >>> Course(0.0, 2.0, rise=1.0, shape="linear").at([0.0, 0.5, 3.0])
    array([0., 1., 2.])
    """

    before: float
    after: float
    rise: float = 0.0
    shape: RiseShape | StepResponse = "exponential"

    @property
    def cuts(self) -> tuple[float, ...]:
        """Where integrators stop on the way of a changing detuning."""
        if self.still:
            return ()
        if isinstance(self.shape, StepResponse):
            return self.shape.cuts
        return tuple(part * self.rise for part in PARTS[self.shape])

    @property
    def still(self) -> bool:
        """Whether it has the same value at all times of the stage."""
        return self.rise == 0.0 or self.before == self.after

    def at(self, since: ArrayLike) -> Array:
        """D at times `since` the start; at a step, that after it."""
        s = np.asarray(since, dtype=float)
        if self.still:
            return np.full(s.shape, self.after)
        if isinstance(self.shape, StepResponse):
            left = 1.0 - self.shape.at(s)
        else:
            x = s / self.rise
            left = np.exp(-x) if self.shape == "exponential" else np.maximum(1.0 - x, 0.0)
        return np.asarray(self.after + (self.before - self.after) * left)

    def turned(self, since: ArrayLike) -> Array:
        """The integral of D from the start on: the phase that it makes.

        >>> Course(1.0, 0.0, rise=2.0).turned(float("inf"))
        array(2.)
        """
        s = np.asarray(since, dtype=float)
        whole = self.after * s if self.after else np.zeros(s.shape)
        if self.still:
            return whole
        if isinstance(self.shape, StepResponse):
            return np.asarray(whole + (self.before - self.after) * self.shape.lag(s))
        x = s / self.rise
        if self.shape == "exponential":
            part = -np.expm1(-x)
        else:
            y = np.minimum(x, 1.0)
            part = y * (1.0 - 0.5 * y)
        return np.asarray(whole + (self.before - self.after) * self.rise * part)

    def value_after(self, duration: float) -> float:
        """What the next stage takes over."""
        if self.still or duration == math.inf:
            return self.after
        return float(self.at(duration))
