"""What happened in runs whose observer does not see it all: their photons, and what is counted.

They are the runs that a perfect observer has: the same indices, the same numbers.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.protocol import rotates
from darkbattery.trajectories.jumps.filters.turned_runs import TurnedRuns
from darkbattery.trajectories.jumps.photons.detector import thin
from darkbattery.trajectories.jumps.photons.recording import kernel_tables
from darkbattery.trajectories.jumps.photons.walks import start_of_walk, whole_record
from darkbattery.trajectories.jumps.spins.noisy_runs import follow
from darkbattery.trajectories.jumps.spins.stages import (
    ABSORBED,
    BURST,
    EMITTED,
    JUMPS,
    LOCAL_LOSS,
    empty_course,
    empty_draws,
    empty_frame_of,
    empty_state_of,
    plan,
)
from darkbattery.trajectories.reading.conditional import unravelling

Array = NDArray[np.float64]

ROOM = 1024  # jumps


class Hidden(NamedTuple):
    """A run.

    Attributes
    ----------
    recorded : ndarray
        Times of the photons that the detector saw.
    emitted, absorbed, lost : ndarray (T,)
        Photons so far, and excitations lost to single spins' noise.
    burst : float
        When the total J^z first was <= 0; infinity if it was not, and where it is not sharp.
    """

    recorded: Array
    emitted: Array
    absorbed: Array
    lost: Array
    burst: float


def hidden_runs(
    battery: Experiment, times: Array, seed: int, first: int, runs: int
) -> Iterator[Hidden]:
    """The runs first ... first + runs - 1 of the study with this seed."""
    made = _on_ladders if battery.is_collective else _of_real_spins
    made = _of_turned_spins if rotates(battery.protocol) else made
    efficiency = battery.detector_efficiency
    for run, one in enumerate(made(battery, times, seed, first, runs), first):
        emissions = one.recorded
        seen = np.empty(emissions.size)
        number = thin(np.uint64(seed), run, emissions, emissions.size, efficiency, seen)
        yield one._replace(recorded=seen[:number])


def _on_ladders(
    battery: Experiment, times: Array, seed: int, first: int, runs: int
) -> Iterator[Hidden]:
    q = kernel_tables(unravelling(battery), battery)
    taus, nothing = times * battery.gamma, np.zeros(times.size)
    for run in range(first, first + runs):
        of_run = np.uint64(seed), run, q.cumulative, q.bonds.J, q.bonds.m_starts
        found, directions = whole_record(*of_run, q.nbar, float(taus[-1]))
        down, up = found[directions < 0], found[directions > 0]
        emitted, absorbed = (np.searchsorted(jumps, taus, side="right") for jumps in (down, up))
        M = start_of_walk(*of_run, q.nbar) + np.concatenate([[0], np.cumsum(directions)])
        low = np.flatnonzero(M <= 0.25)
        burst = np.inf if low.size == 0 else float(np.concatenate([[0.0], found])[low[0]])
        counted = emitted.astype(float), absorbed.astype(float), nothing
        yield Hidden(down / battery.gamma, *counted, burst / battery.gamma)


def _of_real_spins(
    battery: Experiment, times: Array, seed: int, first: int, runs: int
) -> Iterator[Hidden]:
    steps = plan(battery)
    course = empty_course(battery, times.size, amplitudes=False, populations=False)
    room = empty_state_of(battery), empty_frame_of(battery, steps), empty_draws(), course
    when, processes = np.empty(ROOM), np.empty(ROOM, dtype=np.int8)
    for run in range(first, first + runs):
        of_run = np.uint64(seed), run, steps, times
        follow(*of_run, *room, when, processes)
        jumps = int(course.counts[JUMPS])
        if jumps > when.size:  # a longer record is made again with room for it
            when, processes = np.empty(2 * jumps), np.empty(2 * jumps, dtype=np.int8)
            follow(*of_run, *room, when, processes)
        emissions = when[:jumps][processes[:jumps] == 0].copy()
        q = course.quantities
        counted = q[EMITTED].copy(), q[ABSORBED].copy(), q[LOCAL_LOSS].copy()
        yield Hidden(emissions, *counted, float(course.now[BURST]))


def _of_turned_spins(
    battery: Experiment, times: Array, seed: int, first: int, runs: int
) -> Iterator[Hidden]:
    found, counts = TurnedRuns(battery, times, seed, first, runs), np.empty((3, runs, times.size))
    for i, _, _ in found.states():
        counts[:, :, i] = found.counts
    for run in range(runs):
        emitted, absorbed, lost = counts[:, run]
        yield Hidden(found.jump_times(run, 0), emitted, absorbed, lost, np.inf)
