r"""Coherent fields sent into a resonator: :math:`\dot\alpha=\dots-i\eta(t)`.

A pulse that lasts for a given time T has an envelope over :math:`s\in[0,T]`, of largest value 1.
With :math:`u=2s/T-1` from -1 to 1,

* square: 1,
* sech: :math:`\mathrm{sech}(\beta u)`, 0.01 at both ends (Silver, Joseph and Hoult 1985),
* wurst: :math:`1-|\sin(\pi u/2)|^{20}` (Kupce and Freeman 1995),
* samples: straight between values at equal distances, over the largest magnitude.

A chirp by :math:`c` hertz over the pulse is a frequency :math:`\tfrac c2u`, of a sech pulse
:math:`\tfrac c2\tanh(\beta u)/\tanh\beta`; its phase is 0 in the middle.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.display import model_text
from darkbattery.nvmodel.lines.measured import checked_values
from darkbattery.nvmodel.refusal import InputError, finite_number, known_name, number_between

PulseShape = Literal["square", "gaussian", "sech", "wurst", "samples"]

Complex = NDArray[np.complex128]

# where a Gaussian pulse is cut, in its standard deviations: no integrator's step is so long as to
# leap over the core, and beyond the last one the field is below the smallest double
_ONE_SIDE = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 20.0, 38.0)
CUTS = (*(-cut for cut in _ONE_SIDE[::-1]), 0.0, *_ONE_SIDE)
BETA = math.acosh(100.0)
WURST_POWER = 20
# pieces of a pulse that no integrator's step leaps over
PIECES = 16
MOST_PIECES = 256


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

    def field(self, since: float) -> complex:
        """eta (rad/s) at `since` (s) after the start; at the end it is the limit from within."""
        return self.amplitude * math.exp(-0.5 * ((since + self.since_centre) / self.width) ** 2)

    def mean(self, edges: NDArray[np.float64], detuning: float, phase: float) -> Complex:
        r"""Of :math:`\eta e^{-i(\delta t-\varphi)}` over each part between `edges`, from the start.

        The area in closed form, turned as in the part's middle.
        """
        h = np.diff(edges)
        # a part of no length, between outputs that rounding alone sets apart, turns nothing
        eta = np.divide(np.diff(self.area(edges)), h, out=np.zeros_like(h), where=h > 0.0)
        middle = self.start + edges[:-1] + 0.5 * h
        turned = phase - detuning * middle
        shorter = np.sinc(detuning * h / (2.0 * math.pi))
        return np.asarray(eta * shorter * np.exp(1j * turned))

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
class ShapedSpan:
    """A piece of a pulse of any shape, chirped or not.

    Attributes
    ----------
    start, length : float
        s.
    drive : Drive
    since_begin : float
        The start less the drive's, s.
    """

    start: float
    length: float
    drive: "Drive"
    since_begin: float

    @property
    def stop(self) -> float:
        """The end, s, as far as floating-point numbers know it."""
        return self.start + self.length

    def field(self, since: float) -> complex:
        """eta (rad/s) at `since` (s) after the start, with what the chirp has turned."""
        return complex(self.drive.shaped(self.since_begin + since))

    def mean(self, edges: NDArray[np.float64], detuning: float, phase: float) -> Complex:
        r"""Of :math:`\eta e^{-i(\delta t-\varphi)}` over each part, by Gauss's rule of 8 nodes."""
        nodes, weights = np.polynomial.legendre.leggauss(8)
        half = 0.5 * np.diff(edges)[:, None]
        at = edges[:-1, None] + half * (1.0 + nodes)
        turned = np.exp(1j * (phase - detuning * (self.start + at)))
        return np.asarray((self.drive.shaped(self.since_begin + at) * turned) @ (0.5 * weights))


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
        Length; of a Gaussian pulse full width at half maximum, of the amplitude.
    start_s : float
        Start; of a Gaussian pulse its centre.
    shape : "square", "gaussian", "sech", "wurst" or "samples"
        See `nvmodel.pulse`.
    detuning_hz : float
        Frequency of the field minus the resonator's, Hz.
    phase : float
        :math:`\varphi` of :math:`\eta e^{-i(\delta t-\varphi)}`, rad, in the resonator's frame; it
        matters beside a second field or a rotation.
    chirp_hz : float
        By how much the frequency rises over the pulse (negative: falls), through `detuning_hz` in
        its middle; not of a Gaussian one.
    in_phase, quadrature : sequence of float
        Samples at equal distances from start to end, in any unit: `amplitude` is the largest.

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
    chirp_hz: float = 0.0
    in_phase: tuple[float, ...] = ()
    quadrature: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        assign = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        assign("amplitude", finite_number("amplitude", self.amplitude, least=0.0))
        assign("duration_s", finite_number("duration_s", self.duration_s, 0.0, exclusive=True))
        assign("start_s", finite_number("start_s", self.start_s, least=0.0))
        assign("detuning_hz", number_between("detuning_hz", self.detuning_hz, -1e15, 1e15))
        assign("phase", number_between("phase", self.phase, -1e3, 1e3))
        known_name("shape", self.shape, get_args(PulseShape))
        assign("chirp_hz", number_between("chirp_hz", self.chirp_hz, -1e15, 1e15))
        if self.chirp_hz and self.shape == "gaussian":
            text = "not of a gaussian pulse: take sech or wurst"
            raise InputError("chirp_hz", self.chirp_hz, text)
        for name in ("in_phase", "quadrature"):
            assign(name, checked_values(name, getattr(self, name), -math.inf))
        self._check_samples()

    def _check_samples(self) -> None:
        one, two = self.in_phase, self.quadrature
        if (self.shape == "samples") != bool(one or two):
            text = 'must be given with shape = "samples", and with it alone'
            raise InputError("in_phase", one, text)
        if self.shape == "samples" and (len(one) < 2 or len(two) not in (0, len(one))):
            raise InputError("quadrature", len(two), f"must be as many as in_phase, {len(one)}")
        if self.shape == "samples" and not any((*one, *two)):
            raise InputError("in_phase", 0.0, "must not all be 0")

    def __repr__(self) -> str:
        return model_text(self)

    @property
    def is_real(self) -> bool:
        """Whether its envelope has one phase throughout."""
        return self.chirp_hz == 0.0 and self.shape != "samples"

    @property
    def farthest_detuning(self) -> float:
        """Of its frequencies from the resonator's, rad/s."""
        return 2.0 * math.pi * abs(self.detuning_hz) + math.pi * abs(self.chirp_hz)

    @property
    def nearest_detuning(self) -> float:
        """The same of the one that is nearest to it, 0 where the chirp crosses it, rad/s."""
        return max(0.0, 2.0 * math.pi * abs(self.detuning_hz) - math.pi * abs(self.chirp_hz))

    def shaped(self, since: ArrayLike) -> Complex:
        """eta (rad/s) with its chirp's phase, at times since the pulse's start; not of a Gaussian.

        >>> pulse = Drive(2.0, duration_s=4.0, shape="sech", chirp_hz=1.0)
        >>> print(pulse.shaped([0.0, 2.0]).round(3))
        [0.014+0.015j 2.   +0.j   ]
        """
        u = 2.0 * np.asarray(since, dtype=float) / self.duration_s - 1.0
        turned = chirp_phase(self.shape, 2.0 * math.pi * self.chirp_hz, self.duration_s, u)
        found = self.amplitude * envelope(self.shape, self._samples, u)
        return np.asarray(found * np.exp(-1j * turned))

    @property
    def _samples(self) -> tuple[complex, ...]:
        other = self.quadrature or (0.0,) * len(self.in_phase)
        return tuple(complex(a, b) for a, b in zip(self.in_phase, other, strict=True))

    def field(self, time: ArrayLike) -> NDArray[np.float64]:
        """eta (rad/s) of a real envelope at `time` (s); on an edge its limit from later times."""
        t = np.asarray(time, dtype=float)
        if self.shape in ("sech", "wurst"):
            since = t - self.start_s
            return np.where(since < self.duration_s, self.shaped(since).real, 0.0)
        if self.shape == "square":
            on = (t >= self.start_s) & (t < self.start_s + self.duration_s)
            return np.where(on, self.amplitude, 0.0)
        return self.amplitude * np.exp(-0.5 * ((t - self.start_s) / self.standard_deviation) ** 2)

    @property
    def extent(self) -> tuple[float, float]:
        """Start and end, s; of a Gaussian pulse between its half maxima."""
        if self.shape != "gaussian":
            return self.start_s, self.start_s + self.duration_s
        return self.start_s - 0.5 * self.duration_s, self.start_s + 0.5 * self.duration_s

    @property
    def standard_deviation(self) -> float:
        """Of a Gaussian pulse's amplitude, s."""
        return self.duration_s / math.sqrt(8.0 * math.log(2.0))

    @property
    def area(self) -> float:
        """The integral of eta's magnitude over all times, rad."""
        if self.shape == "square":
            return self.amplitude * self.duration_s
        if self.shape != "gaussian":
            at = np.linspace(0.0, self.duration_s, 10_001)
            return float(np.trapezoid(np.abs(self.shaped(at)), at))
        return self.amplitude * self.standard_deviation * math.sqrt(2.0 * math.pi)


def envelope(shape: str, samples: Sequence[complex], u: ArrayLike) -> Complex:
    """The envelope at u in [-1, 1]; 0 outside.

    >>> print(envelope("wurst", (), [-1.0, 0.0, 0.5, 2.0]).real.round(4))
    [0.    1.    0.999 0.   ]
    """
    at = np.asarray(u, dtype=float)
    inside = np.abs(at) <= 1.0
    if shape == "sech":
        found = 1.0 / np.cosh(BETA * np.clip(at, -1.0, 1.0))
    elif shape == "wurst":
        found = 1.0 - np.abs(np.sin(0.5 * math.pi * np.clip(at, -1.0, 1.0))) ** WURST_POWER
    elif shape == "samples":
        values = np.asarray(samples, dtype=complex)
        values = values / np.abs(values).max()
        found = np.interp(at, np.linspace(-1.0, 1.0, values.size), values)
    else:
        found = np.ones(at.shape)
    return np.asarray(np.where(inside, found, 0.0), dtype=np.complex128)


def chirp_phase(shape: str, chirp: float, duration: float, u: ArrayLike) -> NDArray[np.float64]:
    """What a chirp by `chirp` (rad/s over the pulse) has turned since its middle, rad.

    >>> print(chirp_phase("square", 4.0, 2.0, [-1.0, 0.0, 1.0]))
    [1. 0. 1.]
    """
    at = np.asarray(u, dtype=float)
    if shape == "sech":
        # ln cosh without overflow
        turned = np.logaddexp(BETA * at, -BETA * at) - math.log(2.0)
        return np.asarray(0.25 * chirp * duration * turned / (BETA * math.tanh(BETA)))
    return np.asarray(0.125 * chirp * duration * at * at) * 1.0


def pieces_of(samples: int) -> int:
    """Into how many equal pieces a pulse is cut for integrators.

    >>> [pieces_of(samples) for samples in (0, 41, 10_001)]
    [16, 40, 256]
    """
    return min(max(samples - 1, PIECES), MOST_PIECES)


def spans(drive: Drive | None, last: float) -> tuple[Span | ShapedSpan, ...]:
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
    found: list[Span | ShapedSpan] = []
    for span in _all_spans(drive):
        if span.stop > last:
            return (*found, replace(span, length=last - span.start))
        found.append(span)
    raise AssertionError("the last span has no end")


def _all_spans(drive: Drive | None) -> Iterator[Span | ShapedSpan]:
    """Up to infinity."""
    if drive is None:
        yield Span(0.0, math.inf)
    elif drive.shape in ("sech", "wurst", "samples") or drive.chirp_hz:
        if drive.start_s > 0.0:
            yield Span(0.0, drive.start_s)
        cuts = np.linspace(0.0, drive.duration_s, pieces_of(len(drive.in_phase)) + 1)
        for begin, end in pairwise(cuts.tolist()):
            yield ShapedSpan(drive.start_s + begin, end - begin, drive, begin)
        yield Span(drive.start_s + drive.duration_s, math.inf)
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
