"""What single runs that were followed add to exact sums and histograms."""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nvmodel.peaks import PeakSums, add_peaks
from nvmodel.sums import FULL, add_row, add_value
from trajectories.conditional import BATTERY_Z
from trajectories.histograms import sort_ascending
from trajectories.recording import Path, Tables, follow, groups_of_runs
from trajectories.spreads import (
    EMITTED,
    ENERGY,
    ERGOTROPY,
    QUANTITIES,
    RECORDED,
    add_spread,
    conditional_spreads,
)
from trajectories.summaries import RunRows
from trajectories.walks import INNER, KERNEL

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


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
    peaks: PeakSums


def add_records(
    seed: Any,
    first: int,
    runs: int,
    taus: Array,
    gamma: float,
    q: Tables,
    coefficients: Array,
    sums: Sums,
    rows: RunRows | None,
) -> None:
    """Add the runs first ... first + runs - 1 to `sums`, and to `rows` where they are wanted.

    `coefficients` (rows, K, N_B + 1) are those of Clebsch and Gordan for M = J_t, J_t - 1, ...,
    of no rows where nobody asked for populations.
    """
    states = coefficients.size > 0 or sums.spread_total.size > 0
    for start, path in groups_of_runs(q, taus, first, runs, states):
        follow(seed, start, taus, q, path)
        n = path.burst.size
        if rows is not None:
            rows.add(start, path)
        sums.ladders[:] += np.bincount(path.drawn % q.damping.size, minlength=q.damping.size)
        _read_quantities(path, gamma, q)
        quantities = path.quantities
        if sums.peaks.last.size:
            add_peaks(quantities[3].reshape(n, taus.size), taus / gamma, sums.peaks)
        _add_means(
            quantities,
            sums.scale,
            sums.total,
            sums.low,
            sums.high,
            sums.clipped,
            path.burst,
            taus,
            sums.energy,
            sums.photons,
            sums.photon_width,
            sums.burst,
        )
        work = np.zeros(path.M.size)
        if coefficients.size:
            _add_populations(
                start, n, path.amplitudes, path.M, q.bonds.J, q.sign, coefficients, sums, work
            )
        if sums.spread_total.size:
            z = path.means[BATTERY_Z]
            _add_spreads(start, n, path.amplitudes, path.M, z, quantities, work, q, sums)


def _read_quantities(path: Path, gamma: float, q: Tables) -> None:
    """The rows of `records.SUMMED` that are no photon numbers, into ``path.quantities``."""
    z, z_rate, emission, absorption = path.means
    found = path.quantities
    np.multiply(z, 1.0 / q.n_battery, out=found[0])
    np.subtract(path.M, z, out=found[1])
    found[1] *= 1.0 / q.n_charger
    found[:2] += 0.5
    np.multiply(z_rate, gamma / q.n_battery, out=found[2])
    np.multiply(emission, gamma, out=found[3])
    np.multiply(absorption, gamma, out=found[4])


@njit(**KERNEL)
def _add_means(
    quantities: Array,
    scale: Array,
    total: Counts,
    low: Counts,
    high: Counts,
    clipped: Counts,
    burst: Array,
    taus: Array,
    energy: Counts,
    photons: Counts,
    photon_width: float,
    bursts: Counts,
) -> None:
    T = taus.size
    for r in range(burst.size):
        for o in range(quantities.shape[0]):
            row = quantities[o, r * T : r * T + T]
            clipped[o] += add_row(row, scale[o], total[o], low[o], high[o])
        add_to_histograms(
            quantities[0, r * T : r * T + T],
            quantities[5, r * T + T - 1],
            burst[r],
            taus,
            energy,
            photons,
            photon_width,
            bursts,
        )


@njit(**INNER)
def add_to_histograms(
    energies: Array,
    emitted: float,
    burst: float,
    taus: Array,
    energy: Counts,
    photons: Counts,
    photon_width: float,
    bursts: Counts,
) -> None:
    """Count one run: its energies (T,), its photons at the last time, and when its burst came."""
    T, bins = taus.size, energy.shape[1]
    for i in range(T):
        cell = int(energies[i] * bins)
        energy[i, min(max(cell, 0), bins - 1)] += 1
    cell = int(emitted / photon_width)
    photons[min(cell, photons.size - 1)] += 1
    if burst <= taus[T - 1]:
        i = 0
        while taus[i] < burst:
            i += 1
        bursts[i] += 1


@njit(**KERNEL)
def _add_populations(
    first: int,
    runs: int,
    c: Array,
    M: Array,
    J: Array,
    signs: Array,
    coefficients: Array,
    sums: Sums,
    work: Array,
) -> None:
    K, T = c.shape[0], c.shape[1] // runs
    size = coefficients.shape[2]
    amplitude, p = np.empty(size), np.empty(size)
    for i in range(c.shape[1]):
        row = int(J[K - 1] - M[i] + 0.5)
        sign = 1.0
        for m in range(size):
            amplitude[m] = 0.0
        for k in range(K):
            if k > 0:
                sign *= signs[k]
            for m in range(size):
                amplitude[m] += sign * c[k, i] * coefficients[row, k, m]
        for m in range(size):
            p[m] = amplitude[m] * amplitude[m]
        work[i] = add_ladder(first + i // T, i % T, p, sums)


@njit(**KERNEL)
def _add_spreads(
    first: int,
    runs: int,
    c: Array,
    M: Array,
    z: Array,
    quantities: Array,
    work: Array,
    q: Tables,
    sums: Sums,
) -> None:
    """Add the rows of `trajectories.spreads`."""
    T = M.size // runs
    whole, one = np.empty((QUANTITIES, M.size)), np.empty((QUANTITIES, T))
    conditional_spreads(c, M, z, q.bonds.J, q.diagonal, q.coupling, q.sign, q.n_battery, whole)
    for r in range(runs):
        for i in range(T):
            column = r * T + i
            for o in range(QUANTITIES):
                one[o, i] = whole[o, column]
            one[ENERGY, i], one[ERGOTROPY, i] = quantities[0, column], work[column]
            one[EMITTED, i], one[RECORDED, i] = quantities[5, column], quantities[5, column]
        add_spread_to(first + r, one, sums)


@njit(**INNER)
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


@njit(**INNER)
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
