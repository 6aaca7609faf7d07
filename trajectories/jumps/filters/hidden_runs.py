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
from darkbattery.trajectories.jumps.resonator import cavity_jumps, mode_jumps
from darkbattery.trajectories.jumps.resonator.cavity_runs import (
    coefficients_of,
    mode_of,
    photon_bound,
)
from darkbattery.trajectories.jumps.resonator.mode_runs import tables_of
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
from darkbattery.trajectories.space.cavity_space import cavity_of, what_mixes_ladders

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


def _with_mode(
    battery: Experiment, times: Array, seed: int, first: int, runs: int
) -> Iterator[Hidden]:
    q = cavity_jumps
    cavity = cavity_of(battery)
    bound = photon_bound(cavity)
    mode, nothing = mode_of(cavity, bound), coefficients_of(cavity, bound, wanted=False)
    state, room = q.empty_state(mode), bound + 1
    path = q.empty_path(mode, times.size, 1, nothing, jumps=room)
    for run in range(first, first + runs):
        jumps = int(q.follow_runs(np.uint64(seed), run, times, mode, state, path))
        if jumps > room:
            room = 2 * jumps
            path = q.empty_path(mode, times.size, 1, nothing, jumps=room)
            q.follow_runs(np.uint64(seed), run, times, mode, state, path)
        emissions = path.jump_times[:jumps][path.directions[:jumps] < 0].copy()
        emitted, absorbed = path.read[q.EMITTED].copy(), path.read[q.ABSORBED].copy()
        yield Hidden(emissions, emitted, absorbed, 0.0 * times, float(path.burst[0]))


def _over_irreps_with_mode(
    battery: Experiment, times: Array, seed: int, first: int, runs: int
) -> Iterator[Hidden]:
    q, tables, room = mode_jumps, tables_of(Problem(battery, times, ())), ROOM
    path = q.empty_path(times.size, 1, 0, room)
    for run in range(first, first + runs):
        jumps = int(q.follow_over_irreps(np.uint64(seed), run, times, tables, path))
        if jumps > room:
            room = 2 * jumps
            path = q.empty_path(times.size, 1, 0, room)
            q.follow_over_irreps(np.uint64(seed), run, times, tables, path)
        emissions = path.jump_times[:jumps][path.processes[:jumps] == 0].copy()
        read = path.read
        emitted, absorbed, lost = read[q.EMITTED], read[q.ABSORBED], read[q.LOCAL_LOSS]
        counted = emitted.copy(), absorbed.copy(), lost.copy()
        yield Hidden(emissions, *counted, float(path.burst[0]))
