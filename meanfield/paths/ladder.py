"""Ladder ergotropy of truncated Wigner runs, from how many are nearest each of some levels."""

import math

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.ergotropy import ladder_ergotropy_gradient
from darkbattery.nvmodel.errors import mean_error

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

# of the levels that are read together, in standard deviations over the cube root of the runs, as
# for any histogram (Scott 1979)
BIN_WIDTH = 2.0
# mean energy of a passive state in standard deviations of the energy: of an exponential density,
# and of a uniform one, which has the most
NARROW = (1.0, math.sqrt(3.0))


def read_ladder(counts: Counts, runs: int, least: Array) -> tuple[Array, Array]:
    """Ladder ergotropy and its standard error, each (T,), of runs nearest each level (T, levels).

    Sorted levels with few runs each look charged where nothing is: so neighbouring levels are put
    together, as many as their scatter and the number of runs tell apart. What is left of that bias
    shows when the width of these bins is doubled and halved, and is part of the error.

    It is no less than `least` (T,), errors of the energy, which knows no levels, and of the local
    ergotropy, the least that a mean energy allows: a few runs that agree do not show more.
    """
    levels = zip(counts, least, strict=True)
    found = [_read_levels(row / runs, runs, floor) for row, floor in levels]
    return np.array([value for value, _ in found]), np.array([error for _, error in found])


def _read_levels(p: Array, runs: int, least: float) -> tuple[float, float]:
    """Of shares p (levels,); `least` is the least error of what they tell."""
    variance = _variance(p, runs)
    wanted = _wanted_width(variance, runs)
    width = max(1, int(wanted))
    bins = _in_bins(p, width)
    smooth, value = np.repeat(*bins), _ladder_of_bins(*bins)
    if runs < 2:
        return value, np.nan
    slope = ladder_ergotropy_gradient(smooth)
    spread = float(smooth @ (slope - smooth @ slope) ** 2) * runs / (runs - 1)
    bias = max(
        abs(value - _ladder_of_bins(*_in_bins(p, other)))
        for other in (2 * width, max(width // 2, 1))
    )
    # levels that so many runs tell apart one by one have the less of it, the more there are
    known = max(float(mean_error(spread, runs)), least)
    return value, float(np.hypot(known, min(1.0, wanted) * bias))


def _variance(p: Array, runs: int) -> float:
    """Of the level, estimated from so many runs."""
    level = np.arange(p.size, dtype=np.float64)
    return float(p @ (level - p @ level) ** 2) * runs / max(runs - 1, 1)


def _wanted_width(variance: float, runs: int) -> float:
    """How many levels to read together, by Scott's rule."""
    return BIN_WIDTH * math.sqrt(variance) * runs ** (-1.0 / 3.0)


def between_levels(
    counts: Counts, runs: int, spins: float, energy: tuple[Array, Array], error: Array
) -> tuple[Array, Array]:
    r"""Ladder ergotropy and its error where several true levels share each of those kept.

    :math:`W=E-P`: the energy E is the runs' mean, which knows no levels, and P that of the passive
    state, which has the highest density of runs from the ground state on. An energy that scatters
    by less than the levels' spacing leaves P between its standard deviation and 1.73 times that
    (exponential and uniform densities; a normal one has 1.6). Runs spread over half a true level on
    both sides of its energy, as Wigner's function does: P counts from half a level below 0.

    Parameters
    ----------
    counts : ndarray (T, levels)
        Of runs nearest each level.
    spins : float
        How many true levels there are above the ground state.
    energy : (ndarray (T,), ndarray (T,))
        Mean and standard error of the energy.
    error : ndarray (T,)
        Of the ladder ergotropy by the levels that are kept.
    """
    mean, scatter = energy[0], np.nan_to_num(energy[1]) * np.sqrt(runs)
    between = 1.0 / (counts.shape[1] - 1)
    # a true level is as wide as their spacing, half of it below the ground state's energy
    width = np.full(counts.shape[1], between)
    width[[0, -1]] = 0.5 * (between + 1.0 / spins)
    found = [_passive_of_levels(row / runs, width, runs) for row in counts]
    passive, unknown = np.array(found).T
    low, high = (bound * scatter for bound in NARROW)
    narrow = (scatter < between) & (0.5 * (low + high) < passive)
    passive = np.where(narrow, 0.5 * (low + high), passive)
    unknown = np.where(narrow, 0.5 * (high - low), unknown)
    energy_of_passive = np.maximum(passive - 0.5 / spins, 0.0)
    return np.maximum(mean - energy_of_passive, 0.0), np.hypot(error, unknown)


def _passive_of_levels(p: Array, width: Array, runs: int) -> tuple[float, float]:
    """Mean energy of the passive state of runs nearest each level, above its lowest; its error.

    Levels that are read together are alike. Nothing is known of where the runs of an interval are
    within it: the error is a quarter of the densest one's width for each of its runs.
    """
    together = max(1, int(_wanted_width(_variance(p, runs), runs)))
    edges = np.arange(0, p.size, together)
    shares, widths = np.add.reduceat(p, edges), np.add.reduceat(width, edges)
    densest = int(np.argmax(shares / widths))
    return _passive_energy(shares, widths), float(shares[densest] * widths[densest]) / 4.0


def _passive_energy(p: Array, width: Array) -> float:
    """Mean energy when intervals with these probabilities are filled from 0 on, the densest first.

    >>> print(_passive_energy(np.array([0.0, 0.25, 0.75]), np.array([0.25, 0.5, 0.25])))
    0.21875
    """
    densest = np.argsort(-p / width)
    above = np.cumsum(width[densest])
    return float(p[densest] @ (above - 0.5 * width[densest]))


def _in_bins(p: Array, width: int) -> tuple[Array, Counts]:
    """Probability of each level within each `width` levels, and how many they are."""
    edges = np.arange(0, p.size, width)
    size = np.minimum(width, p.size - edges)
    return np.add.reduceat(p, edges) / size, size


def _ladder_of_bins(probability: Array, size: Counts) -> float:
    """`ladder_ergotropy` of levels that are alike within bins: few bins are quickly sorted."""
    fullest = np.argsort(-probability)
    change = np.repeat(probability, size) - np.repeat(probability[fullest], size[fullest])
    return float(np.arange(change.size) @ change) / (change.size - 1)
