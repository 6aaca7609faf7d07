"""One run whose observer does not see it all, and all that its record leaves."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.method import Problem
from darkbattery.trajectories.jumps.filters.groups import Group, irreps_of
from darkbattery.trajectories.jumps.filters.runs import (
    groups_of_runs,
    refuse_large,
)
from darkbattery.trajectories.jumps.filters.study import ABSORBED, EMITTED
from darkbattery.trajectories.jumps.spins.noisy_runs import EXCITATIONS
from darkbattery.trajectories.propagate.realspins import refuse_unknown_stages
from darkbattery.trajectories.propagate.watched import space_of
from darkbattery.trajectories.reading.watched_readout import WORK

Array = NDArray[np.float64]


def filtered_run(battery: Experiment, times: Array, seed: int, run: int) -> dict[str, Any]:
    """The fields of a `SingleRun`; refused as `sample` refuses."""
    refuse_unknown_stages(battery)
    refuse_large(Problem(battery, times, (), runs=1))
    group = next(iter(groups_of_runs(battery, times, seed, run, 1, states=True)))
    recorded, fields = group.recorded[0], _fields(battery, times, group)
    photons = recorded, np.zeros(recorded.size, dtype=np.int8)
    when, processes = group.jumps[0] if group.jumps else photons
    fields |= {
        "jump_times": when,
        "directions": EXCITATIONS[processes],
        "processes": processes,
    }
    detector = battery.detector
    if detector is None:
        return fields
    # states are followed in a frame that is turned by the local oscillator's phase
    excited = np.arange(battery.n_battery + 1)
    turn = np.exp(1j * detector.phase * (excited[:, None] - excited))
    state = fields["battery_state"]
    fields["battery_state"] = turn * state if detector.phase else state
    return fields | {"record": group.window[0] * np.sqrt(battery.gamma)}


def _fields(battery: Experiment, times: Array, group: Group) -> dict[str, Any]:
    T, q = times.size, group.quantities[:, 0]
    space = space_of(battery, coherent=True)
    irreps = (space.jb, space.jc)
    halves = (float(j[0]) if j.size == 1 else np.nan for j in irreps)
    battery_j, charger_j = (np.full(T, half) for half in halves)
    return {
        "battery_j": battery_j,
        "charger_j": charger_j,
        "M": group.M[0],
        "J": np.zeros(0),
        "amplitudes": np.zeros((T, 0)),
        "battery_energy": q[0],
        "charger_energy": q[1],
        "ergotropy": group.known[WORK, 0],
        "emitted_photons": q[EMITTED],
        "absorbed_photons": q[ABSORBED],
        "populations": irreps_of(battery).by_excitations(group.populations[0]),
        "battery_state": _over_excitations(battery, T, group.matrices),
    }


def _over_excitations(battery: Experiment, T: int, matrices: list[NDArray[Any]]) -> NDArray[Any]:
    """The battery's matrices, irreps added up, over its excitations (T, N_B + 1, N_B + 1)."""
    size = battery.n_battery + 1
    found = np.zeros((T, size, size), dtype=matrices[0].dtype)
    for rho in matrices:
        low = (size - rho.shape[-1]) // 2
        found[:, low : size - low, low : size - low] += rho[0]
    return found
