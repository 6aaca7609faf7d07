r"""Coherent fields sent into a resonator: :math:`\dot\alpha=\dots-i\eta(t)`."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.display import model_text
from darkbattery.nvmodel.refusal import finite_number, known_name, number_between

PulseShape = Literal["square", "gaussian"]

# where a Gaussian pulse is cut, in its standard deviations: no integrator's step is so long as to
# leap over the core, and beyond the last one the field is below the smallest double
_ONE_SIDE = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, 38.0)
CUTS = (*(-cut for cut in _ONE_SIDE[::-1]), 0.0, *_ONE_SIDE)


@dataclass(frozen=True)
class Span:
    r"""A stretch of time over which a drive is smooth, between two of its features.

    Times in it count from its start, and its length is kept apart: a pulse may be shorter than the
    distance between floating-point numbers at its time. The field is
    :math:`\eta(s)=\eta_0e^{-(s+s_0)^2/2w^2}`, constant for w = infinity.

    Attributes
    ----------
    start, length : float
        s.
    amplitude : float
        eta_0, rad/s.
    since_centre : float
        :math:`s_0`: the start minus the Gaussian's centre, s.
    width : float
        w, the Gaussian's standard deviation, s.
    """

    start: float
    length: float
    amplitude: float = 0.0
    since_centre: float = 0.0
    width: float = math.inf

    @property
    def stop(self) -> float:
        """The end, s, as far as floating-point numbers know it."""
        return self.start + self.length

    def field(self, since: float) -> float:
        """eta (rad/s) at `since` (s) after the start; at the end it is the limit from within."""
        return self.amplitude * math.exp(-0.5 * ((since + self.since_centre) / self.width) ** 2)

    def area(self, since: ArrayLike) -> NDArray[np.float64]:
        """The integral of eta up to `since`, up to a constant, in closed form.

        >>> pulse = Drive(amplitude=1.0, duration_s=2.0, start_s=9.0, shape="gaussian")
        >>> parts = [np.diff(span.area([0.0, span.length])) for span in spans(pulse, 20.0)]
        >>> print(round(float(sum(parts)[0]), 9), round(pulse.area, 9))
        2.128934039 2.128934039
        """
        s = np.asarray(since, dtype=float)
        if self.width == math.inf:
            return self.amplitude * s
        whole = self.amplitude * self.width * math.sqrt(math.pi / 2.0)
        found: NDArray[np.float64] = whole * scipy.special.erf(
            (s + self.since_centre) / (self.width * math.sqrt(2.0))
        )
        return found


@dataclass(frozen=True)
class Drive:
    r"""A pulse of coherent field, or a continuous one.

    A source of power P at frequency :math:`\omega` through a port of rate :math:`\kappa_1` (part of
    :math:`\kappa`) gives :math:`\eta=\sqrt{\kappa_1P/\hbar\omega}` (Gardiner and Collett 1985).

    Parameters
    ----------
    amplitude : float
        Largest :math:`\eta`, rad/s, :math:`\ge0`.
    duration_s : float
        Length of a square pulse; full width at half maximum of a Gaussian one, of the amplitude.
    start_s : float
        Start of a square pulse; centre of a Gaussian one.
    shape : "square" or "gaussian"
    detuning_hz : float
        Frequency of the field minus the resonator's, Hz.
    phase : float
        :math:`\varphi` of :math:`\eta e^{-i(\delta t-\varphi)}`, rad, in the resonator's frame; it
        matters beside a second field or a rotation.

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
    phase: float = 0.0

    def __post_init__(self) -> None:
        assign = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        assign("amplitude", finite_number("amplitude", self.amplitude, least=0.0))
        assign("duration_s", finite_number("duration_s", self.duration_s, 0.0, exclusive=True))
        assign("start_s", finite_number("start_s", self.start_s, least=0.0))
        assign("detuning_hz", number_between("detuning_hz", self.detuning_hz, -1e15, 1e15))
        assign("phase", number_between("phase", self.phase, -1e3, 1e3))
        known_name("shape", self.shape, get_args(PulseShape))

    def __repr__(self) -> str:
        return model_text(self)

    def field(self, time: ArrayLike) -> NDArray[np.float64]:
        """eta (rad/s) at `time` (s); on an edge its limit from later times."""
        t = np.asarray(time, dtype=float)
        if self.shape == "square":
            on = (t >= self.start_s) & (t < self.start_s + self.duration_s)
            return np.where(on, self.amplitude, 0.0)
        return self.amplitude * np.exp(-0.5 * ((t - self.start_s) / self.standard_deviation) ** 2)

    @property
    def extent(self) -> tuple[float, float]:
        """Start and end, s; of a Gaussian pulse between its half maxima."""
        if self.shape == "square":
            return self.start_s, self.start_s + self.duration_s
        return self.start_s - 0.5 * self.duration_s, self.start_s + 0.5 * self.duration_s

    @property
    def standard_deviation(self) -> float:
        """Of a Gaussian pulse's amplitude, s."""
        return self.duration_s / math.sqrt(8.0 * math.log(2.0))

    @property
    def area(self) -> float:
        """The integral of eta over all times, rad."""
        if self.shape == "square":
            return self.amplitude * self.duration_s
        return self.amplitude * self.standard_deviation * math.sqrt(2.0 * math.pi)


def spans(drive: Drive | None, last: float) -> tuple[Span, ...]:
    """The time from 0 to `last` in stretches over which a drive is smooth.

    An integrator that goes from one to the next reads the field of the span that it is in, so that
    a step neither straddles an edge nor leaps over a pulse, however short. The last one contains
    `last`: a pulse that begins there is a span of length 0.

    Examples
    --------
    >>> for span in spans(Drive(amplitude=2.0, duration_s=1e-20, start_s=1.0), 3.0):
    ...     print(span.start, span.length, span.amplitude)
    0.0 1.0 0.0
    1.0 1e-20 2.0
    1.0 2.0 0.0
    """
    found: list[Span] = []
    for span in _all_spans(drive):
        if span.stop > last:
            return (*found, replace(span, length=last - span.start))
        found.append(span)
    raise AssertionError("the last span has no end")


def _all_spans(drive: Drive | None) -> Iterator[Span]:
    """Up to infinity."""
    if drive is None:
        yield Span(0.0, math.inf)
    elif drive.shape == "square":
        if drive.start_s > 0.0:
            yield Span(0.0, drive.start_s)
        yield Span(drive.start_s, drive.duration_s, drive.amplitude)
        yield Span(drive.start_s + drive.duration_s, math.inf)
    else:
        centre, width = drive.start_s, drive.standard_deviation
        begin = -centre
        for cut in CUTS:
            end = cut * width
            if end > begin:
                length = end - begin
                yield Span(max(centre + begin, 0.0), length, drive.amplitude, begin, width)
                begin = end
        yield Span(max(centre + begin, 0.0), math.inf, drive.amplitude, begin, width)
