"""Runs with a diffusive record and all that it leaves."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.method import Problem
from darkbattery.trajectories.jumps.diffusive.reading import EMITTED_PHOTONS, battery_matrix
from darkbattery.trajectories.jumps.diffusive.recordladder import ladder_readings
from darkbattery.trajectories.jumps.diffusive.runs import (
    Group,
    groups_of_runs,
    is_pure,
    refuse_large,
)
from darkbattery.trajectories.reading.conditional import unravelling
from darkbattery.trajectories.reading.photonstates import amplitudes_by_photons

Array = NDArray[np.float64]


def diffusive_runs(
    battery: Experiment, times: Array, seed: int, first: int, runs: int
) -> Iterator[dict[str, Any]]:
    """The fields of `SingleRun`s, run by run; refused as `sample` refuses."""
    refuse_large(Problem(battery, times, (), runs=1))
    basis = unravelling(battery).basis
    photons = round(float(basis.J[-1] + basis.m_start))
    made = groups_of_runs(battery, times, seed, first, runs, states=True, bands=photons + 1)
    for group in made:
        for run in range(group.burst.size):
            yield _fields(battery, times, group, run)


def _fields(battery: Experiment, times: Array, group: Group, run: int) -> dict[str, Any]:
    detector, basis, T = battery.detector, unravelling(battery).basis, times.size
    assert detector is not None
    here = slice(run * T, (run + 1) * T)
    q, bands = group.quantities[:, here], group.bands[run]
    mean, photons = q[EMITTED_PHOTONS], bands.shape[2] - 1
    amplitude = ladder_readings(battery, times, states=True).amplitude
    size = battery.n_battery + 1
    states = np.zeros((T, size, size), dtype=bands.dtype)
    for i in range(T):
        battery_matrix(bands[i], amplitude[i], states[i])
    # either may be the larger: more battery than charger spins, or fewer
    turn = np.exp(-1j * detector.phase * np.arange(max(size, photons + 1)))
    amplitudes = np.zeros((0, basis.n_ladders, photons + 1))
    if is_pure(battery):
        u = np.array([_amplitudes(one) for one in bands])
        amplitudes = _over_ladders(battery, times) * u[:, None, :]
    if detector.phase != 0.0:
        amplitudes = amplitudes * turn[: photons + 1]
        states = np.conj(turn[:size, None]) * states * turn[:size]
    return {
        "jump_times": np.zeros(0),
        "directions": np.zeros(0, dtype=np.int8),
        "processes": np.zeros(0, dtype=np.int8),
        "battery_j": np.full(T, battery.n_battery / 2),
        "charger_j": np.full(T, battery.n_charger / 2),
        "M": basis.m_start - mean,
        "J": basis.J.copy(),
        "amplitudes": amplitudes,
        "battery_energy": q[0],
        "charger_energy": q[1],
        "ergotropy": group.known[2, here],
        "emitted_photons": mean,
        "absorbed_photons": np.zeros(T),
        "populations": group.populations[here],
        "record": group.window[run],
        "battery_state": states,
    }


def _amplitudes(bands: NDArray[Any]) -> NDArray[Any]:
    """u (N + 1,) of a pure V[n, n - d], the most probable one real and positive."""
    top = int(np.argmax(bands[0].real))
    n = np.arange(bands.shape[1])
    above = bands[np.maximum(n - top, 0), n]
    below = np.conj(bands[np.maximum(top - n, 0), top])
    return np.asarray(np.where(n >= top, above, below) / np.sqrt(bands[0, top].real))


def _over_ladders(battery: Experiment, times: Array) -> Array:
    """Amplitudes over J of the states after n photons, (T, K, N + 1)."""
    tables = unravelling(battery)
    photons = round(float(tables.basis.J[-1] + tables.basis.m_start))
    found = np.zeros((times.size, tables.basis.n_ladders, photons + 1))
    always = np.ones((photons + 1, times.size), dtype=bool)
    for n, at, c in amplitudes_by_photons(tables, times * battery.gamma, always):
        found[at, :, n] = c
    return found
