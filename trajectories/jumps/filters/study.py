"""A study of runs whose observer does not see it all: what is summed up, and to which bounds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.runstatistics import Ranges
from darkbattery.nvmodel.solution import Distribution
from darkbattery.trajectories.jumps.counts.tally import (
    collective_study,
    noises_of,
    noisy_study,
)
from darkbattery.trajectories.jumps.diffusive.study import DiffusiveStudy
from darkbattery.trajectories.reading.conditional import unravelling
from darkbattery.trajectories.reading.readout import LINEAR

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

EMITTED, ABSORBED, LOST = LINEAR.index("emitted_photons"), LINEAR.index("absorbed_photons"), 7


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
        return replace(super().ranges, whole_photons=self.battery.detector is None)

    @property
    def _detector_misses(self) -> bool:
        return self.battery.detector is None and not self.battery.counts_every_photon

    def _distributions(self, counts: Mapping[str, Counts]) -> dict[str, Distribution]:
        # a diffusive record leaves no more than the mean of them
        kept = self.battery.detector is None
        found = super(DiffusiveStudy, self)._distributions(counts)
        return {name: one for name, one in found.items() if kept or name != "emitted_photons"}


def filter_study(
    battery: Experiment, times: Array, seed: int, names: tuple[str, ...]
) -> FilterStudy:
    """What is summed of runs of this battery; no ladder is known of a run."""
    of_model = battery, times, seed, names
    if battery.is_collective:
        base = collective_study(*of_model, unravelling(battery).basis)
    else:
        base = noisy_study(*of_model)
    bounds = base.bounds.copy()
    if battery.detector is not None:
        # rates integrated over time, and no whole numbers
        last = max(float(times[-1]), 1e-200)
        bounds[[EMITTED, ABSORBED]] = base.bounds[[3, 4]] * last
        if len(bounds) > LOST + 1:
            noise = sum(n.emission + n.pumping for n in noises_of(battery))
            bounds[LOST] = max(noise * sum(battery.sizes) * last, 1e-200)
    return FilterStudy(
        *of_model,
        base.summed,
        bounds,
        base.spread_bounds,
        base.photon_width,
        np.zeros(0),
        base.irreps,
    )
