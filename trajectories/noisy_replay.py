"""Runs with local noise, detuning, protocols or any start, one by one: records and rows."""

import numpy as np

from nvmodel.battery import CollectiveBattery
from nvmodel.irreps import Irreps, ladder_ergotropy_of_irreps
from trajectories.local_noise import LOW, SIZE, TWO_JB, TWO_JC, TWO_M, Array
from trajectories.noisy_runs import (
    ABSORBED,
    BATTERY_ENERGY,
    CHARGER_ENERGY,
    EMITTED,
    EXCITATIONS,
    JUMPS,
    follow,
)
from trajectories.single import SingleRun
from trajectories.stages import empty_course, empty_draws, empty_frame_of, empty_state_of, plan


def follow_noisy_run(battery: CollectiveBattery, times: Array, seed: int, run: int) -> SingleRun:
    """Run `run` of the study with this seed, with everything it knows."""
    steps, T = plan(battery), times.size
    state, draws = empty_state_of(battery), empty_draws()
    frame = empty_frame_of(battery, steps)
    course = empty_course(battery, T, amplitudes=True, populations=True)
    room = 1024
    while True:
        jump_times, processes = np.empty(room), np.empty(room, dtype=np.int8)
        follow(
            np.uint64(seed),
            run,
            steps,
            times,
            state,
            frame,
            draws,
            course,
            jump_times,
            processes,
        )
        jumps = int(course.counts[JUMPS])
        if jumps <= room:
            break
        room = jumps
    at, q = course.at, course.quantities
    spins = battery.n_battery + battery.n_charger
    amplitudes = np.zeros((T, spins // 2 + 1), dtype=course.amplitudes.dtype)
    irreps = Irreps.all_of(battery.n_battery)
    p = np.zeros((T, irreps.irrep.size))
    for i in range(T):
        low, n = at[i, LOW], at[i, SIZE]
        amplitudes[i, low : low + n] = course.amplitudes[i, :n]
        j = 0.5 * at[i, TWO_JB]
        bottom = irreps.position(j, course.lowest[i])
        count = min(course.populations.shape[1], irreps.position(j, j) + 1 - bottom)
        p[i, bottom : bottom + count] = course.populations[i, :count]
    halves = np.asarray(0.5 * at.T, dtype=float)
    return SingleRun(
        run=run,
        jump_times=jump_times[:jumps],
        directions=EXCITATIONS[processes[:jumps]],
        processes=processes[:jumps],
        times=times,
        battery_j=halves[TWO_JB],
        charger_j=halves[TWO_JC],
        M=halves[TWO_M],
        J=np.arange(spins // 2 + 1, dtype=float) + 0.5 * (spins % 2),
        amplitudes=amplitudes,
        battery_energy=q[BATTERY_ENERGY],
        charger_energy=q[CHARGER_ENERGY],
        ergotropy=ladder_ergotropy_of_irreps(irreps, p),
        emitted_photons=q[EMITTED],
        absorbed_photons=q[ABSORBED],
        populations=irreps.by_excitations(p),
    )
