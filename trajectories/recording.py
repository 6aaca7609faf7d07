"""The kernels that follow records and add up what they say; see `trajectories.records`."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nvmodel.battery import CollectiveBattery
from nvmodel.sums import FULL, add_row, add_value
from trajectories.conditional import (
    Unravelling,
    expectations,
    normalise_amplitudes,
    trace_record,
)
from trajectories.histograms import sort_ascending
from trajectories.spreads import (
    EMITTED,
    ENERGY,
    ERGOTROPY,
    QUANTITIES,
    RECORDED,
    add_spread,
    conditional_spreads,
)
from trajectories.walks import walk

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


class Tables(NamedTuple):
    """`Unravelling` and the model's numbers, as a kernel takes them."""

    n_battery: float
    n_charger: float
    nbar: float
    cumulative: Array
    m_starts: Array
    rate: Array
    fall: Array
    log_start: Array
    log_bond: Array
    damping: Array
    J: Array
    diagonal: Array
    coupling: Array
    sign: Array


def kernel_tables(tables: Unravelling, battery: CollectiveBattery) -> Tables:
    """The tables of a battery in a kernel's form."""
    basis = tables.basis
    return Tables(
        float(battery.n_battery),
        float(battery.n_charger),
        tables.nbar,
        tables.cumulative,
        tables.m_starts,
        tables.rate,
        tables.fall,
        tables.log_start,
        tables.log_bond,
        tables.damping,
        basis.J,
        basis.diagonal,
        basis.coupling,
        tables.relative_sign,
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
    """Room for one record: its jumps, and what is read at the output times."""

    M: Array
    emitted: Array
    absorbed: Array
    logs: Array
    amplitudes: Array
    work: Array
    means: Array


def room_for_path(n_ladders: int, n_times: int) -> Path:
    """Arrays for K ladders and T output times."""
    K, T = n_ladders, n_times
    return Path(
        M=np.empty(T),
        emitted=np.empty(T),
        absorbed=np.empty(T),
        logs=np.empty((K, T)),
        amplitudes=np.empty((K, T)),
        work=np.empty((2, T)),
        means=np.empty((4, T)),
    )


@njit(cache=True, error_model="numpy")
def follow(
    seed: int,
    run: int,
    q: Tables,
    taus: Array,
    jump_taus: Array,
    directions: NDArray[np.int8],
    path: Path,
) -> tuple[Array, NDArray[np.int8], int, int]:
    """Make one run and read it at all output times, into `path`.

    Returns the arrays of jumps (longer ones where those given were too short), how many jumps there
    are, and the index of start and ladder.
    """
    last = taus[taus.size - 1]
    jumps, drawn = walk(
        seed, run, q.cumulative, q.J, q.m_starts, q.rate, q.fall, last, jump_taus, directions
    )
    if jumps > jump_taus.size:
        jump_taus, directions = np.empty(2 * jumps), np.empty(2 * jumps, dtype=np.int8)
        jumps, drawn = walk(
            seed, run, q.cumulative, q.J, q.m_starts, q.rate, q.fall, last, jump_taus, directions
        )
    start = drawn // q.J.size
    trace_record(
        jump_taus,
        directions,
        jumps,
        taus,
        q.m_starts[start],
        q.log_start[start],
        q.log_bond,
        q.J[q.J.size - 1],
        path.M,
        path.emitted,
        path.absorbed,
        path.logs,
    )
    normalise_amplitudes(path.logs, q.damping, taus, path.amplitudes, path.work)
    expectations(path.amplitudes, path.M, q.J, q.diagonal, q.coupling, q.sign, q.nbar, path.means)
    return jump_taus, directions, jumps, drawn


@njit(cache=True, error_model="numpy")
def burst_tau(m_start: float, jump_taus: Array, directions: NDArray[np.int8], jumps: int) -> float:
    """When the total J^z of a record first is <= 0; infinity if it never is."""
    m, j = m_start, 0
    while m > 0.0 and j < jumps:
        m += directions[j]
        j += 1
    if m > 0.0:
        return np.inf
    return 0.0 if j == 0 else jump_taus[j - 1]


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
    K, T = q.J.size, taus.size
    jump_taus, directions = np.empty(1024), np.empty(1024, dtype=np.int8)
    quantities, spread = np.empty((7, T)), np.zeros((QUANTITIES, T))
    for run in range(first, first + runs):
        jump_taus, directions, jumps, drawn = follow(
            seed, run, q, taus, jump_taus, directions, path
        )
        sums.ladders[drawn % K] += 1
        for i in range(T):
            quantities[0, i] = 0.5 + path.means[0, i] / q.n_battery
            quantities[1, i] = 0.5 + (path.M[i] - path.means[0, i]) / q.n_charger
            quantities[2, i] = gamma * path.means[1, i] / q.n_battery
            quantities[3, i] = gamma * path.means[2, i]
            quantities[4, i] = gamma * path.means[3, i]
            quantities[5, i] = path.emitted[i]
            quantities[6, i] = path.absorbed[i]
        for o in range(7):
            sums.clipped[o] += add_row(
                quantities[o], sums.scale[o], sums.total[o], sums.low[o], sums.high[o]
            )
        burst = burst_tau(q.m_starts[drawn // K], jump_taus, directions, jumps)
        add_to_histograms(quantities, burst, taus, sums)
        if coefficients.size:
            _add_populations(run, path.amplitudes, path.M, q, coefficients, sums, spread[ERGOTROPY])
        if sums.spread_total.size:
            conditional_spreads(
                path.amplitudes,
                path.M,
                path.means[0],
                q.J,
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
    T = taus.size
    bins = sums.energy.shape[1]
    for i in range(T):
        cell = int(quantities[0, i] * bins)
        sums.energy[i, min(max(cell, 0), bins - 1)] += 1
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
        row = round(q.J[K - 1] - M[i])
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
