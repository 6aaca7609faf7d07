r"""Voigt's profile: a normal distribution of frequencies whose parts have a Lorentzian width each.

.. math:: \rho(w)=\frac{\mathrm{Re}\,\mathcal w(z)}{\sigma\sqrt{2\pi}},\qquad
          z=\frac{w+i\eta}{\sigma\sqrt2}

with Faddeeva's function :math:`\mathcal w`, the Gaussian's standard deviation :math:`\sigma` and
the Lorentzian's half width :math:`\eta` (Armstrong 1967). Its shares have no closed form: they are
integrated over :math:`\theta=\arctan(w/s)`, in which the density is smooth to the very end.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.refusal import finite_number

Array = NDArray[np.float64]

# parts of (0, pi/2) with Gauss's nodes in each: shares to 1e-14 for any ratio of the widths
PARTS, NODES = 64, 16


@dataclass(frozen=True)
class Voigt:
    r"""A Gaussian convolved with a Lorentzian.

    Parameters
    ----------
    gaussian_fwhm_hz, lorentzian_fwhm_hz : float
        Full widths at half maximum of the two, Hz, > 0.

    Examples
    --------
    >>> line = Voigt(gaussian_fwhm_hz=1e6, lorentzian_fwhm_hz=1e6)
    >>> print(f"{line.fwhm_hz:.4g}", line.share_below([0.0]), line.quantile(0.5))
    1.638e+06 [0.5] 0.0
    """

    gaussian_fwhm_hz: float
    lorentzian_fwhm_hz: float

    def __post_init__(self) -> None:
        for name in ("gaussian_fwhm_hz", "lorentzian_fwhm_hz"):
            width = finite_number(name, getattr(self, name), least=0.0, exclusive=True)
            object.__setattr__(self, name, width)

    @property
    def sigma(self) -> float:
        """Standard deviation of the Gaussian, rad/s."""
        return 2.0 * math.pi * self.gaussian_fwhm_hz / math.sqrt(8.0 * math.log(2.0))

    @property
    def eta(self) -> float:
        """Half width of the Lorentzian, rad/s."""
        return math.pi * self.lorentzian_fwhm_hz

    @property
    def fwhm_hz(self) -> float:
        """Full width at half maximum, Hz."""
        half = 0.5 * float(self.density(0.0))
        both = math.pi * (self.gaussian_fwhm_hz + self.lorentzian_fwhm_hz)
        missing = lambda w: float(self.density(w)) - half  # noqa: E731
        return float(scipy.optimize.brentq(missing, 0.0, both, xtol=1e-12 * both) / math.pi)

    def stretched(self, factor: float) -> "Voigt":
        """The same, `factor` times as wide."""
        return Voigt(factor * self.gaussian_fwhm_hz, factor * self.lorentzian_fwhm_hz)

    def density(self, detuning: ArrayLike) -> Array:
        """See `LineShape`."""
        w = np.asarray(detuning, dtype=float)
        return np.asarray(scipy.special.voigt_profile(w, self.sigma, self.eta))

    def share_below(self, detuning: ArrayLike) -> Array:
        """See `LineShape`."""
        w = np.asarray(detuning, dtype=float)
        inner = self._inner(np.arctan(np.abs(w) / self._scale))
        return np.asarray(0.5 + np.sign(w) * inner)

    def quantile(self, probability: ArrayLike) -> Array:
        """See `LineShape`; by bisection of the angle."""
        u = np.asarray(probability, dtype=float)
        return _quantiles(self, u.shape, u.tobytes()).copy()

    @property
    def _scale(self) -> float:
        return math.pi * (self.gaussian_fwhm_hz + self.lorentzian_fwhm_hz) / 2.0

    def _inner(self, theta: Array) -> Array:
        """Share of the spins between the centre and an angle in [0, pi/2]."""
        ends, before = _parts(self)
        part = np.minimum((theta / ends[1]).astype(int), PARTS - 1)
        return np.asarray(before[part] + self._between(ends[part], theta))

    def _between(self, start: Array, stop: Array) -> Array:
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        half = 0.5 * (stop - start)[..., None]
        theta = start[..., None] + half * (1.0 + nodes)
        inverse = 1.0 / np.cos(theta)
        found = self.density(self._scale * np.tan(theta)) * inverse * inverse
        return np.asarray(self._scale * (half * found) @ weights)


@lru_cache(maxsize=64)
def _parts(line: Voigt) -> tuple[Array, Array]:
    """Ends of the parts, and the share before each, scaled to 1/2 in all."""
    ends = np.linspace(0.0, 0.5 * math.pi, PARTS + 1)
    between = line._between(ends[:-1], ends[1:])
    before = np.concatenate([[0.0], np.cumsum(between)])
    return ends, before


@lru_cache(maxsize=64)
def _quantiles(line: Voigt, shape: tuple[int, ...], probabilities: bytes) -> Array:
    u = np.frombuffer(probabilities).reshape(shape)
    low, high = np.zeros(shape), np.full(shape, 0.5 * math.pi)
    wanted = np.abs(u - 0.5)
    for _ in range(60):
        middle = 0.5 * (low + high)
        below = line._inner(middle) < wanted
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    # in the middle exactly 0: a symmetric line has a class there
    theta = np.where(wanted == 0.0, 0.0, 0.5 * (low + high))
    return np.asarray(np.sign(u - 0.5) * line._scale * np.tan(theta))
