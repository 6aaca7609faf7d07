"""The kernels that follow records and add up what they say; see `trajectories.records`."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nvmodel.battery import CollectiveBattery
from nvmodel.sums import FULL, add_row, add_value
from trajectories.bonds import (
    Bonds,
    Trail,
    add_ways,
    follow_crossings,
    follow_piece,
    new_trail,
    read_trail,
)
from trajectories.conditional import Unravelling, expectations, normalise_amplitudes
from trajectories.histograms import sort_ascending
from trajectories.jump_groups import Groups, made_in_groups, new_groups, walk_in_groups
from trajectories.spreads import (
    EMITTED,
    ENERGY,
    ERGOTROPY,
    QUANTITIES,
    RECORDED,
    add_spread,
    conditional_spreads,
)
from trajectories.walks import (
    ENDED,
    PIECE,
    Walker,
    interval_table,
    new_walker,
    photon_numbers,
    photon_times,
    start_walk,
    walk,
)

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


class Tables(NamedTuple):
    """`Unravelling` and the model's numbers, as a kernel takes them."""

    n_battery: float
    n_charger: float
    nbar: float
    cumulative: Array
    bonds: Bonds
    rate: Array
    fall: Array
    damping: Array
    diagonal: Array
    coupling: Array
    sign: Array
    in_groups: bool


def kernel_tables(tables: Unravelling, battery: CollectiveBattery) -> Tables:
    """The tables of a battery in a kernel's form."""
    basis = tables.basis
    return Tables(
        float(battery.n_battery),
        float(battery.n_charger),
        tables.nbar,
        tables.cumulative,
        tables.bonds,
        *tables.walk,
        tables.damping,
        basis.diagonal,
        basis.coupling,
        tables.relative_sign,
        made_in_groups(battery),
    )


class Sums(NamedTuple):
    """What a kernel adds to; see `RecordTally`."""

    scale: Array
    total: Counts
    low: Counts
    high: Counts
    clipped: Counts
    energy: Counts
    photons: Counts
    photon_width: float
    burst: Counts
    ladders: Counts
    populations: Counts
    spread_scale: Array
    spread_total: Counts
    spread_low: Counts
    spread_high: Counts
    spread_clipped: Counts
    recorded: Counts


class Path(NamedTuple):
    """Room for one run: how it is made and followed, and what is read at the output times."""

    M: Array
    emitted: Array
    absorbed: Array
    logs: Array
    amplitudes: Array
    work: Array
    means: Array
    numbers: Counts
    table: Counts
    walker: Walker
    trail: Trail
    groups: Groups


def room_for_path(n_ladders: int, taus: Array) -> Path:
    """Arrays for K ladders and output times gamma t."""
    K, T = n_ladders, taus.size
    return Path(
        M=np.empty(T),
        emitted=np.empty(T),
        absorbed=np.empty(T),
        logs=np.empty((K, T)),
        amplitudes=np.empty((K, T)),
        work=np.empty((2, T)),
        means=np.empty((4, T)),
        numbers=np.empty(T, dtype=np.int64),
        table=interval_table(taus),
        walker=new_walker(),
        trail=new_trail(K, T, PIECE),
        groups=new_groups(),
    )


@njit(cache=True, error_model="numpy")
def follow(
    seed: int,
    run: int,
    taus: Array,
    q: Tables,
    bonds: Bonds,
    path: Path,
    walker: Walker,
    trail: Trail,
) -> tuple[float, int]:
    """Make one run and read it at all output times, into `path`.

    `bonds` is q's and `walker` and `trail` are path's: taken out once for many runs, because each
    use of a tuple in a tuple counts a reference to every array in it.

    Returns when the total J^z first was <= 0, infinity if it was not before the last time, and the
    index of start and ladder.
    """
    M, logs, J, amplitudes = path.M, path.logs, bonds.J, path.amplitudes
    if q.in_groups:
        burst, drawn = _follow_groups(seed, run, taus, q, bonds, path, trail)
    elif q.nbar > 0.0:
        burst, drawn = _follow_walk(seed, run, taus, q, bonds, path, walker, trail)
    else:
        burst, drawn = _follow_decay(seed, run, taus, q, bonds, path, walker)
    damping, diagonal, coupling, sign = q.damping, q.diagonal, q.coupling, q.sign
    work, means = path.work, path.means
    normalise_amplitudes(logs, damping, taus, amplitudes, work)
    expectations(amplitudes, M, J, diagonal, coupling, sign, q.nbar, means)
    return burst, drawn


@njit(error_model="numpy")
def _follow_decay(
    seed: int, run: int, taus: Array, q: Tables, bonds: Bonds, path: Path, walker: Walker
) -> tuple[float, int]:
    M, emitted, absorbed, numbers = path.M, path.emitted, path.absorbed, path.numbers
    m_start = bonds.m_starts[0]
    ladder, burst = photon_numbers(
        seed,
        run,
        q.cumulative,
        bonds.J,
        m_start,
        taus,
        int(np.ceil(m_start)),
        walker.words,
        walker.waits,
        numbers,
    )
    for i in range(taus.size):
        emitted[i], absorbed[i], M[i] = numbers[i], 0.0, m_start - numbers[i]
    add_ways(bonds, 0, M, path.logs)
    return burst, ladder


@njit(inline="always")
def _follow_walk(
    seed: int,
    run: int,
    taus: Array,
    q: Tables,
    bonds: Bonds,
    path: Path,
    walker: Walker,
    trail: Trail,
) -> tuple[float, int]:
    jump_taus, directions, ended = walker.jump_taus, walker.directions, walker.place
    M, emitted, absorbed, logs, table = path.M, path.emitted, path.absorbed, path.logs, path.table
    place, now, rate, fall, J = trail.place, trail.now, q.rate, q.fall, bonds.J
    burst, m_starts, log_start, last = trail.burst, bonds.m_starts, bonds.log_start, taus[-1]
    all_tabled = bonds.single.shape[0] == bonds.rows

    drawn = start_walk(seed, run, q.cumulative, J, m_starts, walker)
    start = drawn // J.size
    place[0], place[1], place[2] = 0, 0, 0
    burst[0] = np.inf if m_starts[start] > 0.0 else 0.0
    for k in range(J.size):
        now[k] = log_start[start, k]
    while ended[ENDED] == 0:
        jumps = walk(seed, run, J, q.nbar, rate, fall, last, walker)
        if all_tabled:
            follow_crossings(
                jump_taus,
                directions,
                jumps,
                ended[ENDED] == 1,
                taus,
                bonds,
                start,
                place,
                burst,
                now,
                M,
                emitted,
                absorbed,
                logs,
            )
        else:
            follow_piece(jump_taus, directions, jumps, taus, table, bonds, start, trail)
    if not all_tabled:
        read_trail(bonds, start, trail, M, emitted, absorbed, logs)
    return burst[0], drawn


@njit(error_model="numpy")
def _follow_groups(
    seed: int, run: int, taus: Array, q: Tables, bonds: Bonds, path: Path, trail: Trail
) -> tuple[float, int]:
    drawn = walk_in_groups(
        seed,
        run,
        taus,
        q.cumulative,
        q.nbar,
        q.rate,
        q.fall,
        path.table,
        bonds,
        path.groups,
        trail,
    )
    start = drawn // bonds.J.size
    burst = read_trail(bonds, start, trail, path.M, path.emitted, path.absorbed, path.logs)
    return burst, drawn


def whole_record(seed: Any, run: int, q: Tables, tau_last: float) -> tuple[Array, NDArray[np.int8]]:
    """All jumps of one run until tau_last: when, and -1 for a photon emitted, +1 absorbed."""
    J, m_starts = q.bonds.J, q.bonds.m_starts
    if q.nbar == 0.0:
        _, taus = photon_times(seed, run, q.cumulative, J, m_starts[0], tau_last)
        return taus, np.full(taus.size, -1, dtype=np.int8)
    walker = new_walker()
    start_walk(seed, run, q.cumulative, J, m_starts, walker)
    pieces = []
    while walker.place[ENDED] == 0:
        jumps = walk(seed, run, J, q.nbar, q.rate, q.fall, tau_last, walker)
        pieces.append((walker.jump_taus[:jumps].copy(), walker.directions[:jumps].copy()))
    return np.concatenate([p[0] for p in pieces]), np.concatenate([p[1] for p in pieces])


@njit(cache=True, error_model="numpy")
def add_records(
    seed: int,
    first: int,
    runs: int,
    taus: Array,
    gamma: float,
    q: Tables,
    coefficients: Array,
    path: Path,
    sums: Sums,
) -> None:
    """Add the runs first ... first + runs - 1 to `sums`."""
    K, T = q.damping.size, taus.size
    quantities, spread = np.empty((7, T)), np.zeros((QUANTITIES, T))
    scale, total, low, high, clipped = sums.scale, sums.total, sums.low, sums.high, sums.clipped
    bonds, walker, trail, ladders = q.bonds, path.walker, path.trail, sums.ladders
    M, means, emitted, absorbed = path.M, path.means, path.emitted, path.absorbed
    for run in range(first, first + runs):
        burst, drawn = follow(seed, run, taus, q, bonds, path, walker, trail)
        ladders[drawn % K] += 1
        for i in range(T):
            quantities[0, i] = 0.5 + means[0, i] / q.n_battery
            quantities[1, i] = 0.5 + (M[i] - means[0, i]) / q.n_charger
            quantities[2, i] = gamma * means[1, i] / q.n_battery
            quantities[3, i] = gamma * means[2, i]
            quantities[4, i] = gamma * means[3, i]
            quantities[5, i] = emitted[i]
            quantities[6, i] = absorbed[i]
        for o in range(7):
            clipped[o] += add_row(quantities[o], scale[o], total[o], low[o], high[o])
        add_to_histograms(quantities, burst, taus, sums)
        if coefficients.size:
            _add_populations(run, path.amplitudes, path.M, q, coefficients, sums, spread[ERGOTROPY])
        if sums.spread_total.size:
            conditional_spreads(
                path.amplitudes,
                path.M,
                means[0],
                q.bonds.J,
                q.diagonal,
                q.coupling,
                q.sign,
                q.n_battery,
                spread,
            )
            spread[ENERGY] = quantities[0]
            spread[EMITTED] = quantities[5]
            spread[RECORDED] = quantities[5]
            add_spread_to(run, spread, sums)


@njit(error_model="numpy")
def add_to_histograms(quantities: Array, burst: float, taus: Array, sums: Any) -> None:
    """Count one run, given by the rows of `records.SUMMED`, in the histograms of any tally."""
    T, energy = taus.size, sums.energy
    bins = energy.shape[1]
    for i in range(T):
        cell = int(quantities[0, i] * bins)
        energy[i, min(max(cell, 0), bins - 1)] += 1
    cell = int(quantities[5, T - 1] / sums.photon_width)
    sums.photons[min(cell, sums.photons.size - 1)] += 1
    if burst <= taus[T - 1]:
        i = 0
        while taus[i] < burst:
            i += 1
        sums.burst[i] += 1


@njit(error_model="numpy")
def _add_populations(
    run: int, c: Array, M: Array, q: Tables, coefficients: Array, sums: Sums, work: Array
) -> None:
    K, T = c.shape
    size = coefficients.shape[2]
    amplitude, p = np.empty(size), np.empty(size)
    for i in range(T):
        row = round(q.bonds.J[K - 1] - M[i])
        sign = 1.0
        for m in range(size):
            amplitude[m] = 0.0
        for k in range(K):
            if k > 0:
                sign *= q.sign[k]
            for m in range(size):
                amplitude[m] += sign * c[k, i] * coefficients[row, k, m]
        for m in range(size):
            p[m] = amplitude[m] * amplitude[m]
        work[i] = add_ladder(run, i, p, sums)


@njit(error_model="numpy")
def add_ladder(run: int, i: int, p: Array, sums: Sums) -> float:
    """Add conditional populations p (N_B + 1,) at time i, sort them; returns their ergotropy."""
    size = p.size
    group = run % sums.populations.shape[0]
    energy = 0.0
    for m in range(size):
        energy += p[m] * m
        sums.populations[group, i, m] += np.int64(np.rint(p[m] * FULL))
    sort_ascending(p)
    for m in range(size):
        energy -= p[size - 1 - m] * m
    work = energy / (size - 1)
    add_value(work, sums.scale[7], sums.total, sums.low, sums.high, (7, i))
    return work


@njit(error_model="numpy")
def add_spread_to(run: int, spread: Array, sums: Sums) -> None:
    """Add the rows of `trajectories.spreads` of one run."""
    add_spread(
        run,
        spread,
        sums.spread_scale,
        sums.spread_total,
        sums.spread_low,
        sums.spread_high,
        sums.spread_clipped,
    )
