"""What is read of runs with a diffusive record, and added up: energies, and the battery's matrix.

Of :math:`V_{nn'}` (`trajectories.jumps.diffusive.diffusion`) energies take the diagonal, for they
conserve n. The battery's state has coherences: with amplitudes :math:`\\varphi_n(b)` over its
excitations b, while the charger has :math:`N_C-n-b`,

.. math:: \\rho_{b,b+d}=\\sum_nV_{n,n-d}\\,\\varphi_n(b)\\,\\varphi_{n-d}(b+d).
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.kernelcache import KERNEL
from darkbattery.nvmodel.tally import FULL, add_value
from darkbattery.trajectories.jumps.counts.sums import (
    ERGOTROPY,
    QUANTITIES,
    StateSums,
    Sums,
    add_run,
    add_spread,
    add_state,
    bits,
    sort_ascending,
)
from darkbattery.trajectories.reading.hermitian import eigenvalues

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

EMITTED_PHOTONS = 5  # row of the quantities


class Tables(NamedTuple):
    """`LadderReadings` and the model's numbers, as kernels take them."""

    z: Array
    z_rate: Array
    emission: Array
    variance: Array
    amplitude: Array
    M: Array
    n_battery: int
    n_charger: int
    gamma: float


@njit(**KERNEL)
def battery_matrix(bands: Any, amplitude: Array, rho: Any) -> None:
    """rho (N_B + 1, N_B + 1) from the bands (d, N + 1) and amplitudes (N + 1, N_B + 1)."""
    size, photons = rho.shape[0], bands.shape[1]
    for d in range(size):
        for b in range(size - d):
            found = 0.0 * bands[0, 0]
            for n in range(d, photons):
                found += bands[d, n] * amplitude[n, b] * amplitude[n - d, b + d]
            rho[b, b + d] = found
            rho[b + d, b] = np.conj(found)


@njit(**KERNEL)
def read_runs(bands: Any, q: Tables, quantities: Array, variance: Array) -> None:
    """Rows of `derived.LINEAR` and the quantum variance of runs side by side, (.., runs T)."""
    runs, T, photons = bands.shape[0], bands.shape[1], bands.shape[3]
    for run in range(runs):
        for i in range(T):
            z, z_rate, emission, mean = 0.0, 0.0, 0.0, 0.0
            for n in range(photons):
                w = bands[run, i, 0, n].real
                z += w * q.z[n, i]
                z_rate += w * q.z_rate[n, i]
                emission += w * q.emission[n, i]
                mean += w * n
            square = 0.0
            for n in range(photons):
                apart = (q.z[n, i] - z) / q.n_battery
                square += bands[run, i, 0, n].real * (q.variance[n, i] + apart * apart)
            column = run * T + i
            variance[column] = square
            quantities[0, column] = 0.5 + z / q.n_battery
            quantities[1, column] = 0.5 + (q.M[0] - mean - z) / q.n_charger
            quantities[2, column] = q.gamma * z_rate / q.n_battery
            quantities[3, column] = q.gamma * emission
            quantities[4, column] = 0.0
            quantities[EMITTED_PHOTONS, column] = mean
            quantities[6, column] = 0.0


@njit(**KERNEL)
def read_batteries(bands: Any, q: Tables, populations: Array, known: Array) -> None:
    """Populations (runs T, N_B + 1); `known` (3, runs T): purity, entropy in bits, ergotropy."""
    size, T = q.n_battery + 1, bands.shape[1]
    rho = np.zeros((size, size), bands.dtype)
    found, room = np.zeros(size), np.zeros(size)
    for run in range(bands.shape[0]):
        for i in range(T):
            battery_matrix(bands[run, i], q.amplitude[i], rho)
            column, energy = run * T + i, 0.0
            for b in range(size):
                populations[column, b] = rho[b, b].real
                energy += b * rho[b, b].real
            eigenvalues(rho, found, room)
            sort_ascending(found)
            purity, entropy = 0.0, 0.0
            for k in range(size):
                p = found[size - 1 - k]
                energy -= k * p
                purity += p * p
                entropy += bits(p)
            known[0, column], known[1, column] = purity, entropy
            known[2, column] = energy / q.n_battery


@njit(**KERNEL)
def add_runs(
    first: int,
    quantities: Array,
    spread: Array,
    populations: Array,
    known: Array,
    burst: Array,
    recorded: Counts,
    times: Array,
    sums: Sums,
    states: StateSums,
) -> None:
    """Add the runs first, first + 1, ..., read in columns of T times each.

    Parameters
    ----------
    spread : ndarray (QUANTITIES, runs T)
        What variances are made of; their row of ergotropies is that of `known`.
    recorded : ndarray of int64 (runs,)
        Photons that the detector saw until the last time.
    """
    T, of_run, last = times.size, np.zeros((QUANTITIES, times.size)), sums.scale.size - 1
    wanted = populations.shape[0] > 0
    for place in range(burst.size):
        begin, run = place * T, first + place
        add_run(quantities, begin, burst[place], times, times, sums)
        if sums.recorded.size:
            cell = int(recorded[place] / sums.photon_width)
            sums.recorded[min(cell, sums.recorded.size - 1)] += 1
        group = run % sums.populations.shape[0]
        for i in range(T):
            column = begin + i
            for o in range(QUANTITIES):
                of_run[o, i] = spread[o, column]
            if wanted:
                for b in range(populations.shape[1]):
                    sums.populations[group, i, b] += np.int64(
                        np.rint(populations[column, b] * FULL)
                    )
                work = known[2, column]
                of_run[ERGOTROPY, i] = work
                add_value(work, sums.scale[last], sums.total, sums.low, sums.high, (last, i))
                if states.total.shape[2]:
                    add_state(group, i, known[0, column], known[1, column], states)
        if sums.spread_total.shape[2]:
            add_spread(run, of_run, sums)
