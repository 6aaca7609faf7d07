"""Single runs with local noise, detuning, protocols or any start: added up, or one with it all."""

from collections.abc import Iterator

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.irreps import Irreps
from darkbattery.nvmodel.tally import Tally
from darkbattery.trajectories.jumps.counts.summaries import Batch, Told
from darkbattery.trajectories.jumps.counts.sums import Sums, add_populations, add_run
from darkbattery.trajectories.jumps.counts.tally import JumpStudy
from darkbattery.trajectories.jumps.spins.local_noise import (
    EDGE,
    LOW,
    SIZE,
    TWO_JB,
    Array,
    State,
    weight,
)
from darkbattery.trajectories.jumps.spins.noisy_runs import follow, four_draws
from darkbattery.trajectories.jumps.spins.nojump import Frame
from darkbattery.trajectories.jumps.spins.stages import (
    ABSORBED,
    BATTERY_ENERGY,
    BURST,
    EMISSION_RATE,
    EMITTED,
    JUMPS,
    LOCAL_LOSS,
    POWER,
    QUANTITIES,
    Course,
    Draws,
    Plan,
    empty_course,
    empty_draws,
    empty_frame_of,
    empty_state_of,
    plan,
)
from darkbattery.trajectories.reading.conditional import GROUP_NUMBERS, MOST_GROUP

Counts = NDArray[np.int64]

ROOM = 1024  # jumps of a run


def count_noisy_runs(study: JumpStudy, first: int, runs: int, rows: Told | None = None) -> Tally:
    """Make runs first ... first + runs - 1 and add them up, and to `rows` if given."""
    battery, times, steps = study.battery, study.times, plan(study.battery)
    counts = study.no_runs_yet()
    sums, offsets = study.sums_into(counts), Irreps.all_of(battery.n_battery).offsets
    room = (
        empty_state_of(battery),
        empty_frame_of(battery, steps),
        empty_draws(),
        empty_course(battery, times.size, amplitudes=False, populations=study.needs_populations),
    )
    most = max(1, min(runs, MOST_GROUP, GROUP_NUMBERS // (QUANTITIES * times.size)))
    for start in range(first, first + runs, most):
        n = min(most, first + runs - start)
        batch = np.empty((QUANTITIES, n * times.size)), np.empty(n), np.empty(n, dtype=np.int64)
        add_noisy_runs(np.uint64(study.seed), start, steps, times, *room, offsets, sums, *batch)
        if rows is not None:
            _add_rows(start, *batch, study.J, rows)
    return study.tally(first, runs, counts)


def whole_runs(
    battery: Experiment, times: Array, seed: int, first: int, runs: int, states: bool
) -> Iterator[tuple[Course, Array, NDArray[np.int8]]]:
    """The runs first ... first + runs - 1 in one room: course, and when and what each jump was.

    With amplitudes and populations if `states`.
    """
    steps = plan(battery)
    course = empty_course(battery, times.size, amplitudes=states, populations=states)
    room = empty_state_of(battery), empty_frame_of(battery, steps), empty_draws(), course
    when, processes = np.empty(ROOM), np.empty(ROOM, dtype=np.int8)
    for run in range(first, first + runs):
        of_run = np.uint64(seed), run, steps, times
        follow(*of_run, *room, when, processes)
        jumps = int(course.counts[JUMPS])
        if jumps > when.size:  # a longer record is made again with room for it
            when, processes = np.empty(2 * jumps), np.empty(2 * jumps, dtype=np.int8)
            follow(*of_run, *room, when, processes)
        yield course, when[:jumps], processes[:jumps]


def _add_rows(start: int, read: Array, burst: Array, ladders: Counts, J: Array, r: Told) -> None:
    """Add the runs start, start + 1, ... that were read; J is NaN where it is not conserved."""
    photons, T = (read[EMITTED], read[ABSORBED]), read.shape[1] // burst.size
    lost = read[LOCAL_LOSS, T - 1 :: T].astype(np.int64)
    of_runs = J[ladders] if J.size else np.full(burst.size, np.nan)
    light = read[BATTERY_ENERGY], read[POWER], read[EMISSION_RATE]
    r.add(Batch(start, *light, photons, burst, of_runs, lost))


@njit(cache=True, error_model="numpy")
def add_noisy_runs(
    seed: int,
    first: int,
    steps: Plan,
    times: Array,
    state: State,
    frame: Frame,
    draws: Draws,
    course: Course,
    offsets: Counts,
    sums: Sums,
    read: Array,
    burst: Array,
    ladders: Counts,
) -> None:
    """Make the runs from `first` on that `burst` has room for, add them, and keep what was read.

    Parameters
    ----------
    offsets : ndarray
        Of the battery's `Irreps`.
    read : ndarray (QUANTITIES, runs T)
    burst : ndarray (runs,)
    ladders : ndarray of int64 (runs,)
        Numbers of the ladders, from the lowest J on, where J is conserved.
    """
    no_times, no_processes, T = np.empty(0), np.empty(0, dtype=np.int8), times.size
    for r in range(burst.size):
        run = first + r
        follow(seed, run, steps, times, state, frame, draws, course, no_times, no_processes)
        for o in range(read.shape[0]):
            for i in range(T):
                read[o, r * T + i] = course.quantities[o, i]
        burst[r] = course.now[BURST]
        add_run(course.quantities, 0, burst[r], times, times, sums)
        if sums.ladders.size:
            ladders[r] = ladder_drawn(seed, run, state, draws)
            sums.ladders[ladders[r]] += 1
        if course.populations.size:
            _add_populations(run, steps, course, offsets, sums)


@njit(error_model="numpy")
def ladder_drawn(seed: int, run: int, state: State, draws: Draws) -> int:
    """The ladder that a run is found on, by its number from the lowest J on."""
    u = four_draws(draws, seed, run)[0]
    k = 0
    while k < state.at[SIZE] - 1 and u >= weight(state.c[EDGE + k]):
        u -= weight(state.c[EDGE + k])
        k += 1
    return int(state.at[LOW] + k)


@njit(error_model="numpy")
def _add_populations(run: int, steps: Plan, course: Course, offsets: Counts, sums: Sums) -> None:
    spins = round(steps.spins[0])
    for i in range(course.populations.shape[0]):
        p, two_j = course.populations[i], course.at[i, TWO_JB]
        bottom = round(course.lowest[i] + 0.5 * two_j)  # of what is possible, in the ladder
        first = offsets[(spins - two_j) // 2] + bottom
        levels = min(p.size, two_j + 1 - bottom)
        add_populations(run, i, p, first, bottom, levels, spins, sums)
