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
from darkbattery.trajectories.propagate.realspins import refuse_unknown_switching
from darkbattery.trajectories.reading.watched_readout import WORK

Array = NDArray[np.float64]


def filtered_run(battery: Experiment, times: Array, seed: int, run: int) -> dict[str, Any]:
    """The fields of a `SingleRun`; refused as `sample` refuses."""
    refuse_unknown_switching(battery)
    refuse_large(Problem(battery, times, (), runs=1))
    group = next(iter(groups_of_runs(battery, times, seed, run, 1, states=True)))
    recorded, fields = group.recorded[0], _fields(battery, times, group)
    fields |= {
        "jump_times": recorded,
        "directions": np.full(recorded.size, -1, dtype=np.int8),
        "processes": np.zeros(recorded.size, dtype=np.int8),
    }
    detector = battery.detector
    if detector is None:
        return fields
    # starts have no phase: the local oscillator's turns what is left
    excited = np.arange(battery.n_battery + 1)
    turn = np.exp(1j * detector.phase * (excited[:, None] - excited))
    state = fields["battery_state"]
    fields["battery_state"] = turn * state if detector.phase else state
    return fields | {"record": group.window[0] * np.sqrt(battery.gamma)}


def _fields(battery: Experiment, times: Array, group: Group) -> dict[str, Any]:
    T, q = times.size, group.quantities[:, 0]
    sharp = battery.is_collective
    halves = (0.5 * spins if sharp else np.nan for spins in battery.sizes)
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
