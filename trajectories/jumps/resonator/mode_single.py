"""One run at a resonator over irreps, with all it knows."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.irreps import Irreps
from darkbattery.nvmodel.method import Problem
from darkbattery.trajectories.jumps.resonator.mode_jumps import Path, empty_path, follow_over_irreps
from darkbattery.trajectories.jumps.resonator.mode_runs import refuse_large_tables, tables_of
from darkbattery.trajectories.propagate.mode_plan import plan_and_bound
from darkbattery.trajectories.space.mode_space import ModeSpace

Array = NDArray[np.float64]


class Followed(NamedTuple):
    """A run as it was followed.

    Attributes
    ----------
    path : Path
        With room for the whole record.
    jumps : int
    battery_j, charger_j, Q : ndarray (T,)
    populations : ndarray (T, positions)
        Of the battery's `Irreps`.
    amplitudes : ndarray of complex (T, N_B + 1, n)
        By the battery's excitations and photons, times (-i)^n.
    """

    path: Path
    jumps: int
    battery_j: Array
    charger_j: Array
    Q: Array
    populations: Array
    amplitudes: NDArray[np.complex128]


def followed(problem: Problem, run: int) -> Followed:
    """Run `run` of a problem's study."""
    refuse_large_tables(problem)
    plan, bound = plan_and_bound(problem)
    tables, times = tables_of(problem), problem.times
    largest, jumps, room = int(np.diff(tables.first).max()), bound + 1, 0
    while jumps > room:  # a longer record is made again with room for it
        room = jumps
        path = empty_path(times.size, 1, largest, room)
        jumps = follow_over_irreps(np.uint64(problem.seed), run, times, tables, path)
    space = ModeSpace(plan.jb, plan.jc, bound, plan.top(bound))
    irreps, kets = Irreps.all_of(tables.n_battery), space.kets
    p = np.zeros((times.size, irreps.irrep.size))
    amplitudes = np.zeros((times.size, tables.n_battery + 1, bound + 1), dtype=np.complex128)
    begin = space.first[path.blocks]
    for i, (first, b) in enumerate(zip(begin, path.blocks, strict=True)):
        states = np.arange(first, space.first[b + 1])
        found, j = path.states[i, : states.size], float(space.jb[kets.b[first]])
        excited = np.round(kets.mb[states] + 0.5 * tables.n_battery).astype(np.int64)
        amplitudes[i, excited, kets.n[states]] = found
        places = irreps.position(j, -j) + np.round(kets.mb[states] + j).astype(np.int64)
        np.add.at(p[i], places, np.abs(found) ** 2)
    sharp = kets.mb[begin] + kets.mc[begin] + kets.n[begin]
    both = space.jb[kets.b[begin]], space.jc[kets.c[begin]]
    return Followed(path, int(jumps), *both, sharp, p, amplitudes)
