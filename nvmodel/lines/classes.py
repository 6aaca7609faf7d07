r"""Classes of spins: quadrature over the frequencies and couplings of an ensemble.

An average over an ensemble, :math:`\int d\omega\,\rho(\omega)\int dg\,P(g)\,f(\omega,g)`, becomes a
sum over classes. Compared with the equal-weight quantiles of `lineshape.line_classes`, whose error
falls like :math:`K^{-1.5}` or slower because the tails end abruptly, the rule here falls like
:math:`K^{-4}`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial import Polynomial
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.lines.shapes import (
    LineShape,
    Multiplet,
    is_symmetric,
    shifted_copies,
)
from darkbattery.nvmodel.refusal import InputError, finite_number, number_between, whole_number

Array = NDArray[np.float64]

# u'(v) and u(v) of `smooth_midpoints`; lower powers than 6 are flat in a smaller part, higher ones
# need more nodes at the ends
SLOPE = (1.0 - Polynomial([1.0, -2.0]) ** 6) ** 2
SLOPE = SLOPE / SLOPE.integ()(1.0)
SHARE = SLOPE.integ()
# standard deviations of ln g that `coupling_trapezium` covers: 6e-5 of the spins lie outside
TAILS = 4.0


def smooth_midpoints(count: int) -> tuple[Array, Array]:
    r"""Shares u of spins below each of K nodes, increasing, and the nodes' weights (sum 1).

    The midpoint rule in v with :math:`u'(v)\propto(1-(1-2v)^6)^2`. It vanishes twice at both
    ends, so that the Euler-Maclaurin error begins with :math:`K^{-4}` for smooth averages, and is
    flat in between: nodes stand 1.26 times as far apart as equal weights', and rephase as much
    sooner.

    Examples
    --------
    >>> share, weights = smooth_midpoints(3)
    >>> print(share.round(4), weights.round(4))
    [0.089 0.5   0.911] [0.3123 0.3753 0.3123]
    """
    share, weights = _midpoints(whole_number("count", count, least=1))
    return share.copy(), weights.copy()


@lru_cache(maxsize=64)
def _midpoints(K: int) -> tuple[Array, Array]:
    v = (np.arange(K) + 0.5) / K
    low = v[: (K + 1) // 2]
    share = np.where(low == 0.5, 0.5, SHARE(low))
    weights = np.concatenate([SLOPE(low), SLOPE(low)[: K // 2][::-1]])
    return np.concatenate([share, 1.0 - share[: K // 2][::-1]]), weights / weights.sum()


def line_quadrature(line: LineShape | None, count: int) -> tuple[Array, Array]:
    r"""Detunings (rad/s) and weights (sum 1) of K classes of a line; one class without a line.

    Quantiles at `smooth_midpoints`. Between resolved components of a multiplet they would jump:
    each of its n groups of components that overlap has K/n classes, rounded up. A symmetric line
    stays so to the bit.

    Examples
    --------
    >>> from darkbattery.nvmodel.lines.shapes import QGaussian
    >>> line = QGaussian(fwhm_hz=1e6, q=1.39)
    >>> detunings, weights = line_quadrature(line, 25)
    >>> print((detunings[11:14] / 2e6 / math.pi).round(3), round(float(weights.sum()), 12))
    [-0.06  0.    0.06] 1.0
    """
    K = whole_number("count", count, least=1)
    if line is None:
        return np.zeros(1), np.ones(1)
    if isinstance(line, Multiplet) and len(groups := line.groups) > 1:
        parts = [_quantiles(group, -(-K // len(groups))) for _, group in groups]
        found = np.concatenate([detunings for detunings, _ in parts])
        weight = np.concatenate([x * w for (x, _), (_, w) in zip(groups, parts, strict=True)])
        order = np.argsort(found, kind="stable")
        found, weight = found[order], weight[order]
        if is_symmetric(line, found):
            found = 0.5 * (found - found[::-1])
        return found, weight
    return _quantiles(line, K)


def _quantiles(line: LineShape, count: int) -> tuple[Array, Array]:
    below, weights = smooth_midpoints(count)
    half = (count + 1) // 2
    lower = np.asarray(line.quantile(below[:half]))
    if is_symmetric(line, lower):
        upper = -lower[: count // 2][::-1]
    else:
        upper = np.asarray(line.quantile(below[half:]))
    return np.concatenate([lower, upper]), weights


def coupling_quadrature(spread: float, count: int) -> tuple[Array, Array]:
    r"""Couplings over their root mean square, and weights, of a log-normal distribution.

    Gauss-Hermite in :math:`\ln g`: exact for all powers but a rest that falls faster than any power
    of K.

    Parameters
    ----------
    spread : float
        Standard deviation over mean, :math:`\ge0`.

    Examples
    --------
    >>> couplings, weights = coupling_quadrature(0.3, 6)
    >>> print(round(float(weights @ couplings**2), 12), round(float(weights @ couplings), 6))
    1.0 0.957826
    """
    K = whole_number("count", count, least=1)
    width = math.sqrt(math.log1p(finite_number("spread", spread, least=0.0) ** 2))
    if width == 0.0:
        return np.ones(1), np.ones(1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(K)
    weights = weights / weights.sum()
    couplings = np.exp(width * nodes)
    return couplings / math.sqrt(weights @ couplings**2), weights


def coupling_trapezium(spread: float, count: int) -> tuple[Array, Array]:
    r"""The same at equal distances in :math:`\ln g`, four standard deviations to each side.

    The trapezium rule. Spins swing in the field at rates proportional to g; where they turn often
    Gauss's nodes, most of which lie where hardly any spins are, resolve it later than these.

    Examples
    --------
    >>> couplings, weights = coupling_trapezium(0.3, 9)
    >>> print(round(float(weights @ couplings**2), 12), round(float(weights @ couplings), 4))
    1.0 0.9578
    """
    K = whole_number("count", count, least=2)
    width = math.sqrt(math.log1p(finite_number("spread", spread, least=0.0) ** 2))
    if width == 0.0:
        return np.ones(1), np.ones(1)
    nodes = np.linspace(-TAILS, TAILS, K)
    weights = np.exp(-0.5 * nodes**2)
    weights = weights / weights.sum()
    couplings = np.exp(width * nodes)
    return couplings / math.sqrt(weights @ couplings**2), weights


def mode_quadrature(couplings: ArrayLike, weights: ArrayLike, count: int) -> tuple[Array, Array]:
    r"""K couplings and weights for a resonator's field over a crystal.

    Gauss's rule for the distribution that samples of the mode volume make: it shares the first
    :math:`2K-1` moments, so that the mean square is kept for :math:`K\ge2`. Lanczos with full
    orthogonalisation (Gautschi, Orthogonal Polynomials, 2004, section 2.2).

    Parameters
    ----------
    couplings : array_like
        |field| transverse to the spins at points of the crystal, any unit, not all 0.
    weights : array_like
        Volume (times density of spins) that each point stands for, :math:`\ge0`.

    Returns
    -------
    couplings, weights : ndarray (K,)
        Couplings over the root mean square of all points; weights sum to 1.

    Examples
    --------
    >>> x = np.linspace(0.0, np.pi, 20_001)  # a crystal over half a standing wave
    >>> g, w = mode_quadrature(np.cos(x), np.ones(x.size), 4)
    >>> print(round(float(w @ g**4), 4))  # <cos^4>/<cos^2>^2 = 3/2
    1.5
    """
    g, w = (np.asarray(values, dtype=float).ravel() for values in (couplings, weights))
    if g.size != w.size or g.size == 0:
        raise InputError("weights", w.size, f"must be as many as couplings, {g.size}")
    if not np.isfinite(g).all() or not np.isfinite(w).all() or (w < 0.0).any() or w.sum() <= 0.0:
        raise InputError("weights", float(w.sum()), "must be finite, >= 0 and not all 0")
    mean_square = float(w @ g**2) / float(w.sum())
    if mean_square == 0.0:
        raise InputError("couplings", 0.0, "must not all be 0")
    K = whole_number("count", count, least=1, most=len(np.unique(np.abs(g))))
    # the sign of the field is a gauge of the spins
    return _gauss(np.abs(g) / math.sqrt(mean_square), w / w.sum(), K)


@dataclass(frozen=True)
class Subensemble:
    r"""Spins that differ by a shift and a coupling: a crystal axis, a nuclear state.

    Parameters
    ----------
    share : float
        Of all spins, > 0; the shares of all sum to 1.
    offset_hz : float
        Centre of its line from the ensemble's centre.
    coupling : float
        Relative coupling of one spin, :math:`\ge0`.
    """

    share: float
    offset_hz: float = 0.0
    coupling: float = 1.0

    def __post_init__(self) -> None:
        assign = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731
        assign("share", finite_number("share", self.share, least=0.0, exclusive=True))
        assign("offset_hz", number_between("offset_hz", self.offset_hz, -1e15, 1e15))
        assign("coupling", finite_number("coupling", self.coupling, least=0.0))


@dataclass(frozen=True, eq=False)
class Classes:
    """Joint classes of frequency and coupling.

    Attributes
    ----------
    detunings : ndarray (K,)
        rad/s from the ensemble's centre.
    couplings : ndarray (K,)
        Over the root mean square of all spins.
    weights : ndarray (K,)
        Shares of the spins, sum 1.
    """

    detunings: Array
    couplings: Array
    weights: Array


def joint_classes(
    line: LineShape | None,
    subensembles: Sequence[Subensemble] = (Subensemble(1.0),),
    couplings: tuple[Array, Array] = (np.ones(1), np.ones(1)),
    count: int = 51,
) -> Classes:
    """Product of a line, a distribution of couplings and subensembles.

    Parameters
    ----------
    line : LineShape, optional
        Of each subensemble.
    couplings : (ndarray, ndarray)
        As from `coupling_quadrature` or `mode_quadrature`.
    count : int
        Classes of the line.

    Examples
    --------
    >>> from darkbattery.nvmodel.lines.shapes import Gaussian
    >>> axes = (Subensemble(0.25, -5e6), Subensemble(0.75, 5e6, coupling=0.9))
    >>> found = joint_classes(Gaussian(1e6), axes, coupling_quadrature(0.3, 4), count=21)
    >>> print(found.weights.size, round(float(found.weights @ found.couplings**2), 12))
    168 1.0
    """
    _check_shares(subensembles)
    detunings, line_weights = line_quadrature(line, count)
    relative, shares = (np.asarray(part, dtype=float) for part in couplings)
    columns = []
    for part in subensembles:
        w = detunings[:, None] + 2.0 * math.pi * part.offset_hz + 0.0 * relative[None, :]
        g = part.coupling * relative[None, :] + 0.0 * detunings[:, None]
        columns.append(
            [w.ravel(), g.ravel(), (part.share * line_weights[:, None] * shares[None, :]).ravel()]
        )
    w, g, weight = np.concatenate(columns, axis=1)
    mean_square = float(weight @ g**2)
    if mean_square == 0.0:
        raise InputError("subensembles", 0.0, "must not all have coupling 0")
    return Classes(w, g / math.sqrt(mean_square), weight)


def coupled_line(line: LineShape, subensembles: Sequence[Subensemble]) -> Multiplet:
    """The line as the resonator sees it: subensembles weighted by share times coupling squared.

    Linear response and thresholds depend on couplings through this line alone.

    Examples
    --------
    >>> from darkbattery.nvmodel.lines.shapes import Gaussian
    >>> axes = (Subensemble(0.5, -5e6), Subensemble(0.5, 5e6, coupling=3.0))
    >>> print([round(weight, 3) for weight in coupled_line(Gaussian(1e6), axes).weights])
    [0.1, 0.9]
    """
    _check_shares(subensembles)
    strength = [part.share * part.coupling**2 for part in subensembles]
    if sum(strength) == 0.0:
        raise InputError("subensembles", 0.0, "must not all have coupling 0")
    seen = [(x.offset_hz, s / sum(strength)) for x, s in zip(subensembles, strength, strict=True)]
    kept = [pair for pair in seen if pair[1] > 0.0]
    return shifted_copies(line, tuple(x for x, _ in kept), tuple(s for _, s in kept))


def _check_shares(subensembles: Sequence[Subensemble]) -> None:
    total = sum(part.share for part in subensembles)
    if abs(total - 1.0) > 1e-9:
        raise InputError("subensembles", total, "their shares must sum to 1")


def _gauss(values: Array, weights: Array, count: int) -> tuple[Array, Array]:
    """Nodes and weights of Gauss's rule for a discrete measure of total weight 1."""
    basis = [np.sqrt(weights)]
    diagonal, off = [], []
    for _ in range(count):
        vector = values * basis[-1]
        diagonal.append(float(vector @ basis[-1]))
        for _ in range(2):  # twice is enough (Parlett 1998)
            for known in basis:
                vector = vector - (vector @ known) * known
        off.append(float(np.linalg.norm(vector)))
        # values that the rule already reproduces exactly
        if off[-1] < 1e-13:
            break
        basis.append(vector / off[-1])
    size = len(diagonal)
    matrix = np.diag(diagonal) + np.diag(off[: size - 1], 1) + np.diag(off[: size - 1], -1)
    nodes, vectors = np.linalg.eigh(matrix)
    share: Array = vectors[0] ** 2
    return nodes, share / share.sum()
