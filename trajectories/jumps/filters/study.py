"""A study of runs whose observer does not see it all: what is summed up, and to which bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.method import Problem
from darkbattery.nvmodel.runstatistics import Ranges
from darkbattery.nvmodel.solution import Distribution
from darkbattery.nvmodel.tally import FULL, usable_bounds
from darkbattery.trajectories.jumps.counts.tally import (
    collective_study,
    noises_of,
    noisy_study,
)
from darkbattery.trajectories.jumps.diffusive.study import (
    ABSORBED,
    EMITTED,
    LIGHT,
    LOST,
    DiffusiveStudy,
)
from darkbattery.trajectories.jumps.resonator.mode_jumps import PHOTONS
from darkbattery.trajectories.jumps.resonator.mode_runs import mode_study
from darkbattery.trajectories.jumps.resonator.study import StudyAtResonator
from darkbattery.trajectories.propagate.mode_plan import plan_and_bound
from darkbattery.trajectories.reading.conditional import unravelling
from darkbattery.trajectories.reading.derived import LINEAR

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

# the light stands as photons in the mode
AT_RESONATOR = (*(name if name != "emission_rate" else "photons" for name in LINEAR), "local_loss")


@dataclass(frozen=True, eq=False)
class FilterStudy(DiffusiveStudy):
    """As of diffusive records; where photons are counted, with those that were recorded beside."""

    @property
    def identity(self) -> tuple[Any, ...]:
        """Runs of equal identity belong together."""
        return "filter", self.battery, self.times.tobytes(), self.seed, self.names

    @property
    def knows_scatter(self) -> bool:
        """Whether its runs tell what variances over them are made of."""
        return True

    @property
    def ranges(self) -> Ranges:
        """Photons are whole numbers where they are counted: those of the run itself."""
        return replace(super().ranges, whole_photons=self.asked_of.detector is None)

    @property
    def _detector_misses(self) -> bool:
        return self.asked_of.detector is None and not self.asked_of.counts_every_photon

    def _distributions(self, counts: Mapping[str, Counts]) -> dict[str, Distribution]:
        # a diffusive record leaves no more than the mean of them
        kept = self.asked_of.detector is None
        found = super(DiffusiveStudy, self)._distributions(counts)
        return {name: one for name, one in found.items() if kept or name != "emitted_photons"}


@dataclass(frozen=True, eq=False)
class FilterStudyAtResonator(FilterStudy, StudyAtResonator):
    """The same at a resonator, over the irreps of both ensembles."""

    @property
    def identity(self) -> tuple[Any, ...]:
        """Runs of equal identity belong together."""
        return "filter", self.model, self.times.tobytes(), self.seed, self.names


def filter_study(
    battery: Experiment, times: Array, seed: int, names: tuple[str, ...]
) -> FilterStudy:
    """What is summed of runs of this battery; no ladder is known of a run."""
    if battery.resonator is not None:
        return _at_resonator(battery, times, seed, names)
    of_model = battery, times, seed, names
    if battery.is_collective:
        base = collective_study(*of_model, unravelling(battery).basis)
    else:
        base = noisy_study(*of_model)
    bounds = _without_whole_numbers(battery, times, base.bounds, base.bounds[[LIGHT, LIGHT + 1]])
    return FilterStudy(
        *of_model,
        base.summed,
        bounds,
        base.spread_bounds,
        base.photon_width,
        np.zeros(0),
        base.irreps,
    )


def _without_whole_numbers(battery: Experiment, times: Array, of: Array, rates: Array) -> Array:
    """Bounds where a diffusive record leaves means: both photon `rates` integrated over time."""
    bounds = of.copy()
    if battery.detector is not None:
        last = max(float(times[-1]), 1e-200)
        bounds[[EMITTED, ABSORBED]] = rates * last
        if len(bounds) > LOST + 1:
            noise = sum(n.emission + n.pumping for n in noises_of(battery))
            bounds[LOST] = max(noise * sum(battery.sizes) * last, 1e-200)
    return usable_bounds(bounds)  # a rate that is 0 for ever, times no time, is 0 again


def _at_resonator(
    battery: Experiment, times: Array, seed: int, names: tuple[str, ...]
) -> FilterStudyAtResonator:
    problem = Problem(battery, times, names, seed=seed)
    plan, bound = plan_and_bound(problem)
    base = mode_study(problem, plan, bound)
    energies, photons, work = base.bounds[:LIGHT], base.bounds[PHOTONS], base.bounds[-1]
    rate, nbar = plan.kappa, battery.nbar
    rates = np.array([rate * (nbar + 1.0) * photons, max(rate * nbar * (photons + 1.0), 1e-200)])
    bounds = np.array([*energies, photons, rates[1], FULL, FULL, FULL, work])
    return FilterStudyAtResonator(
        base.battery,
        times,
        seed,
        names,
        AT_RESONATOR,
        _without_whole_numbers(battery, times, bounds, rates),
        base.spread_bounds,
        base.photon_width,
        base.J,
        base.irreps,
        base.model,
        base.kappa,
        base.fastest,
        base.local,
    )
