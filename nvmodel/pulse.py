r"""Coherent fields sent into a resonator: :math:`\dot\alpha=\dots-i\eta(t)`."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nvmodel.refusal import finite_number, known_name, number_between

PulseShape = Literal["square", "gaussian"]


@dataclass(frozen=True)
class Drive:
    r"""A pulse of coherent field, or a continuous one.

    A source of power P at frequency omega through a port of rate kappa_1 (part of kappa) gives
    :math:`\eta=\sqrt{\kappa_1P/\hbar\omega}` (Gardiner and Collett 1985).

    Parameters
    ----------
    amplitude : float
        Largest eta, rad/s, >= 0.
    duration_s : float
        Length of a square pulse; full width at half maximum of a Gaussian one, of the amplitude.
    start_s : float
        Start of a square pulse; centre of a Gaussian one.
    shape : "square" or "gaussian"
    detuning_hz : float
        Frequency of the field minus the resonator's, Hz.

    Examples
    --------
    >>> print(Drive(amplitude=2.0, duration_s=1.0).field([0.0, 0.5, 1.5]))
    [2. 2. 0.]
    """

    amplitude: float
    duration_s: float
    start_s: float = 0.0
    shape: PulseShape = "square"
    detuning_hz: float = 0.0

    def __post_init__(self) -> None:
        assign = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        assign("amplitude", finite_number("amplitude", self.amplitude, least=0.0))
        assign("duration_s", finite_number("duration_s", self.duration_s, 0.0, exclusive=True))
        assign("start_s", finite_number("start_s", self.start_s, least=0.0))
        assign("detuning_hz", number_between("detuning_hz", self.detuning_hz, -1e15, 1e15))
        known_name("shape", self.shape, get_args(PulseShape))

    @property
    def edges(self) -> tuple[float, ...]:
        """Times (s) at which the field jumps: an integrator must stop there."""
        return (self.start_s, self.start_s + self.duration_s) if self.shape == "square" else ()

    def field(self, time: ArrayLike) -> NDArray[np.float64]:
        """eta (rad/s) at `time` (s)."""
        since = np.asarray(time, dtype=float) - self.start_s
        if self.shape == "square":
            return np.where((since >= 0.0) & (since < self.duration_s), self.amplitude, 0.0)
        width = self.duration_s / np.sqrt(8.0 * np.log(2.0))
        return self.amplitude * np.exp(-0.5 * (since / width) ** 2)
