"""An ensemble divided into classes of spins with one frequency and one coupling each."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.lines.classes import (
    Classes,
    coupling_trapezium,
    joint_classes,
    line_quadrature,
    smooth_midpoints,
)
from darkbattery.nvmodel.lines.shapes import line_classes
from darkbattery.nvmodel.spins import Spins

Array = NDArray[np.float64]
Rule = Callable[[Spins, int, float], Classes]

# spins that the smallest class must hold; below, all classes hold as many
ENOUGH = 10.0
# Spins farther off than so many bandwidths of the battery are put there: an integrator would have
# to follow their rotation, and they hardly take part (benchmarks/classes.py prints what it changes)
REACH = 4.0
# the same of a product, whatever the farthest of its classes: what is stored changes by less than
# 3e-4 hbar omega, peak powers by less than 1e-3 (tests/meanfield/test_burst.py)
FAR = 8.0
# couplings of a product with a line: at least so many, and for each width of ln g beside 32 classes
LEAST_COUPLINGS, COUPLINGS_A_WIDTH = 7, 24.0


def divide(spins: Spins, count: int, bandwidth: float) -> Classes:
    """Classes of an ensemble, about `count`; one where all spins are alike.

    Frequencies at the quantiles of `line_quadrature`, whose error falls like K^-4, or couplings at
    those of their distribution, wherever the smallest class holds ten spins; else, and
    where both are spread, quantiles of equal weight. Then couplings stand in the order of van der
    Corput's sequence, counted from the middle of the line outwards: frequency and coupling fill the
    plane evenly (a Hammersley set, of order 1 with any weights), and classes at opposite detunings
    keep equal couplings. Axes are divided each by itself.

    Parameters
    ----------
    bandwidth : float
        Of what exchanges energy with the spins, rad/s.

    Examples
    --------
    >>> spins = Spins(number=100, start="up", coupling=2.0, coupling_spread=0.3)
    >>> print((2.0 * divide(spins, 4, bandwidth=1.0).couplings).round(3))
    [1.113 1.605 2.038 2.94 ]
    """
    return _axis_by_axis(_divide_one, spins, count, bandwidth)


def _divide_one(spins: Spins, count: int, bandwidth: float) -> Classes:
    if spins.alike:
        return Classes(np.zeros(1), np.ones(1), np.ones(1))
    if spins.line is None:
        places, weight = _places(spins, count)
        return _merged(Classes(np.zeros(count), _couplings(spins, places, weight), weight))
    equal = line_classes(spins.line, count)
    if spins.unequally_coupled:
        detuning, weight = equal
        return Classes(detuning, _couplings(spins, _even_places(weight), weight), weight)
    detuning, weight = line_quadrature(spins.line, count)
    if weight.min() * spins.number < ENOUGH:
        detuning, weight = equal
    farthest = max(REACH * bandwidth, float(np.abs(equal[0]).max()))
    return Classes(np.clip(detuning, -farthest, farthest), np.ones(detuning.size), weight)


def divide_as_product(spins: Spins, count: int, bandwidth: float) -> Classes:
    """`count` classes of the line times classes of the couplings, where these are spread.

    More classes than `divide` makes, for equations whose cost grows with their number alone; the
    error falls like K^-4 in the line and faster in the couplings, of which there are the more the
    wider their spread and the larger `count` is. Without a line there are `count` couplings. A
    class may hold less than a spin: it is a node of a quadrature.

    Examples
    --------
    >>> from darkbattery.nvmodel.lines.shapes import Lorentzian
    >>> line = Lorentzian(fwhm_hz=1e6)
    >>> spins = Spins(number=10**12, start="up", coupling=2.0, line=line, coupling_spread=0.3)
    >>> divide_as_product(spins, 16, bandwidth=1e8).weights.size
    128
    """
    return _axis_by_axis(_product_of_one, spins, count, bandwidth)


def _product_of_one(spins: Spins, count: int, bandwidth: float) -> Classes:
    if spins.line is None:
        return _divide_one(spins, count, bandwidth)
    width = math.sqrt(math.log1p(spins.spread**2))
    finer = math.sqrt(count / 32.0)
    several = max(LEAST_COUPLINGS, math.ceil((4.0 + COUPLINGS_A_WIDTH * width) * finer))
    if spins.couplings is None:
        couplings = coupling_trapezium(spins.coupling_spread, several)
    else:
        places, weight = smooth_midpoints(several)
        couplings = _couplings(spins, places, weight), weight
    found = _merged(joint_classes(spins.line, couplings=couplings, count=count))
    far = FAR * bandwidth
    return replace(found, detunings=np.clip(found.detunings, -far, far))


def _axis_by_axis(rule: Rule, spins: Spins, count: int, bandwidth: float) -> Classes:
    """By a rule for one axis, each with its share of `count`, its shift and its coupling."""
    if not spins.axes:
        return rule(spins, count, bandwidth)
    parts = []
    for axis in spins.axes:
        number = max(1, round(axis.share * spins.number))
        own, shift = replace(spins, axes=(), number=number), 2.0 * math.pi * axis.offset_hz
        one = rule(own, -(-count // len(spins.axes)), bandwidth + abs(shift))
        coupling, weight = axis.coupling * one.couplings, axis.share * one.weights
        parts.append([one.detunings + shift, coupling, weight])
    detuning, coupling, weight = np.concatenate(parts, axis=1)
    return _merged(Classes(detuning, coupling / math.sqrt(weight @ coupling**2), weight))


def _merged(found: Classes) -> Classes:
    """Classes of one frequency and one coupling as one.

    >>> one = _merged(Classes(np.zeros(3), np.array([2.0, 1.0, 2.0]), np.array([0.2, 0.5, 0.3])))
    >>> print(one.couplings, one.weights)
    [2. 1.] [0.5 0.5]
    """
    pairs = np.stack([found.detunings, found.couplings], axis=1)
    _, first, which = np.unique(pairs, axis=0, return_index=True, return_inverse=True)
    if first.size == pairs.shape[0]:
        return found
    weight: Array = np.zeros(first.size)
    np.add.at(weight, which.ravel(), found.weights)
    kept = np.argsort(first, kind="stable")
    at = first[kept]
    return Classes(found.detunings[at], found.couplings[at], weight[kept])


def _places(spins: Spins, count: int) -> tuple[Array, Array]:
    """Shares of spins with less coupling, and weights."""
    places, weight = smooth_midpoints(count)
    if weight.min() * spins.number >= ENOUGH:
        return places, weight
    return (np.arange(count) + 0.5) / count, np.full(count, 1.0 / count)


def _even_places(weight: Array) -> Array:
    """Middles of cells of (0, 1), as large as the pairs of classes and in van der Corput's order.

    A pair are the two classes as far from the middle of the line.

    >>> print(_even_places(np.full(6, 1.0 / 6.0)).round(3))
    [0.833 0.167 0.5   0.5   0.167 0.833]
    """
    K = weight.size
    outwards = np.floor(np.abs(np.arange(K) - (K - 1) / 2.0)).astype(int)
    pair = np.bincount(outwards, weights=weight)
    order = np.argsort([_van_der_corput(i + 1) for i in range(pair.size)])
    middle = np.empty(pair.size)
    middle[order] = np.cumsum(pair[order]) - 0.5 * pair[order]
    return middle[outwards]


def _couplings(spins: Spins, places: Array, weight: Array) -> Array:
    """Quantiles of the couplings' distribution, over their root mean square."""
    if spins.couplings is None:
        width = np.sqrt(np.log1p(spins.coupling_spread**2))
        coupling = np.exp(width * scipy.special.ndtri(places))
    else:
        coupling = spins.couplings.quantile(places)
    relative: Array = coupling / np.sqrt(weight @ coupling**2)
    return relative


def _van_der_corput(index: int) -> float:
    """Binary digits of `index` mirrored at the point: 1/2, 1/4, 3/4, 1/8, ..."""
    value, digit = 0.0, 0.5
    while index:
        value += digit * (index & 1)
        index >>= 1
        digit /= 2.0
    return value
