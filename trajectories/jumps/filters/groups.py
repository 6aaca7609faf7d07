"""Runs of few spins side by side, as an observer knows them: what is read of their states."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.irreps import Irreps
from darkbattery.trajectories.jumps.counts.sums import EMISSION, ENERGY, PAIRS, QUANTITIES, VARIANCE
from darkbattery.trajectories.jumps.diffusive.study import LOST, Group
from darkbattery.trajectories.propagate.watched import Watched
from darkbattery.trajectories.reading import watched_readout as readout
from darkbattery.trajectories.reading.watched_readout import BatteryReadings, StageReadings
from darkbattery.trajectories.space.product_space import Matrices

Array = NDArray[np.float64]

MOST_GROUP = 128  # runs
NOTHING = 1e-12  # of a mean J^z: rounding
GROUP_NUMBERS = 1 << 19  # of states and readings that are held at once


@dataclass(frozen=True, eq=False)
class FilterGroup(Group):
    """With more of what is known where states are matrices over irreps.

    Attributes
    ----------
    jumps : list of (ndarray, ndarray)
        Times and processes of all jumps that are known; nothing but the recorded photons without.
    M : ndarray (runs, T)
        On average.
    matrices : list of ndarray (runs, T, 2j + 1, 2j + 1)
        Of the battery, for each of its irreps; nothing where nobody asks.
    """

    jumps: list[tuple[Array, NDArray[np.int8]]]
    M: Array
    matrices: list[NDArray[Any]]


def irreps_of(battery: Experiment) -> Irreps:
    """Whose populations a battery has; that of all symmetric states where it stays in them."""
    spins = battery.n_battery
    return Irreps(spins, np.array([spins / 2])) if is_plain(battery) else Irreps.all_of(spins)


def is_plain(battery: Experiment) -> bool:
    """Whether it is the paper's model, whatever detector looks at it."""
    return battery.resonator is None and battery.is_collective


def empty_group(battery: Experiment, start: int, runs: int, T: int, states: bool) -> FilterGroup:
    """Room for what is read."""
    positions, rows = irreps_of(battery).j.size, LOST if is_plain(battery) else LOST + 1
    known = runs if states else 0
    heterodyne = battery.detector is not None and battery.detector.kind == "heterodyne"
    return FilterGroup(
        start,
        np.zeros((rows, runs, T)),
        np.zeros((QUANTITIES, runs, T)),
        np.zeros((known, T, positions)),
        np.zeros((readout.KNOWN, known, T)),
        np.full(runs, np.inf),
        [np.zeros(0)] * runs,
        np.zeros((runs, T), dtype=np.complex128 if heterodyne else np.float64),
        jumps=[],
        M=np.zeros((runs, T)),
        matrices=[],
    )


class Readings:
    """Reads states into groups; rows of a stage are made once."""

    def __init__(self, battery: Experiment, space: Matrices, states: bool) -> None:
        self._battery = battery
        self._of_battery = BatteryReadings(space, irreps_of(battery)) if states else None
        self._stages: dict[Watched, StageReadings] = {}

    def read(self, group: FilterGroup, i: int, watched: Watched, x: NDArray[Any]) -> None:
        """States x (elements, runs) of trace 1 at output time i."""
        stage = self._stages.setdefault(watched, StageReadings(self._battery, watched))
        means, q, spread = stage.means(x), group.quantities, group.spread
        for row, mean in enumerate(
            (readout.ENERGY, readout.CHARGER, readout.POWER, readout.LIGHT, readout.ABSORPTION)
        ):
            q[row, :, i] = means[mean]
        energy = means[readout.ENERGY]
        spread[ENERGY, :, i] = energy
        spread[VARIANCE, :, i] = np.maximum(means[readout.SQUARE] - energy * energy, 0.0)
        spread[EMISSION, :, i] = means[readout.LOWERED]
        spread[PAIRS, :, i] = means[readout.PAIRS]
        group.M[:, i] = means[readout.TOTAL]
        if self._of_battery is not None:
            matrices = self._of_battery.matrices(x)
            group.populations[:, i] = self._of_battery.populations(matrices)
            group.known[:, :, i] = self._of_battery.known(matrices)
            if not group.matrices:
                T = group.M.shape[1]
                group.matrices.extend(
                    np.zeros((len(one), T, *one.shape[1:]), one.dtype) for one in matrices
                )
            for held, found in zip(group.matrices, matrices, strict=True):
                held[:, i] = found


def runs_of_a_group(space: Matrices, times: int, steps: int = 0) -> int:
    """How many runs are followed side by side: by model and times alone."""
    held = 4 * space.size + times * (LOST + QUANTITIES + 4) + 8 * steps
    return max(1, min(MOST_GROUP, GROUP_NUMBERS // held))
