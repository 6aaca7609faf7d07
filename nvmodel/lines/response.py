r"""The complex response of an inhomogeneous line to a probe: absorption and dispersion.

.. math:: R(\delta) = \int\frac{\rho(w)\,dw}{\Gamma+i(w-\delta)}

Its real part is `lineshape.lorentzian_overlap`. Closed forms: Faddeeva's function for a Gaussian;
for a q-Gaussian, with :math:`m=1/(q-1)`, :math:`x=w/s` and :math:`\zeta=(\delta+i\Gamma)/s`,

.. math:: \int\frac{(1+x^2)^{-m}}{x-\zeta}dx = \frac{i\sqrt\pi\,\Gamma(m+\frac12)}{\Gamma(m+1)}
          {}_2F_1\Big(1,2m;m+1;\frac{1+i\zeta}2\Big)

(the dispersion function of :math:`\kappa` distributions; Mace and Hellberg, Phys. Plasmas 2, 2098
(1995)).
"""

import math

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.lines.measured import Tabulated
from darkbattery.nvmodel.lines.shapes import (
    OVERLAP_POINTS,
    Gaussian,
    LineShape,
    Lorentzian,
    Multiplet,
    QGaussian,
)
from darkbattery.nvmodel.lines.voigt import Voigt
from darkbattery.nvmodel.refusal import finite_number

Complex = NDArray[np.complex128]

# nearer to a Gaussian the hypergeometric series loses all digits
LEAST_Q = 1.05
WIDTHS = math.sqrt(4.0 * math.log(2.0))  # full width of a Gaussian over sqrt(2) sigma


def has_closed_form(line: LineShape | None) -> bool:
    """Whether `line_response` of the line is a function, and no sum.

    >>> has_closed_form(QGaussian(1e6, q=1.39)), has_closed_form(QGaussian(1e6, q=1.01))
    (True, False)
    """
    if isinstance(line, Multiplet):
        return has_closed_form(line.line)
    if isinstance(line, QGaussian):
        return line.q >= LEAST_Q
    return line is None or isinstance(line, Gaussian | Lorentzian | Voigt | Tabulated)


def line_response(line: LineShape | None, rate: float, detuning: ArrayLike) -> Complex:
    r"""R(detuning), s.

    For lines other than those of `lineshape`, and :math:`q<1.05`, by the midpoint rule of
    `lorentzian_overlap`; the probe must then lie within some widths of the line, and :math:`1/T_2`
    above a thousandth of its width.

    Parameters
    ----------
    rate : float
        Half width (HWHM) of one spin's homogeneous line, :math:`\Gamma=1/T_2`, rad/s, :math:`\ge0`;
        0 is the limit from above, which needs a line with a closed form.
    detuning : array_like
        Of the probe from the line's centre, rad/s.

    Examples
    --------
    >>> half = math.pi * 1e6  # two Lorentzians add their widths: R = 1/(rate + half - i detuning)
    >>> found = line_response(Lorentzian(fwhm_hz=1e6), rate=half, detuning=[2.0 * half])
    >>> print((found * half).round(9))
    [0.25+0.25j]
    """
    closed = line is not None and has_closed_form(line)
    rate = finite_number("rate", rate, least=0.0, exclusive=not closed)
    at = np.atleast_1d(np.asarray(detuning, dtype=float)).astype(np.complex128)
    if line is None:
        return 1.0 / (rate - 1j * at)
    if isinstance(line, Multiplet):
        found = np.zeros_like(at)
        for offset, weight in zip(line.offsets_hz, line.weights, strict=True):
            found += weight * line_response(line.line, rate, at.real - 2.0 * math.pi * offset)
        return found
    if isinstance(line, Lorentzian):
        return 1.0 / (rate + math.pi * line.fwhm_hz - 1j * at)
    if isinstance(line, Tabulated):
        return line.response(rate, at.real)
    if isinstance(line, Gaussian):
        return _faddeeva(2.0 * math.pi * line.fwhm_hz / WIDTHS, at + 1j * rate)
    if isinstance(line, Voigt):
        # a Lorentzian widens the single spin's line
        place = at + 1j * (rate + line.eta)
        return _faddeeva(2.0 * math.pi * line.gaussian_fwhm_hz / WIDTHS, place)
    if isinstance(line, QGaussian) and line.q >= LEAST_Q:
        return _student(line, at + 1j * rate)
    return _midpoints(line, rate, at)


def _faddeeva(width: float, place: Complex) -> Complex:
    """Of a normal distribution with `width` the root of two standard deviations."""
    faddeeva: Complex = scipy.special.wofz(place / width)
    return math.sqrt(math.pi) / width * faddeeva


def _student(line: QGaussian, place: Complex) -> Complex:
    m = 1.0 / (line.q - 1.0)
    # (1 + (w/s)^2)^-m is 1/2 at half the width
    scale = math.pi * line.fwhm_hz / math.sqrt(math.expm1(math.log(2.0) / m))
    factor = math.sqrt(math.pi) * math.exp(math.lgamma(m + 0.5) - math.lgamma(m + 1.0))
    series = scipy.special.hyp2f1(1.0, 2.0 * m, m + 1.0, 0.5 * (1.0 + 1j * place / scale))
    found: Complex = float(line.density(0.0)) * factor * series
    return found


def _midpoints(line: LineShape, rate: float, detuning: Complex) -> Complex:
    """Mean of pi rho (1 - i tan theta) at w = detuning + rate tan(theta)."""
    theta = math.pi * ((np.arange(OVERLAP_POINTS) + 0.5) / OVERLAP_POINTS - 0.5)
    step = np.tan(theta)
    found = np.empty(detuning.size, dtype=np.complex128)
    for i, centre in enumerate(detuning.real):
        density = line.density(centre + rate * step)
        found[i] = np.pi * (density.mean() - 1j * np.mean(density * step))
    return found
