"""What happened in runs whose observer does not see it all: their photons, and what is counted.

They are the runs that a perfect observer has: the same indices, the same numbers.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.method import Problem
from darkbattery.nvmodel.protocol import rotates
from darkbattery.trajectories.jumps.filters.turned_runs import TurnedRuns
from darkbattery.trajectories.jumps.photons.detector import thin
from darkbattery.trajectories.jumps.photons.walks import Starts, start_of_walk, whole_record
from darkbattery.trajectories.jumps.resonator import (
    cavity_jumps,
    cavity_runs,
    mode_jumps,
    mode_runs,
)
from darkbattery.trajectories.jumps.spins.noisy_records import whole_runs
from darkbattery.trajectories.jumps.spins.stages import ABSORBED, BURST, EMITTED, LOCAL_LOSS
from darkbattery.trajectories.reading.conditional import unravelling
from darkbattery.trajectories.space.cavity_space import what_mixes_ladders

Array = NDArray[np.float64]


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
    if battery.resonator is not None:
        made = _with_mode if what_mixes_ladders(battery) is None else _over_irreps_with_mode
    else:
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
    tables = unravelling(battery)
    starts = Starts(tables.cumulative, tables.basis.J, tables.m_starts)
    taus, nothing = times * battery.gamma, np.zeros(times.size)
    for run in range(first, first + runs):
        of_run = np.uint64(seed), run, starts
        found, directions = whole_record(*of_run, tables.nbar, float(taus[-1]))
        down, up = found[directions < 0], found[directions > 0]
        emitted, absorbed = (np.searchsorted(jumps, taus, side="right") for jumps in (down, up))
        M = start_of_walk(*of_run, tables.nbar) + np.concatenate([[0], np.cumsum(directions)])
        low = np.flatnonzero(M <= 0.25)
        burst = np.inf if low.size == 0 else float(np.concatenate([[0.0], found])[low[0]])
        counted = emitted.astype(float), absorbed.astype(float), nothing
        yield Hidden(down / battery.gamma, *counted, burst / battery.gamma)


def _of_real_spins(
    battery: Experiment, times: Array, seed: int, first: int, runs: int
) -> Iterator[Hidden]:
    for course, when, processes in whole_runs(battery, times, seed, first, runs, states=False):
        q = course.quantities
        counted = q[EMITTED].copy(), q[ABSORBED].copy(), q[LOCAL_LOSS].copy()
        yield Hidden(when[processes == 0], *counted, float(course.now[BURST]))


def _of_turned_spins(
    battery: Experiment, times: Array, seed: int, first: int, runs: int
) -> Iterator[Hidden]:
    found, counts = TurnedRuns(battery, times, seed, first, runs), np.empty((3, runs, times.size))
    for i, _, _ in found.states():
        counts[:, :, i] = found.counts
    for run in range(runs):
        emitted, absorbed, lost = counts[:, run]
        yield Hidden(found.jump_times(run, 0), emitted, absorbed, lost, np.inf)


def _with_mode(
    battery: Experiment, times: Array, seed: int, first: int, runs: int
) -> Iterator[Hidden]:
    q = cavity_jumps
    for path, jumps in cavity_runs.whole_runs(battery, times, seed, first, runs, states=False):
        emissions = path.jump_times[:jumps][path.directions[:jumps] < 0]
        emitted, absorbed = path.read[q.EMITTED].copy(), path.read[q.ABSORBED].copy()
        yield Hidden(emissions, emitted, absorbed, 0.0 * times, float(path.burst[0]))


def _over_irreps_with_mode(
    battery: Experiment, times: Array, seed: int, first: int, runs: int
) -> Iterator[Hidden]:
    q, problem = mode_jumps, Problem(battery, times, (), runs, seed, first)
    for path, jumps in mode_runs.whole_runs(problem, states=False):
        emissions = path.jump_times[:jumps][path.processes[:jumps] == 0]
        emitted, absorbed = path.read[q.EMITTED].copy(), path.read[q.ABSORBED].copy()
        lost = path.read[q.LOCAL_LOSS].copy()
        yield Hidden(emissions, emitted, absorbed, lost, float(path.burst[0]))
