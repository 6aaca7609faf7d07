r"""Waiting times: until a run's first photon, and between successive ones.

Counts of photons that a detector records, whatever the observer makes of them, so any temperature
and any efficiency will do. At T = 0 with every photon recorded it is known exactly: on ladder J the
n-th photon waits exponentially, with the rate :math:`\lambda_J(n)=\gamma a_J(M_0-n)^2`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.experiment import (
    Experiment,
    of_the_reservoir,
    only_collective,
    only_on_ladders,
    to_be_solved,
)
from darkbattery.nvmodel.refusal import InputError, finite_number, listed_numbers, output_times
from darkbattery.nvmodel.solution import Distribution, Reading
from darkbattery.nvmodel.tally import RunSpans, Tally, run_range
from darkbattery.trajectories.jumps.photons.detector import thin
from darkbattery.trajectories.jumps.photons.walks import (
    Starts,
    Walker,
    emission_times,
    new_walker,
    refuse_unlisted,
)
from darkbattery.trajectories.reading.conditional import unravelling
from darkbattery.trajectories.space.angular import lowering_squared

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class WaitStudy:
    """What fixes the runs whose photons are counted, and the bins; see `nvmodel.tally.Study`."""

    battery: Experiment
    until: float
    seed: int
    edges: Array

    @property
    def identity(self) -> tuple[Any, ...]:
        """Runs of equal identity belong together."""
        return self.battery, self.until, self.seed, self.edges.tobytes()

    def read(self, spans: RunSpans, counts: Mapping[str, Counts]) -> Reading:
        """Both distributions."""
        low, high = self.edges[:-1], self.edges[1:]
        first = Distribution("time of the first photon", low, high, counts["first"])
        between = Distribution("time between photons", low, high, counts["between"])
        return Reading({}, {}, {"first_photon_time": first, "waiting_time": between})


@dataclass(frozen=True, eq=False)
class WaitingTimes:
    r"""Counts over a set of runs; adding them is exact.

    Attributes
    ----------
    edges : ndarray (bins + 1,)
        Of the bins, :math:`\text{low}\le\text{wait}<\text{high}`.
    """

    tally: Tally
    edges: Array

    @property
    def spans(self) -> RunSpans:
        """Which runs."""
        return self.tally.spans

    @property
    def first(self) -> Counts:
        """Runs by the time of their first recorded photon; runs without one are in no bin."""
        return self.tally.counts["first"]

    @property
    def between(self) -> Counts:
        """Pairs of successive recorded photons by the time between them."""
        return self.tally.counts["between"]

    def merge(self, other: WaitingTimes) -> WaitingTimes:
        """The counts of both sets of runs; refused if they overlap or are of different studies."""
        return replace(self, tally=self.tally.merge(other.tally))

    def distributions(self) -> Mapping[str, Distribution]:
        """Both as `Distribution`: ``first_photon_time`` and ``waiting_time``."""
        return self.tally.read().distributions


def waiting_times(
    battery: Experiment,
    edges: ArrayLike,
    until: float,
    runs: int,
    seed: int,
    first: int = 0,
) -> WaitingTimes:
    r"""Waits in the runs first ... first + runs - 1 of the study with this seed, up to `until`.

    They are the runs that `trajectories.sample` makes, and the photons that its observer records.

    Parameters
    ----------
    edges : array_like (bins + 1,)
        Strictly increasing, :math:`\ge0`, in units of :math:`1/\gamma`'s unit.
    until : float
        Later photons do not count.

    Raises InputError as `sample` does.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> battery = CollectiveBattery(n_battery=1, n_charger=1)
    >>> waits = waiting_times(battery, [0.0, 1.0, 9.0], until=9.0, runs=1000, seed=1)
    >>> print(waits.first.sum(), waits.between.sum())  # half the runs emit their one photon
    507 0
    """
    battery = of_the_reservoir(battery)
    only_on_ladders(battery, "waiting_times yet")
    if battery.detector is not None:
        raise InputError("detector", battery.detector, "must be None: waits are between photons")
    refuse_unlisted(battery)
    bins = output_times(edges)
    if bins.size < 2:
        raise InputError("edges", edges, "must be at least two")
    until = finite_number("until", until, least=0.0, exclusive=True)
    battery = to_be_solved(battery, [until])
    runs, first, seed = run_range(runs, first, seed)
    counts, tables = np.zeros((2, bins.size - 1), dtype=np.int64), unravelling(battery)
    _count_waits(
        np.uint64(seed),
        first,
        runs,
        Starts(tables.cumulative, tables.basis.J, tables.m_starts),
        tables.nbar,
        battery.detector_efficiency,
        until * battery.gamma,
        bins * battery.gamma,
        new_walker(),
        counts,
    )
    study, spans = WaitStudy(battery, until, seed, bins), RunSpans(((first, first + runs),))
    return WaitingTimes(Tally(study, spans, {"first": counts[0], "between": counts[1]}), bins)


@njit(cache=True, error_model="numpy")
def _count_waits(
    seed: int,
    first: int,
    runs: int,
    starts: Starts,
    nbar: float,
    efficiency: float,
    last: float,
    edges: Array,
    walker: Walker,
    counts: Counts,
) -> None:
    clicks = np.empty(1024)
    for run in range(first, first + runs):
        photons = emission_times(seed, run, starts, nbar, last, walker)
        emitted = photons.size
        if emitted > clicks.size:
            clicks = np.empty(2 * emitted)
        seen = thin(seed, run, photons, emitted, efficiency, clicks)
        for j in range(seen):
            wait = clicks[j] - clicks[j - 1] if j > 0 else clicks[0]
            cell = np.searchsorted(edges, wait, side="right") - 1
            if 0 <= cell < edges.size - 1:
                counts[min(j, 1), cell] += 1


def exact_waits(battery: Experiment, waits: ArrayLike) -> tuple[Array, Array]:
    r"""T = 0, every photon recorded, for ever: how many waits of a run exceed each of `waits`.

    .. math:: \sum_Jp_J e^{-\lambda_J(0)t},\qquad
              \sum_Jp_J\sum_{0<n<J+M_0}e^{-\lambda_J(n)t}

    for the first photon and for those between successive ones.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> first, between = exact_waits(CollectiveBattery(1, 2), [0.0, 90.0])
    >>> print(first.round(6), between.round(6))  # the second photon comes in a third of the runs
    [1. 0.] [0.333333 0.      ]
    """
    battery = of_the_reservoir(battery)
    if battery.occupation > 0.0 or battery.detector_efficiency < 1.0:
        raise InputError(
            "nbar, detector_efficiency",
            (battery.occupation, battery.detector_efficiency),
            "waits are exact at nbar = 0 and detector_efficiency = 1; use waiting_times",
        )
    only_collective(battery, "exact_waits")
    battery = to_be_solved(battery, [math.inf])
    basis, taus = unravelling(battery).basis, listed_numbers("waits", waits) * battery.gamma
    first, between = np.zeros(taus.shape), np.zeros(taus.shape)
    for n in range(round(basis.J[-1] + basis.m_start)):
        rate = lowering_squared(basis.J, basis.m_start - n)
        # a dark ladder has no next photon
        survive = (basis.weight * (rate > 0.0)) @ np.exp(-np.outer(rate, taus))
        if n == 0:
            first += survive
        else:
            between += survive
    return first, between
