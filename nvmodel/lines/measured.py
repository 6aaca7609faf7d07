r"""What was measured of an ensemble: its line as a spectrum, its couplings as a map of the field.

A spectrum is a density at some frequencies, straight between them and 0 outside:
:math:`\rho(w)\propto\rho_j+(\rho_{j+1}-\rho_j)(w-w_j)/(w_{j+1}-w_j)`. Uneven lines stay uneven.
A map of the field is a coupling for every piece of the crystal and the number of spins in it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.refusal import InputError, finite_number, number_between

Array = NDArray[np.float64]

MOST_VALUES = 10_000  # of a spectrum or a map, which the definition of a study holds
MOST_FREQUENCY = 1e15  # Hz
# in the response, of the probe's distance over the width of a piece: from there on by a series
FAR = 20.0


@dataclass(frozen=True)
class Tabulated:
    r"""A line given by its density at some frequencies.

    Parameters
    ----------
    frequencies_hz : sequence of float
        Strictly increasing, at least two; absolute or from any origin.
    weights : sequence of float
        The density there, in any unit, :math:`\ge0` and not all 0.
    centre_hz : float, optional
        The frequency that counts as the line's centre, from which its detuning is counted.
        Default: the mean.

    Raises
    ------
    InputError
        For frequencies that do not rise, negative weights, and what is no finite number.

    Examples
    --------
    >>> line = Tabulated(frequencies_hz=(2.87e9, 2.871e9, 2.874e9), weights=(0.0, 1.0, 0.0))
    >>> print(f"{line.centre:.6g}", (line.quantile([0.25, 0.75]) / 2e6 / math.pi).round(3))
    2.87167e+09 [-0.667  0.601]
    """

    frequencies_hz: tuple[float, ...]
    weights: tuple[float, ...]
    centre_hz: float | None = None

    def __post_init__(self) -> None:
        most = MOST_FREQUENCY
        frequencies = checked_values("frequencies_hz", self.frequencies_hz, -most)
        weights = checked_values("weights", self.weights, 0.0)
        if len(frequencies) != len(weights) or len(weights) < 2:
            text = f"must be as many as frequencies_hz, {len(frequencies)}, and at least two"
            raise InputError("weights", len(weights), text)
        for i in range(1, len(frequencies)):
            if frequencies[i] <= frequencies[i - 1]:
                text = f"must rise: value {i + 1} does not"
                raise InputError("frequencies_hz", frequencies[i], text)
        object.__setattr__(self, "frequencies_hz", frequencies)
        object.__setattr__(self, "weights", weights)
        if not float(np.trapezoid(self.weights, self.frequencies_hz)) > 0.0:
            raise InputError("weights", max(weights), "must not all be 0")
        if self.centre_hz is not None:
            centre = number_between("centre_hz", self.centre_hz, -most, most)
            if not frequencies[0] <= centre <= frequencies[-1]:
                text = f"must lie in the line, {frequencies[0]:g} to {frequencies[-1]:g}"
                raise InputError("centre_hz", centre, text)
            object.__setattr__(self, "centre_hz", centre)

    @property
    def centre(self) -> float:
        """The frequency that its detunings count from, Hz."""
        if self.centre_hz is not None:
            return self.centre_hz
        f, w = np.array(self.frequencies_hz), np.array(self.weights)
        # of a straight piece: exact by Simpson's rule
        middle = 0.5 * (f[1:] + f[:-1])
        moment = w[:-1] * f[:-1] + 2.0 * (w[1:] + w[:-1]) * middle + w[1:] * f[1:]
        area = 3.0 * (w[1:] + w[:-1])
        return float((np.diff(f) @ moment) / (np.diff(f) @ area))

    @property
    def fwhm_hz(self) -> float:
        """Distance of the outermost places at which the density is half its largest, Hz."""
        f, w = np.array(self.frequencies_hz), np.array(self.weights)
        half = 0.5 * w.max()
        above = np.flatnonzero(w >= half)
        ends = []
        for inner, outer in ((above[0], above[0] - 1), (above[-1], above[-1] + 1)):
            if not 0 <= outer < w.size:
                ends.append(f[inner])
                continue
            share = (w[inner] - half) / (w[inner] - w[outer])
            ends.append(f[inner] + share * (f[outer] - f[inner]))
        return float(ends[1] - ends[0])

    def stretched(self, factor: float) -> "Tabulated":
        """The same about its centre, `factor` times as wide."""
        centre = self.centre
        frequencies = tuple(centre + factor * (f - centre) for f in self.frequencies_hz)
        return Tabulated(frequencies, self.weights, centre)

    def density(self, detuning: ArrayLike) -> Array:
        """See `LineShape`."""
        at, height, _ = self._pieces
        w = np.asarray(detuning, dtype=float)
        return np.asarray(np.interp(w, at, height, left=0.0, right=0.0))

    def share_below(self, detuning: ArrayLike) -> Array:
        """See `LineShape`."""
        at, height, below = self._pieces
        w = np.clip(np.asarray(detuning, dtype=float), at[0], at[-1])
        i = np.clip(np.searchsorted(at, w, side="right") - 1, 0, at.size - 2)
        return np.asarray(below[i] + 0.5 * (w - at[i]) * (height[i] + self.density(w)))

    def quantile(self, probability: ArrayLike) -> Array:
        """See `LineShape`; the root of a square equation in each piece."""
        at, height, below = self._pieces
        u = np.clip(np.asarray(probability, dtype=float), 0.0, 1.0)
        i = np.clip(np.searchsorted(below, u, side="right") - 1, 0, at.size - 2)
        width = at[i + 1] - at[i]
        low, slope, more = height[i], (height[i + 1] - height[i]) / width, u - below[i]
        root = np.sqrt(np.maximum(low * low + 2.0 * slope * more, 0.0))
        part = np.divide(2.0 * more, low + root, out=np.zeros_like(u), where=low + root > 0.0)
        return np.asarray(at[i] + np.minimum(part, width))

    def response(self, rate: float, detuning: ArrayLike) -> NDArray[np.complex128]:
        r"""R(detuning), s, as `line_response` has it: logarithms over the straight pieces.

        With c the middle of a piece less :math:`\delta+i\Gamma`, h its width, and density
        :math:`\rho+\sigma u` in it, :math:`L=2\,\mathrm{artanh}(h/2c)`, it adds
        :math:`-i[\rho L+\sigma(h-cL)]`.
        """
        at, height, _ = self._pieces
        h, slope = np.diff(at), np.diff(height) / np.diff(at)
        middle, mean = 0.5 * (at[1:] + at[:-1]), 0.5 * (height[1:] + height[:-1])
        # the limit from above
        rate = max(rate, 1e-12 * float(at[-1] - at[0]))
        probes = np.atleast_1d(np.asarray(detuning, dtype=float))
        found = np.empty(probes.size, dtype=np.complex128)
        for j, probe in enumerate(probes):
            c = middle - probe - 1j * rate
            x = h / (2.0 * c)
            turn = 2.0 * np.arctanh(x)
            square = x * x
            series = square * (1.0 / 3.0 + square * (0.2 + square * (1.0 / 7.0 + square / 9.0)))
            rest = np.where(np.abs(x) * FAR < 1.0, -h * series, h - c * turn)
            found[j] = -1j * (mean @ turn + slope @ rest)
        return found

    @cached_property
    def _pieces(self) -> tuple[Array, Array, Array]:
        """Detunings (rad/s), density there (s/rad), and the share of the spins below."""
        at = 2.0 * math.pi * (np.array(self.frequencies_hz) - self.centre)
        height = np.array(self.weights)
        height = height / float(np.trapezoid(height, at))
        parts = 0.5 * np.diff(at) * (height[1:] + height[:-1])
        below = np.concatenate([[0.0], np.cumsum(parts)])
        return at, height, below / below[-1]


@dataclass(frozen=True)
class FieldMap:
    r"""Couplings over a crystal: the field at some places, and the spins that each stands for.

    Parameters
    ----------
    couplings : sequence of float
        Field transverse to the spins, in any unit, not all 0. Its sign is a gauge of the spins.
    weights : sequence of float
        Spins (or volume) that have it, :math:`\ge0`, not all 0.

    Examples
    --------
    >>> x = np.linspace(0.0, np.pi, 2001)  # half a standing wave
    >>> wave = FieldMap(np.cos(x), np.ones(x.size))
    >>> print(round(wave.spread, 3), wave.quantile([0.25, 0.5]).round(2))
    0.483 [0.54 1.  ]
    """

    couplings: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        couplings = checked_values("couplings", self.couplings, -math.inf)
        weights = checked_values("weights", self.weights, 0.0)
        if len(couplings) != len(weights) or not weights:
            text = f"must be as many as couplings, {len(couplings)}, at least one"
            raise InputError("weights", len(weights), text)
        for name, values in (("weights", weights), ("couplings", couplings)):
            if not any(values):
                raise InputError(name, 0.0, "must not all be 0")
        object.__setattr__(self, "couplings", couplings)
        object.__setattr__(self, "weights", weights)
        if not any(abs(g) * w > 0.0 for g, w in zip(couplings, weights, strict=True)):
            raise InputError("couplings", 0.0, "must not be 0 wherever there are spins")

    @property
    def spread(self) -> float:
        """Standard deviation over mean."""
        g, share = self._ordered
        mean = float(share @ g)
        return math.sqrt(max(float(share @ g**2) - mean * mean, 0.0)) / mean

    def quantile(self, probability: ArrayLike) -> Array:
        """The coupling over the root mean square below which a share of the spins lies."""
        g, share = self._ordered
        below = np.cumsum(share)
        place = np.searchsorted(below, np.asarray(probability, dtype=float) * below[-1])
        return np.asarray(g[np.minimum(place, g.size - 1)])

    @cached_property
    def _ordered(self) -> tuple[Array, Array]:
        """Couplings over their root mean square, increasing, and shares of the spins."""
        g, weight = np.abs(np.array(self.couplings)), np.array(self.weights)
        order = np.argsort(g, kind="stable")
        # no square overflows
        g, share = g[order] / g.max(), weight[order] / weight.sum()
        return g / math.sqrt(float(share @ g**2)), share


def checked_values(field: str, values: object, least: float) -> tuple[float, ...]:
    """Numbers as a tuple of floats, from `least` on; the first that is none is refused.

    >>> checked_values("weights", [1, 2.5], 0.0)
    (1.0, 2.5)
    """
    if isinstance(values, np.ndarray):
        values = values.ravel().tolist()
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise InputError(field, values, "must be a list of numbers")
    if len(values) > MOST_VALUES:
        raise InputError(field, len(values), f"must be at most {MOST_VALUES} numbers")
    if least == 0.0:
        return tuple(finite_number(field, value, least=0.0) for value in values)
    most = MOST_FREQUENCY
    return tuple(number_between(field, value, -most, most) for value in values)
