r"""Inhomogeneous lines: how the transition frequencies of an ensemble's spins are distributed.

A line is a density :math:`\rho(w)` over the detuning w (rad/s) from its centre. Simulations replace
it by K classes of equal weight at the quantiles :math:`(k+1/2)/K`, which converge faster than a
uniform grid. Widths are full widths at half maximum (FWHM) in Hz, as spectra are quoted.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, runtime_checkable

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.refusal import InputError, finite_number, number_between, whole_number

Array = NDArray[np.float64]

# midpoint rule of `lorentzian_overlap`: 1e-9 on centre, 1e-5 off it, for 1/T2 above W/5000
OVERLAP_POINTS = 20_000
# density between two components over that at their centres, below which they are lines of their
# own: bursts in NV triplets are closer with common classes from there on (benchmarks/classes.py)
RESOLVED = 0.15

# by which definitions call them, those of `measured` and `voigt` too
SHAPES = ("gaussian", "lorentzian", "q-gaussian", "voigt")


@runtime_checkable
class LineShape(Protocol):
    """What a line must know."""

    def density(self, detuning: ArrayLike) -> Array:
        r""":math:`\rho(w)`, integral 1, in s/rad; w in rad/s."""

    def quantile(self, probability: ArrayLike) -> Array:
        """The detuning (rad/s) below which a share `probability` of the spins lies."""

    def share_below(self, detuning: ArrayLike) -> Array:
        """The share of the spins below `detuning` (rad/s), the inverse of `quantile`."""


@dataclass(frozen=True)
class Gaussian:
    """A normal distribution of frequencies, e.g. of many weak dipolar fields.

    Parameters
    ----------
    fwhm_hz : float
        Full width at half maximum, Hz, > 0.

    Examples
    --------
    >>> print(Gaussian(fwhm_hz=1e6).quantile([0.25, 0.5]).round(0))
    [-1799689.        0.]
    """

    fwhm_hz: float

    def __post_init__(self) -> None:
        _assign_width(self, self.fwhm_hz)

    @property
    def _sigma(self) -> float:
        return 2.0 * math.pi * self.fwhm_hz / math.sqrt(8.0 * math.log(2.0))

    def stretched(self, factor: float) -> "Gaussian":
        """The same, `factor` times as wide."""
        return Gaussian(factor * self.fwhm_hz)

    def density(self, detuning: ArrayLike) -> Array:
        """See `LineShape`."""
        x = np.asarray(detuning, dtype=float) / self._sigma
        return np.exp(-0.5 * x * x) / (math.sqrt(2.0 * math.pi) * self._sigma)

    def quantile(self, probability: ArrayLike) -> Array:
        """See `LineShape`."""
        return self._sigma * scipy.special.ndtri(np.asarray(probability, dtype=float))

    def share_below(self, detuning: ArrayLike) -> Array:
        """See `LineShape`."""
        return scipy.special.ndtr(np.asarray(detuning, dtype=float) / self._sigma)


@dataclass(frozen=True)
class Lorentzian:
    """A Cauchy distribution of frequencies.

    Parameters
    ----------
    fwhm_hz : float
        Full width at half maximum, Hz, > 0.

    Examples
    --------
    >>> print(Lorentzian(fwhm_hz=2 / math.pi).quantile(0.75).round(9))  # half the width, rad/s
    2.0
    """

    fwhm_hz: float

    def __post_init__(self) -> None:
        _assign_width(self, self.fwhm_hz)

    def stretched(self, factor: float) -> "Lorentzian":
        """The same, `factor` times as wide."""
        return Lorentzian(factor * self.fwhm_hz)

    def density(self, detuning: ArrayLike) -> Array:
        """See `LineShape`."""
        half = math.pi * self.fwhm_hz
        return half / (math.pi * (np.asarray(detuning, dtype=float) ** 2 + half**2))

    def quantile(self, probability: ArrayLike) -> Array:
        """See `LineShape`."""
        u = np.asarray(probability, dtype=float)
        return math.pi * self.fwhm_hz * np.tan(math.pi * (u - 0.5))

    def share_below(self, detuning: ArrayLike) -> Array:
        """See `LineShape`."""
        half = math.pi * self.fwhm_hz
        return 0.5 + np.arctan(np.asarray(detuning, dtype=float) / half) / math.pi


@dataclass(frozen=True)
class QGaussian:
    r"""Tsallis' q-Gaussian, between Gaussian (q = 1) and Lorentzian (q = 2), for NV ensembles.

    .. math:: \rho(w)\propto[1+(q-1)w^2/\Delta^2]^{-1/(q-1)},\qquad
              \mathrm{FWHM}=2\Delta\sqrt{\frac{2^q-2}{2q-2}}

    (Sandner et al. 2012, Eq. (11); Krimer et al. 2014). It is Student's distribution with
    (3-q)/(q-1) degrees of freedom, stretched.

    Parameters
    ----------
    fwhm_hz : float
        Full width at half maximum, Hz, > 0.
    q : float
        Shape, :math:`1<q<3`. The tails fall like :math:`w^{-2/(q-1)}`.

    Examples
    --------
    >>> line = QGaussian(fwhm_hz=1e6, q=1.39)
    >>> print((line.density(math.pi * 1e6) / line.density(0.0)).round(9))  # at half the width
    0.5
    """

    fwhm_hz: float
    q: float

    def __post_init__(self) -> None:
        _assign_width(self, self.fwhm_hz)
        object.__setattr__(self, "q", finite_number("q", self.q, least=1.0, exclusive=True))
        if self.q >= 3.0:
            raise InputError("q", self.q, "must be a number between 1 and 3")

    @property
    def _freedom(self) -> float:
        return (3.0 - self.q) / (self.q - 1.0)

    @property
    def _delta(self) -> float:
        half = math.pi * self.fwhm_hz
        return half / math.sqrt((2.0**self.q - 2.0) / (2.0 * self.q - 2.0))

    def stretched(self, factor: float) -> "QGaussian":
        """The same, `factor` times as wide."""
        return QGaussian(factor * self.fwhm_hz, self.q)

    def density(self, detuning: ArrayLike) -> Array:
        """See `LineShape`."""
        x = np.asarray(detuning, dtype=float) / self._delta
        power, nu = 1.0 / (self.q - 1.0), self._freedom
        norm = math.sqrt((self.q - 1.0) / math.pi) * math.exp(
            math.lgamma((nu + 1.0) / 2.0) - math.lgamma(nu / 2.0)
        )
        return norm / self._delta * (1.0 + (self.q - 1.0) * x * x) ** -power

    def quantile(self, probability: ArrayLike) -> Array:
        """See `LineShape`."""
        u = np.asarray(probability, dtype=float)
        return self._student_scale * scipy.special.stdtrit(self._freedom, u)

    def share_below(self, detuning: ArrayLike) -> Array:
        """See `LineShape`."""
        x = np.asarray(detuning, dtype=float) / self._student_scale
        return scipy.special.stdtr(self._freedom, x)

    @property
    def _student_scale(self) -> float:
        return self._delta / math.sqrt(3.0 - self.q)


@dataclass(frozen=True)
class Multiplet:
    """The same line several times, e.g. one for each state of a nuclear spin.

    Parameters
    ----------
    line : LineShape
        The shape of each component; no multiplet.
    offsets_hz : tuple of float
        Centres of the components, Hz, from the centre of the ensemble.
    weights : tuple of float
        Shares of the spins, each > 0, sum 1.

    Examples
    --------
    >>> nitrogen = Multiplet(Gaussian(1e6), offsets_hz=(-2.14e6, 0.0, 2.14e6), weights=(1/3,) * 3)
    >>> print((nitrogen.quantile([1 / 6, 0.5]) / (2e6 * math.pi)).round(3))
    [-2.14  0.  ]
    """

    line: LineShape
    offsets_hz: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.line, LineShape) or isinstance(self.line, Multiplet):
            raise InputError("line", self.line, "must be a line shape, and no Multiplet")
        for name in ("offsets_hz", "weights"):
            if not isinstance(getattr(self, name), (tuple, list)):
                raise InputError(name, getattr(self, name), "must be a list of numbers")
        offsets = tuple(number_between("offsets_hz", x, -1e15, 1e15) for x in self.offsets_hz)
        weights = tuple(finite_number("weights", x, 0.0, exclusive=True) for x in self.weights)
        if len(offsets) != len(weights) or not offsets:
            raise InputError("weights", weights, "must be as many as offsets_hz, at least one")
        if abs(sum(weights) - 1.0) > 1e-9:
            raise InputError("weights", weights, "must sum to 1")
        object.__setattr__(self, "offsets_hz", offsets)
        object.__setattr__(self, "weights", weights)

    @property
    def groups(self) -> tuple[tuple[float, "Multiplet"], ...]:
        """Share of the spins and line of each group of components that overlap, by frequency.

        Between two groups the density falls below 0.15 of what it is at the centres beside.

        Examples
        --------
        >>> axes = Multiplet(Gaussian(1e6), offsets_hz=(9e6, 0.0, 1e6), weights=(0.5, 0.2, 0.3))
        >>> for share, group in axes.groups:
        ...     print(share, group.offsets_hz)
        0.5 (0.0, 1000000.0)
        0.5 (9000000.0,)
        """
        order = np.argsort(self.offsets_hz, kind="stable")
        centre = np.array(self.offsets_hz)[order]
        top = self.density(2.0 * math.pi * centre)
        between = self.density(math.pi * (centre[1:] + centre[:-1]))
        ends = np.flatnonzero(between < RESOLVED * np.minimum(top[1:], top[:-1])) + 1
        found = []
        for members in np.split(order, ends):
            weights = np.array(self.weights)[members]
            share = float(weights.sum())
            offsets = tuple(self.offsets_hz[i] for i in members)
            found.append((share, Multiplet(self.line, offsets, tuple(weights / share))))
        return tuple(found)

    def density(self, detuning: ArrayLike) -> Array:
        """See `LineShape`."""
        return self._sum(self.line.density, detuning)

    def share_below(self, detuning: ArrayLike) -> Array:
        """See `LineShape`."""
        return self._sum(self.line.share_below, detuning)

    def quantile(self, probability: ArrayLike) -> Array:
        """See `LineShape`; by bisection to the last bit."""
        u = np.asarray(probability, dtype=float)
        found: Array = _bisected(self, u.shape, u.tobytes()).copy()
        return found

    def _sum(self, function: Callable[[Array], Array], detuning: ArrayLike) -> Array:
        w = np.asarray(detuning, dtype=float)
        parts = zip(self.offsets_hz, self.weights, strict=True)
        total = sum((weight * function(w - 2.0 * math.pi * x) for x, weight in parts), np.zeros(()))
        return np.asarray(total)


@lru_cache(maxsize=64)
def _bisected(line: Multiplet, shape: tuple[int, ...], probabilities: bytes) -> Array:
    """Quantiles, which every ensemble with the same line asks for again."""
    u = np.frombuffer(probabilities).reshape(shape)
    centre = line.line.quantile(u)
    low = centre + 2.0 * math.pi * min(line.offsets_hz)
    high = centre + 2.0 * math.pi * max(line.offsets_hz)
    for _ in range(100):
        middle = 0.5 * (low + high)
        if ((middle == low) | (middle == high)).all():
            break
        below = line.share_below(middle) < u
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(0.5 * (low + high))


def shifted_copies(
    line: LineShape, offsets_hz: Sequence[float], weights: Sequence[float]
) -> Multiplet:
    """A line several times, each with a share of the spins; of a multiplet its components.

    >>> pair = Multiplet(Gaussian(1e6), offsets_hz=(-1e6, 1e6), weights=(0.5, 0.5))
    >>> shifted_copies(pair, (0.0, 5e6), (0.2, 0.8)).offsets_hz
    (-1000000.0, 1000000.0, 4000000.0, 6000000.0)
    """
    one = line if isinstance(line, Multiplet) else Multiplet(line, (0.0,), (1.0,))
    pairs = [
        (offset + shift, weight * share)
        for shift, share in zip(offsets_hz, weights, strict=True)
        for offset, weight in zip(one.offsets_hz, one.weights, strict=True)
    ]
    return Multiplet(one.line, tuple(x for x, _ in pairs), tuple(w for _, w in pairs))


def equal_copies(line: LineShape, shifts_hz: tuple[float, ...]) -> Multiplet:
    """The line once for each shift (Hz), all with as many spins.

    >>> equal_copies(Gaussian(1e6), (-1.5e6, 1.5e6)).weights
    (0.5, 0.5)
    """
    return shifted_copies(line, shifts_hz, (1.0 / len(shifts_hz),) * len(shifts_hz))


def line_classes(line: LineShape | None, classes: int) -> tuple[Array, Array]:
    """Detunings (rad/s) and weights of K equal-weight classes; one class without a line.

    Returns
    -------
    detunings, weights : ndarray (K,)
        Antisymmetric about the centre to the bit for the lines above; weights 1/K.

    Examples
    --------
    >>> detunings, weights = line_classes(Lorentzian(fwhm_hz=1.0), 2)
    >>> print(detunings / math.pi, weights)
    [-1.  1.] [0.5 0.5]
    """
    K = whole_number("classes", classes, least=1)
    if line is None:
        return np.zeros(1), np.ones(1)
    detunings = np.asarray(line.quantile((np.arange(K) + 0.5) / K))
    # a symmetric line keeps its symmetry in rounding
    if is_symmetric(line, detunings):
        detunings = 0.5 * (detunings - detunings[::-1])
    return detunings, np.full(K, 1.0 / K)


def is_symmetric(line: LineShape, detunings: ArrayLike) -> bool:
    """Whether as many spins lie above w as below -w, at these detunings (rad/s).

    Examples
    --------
    >>> uneven = Multiplet(Gaussian(1e6), offsets_hz=(-1e6, 3e6), weights=(0.75, 0.25))
    >>> print(is_symmetric(uneven, [1e6]), is_symmetric(uneven.line, [1e6]))
    False True
    """
    w = np.asarray(detunings, dtype=float)
    below, above = line.share_below(-w), 1.0 - np.asarray(line.share_below(w))
    # rounding of probabilities near 1, and of closed forms
    return bool(np.abs(below - above).max() <= 1e-12)


def lorentzian_overlap(line: LineShape | None, rate: float, detuning: float = 0.0) -> float:
    r"""Overlap of a line with a Lorentzian: :math:`\int\rho(w)\,r/(r^2+(w-\delta)^2)\,dw`, s.

    Substituting :math:`w=\delta+r\tan\theta` makes it a mean of :math:`\pi\rho`, which stays finite
    for :math:`r\to0`; the midpoint rule is exact there.

    Parameters
    ----------
    rate : float
        Half width r (HWHM) of the Lorentzian, rad/s, :math:`\ge0`.    detuning : float
        Its centre :math:`\delta` from the line's centre, rad/s.

    Examples
    --------
    >>> half = math.pi * 1e6  # two Lorentzians add their widths
    >>> print(round(lorentzian_overlap(Lorentzian(fwhm_hz=1e6), rate=half) * 2.0 * half, 9))
    1.0
    """
    if line is None:
        if rate == 0.0 and detuning == 0.0:
            return math.inf
        return rate / (rate * rate + detuning * detuning)
    theta = math.pi * ((np.arange(OVERLAP_POINTS) + 0.5) / OVERLAP_POINTS - 0.5)
    return math.pi * float(np.mean(line.density(detuning + rate * np.tan(theta))))


def _assign_width(line: object, width: float) -> None:
    width = finite_number("fwhm_hz", width, least=0.0, exclusive=True)
    object.__setattr__(line, "fwhm_hz", width)
