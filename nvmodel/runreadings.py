r"""What counts of single runs say: shares, means, standard deviations, reliabilities, histograms.

With :math:`m_3,m_4` the central moments of the histogram, n runs and variance V, a standard
deviation :math:`\sigma=\sqrt V` and a reliability :math:`\mu/\sigma` have the variances

.. math:: \frac{m_4-V^2}{4Vn},\qquad
          \frac1n\Big[1-\frac{\mu m_3}{V^2}+\frac{\mu^2(m_4-V^2)}{4V^3}\Big]

to first order in 1/n (Cramer 1946); no less than few runs allow (`nvmodel.errors`). That no run
differed from the others leaves room for one of n that does.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.errors import least_variance_error, mean_error
from darkbattery.nvmodel.solution import Distribution, Joint, Statistic
from darkbattery.nvmodel.tally import FULL, ExactSums

if TYPE_CHECKING:
    from darkbattery.nvmodel.runstatistics import Bins, RunCounts

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

CURVES = ("battery_energy", "power", "emitted_photons")
"""Of `nvmodel.OBSERVABLES`: whose means over the selected runs are given over time."""
MAY_LACK = ("first_passage", "burst_time")
"""Quantities that a run may not have until its end: it is censored there."""


def read_statistics(
    counted: RunCounts, counts: Mapping[str, Counts]
) -> tuple[tuple[Statistic, ...], dict[str, Distribution], tuple[Joint, ...]]:
    """Rows, histograms and joint histograms, of all runs and of those selected."""
    rows: list[Statistic] = []
    distributions: dict[str, Distribution] = {}
    joints: list[Joint] = []
    where = counted.statistics.where
    runs = counts["statistics_runs"].tolist()
    if where is not None:
        rows.append(Statistic("runs", where, math.nan, "share", *share(runs[1], runs[0])))
    for s, selected in enumerate(("",) if where is None else ("", where)):
        for k, (one, bins) in enumerate(zip(counted.quantities, counted.bins, strict=True)):
            histogram = counts[f"statistics_histogram_{k}"][s]
            having = int(counts["statistics_having"][s, k])
            name = f"{one} where {selected}" if selected else str(one)
            distributions[name] = Distribution(str(one), bins.low, bins.high, histogram)
            found = list(_moments(having, counts["statistics_limbs"][s, k], histogram, bins))
            if one.name in MAY_LACK:
                found.insert(0, ("share", *share(having, runs[s])))
            rows += [Statistic(str(one), selected, math.nan, *three) for three in found]
        for k, (pair, (a, b)) in enumerate(
            zip(counted.statistics.joint, counted.joint_bins, strict=True)
        ):
            weight = counts[f"statistics_joint_{k}"][s]
            one_way = Distribution(pair[0], a.low, a.high, weight.sum(axis=1))
            other_way = Distribution(pair[1], b.low, b.high, weight.sum(axis=0))
            joints.append(Joint(one_way, other_way, selected, weight))
            together = counts["statistics_together"][s, k]
            found_error = correlation(together, weight, a, b)
            called = f"{pair[0]} and {pair[1]}"
            rows.append(Statistic(called, selected, math.nan, "correlation", *found_error))
    if where is not None:
        rows += _curves(counted, where, runs[1], counts["statistics_curves"])
    return tuple(rows), distributions, tuple(joints)


def share(some: int, runs: int) -> tuple[float, float]:
    """A share of runs and its standard error, which one run more may have changed.

    >>> share(0, 100)
    (0.0, 0.01)
    >>> share(50, 100)
    (0.5, 0.055...)
    """
    if runs == 0:
        return math.nan, math.nan
    p = some / runs
    variance = p * (1.0 - p) * runs / max(runs - 1, 1)
    return p, float(mean_error(variance, runs, 1.0))


def _moments(
    having: int, limbs: Counts, histogram: Counts, bins: Bins
) -> Iterator[tuple[str, float, float]]:
    sums = ExactSums(having, FULL, *limbs[:, None])
    mean = float(sums.mean()[0]) * bins.unit
    variance = float(sums.variance()[0]) * bins.unit**2
    unseen = abs(mean) if bins.event is None else bins.event
    error = float(mean_error(variance, having, unseen, 0.0 if bins.whole else 0.5 * bins.unit))
    yield "mean", mean, error
    deviation = math.sqrt(max(variance, 0.0)) if having > 1 else math.nan
    if not deviation > 0.0:
        least = unseen / math.sqrt(having) if having > 1 else math.nan
        yield "standard_deviation", deviation, least
        return
    # in units of the deviation; the last bin of photons is open
    width = np.where(np.isfinite(bins.high), bins.high - bins.low, 0.0)
    off = (bins.low + 0.5 * width - mean) / deviation
    third, fourth = (float(histogram @ off**power) / having for power in (3, 4))
    ratio = mean / deviation
    least = 0.5 * float(least_variance_error(1.0, having))
    relative = max(0.5 * math.sqrt(max(fourth - 1.0, 0.0) / having), least)
    yield "standard_deviation", deviation, relative * deviation
    square = 1.0 - ratio * third + 0.25 * ratio**2 * (fourth - 1.0)
    yield "reliability", ratio, max(math.sqrt(max(square, 0.0) / having), least * abs(ratio))


def correlation(limbs: Counts, weight: Counts, one: Bins, other: Bins) -> tuple[float, float]:
    r"""Pearson's coefficient r of two quantities of a run, of the runs that have both.

    A run's influence on r is :math:`xy-r(x^2+y^2)/2` in units of the deviations (Devlin et al.
    1975): its variance is read from the joint histogram. NaN where either is the same in all runs.

    Parameters
    ----------
    limbs : ndarray of int64 (3, 3)
        `ExactSums` of one, of the other and of half their sum, each in its bins' unit.
    weight : ndarray of int64 (bins of one, bins of the other)
    """
    runs = int(weight.sum())
    a, b, both = (float(ExactSums(runs, FULL, *three[:, None]).variance()[0]) for three in limbs)
    if not min(a, b) > 0.0:
        return math.nan, math.nan
    r = min(max((2.0 * both - 0.5 * (a + b)) / math.sqrt(a * b), -1.0), 1.0)
    ways = []
    for bins, along in ((one, weight.sum(axis=1)), (other, weight.sum(axis=0))):
        middle = np.where(np.isfinite(bins.high), 0.5 * (bins.low + bins.high), bins.low)
        middle = middle - middle @ along / runs
        deviation = math.sqrt(middle**2 @ along / runs)
        ways.append(middle / deviation if deviation > 0.0 else np.zeros_like(middle))
    x, y = ways[0][:, None], ways[1][None]
    influence = x * y - 0.5 * r * (x**2 + y**2)
    square = float((weight * influence**2).sum()) / runs
    # what few runs leave open, and a run that goes another way
    return r, float(mean_error(square, runs, 1.0 - r**2))


def _curves(counted: RunCounts, where: str, runs: int, limbs: Counts) -> list[Statistic]:
    """Means of the selected runs over time."""
    rows = []
    # an unseen run may hold all energy, or have none of the power, or one photon more; before any
    # time has passed no event has come
    for name, unit, event, three in zip(
        CURVES, counted.curve_units, (1.0, None, 1.0), limbs, strict=True
    ):
        sums = ExactSums(runs, FULL, *three)
        mean = unit * sums.mean()
        unseen = np.abs(mean) if event is None else np.where(counted.times > 0.0, event, 0.0)
        error = unit * mean_error(sums.variance(), runs, unseen / unit, 0.5)
        rows += [
            Statistic(name, where, float(t), "mean", float(m), float(e))
            for t, m, e in zip(counted.times, mean, error, strict=True)
        ]
    return rows
