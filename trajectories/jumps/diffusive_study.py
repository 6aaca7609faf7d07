"""A study of runs with a diffusive record: what is summed up, and what the sums say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.errors import Unseen, jackknife_error, without_each
from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.observables import Needs, needing
from darkbattery.nvmodel.runstatistics import Ranges
from darkbattery.nvmodel.solution import Distribution
from darkbattery.nvmodel.sums import FULL, ExactSums, usable_bounds
from darkbattery.nvmodel.tally import RunSpans
from darkbattery.trajectories.jumps.diffusive_reading import (
    ENTROPY,
    PURITY,
    STATE_ROWS,
    StateSums,
)
from darkbattery.trajectories.jumps.sums import GROUPS, spread_bounds
from darkbattery.trajectories.jumps.tally import (
    OF_POPULATIONS,
    JumpStudy,
    largest_rates,
)
from darkbattery.trajectories.reading.readout import LINEAR
from darkbattery.trajectories.space.angular import CoupledBasis

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

OF_STATES = needing(Needs.STATE)
"""What takes the whole conditional state of the battery."""


@dataclass(frozen=True, eq=False)
class DiffusiveStudy(JumpStudy):
    """As of runs that jump, with sums of purities and entropies beside; no ladder is drawn.

    ``state_total``, ``state_low``, ``state_high`` (GROUPS, 2, T) are those of `ExactSums`.
    """

    @property
    def identity(self) -> tuple[Any, ...]:
        """Runs of equal identity belong together."""
        return "diffusive", self.battery, self.times.tobytes(), self.seed, self.names

    @cached_property
    def needs_populations(self) -> bool:
        """Whether an observable is read from the conditional battery's matrix."""
        return bool({*OF_POPULATIONS, *OF_STATES} & set(self.names))

    @property
    def ranges(self) -> Ranges:
        """No ladder is known of a run, and its photons are the observer's mean of them."""
        return replace(super().ranges, J=np.zeros(0), whole_photons=False)

    @property
    def state_bounds(self) -> Array:
        """Of purity, and of the entropy in bits."""
        return np.array([1.0, np.log2(self.battery.n_battery + 1.0)])

    def no_runs_yet(self) -> dict[str, Counts]:
        """Counts of no runs."""
        T = self.times.size if set(OF_STATES) & set(self.names) else 0
        shape = (GROUPS, STATE_ROWS, T)
        limbs = ("state_total", "state_low", "state_high")
        return super().no_runs_yet() | {name: np.zeros(shape, dtype=np.int64) for name in limbs}

    def states_into(self, counts: Mapping[str, Counts]) -> StateSums:
        """The same arrays as kernels take them."""
        limbs = (counts[name] for name in ("state_total", "state_low", "state_high"))
        return StateSums(FULL / self.state_bounds, *limbs)

    @property
    def _detector_misses(self) -> bool:
        return False  # no photons are recorded at all

    def _distributions(self, counts: Mapping[str, Counts]) -> dict[str, Distribution]:
        found = super()._distributions(counts)
        del found["emitted_photons"]  # a run knows their mean alone
        return found

    def _read_populations(
        self,
        spans: RunSpans,
        counts: Mapping[str, Counts],
        unseen: Unseen,
        values: dict[str, Array],
        errors: dict[str, Array | None],
    ) -> None:
        super()._read_populations(spans, counts, unseen, values, errors)
        if not set(OF_STATES) & set(self.names):
            return
        sizes, populations = spans.group_counts(GROUPS), counts["populations"]

        def mean(row: int, kept: NDArray[np.bool_]) -> Array:
            limbs = (counts[f"state_{limb}"][kept, row].sum(axis=0) for limb in _LIMBS)
            bound = float(self.state_bounds[row])
            return ExactSums(int(sizes[kept].sum()), bound, *limbs).mean()

        def read(kept: NDArray[np.bool_]) -> dict[str, Array]:
            p = populations[kept].sum(axis=0)
            entropy = mean(ENTROPY, kept)
            return {
                "conditional_purity": mean(PURITY, kept),
                "conditional_entropy": entropy,
                "information_gain": entropy_in_bits(p / p.sum(axis=-1, keepdims=True)) - entropy,
            }

        whole, left_out = read(np.ones(GROUPS, dtype=bool)), without_each(read, sizes)
        for name, value in whole.items():
            others = np.array([one[name] for one in left_out]).reshape(-1, value.size)
            found = jackknife_error(value, others, len(spans), unseen.ergotropy)
            values[name], errors[name] = value, np.hypot(found, 0.5 / FULL)


_LIMBS = ("total", "low", "high")


def entropy_in_bits(p: Array) -> Array:
    r""":math:`-\sum p\log_2p` over the last axis.

    >>> entropy_in_bits(np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [1.0, 0.0]
    """
    return np.asarray(-(p * np.log2(np.where(p > 0.0, p, 1.0))).sum(axis=-1)) + 0.0


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
