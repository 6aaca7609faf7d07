"""How a detuning answers a step, as it was measured: with a delay, a bend, an overshoot."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.display import model_text
from darkbattery.nvmodel.refusal import InputError, finite_number, number_between

Array = NDArray[np.float64]

END = 0.05  # how far from 1 a response may end: what is left is scaled out
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
