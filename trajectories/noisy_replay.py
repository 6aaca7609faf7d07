"""Runs with local noise, detuning, protocols or any start, one by one: records and rows."""

import numpy as np
import pandas as pd
from numba import njit

from nvmodel.battery import CollectiveBattery
from nvmodel.irreps import Irreps, ladder_ergotropy_of_irreps
from trajectories.local_noise import LOW, SIZE, TWO_JB, TWO_JC, TWO_M, Array, State
from trajectories.noisy_runs import (
    ABSORBED,
    BATTERY_ENERGY,
    BURST,
    CHARGER_ENERGY,
    EMISSION_RATE,
    EMITTED,
    EXCITATIONS,
    JUMPS,
    LOCAL_LOSS,
    POWER,
    Course,
    Draws,
    Plan,
    follow,
)
from trajectories.nojump import Frame
from trajectories.single import SingleRun
from trajectories.stages import empty_course, empty_draws, empty_frame_of, empty_state_of, plan
from trajectories.summaries import CHARGE_LEVELS, COLUMNS, table_of_rows


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


def summarise_noisy_runs(
    battery: CollectiveBattery, times: Array, seed: int, first: int, runs: int
) -> pd.DataFrame:
    """A row for each run, as `trajectories.summaries.summarise_runs`, and its ``local_loss``."""
    steps = plan(battery)
    found = np.full((runs, COLUMNS), np.nan)
    lost = np.zeros(runs, dtype=np.int64)
    _summarise(
        np.uint64(seed),
        first,
        steps,
        times,
        empty_state_of(battery),
        empty_frame_of(battery, steps),
        empty_draws(),
        empty_course(battery, times.size, amplitudes=False, populations=False),
        np.array(CHARGE_LEVELS),
        found,
        lost,
    )
    table = table_of_rows(found, first, rate=1.0)
    table["local_loss"] = lost
    return table


@njit(cache=True, error_model="numpy")
def _summarise(
    seed: int,
    first: int,
    steps: Plan,
    times: Array,
    state: State,
    frame: Frame,
    draws: Draws,
    course: Course,
    levels: Array,
    found: Array,
    lost: Array,
) -> None:
    no_times, no_processes = np.empty(0), np.empty(0, dtype=np.int8)
    q, last = course.quantities, times.size - 1
    for r in range(found.shape[0]):
        follow(seed, first + r, steps, times, state, frame, draws, course, no_times, no_processes)
        found[r, 0] = q[BATTERY_ENERGY, last]
        found[r, 1], found[r, 2] = q[EMITTED, last], q[ABSORBED, last]
        lost[r] = round(q[LOCAL_LOSS, last])
        # a burst after the last output time was not looked for
        found[r, 3] = course.now[BURST] if course.now[BURST] < np.inf else np.nan
        peak = np.argmax(q[POWER])
        found[r, 4], found[r, 5] = q[POWER, peak], times[peak]
        found[r, found.shape[1] - 1] = times[np.argmax(q[EMISSION_RATE])]
        level = 0
        for i in range(times.size):
            while level < levels.size and q[BATTERY_ENERGY, i] >= levels[level]:
                found[r, 6 + level] = times[i]
                level += 1
