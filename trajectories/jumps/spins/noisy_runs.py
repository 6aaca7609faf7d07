"""One run with single-spin noise, detuning, a protocol or any start, jump by jump."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.streams import QUANTUM_JUMPS, WORDS, fill_uniform, log_unit
from darkbattery.trajectories.jumps.spins.local_noise import (
    BATTERY,
    CHARGER,
    DOWN,
    EDGE,
    INNER,
    INNER_WITH_ARRAYS,
    LOW,
    SIZE,
    TWO_JB,
    TWO_JC,
    TWO_M,
    UP,
    WITHIN,
    Array,
    Roots,
    State,
    Z,
    battery_z,
    collective_jump,
    ensemble_jump,
    ladder_range,
    local_jump,
    settle,
    weight,
)
from darkbattery.trajectories.jumps.spins.nojump import (
    BATTERY_ONLY,
    BOTH,
    DEPHASING,
    EMISSION,
    PUMPING,
    Frame,
    Generator,
    battery_mean,
    begin_ladders,
    begin_rotated,
    brightness,
    eigenvectors,
    evolve_ladders,
    evolve_rotated,
    ladder_means,
    matrix_elements,
    means,
    slot_of,
    waiting_time,
)
from darkbattery.trajectories.jumps.spins.series import series_until
from darkbattery.trajectories.jumps.spins.stages import (
    ABSORBED,
    ABSORPTION_RATE,
    BATTERY_ENERGY,
    BURST,
    CHARGER_ENERGY,
    DRAWS,
    EMISSION_RATE,
    EMITTED,
    JUMPS,
    LOCAL_LOSS,
    N_ABSORBED,
    N_EMITTED,
    N_LOST,
    POWER,
    READ,
    TIME,
    Course,
    Draws,
    Plan,
)
from darkbattery.trajectories.propagate.realspins import LADDERS, SERIES
from darkbattery.trajectories.space.angular import known_eigenvector

PROCESSES = (
    "collective emission",
    "collective absorption",
    "battery dephasing",
    "battery emission",
    "battery pumping",
    "charger dephasing",
    "charger emission",
    "charger pumping",
    "battery measured",
    "charger measured",
)
"""What a jump of a record is; `measured` is a dephasing pulse of full strength."""
EXCITATIONS = np.array([-1, 1, 0, -1, 1, 0, -1, 1, 0, 0], dtype=np.int8)


@njit(inline="always")
def _refill(draws: Any, seed: Any, run: Any) -> None:
    fill_uniform(seed, QUANTUM_JUMPS, run, draws.cursor[1], draws.numbers)
    draws.cursor[0] = 0
    draws.cursor[1] += DRAWS // WORDS


@njit(inline="always")
def four_draws(draws: Any, seed: Any, run: Any) -> Any:
    """The next four random numbers."""
    if draws.cursor[0] == DRAWS:
        _refill(draws, seed, run)
    i = draws.cursor[0]
    draws.cursor[0] += 4
    return draws.numbers[i : i + 4]


@njit(cache=True, error_model="numpy")
def follow(
    seed: int,
    run: int,
    plan: Plan,
    times: Array,
    state: State,
    frame: Frame,
    draws: Draws,
    course: Course,
    jump_times: Array,
    processes: NDArray[np.int8],
) -> None:
    """Make one run and read it at all output times, into `course`.

    The record is written as far as its arrays reach; longer: call again with longer ones.
    """
    draws.cursor[0], draws.cursor[1] = DRAWS, 0
    for i in range(course.counts.size):
        course.counts[i] = 0
    course.now[TIME] = 0.0
    u = four_draws(draws, seed, run)
    draw_start(state, plan.cumulative, plan.log_ways, plan.two_j, u, plan.table)
    course.now[BURST] = np.inf if state.at[TWO_M] > 0 else 0.0
    for s in range(plan.end.size):
        if plan.pulse[s]:
            _pulse(seed, run, plan, s, state, draws, course, jump_times, processes)
        elif _stage(seed, run, plan, s, times, state, frame, draws, course, jump_times, processes):
            return


@njit(**INNER_WITH_ARRAYS)
def _stage(
    seed: int,
    run: int,
    plan: Plan,
    s: int,
    times: Array,
    state: State,
    frame: Frame,
    draws: Draws,
    course: Course,
    jump_times: Array,
    processes: NDArray[np.int8],
) -> bool:
    """Follow a stage to its end; True where the last output time was read before."""
    g, end, table = generator(plan, s), plan.end[s], plan.table
    now, counts = course.now, course.counts
    while True:
        u = four_draws(draws, seed, run)
        due, budget, slot = np.inf, u[0], 0
        if g.way != SERIES:
            if g.way == LADDERS:
                begin_ladders(g, state, frame, table)
            else:
                slot = slot_of(s, state, frame)
                if slot < 0:
                    slot = -1 - slot
                    eigenvectors(g, s, state, frame, slot, table)
                begin_rotated(state, frame, slot, table)
            due = now[TIME] + waiting_time(g, state, frame, u[0], -log_unit(u[1]))
        low, size, jumped = state.at[LOW], state.at[SIZE], False
        if g.way == LADDERS:
            until = min(due, end)
            while times[counts[READ]] < until:
                _read_ladders(g, state, frame, low, size, times, until, course, table)
                _read_populations(state, course, table)
                if counts[READ] == times.size:
                    return True
        while not jumped:
            stop = min(end, times[counts[READ]])
            if g.way == SERIES:
                passed, budget = series_until(g, state, frame, stop - now[TIME], budget, table)
                jumped = budget >= 1.0
                now[TIME] = now[TIME] + passed if jumped else stop
            else:
                jumped = due <= stop
                passed = min(due, stop) - now[TIME]
                if g.way == LADDERS:
                    evolve_ladders(state, frame, low, size, passed)
                else:
                    evolve_rotated(g, state, frame, slot, passed, table)
                now[TIME] = min(due, stop)
            if not jumped:
                if not stop < end:
                    return False
                _read(g, state, course, means(g, state, table))
                _read_populations(state, course, table)
                if counts[READ] == times.size:
                    return True
        process = _jump(g, state, u[2], u[3], table)
        if process >= 0:
            _note(process, state, course, jump_times, processes)


@njit(inline="always")
def generator(plan: Any, s: Any) -> Any:
    """What stage s does."""
    return Generator(
        plan.way[s],
        plan.coupled[s],
        plan.noise[s],
        plan.spins,
        plan.gamma,
        plan.nbar,
        plan.detuning[s],
        plan.turn[s],
    )


@njit(**WITHIN)
def _note(
    process: int, state: State, course: Course, jump_times: Array, processes: NDArray[np.int8]
) -> None:
    now, counts = course.now, course.counts
    if counts[JUMPS] < jump_times.size:
        jump_times[counts[JUMPS]] = now[TIME]
        processes[counts[JUMPS]] = process
    counts[JUMPS] += 1
    if process == 0:
        counts[N_EMITTED] += 1
    elif process == 1:
        counts[N_ABSORBED] += 1
    else:
        counts[N_LOST] -= EXCITATIONS[process]
    if state.at[TWO_M] <= 0 and now[BURST] == np.inf:
        now[BURST] = now[TIME]


@njit(**INNER)
def _jump(g: Generator, state: State, u: float, v: float, table: Roots) -> int:
    """Draw a process with u and its channel with v, and let it happen; -1 where none can."""
    noise = g.noise
    sharp = noise[1] == 0.0 and noise[2] == 0.0 and noise[4] == 0.0 and noise[5] == 0.0
    if g.coupled == BOTH:
        z = 0.0 if sharp else battery_mean(state, table)
        emission, absorption = brightness(g, state, table), 0.0
        if g.nbar > 0.0:
            absorption = g.gamma * g.nbar * (emission - 0.5 * state.at[TWO_M])
        emission = g.gamma * (g.nbar + 1.0) * (emission + 0.5 * state.at[TWO_M])
    else:
        z, _, emission, absorption = means(g, state, table)
    z_c = 0.5 * state.at[TWO_M] - z
    half_b, half_c = 0.5 * g.spins[0], 0.5 * g.spins[1]
    # in the order of PROCESSES; the rates of sum rules, without noise's coefficients
    totals = (
        emission,
        absorption,
        0.5 * half_b,
        half_b + z,
        half_b - z,
        0.5 * half_c,
        half_c + z_c,
        half_c - z_c,
    )
    total = emission + absorption
    for i in range(6):
        total += noise[i] * totals[i + 2]
    left, process = u * total, -1
    for i in range(8):
        rate = totals[i] if i < 2 else noise[i - 2] * totals[i]
        if rate > 0.0:
            process = i
            left -= rate
            if left < 0.0:
                break
    if process < 0:
        return -1
    if process < 2:
        happened = _photon(g, state, DOWN if process == 0 else UP, table)
    else:
        which = (process - 2) // 3
        kind = (process - 2) % 3
        q = Z if kind == DEPHASING else (DOWN if kind == EMISSION else UP)
        happened = local_jump(state, which, q, round(g.spins[which]), totals[process], v, table)
    return process if happened else -1


@njit(**INNER)
def _photon(g: Generator, state: State, q: int, table: Roots) -> bool:
    if g.coupled == BOTH:
        return collective_jump(state, q, table)
    return ensemble_jump(state, BATTERY if g.coupled == BATTERY_ONLY else CHARGER, q, table)


@njit(**WITHIN)
def _read_ladders(
    g: Generator,
    state: State,
    frame: Frame,
    low: int,
    size: int,
    times: Array,
    until: float,
    course: Course,
    table: Roots,
) -> None:
    """Under `LADDERS`: read at the output times before `until`, which a jump or the end closes.

    Between jumps the matrix elements are the same ones. The state stays where the frame was filled,
    but for the last time, and where all of it is asked for. Where its populations are, one time is
    read.
    """
    counts, whole = course.counts, course.amplitudes.size > 0 or course.populations.size > 0
    matrix_elements(state, low, size, table)
    reading = True
    while reading:
        dt = times[counts[READ]] - course.now[TIME]
        found = ladder_means(g, state, frame, size, dt)
        if whole or counts[READ] == times.size - 1:
            evolve_ladders(state, frame, low, size, dt)
        _read(g, state, course, found)
        more = counts[READ] < times.size and times[counts[READ]] < until
        reading = more and course.populations.size == 0


@njit(**INNER_WITH_ARRAYS)
def _read_populations(state: State, course: Course, table: Roots) -> None:
    """Those of the time that was read last, where asked for."""
    if course.populations.size:
        i = course.counts[READ] - 1
        course.lowest[i] = battery_populations(state, table, course.populations[i])


@njit(**WITHIN)
def _read(g: Generator, state: State, course: Course, found: Any) -> None:
    """Read the state, with these `means`, at the next output time."""
    i, q, at = course.counts[READ], course.quantities, state.at
    z, z_rate, emission, absorption = found
    half_b, half_c = 0.5 * g.spins[0], 0.5 * g.spins[1]
    local = g.noise[PUMPING] * (half_b - z) - g.noise[EMISSION] * (half_b + z)
    q[BATTERY_ENERGY, i] = (half_b + z) / g.spins[0]
    q[CHARGER_ENERGY, i] = (half_c + 0.5 * at[TWO_M] - z) / g.spins[1]
    q[POWER, i] = (z_rate + local) / g.spins[0]
    q[EMISSION_RATE, i] = emission
    q[ABSORPTION_RATE, i] = absorption
    q[EMITTED, i] = course.counts[N_EMITTED]
    q[ABSORBED, i] = course.counts[N_ABSORBED]
    q[LOCAL_LOSS, i] = course.counts[N_LOST]
    for k in range(at.size):
        course.at[i, k] = at[k]
    if course.amplitudes.size:
        for k in range(at[SIZE]):
            course.amplitudes[i, k] = state.c[EDGE + k]
    course.counts[READ] += 1


@njit(**INNER_WITH_ARRAYS)
def _pulse(
    seed: int,
    run: int,
    plan: Plan,
    s: int,
    state: State,
    draws: Draws,
    course: Course,
    jump_times: Array,
    processes: NDArray[np.int8],
) -> None:
    """Dephase each ensemble by its dose, in no time: so many jumps, or m_B found."""
    full = (plan.dose[s, 0] == np.inf, plan.dose[s, 1] == np.inf)
    for which in range(2):
        if full[which] or plan.dose[s, which] == 0.0:
            continue
        rate, passed = 0.25 * plan.spins[which], 0.0
        while True:
            u = four_draws(draws, seed, run)
            passed -= log_unit(u[0]) / rate
            if passed > plan.dose[s, which]:
                break
            spins = round(plan.spins[which])
            # as a variable: a literal would compile the kernel a second time
            if local_jump(state, which, np.int64(Z), spins, rate, u[1], plan.table):
                _note(2 + 3 * which, state, course, jump_times, processes)
    if full[0] or full[1]:
        u = four_draws(draws, seed, run)
        room = np.empty(state.c.size)
        dephase_fully(state, full, plan.log_ways, u, room, plan.table)
        for which in range(2):
            if full[which]:
                _note(8 + which, state, course, jump_times, processes)


# --- between |j_B, m_B>|j_C, m_C> and the coupled basis: starts, pulses, populations
#
# At fixed j_B, j_C and M the states |m_B, M - m_B> are the eigenvectors, over J, of the tridiagonal
# matrix of J_B^z, and the eigenvalues are known: one vector costs as much as it is long.


@njit(**INNER_WITH_ARRAYS)
def set_product(state: State, two_jb: int, two_jc: int, m_b: float, m_c: float, t: Roots) -> None:
    r"""Make :math:`|j_B,m_B\rangle|j_C,m_C\rangle` the state."""
    at = state.at
    at[TWO_JB], at[TWO_JC], at[TWO_M] = two_jb, two_jc, round(2.0 * (m_b + m_c))
    low, n = ladder_range(at, t)
    diagonal, across, vector = np.empty(n), np.empty(n + 1), np.empty(n)
    battery_z(at, t, low, diagonal, across)
    known_eigenvector(diagonal, across[1:], m_b, vector)
    out = state.scratch[0]
    norm = 0.0
    for k in range(n):
        out[EDGE + k] = vector[k]
        norm += vector[k] * vector[k]
    settle(state, low, n, out, norm)


@njit(**INNER_WITH_ARRAYS)
def battery_populations(state: State, t: Roots, p: Array) -> float:
    """p[r] = probability of lowest + r; returns the lowest :math:`m_B` of :math:`j_B, j_C, M`."""
    at, c = state.at, state.c
    low, n = ladder_range(at, t)
    lowest = max(-0.5 * at[TWO_JB], 0.5 * (at[TWO_M] - at[TWO_JC]))
    diagonal, across, vector = np.empty(n), np.empty(n + 1), np.empty(n)
    battery_z(at, t, low, diagonal, across)
    shift = at[LOW] - low
    p[:] = 0.0
    for r in range(n):
        known_eigenvector(diagonal, across[1:], lowest + r, vector)
        amplitude = 0.0 * c[0]
        for k in range(at[SIZE]):
            amplitude += vector[shift + k] * c[EDGE + k]
        p[r] = weight(amplitude)
    return lowest


@njit(cache=True, error_model="numpy")
def draw_irrep(log_ways: Array, two_m: int, u: float) -> int:
    r"""2j of spins of which each is up or down, m being known.

    Irreps :math:`j'\ge j` hold :math:`\binom{N}{N/2-j}` of the :math:`\binom{N}{N/2-m}` states, as
    :math:`d_j=\binom{N}{N/2-j}-\binom{N}{N/2-j-1}` (Arecchi et al., Phys. Rev. A 6, 2211 (1972)).

    Parameters
    ----------
    log_ways : ndarray (N + 1,)
        ln of the binomial coefficients.
    """
    spins = log_ways.size - 1
    low, high = 0, (spins - abs(two_m)) // 2
    aim = np.log(u) + log_ways[high]
    while low < high:
        middle = (low + high) // 2
        if log_ways[middle] >= aim:
            high = middle
        else:
            low = middle + 1
    return spins - 2 * low


@njit(**INNER_WITH_ARRAYS)
def draw_start(
    state: State, cumulative: Any, log_ways: Any, two_j: Any, u: Array, t: Roots
) -> None:
    """Draw :math:`(j_B,m_B)` and :math:`(j_C,m_C)` with four random numbers.

    `cumulative` (a pair) over the numbers of excitations; `two_j` -1 where j is to be drawn.
    """
    excited = np.searchsorted(cumulative[0], u[0])
    two_mb = 2 * excited - (cumulative[0].size - 1)
    two_jb = two_j[0] if two_j[0] >= 0 else draw_irrep(log_ways[0], two_mb, u[1])
    excited = np.searchsorted(cumulative[1], u[2])
    two_mc = 2 * excited - (cumulative[1].size - 1)
    two_jc = two_j[1] if two_j[1] >= 0 else draw_irrep(log_ways[1], two_mc, u[3])
    set_product(state, two_jb, two_jc, 0.5 * two_mb, 0.5 * two_mc, t)


@njit(**INNER_WITH_ARRAYS)
def dephase_fully(state: State, both: Any, log_ways: Any, u: Array, room: Array, t: Roots) -> None:
    """Leave every spin of battery, charger or both up or down: :math:`m_B` is found, j drawn anew.

    The end of infinitely many dephasing jumps: the three random numbers decide :math:`m_B`,
    :math:`j_B` and :math:`j_C`.
    """
    at = state.at
    lowest = battery_populations(state, t, room)
    left, r, last = u[0] * room.sum(), 0, room.size - 1
    while last > 0 and room[last] == 0.0:
        last -= 1
    while r < last and left >= room[r]:
        left -= room[r]
        r += 1
    m_b = lowest + r
    m_c = 0.5 * at[TWO_M] - m_b
    two_jb, two_jc = at[TWO_JB], at[TWO_JC]
    if both[BATTERY]:
        two_jb = draw_irrep(log_ways[0], round(2.0 * m_b), u[1])
    if both[CHARGER]:
        two_jc = draw_irrep(log_ways[1], round(2.0 * m_c), u[2])
    set_product(state, two_jb, two_jc, m_b, m_c, t)
