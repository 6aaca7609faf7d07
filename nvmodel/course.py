r"""How a detuning goes from one value to the next: at once, linearly, or as :math:`1-e^{-s/\tau}`.

.. math:: D(s) = D_1 + (D_0 - D_1)\,f(s/\tau),\qquad f(x) = e^{-x}\ \text{or}\ \max(1-x, 0)

or f = 1 - r(s) of a measured step response r, with a delay, a bend, an overshoot. Field coils and
their supplies have an inductance and a resistance: a step of the voltage is an exponential of the
field.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.display import model_text
from darkbattery.nvmodel.refusal import InputError, finite_number, number_between

Array = NDArray[np.float64]
RiseShape = Literal["exponential", "linear"]
# where integrators stop: of an exponential in its time constants, of a line in its length
PARTS = {"exponential": (1.0, 2.0, 3.0, 5.0, 8.0, 12.0), "linear": (0.25, 0.5, 0.75, 1.0)}
END = 0.05  # how far from 1 a step response may end: what is left is scaled out
FARTHEST = 2.0  # of an overshoot; a coil's rings by far less
MOST_SAMPLES = 100_000
MOST_CUTS = 32


@dataclass(frozen=True)
class StepResponse:
    """A measured step response, straight between its samples.

    Parameters
    ----------
    times : sequence of float
        Since the step, rising from 0 or later, in the unit of times (s at a resonator); before the
        first it is straight from 0.
    response : sequence of float
        0 before the step, 1 after it: the last lies within 0.05 of 1, and is scaled to it.

    Examples
    --------
    >>> coil = StepResponse([0.0, 1e-7, 2e-7, 3e-7], [0.0, 0.1, 0.8, 1.0])
    >>> coil.length, coil.at([0.5e-7, 1.5e-7, 1.0]).round(3).tolist()
    (3e-07, [0.05, 0.45, 1.0])
    """

    times: tuple[float, ...]
    response: tuple[float, ...]

    def __post_init__(self) -> None:
        for name in ("times", "response"):
            values = getattr(self, name)
            if isinstance(values, np.ndarray):
                values = values.tolist()
            if not isinstance(values, list | tuple) or not 2 <= len(values) <= MOST_SAMPLES:
                text = f"must be a list of 2 to {MOST_SAMPLES} numbers"
                raise InputError(name, values, text)
            if name == "times":
                found = tuple(finite_number(name, value, least=0.0) for value in values)
            else:
                found = tuple(number_between(name, value, -FARTHEST, FARTHEST) for value in values)
            object.__setattr__(self, name, found)
        if len(self.times) != len(self.response):
            text = f"must be as many as times, {len(self.times)}"
            raise InputError("response", len(self.response), text)
        falls = np.flatnonzero(np.diff(self.times) <= 0.0)
        if falls.size:
            i = int(falls[0]) + 1
            raise InputError(f"times[{i}]", self.times[i], "must rise from one to the next")
        if abs(self.response[-1] - 1.0) > END:
            text = f"must end within {END:g} of 1: it goes from 0 to 1, on until it has settled"
            raise InputError("response", self.response[-1], text)

    def __repr__(self) -> str:
        return model_text(self)

    def stretched(self, factor: float) -> "StepResponse":
        """The same response, so many times as slow."""
        return StepResponse(tuple(factor * time for time in self.times), self.response)

    @property
    def length(self) -> float:
        """When it is over."""
        return self.times[-1]

    @cached_property
    def _samples(self) -> tuple[Array, Array, Array]:
        """Times, values and the integral of the latter, from time 0 on."""
        times, values = np.array(self.times), np.array(self.response) / self.response[-1]
        if times[0] > 0.0:
            times, values = np.append(0.0, times), np.append(0.0, values)
        steps = 0.5 * np.diff(times) * (values[1:] + values[:-1])
        return times, values, np.append(0.0, np.cumsum(steps))

    @property
    def cuts(self) -> tuple[float, ...]:
        """Where integrators stop: at its samples, or at some of many."""
        times = self._samples[0][1:]
        places = np.linspace(0, times.size - 1, min(times.size, MOST_CUTS)).round().astype(int)
        return tuple(times[places].tolist())

    def at(self, since: ArrayLike) -> Array:
        """Its value at times since the step."""
        times, values, _ = self._samples
        return np.asarray(np.interp(np.asarray(since, dtype=float), times, values))

    def lag(self, since: ArrayLike) -> Array:
        """The integral of 1 less its value, from the step on: how far it is behind a sudden one.

        >>> StepResponse([0.0, 2.0], [0.0, 1.0]).lag([1.0, 2.0, 9.0])
        array([0.75, 1.  , 1.  ])
        """
        times, values, integral = self._samples
        s = np.minimum(np.asarray(since, dtype=float), times[-1])
        i = np.clip(np.searchsorted(times, s, side="right") - 1, 0, times.size - 2)
        part = (s - times[i]) * 0.5 * (values[i] + np.interp(s, times, values))
        return np.asarray(s - integral[i] - part)


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
