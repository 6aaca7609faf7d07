"""Runs whose observer does not see it all, and all that its record leaves."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.method import Problem
from darkbattery.trajectories.jumps.filters.course import irreps_reached
from darkbattery.trajectories.jumps.filters.groups import Group, irreps_of
from darkbattery.trajectories.jumps.filters.runs import (
    groups_of_runs,
    refuse_at_resonator,
    refuse_large,
)
from darkbattery.trajectories.jumps.filters.study import ABSORBED, EMITTED, LIGHT
from darkbattery.trajectories.jumps.spins.noisy_runs import EXCITATIONS
from darkbattery.trajectories.propagate.realspins import refuse_unknown_stages
from darkbattery.trajectories.propagate.watched_mode import QUADRATURE
from darkbattery.trajectories.reading.watched_readout import WORK

Array = NDArray[np.float64]


def filtered_runs(
    battery: Experiment, times: Array, seed: int, first: int, runs: int
) -> Iterator[dict[str, Any]]:
    """The fields of `SingleRun`s, run by run; refused as `sample` refuses."""
    if battery.resonator is None:
        refuse_unknown_stages(battery)
    else:
        refuse_at_resonator(battery)
    refuse_large(Problem(battery, times, (), runs=1))
    detector, excited = battery.detector, np.arange(battery.n_battery + 1)
    for group in groups_of_runs(battery, times, seed, first, runs, states=True):
        for r, recorded in enumerate(group.recorded):
            fields = _fields(battery, times, group, r)
            photons = recorded, np.zeros(recorded.size, dtype=np.int8)
            when, processes = group.jumps[r] if group.jumps else photons
            fields |= {
                "jump_times": when,
                "directions": EXCITATIONS[processes],
                "processes": processes,
            }
            if detector is not None:
                # states are followed in a frame that is turned by the local oscillator's phase
                phase = detector.phase + (0.0 if battery.resonator is None else QUADRATURE)
                turn = np.exp(1j * phase * (excited[:, None] - excited))
                state = fields["battery_state"]
                fields["battery_state"] = turn * state if phase else state
                fields["record"] = group.window[r] * np.sqrt(battery.watched_rate)
            yield fields


def _fields(battery: Experiment, times: Array, group: Group, r: int) -> dict[str, Any]:
    T, q = times.size, group.quantities[:, r]
    reached = irreps_reached(battery, times)
    halves = (float(j[0]) if j.size == 1 else np.nan for j in reached)
    battery_j, charger_j = (np.full(T, half) for half in halves)
    return {
        "battery_j": battery_j,
        "charger_j": charger_j,
        "M": group.M[r],
        "J": np.zeros(0),
        "amplitudes": np.zeros((0, 0)),
        "battery_energy": q[0],
        "charger_energy": q[1],
        "ergotropy": group.known[WORK, r],
        "emitted_photons": q[EMITTED],
        "absorbed_photons": q[ABSORBED],
        "photons": None if battery.resonator is None else q[LIGHT],
        "populations": irreps_of(battery).by_excitations(group.populations[r]),
        "battery_state": _over_excitations(battery, T, [rho[r] for rho in group.matrices]),
    }


def _over_excitations(battery: Experiment, T: int, matrices: list[NDArray[Any]]) -> NDArray[Any]:
    """The battery's matrices, irreps added up, over its excitations (T, N_B + 1, N_B + 1)."""
    size = battery.n_battery + 1
    found = np.zeros((T, size, size), dtype=matrices[0].dtype)
    for rho in matrices:
        low = (size - rho.shape[-1]) // 2
        found[:, low : size - low, low : size - low] += rho
    return found
