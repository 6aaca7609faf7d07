"""A study of runs with a diffusive record: what is summed up, and what the sums say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.runstatistics import Ranges
from darkbattery.nvmodel.solution import Distribution
from darkbattery.nvmodel.sums import usable_bounds
from darkbattery.trajectories.jumps.counts.sums import spread_bounds, state_counts
from darkbattery.trajectories.jumps.counts.tally import (
    JumpStudy,
    largest_rates,
)
from darkbattery.trajectories.reading.derived import LINEAR
from darkbattery.trajectories.reading.fluctuations import OF_STATES
from darkbattery.trajectories.space.angular import CoupledBasis

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class DiffusiveStudy(JumpStudy):
    """As of runs that jump, but that no ladder is drawn."""

    @property
    def identity(self) -> tuple[Any, ...]:
        """Runs of equal identity belong together."""
        return "diffusive", self.battery, self.times.tobytes(), self.seed, self.names

    @property
    def ranges(self) -> Ranges:
        """No ladder is known of a run, and its photons are the observer's mean of them."""
        return replace(super().ranges, J=np.zeros(0), whole_photons=False)

    def no_runs_yet(self) -> dict[str, Counts]:
        """Counts of no runs."""
        asked = self.times.size if set(OF_STATES) & set(self.names) else 0
        return super().no_runs_yet() | state_counts(asked)

    @property
    def _detector_misses(self) -> bool:
        return False  # no photons are recorded at all

    def _distributions(self, counts: Mapping[str, Counts]) -> dict[str, Distribution]:
        found = super()._distributions(counts)
        del found["emitted_photons"]  # a run knows their mean alone
        return found


def diffusive_study(
    battery: Experiment, times: Array, seed: int, names: tuple[str, ...], basis: CoupledBasis
) -> DiffusiveStudy:
    """What is summed of runs of this battery."""
    J = float(basis.J[-1])
    photons = max(J + basis.m_start, 1.0)  # means of them, and no whole numbers
    bounds = [1.0, 1.0, *largest_rates(battery, J), photons, 1.0, 1.0]
    return DiffusiveStudy(
        battery,
        times,
        seed,
        names,
        LINEAR,
        usable_bounds(bounds),
        spread_bounds(J),
        max(1.0, photons),
        np.zeros(0),
        None,
    )
