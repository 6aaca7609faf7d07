r"""What a jump record says: the conditional state, and what is read from it.

After a record with given jumps the state is pure, at one M, with amplitudes over the ladders

.. math:: c_J\propto c_J(0)\,\prod_{\text{jumps}}a_J(\text{bond})\;
          e^{-\gamma(2\bar n+1)J(J+1)t/2},

a product over the crossed bonds :math:`M\leftrightarrow M-1`: jump times enter through t alone. At
:math:`T=0` that is a function of (M, t), so that every block of M of the average state is pure.

Amplitudes are kept as logarithms relative to the highest ladder, which every record allows.
All arrays run over output times in their last axis, which the inner loops follow.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.kernelcache import KERNEL
from darkbattery.nvmodel.streams import exp_bounded
from darkbattery.trajectories.reading.bonds import FORBIDDEN, Bonds, bonds_of
from darkbattery.trajectories.space.angular import (
    CoupledBasis,
    basis_of,
    lowering_squared,
    rates_from_sums,
    starts,
)

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Occupied = NDArray[np.bool_]

GROUP_NUMBERS = 1 << 16  # that are read at once: half a MB
MOST_GROUP = 128  # runs followed at once
NOTHING = -40.0  # logarithm of an amplitude whose weight of 1e-35 counts for nothing
BATTERY_Z, BATTERY_Z_RATE, EMISSION, ABSORPTION = range(4)


@dataclass(frozen=True, eq=False)
class Unravelling:
    r"""All a record is read with, in units of :math:`\gamma`; see `CoupledBasis` for J, g and f.

    Attributes
    ----------
    basis : CoupledBasis
    nbar : float
    cumulative : ndarray (starts * K,)
        Cumulative probability of start and ladder.
    m_starts : ndarray (starts,)
    log_start : ndarray (starts, K)
        Logarithms of the starts' amplitudes.
    relative_sign : ndarray (K,)
        Sign of the amplitude times that of the ladder below; it never changes.
    damping : ndarray (K,)
        :math:`(2\bar n+1)[J(J+1)-J_0(J_0+1)]/2`.
    """

    basis: CoupledBasis
    nbar: float
    cumulative: Array
    m_starts: Array
    log_start: Array
    relative_sign: Array
    damping: Array

    @cached_property
    def bonds(self) -> Bonds:
        """What the logarithms of amplitudes after a record are made of."""
        return bonds_of(self.basis, self.m_starts, self.log_start, rising=self.nbar > 0.0)

    def log_amplitudes(self, rows: int) -> Array:
        r""":math:`T=0`: :math:`\ln|c_J|` after 0, 1, ... rows - 1 photons, (rows, K), undamped."""
        logs = np.zeros((rows, self.basis.n_ladders))
        top = round(self.basis.J[-1] - self.basis.m_start)
        bonds = self.log_bond[top : top + rows - 1]
        logs[0], logs[1 : len(bonds) + 1] = self.log_start[0], bonds
        return np.cumsum(logs, axis=0)

    @cached_property
    def log_bond(self) -> Array:
        r""":math:`\ln[a_J(M)/a_{J'}(M)]` for falling M, :math:`J'` the highest J, (rows, K)."""
        J = self.basis.J
        M = J[-1] - np.arange(round(2 * J[-1]) + 1)
        squares = lowering_squared(J, M[:, None])
        with np.errstate(divide="ignore", invalid="ignore"):
            log_bond = 0.5 * np.log(squares / squares[:, -1:])
        log_bond[~(squares > 0.0)] = FORBIDDEN
        return np.asarray(log_bond)


@lru_cache(maxsize=2)
def unravelling(battery: Experiment) -> Unravelling:
    """Prepare the tables for a battery; the last ones are remembered for its next block of runs."""
    basis = basis_of(battery.n_battery, battery.n_charger)
    mixture = starts(battery, basis)
    probability = np.concatenate([s.probability * s.amplitude**2 for s in mixture])
    J = basis.J
    with np.errstate(divide="ignore"):
        log_start = np.log(np.abs([s.amplitude for s in mixture]))
    log_start[~np.isfinite(log_start)] = FORBIDDEN
    return Unravelling(
        basis=basis,
        nbar=battery.occupation,
        cumulative=np.cumsum(probability) / probability.sum(),
        m_starts=np.array([s.M for s in mixture]),
        log_start=log_start,
        relative_sign=np.full(J.size, -1.0),
        damping=0.5 * (2.0 * battery.occupation + 1.0) * ((J - J[0]) * (J + J[0] + 1.0)),
    )


@njit(**KERNEL)
def normalise_amplitudes(
    logs: Array, damping: Array, taus: Array, c: Array, work: Array, counted: Counts
) -> None:
    """c (K, G T) = unit vectors with logarithms `logs` (K, G T) damped until each time; any scale.

    `counted` (G, K, 2) becomes the first of the times at which a ladder counts, and the one after
    the last: once the burst is over few ladders do. Elsewhere c is zero.
    """
    K, T = damping.size, taus.size
    for r in range(c.shape[1] // T):
        a = r * T
        for i in range(T):
            work[0, a + i], work[1, a + i] = -np.inf, 0.0
        # unsigned: an index that might count from the end keeps a loop out of vector registers
        start, stop = np.uint64(a), np.uint64(a + T)
        for k in range(K):
            for i in range(start, stop):
                x = logs[k, i] - damping[k] * taus[i - start]
                c[k, i] = x
                work[0, i] = x if x > work[0, i] else work[0, i]
        for k in range(K):
            # no early ends, for the same reason
            first, last = stop, start
            for i in range(start, stop):
                above = c[k, i] - work[0, i] > NOTHING
                first = min(first, np.uint64(i) if above else stop)
                last = max(last, np.uint64(i + 1) if above else start)
            first = min(first, last)
            counted[r, k, 0], counted[r, k, 1] = first - start, last - start
            for i in range(start, first):
                c[k, i] = 0.0
            for i in range(last, stop):
                c[k, i] = 0.0
            for i in range(first, last):
                x = c[k, i] - work[0, i]
                x = exp_bounded(x if x > NOTHING else NOTHING)
                c[k, i] = x
                work[1, i] += x * x
        for i in range(start, stop):
            work[1, i] = 1.0 / np.sqrt(work[1, i])
        for k in range(K):
            first, last = np.uint64(a + counted[r, k, 0]), np.uint64(a + counted[r, k, 1])
            for i in range(first, last):
                c[k, i] *= work[1, i]


@njit(**KERNEL)
def expectations(
    c: Array,
    M: Array,
    J: Array,
    g: Array,
    f: Array,
    sign: Array,
    nbar: float,
    counted: Counts,
    out: Array,
) -> None:
    r"""out (4, G T) = conditional means of :math:`J_B^z`, its rate, and of the two photon rates.

    The same matrix elements as in `readout.linear_observables`, for pure states at one M; `counted`
    is that of `normalise_amplitudes`.
    """
    T = c.shape[1] // counted.shape[0]
    for o in range(4):
        for i in range(c.shape[1]):
            out[o, i] = 0.0
    for r in range(counted.shape[0]):
        for k in range(J.size):
            # unsigned: an index that might count from the end keeps a loop out of vector registers
            first, last = np.uint64(r * T + counted[r, k, 0]), np.uint64(r * T + counted[r, k, 1])
            for i in range(first, last):
                w = c[k, i] * c[k, i]
                q = (J[k] - M[i]) * (J[k] + M[i]) + J[k]
                out[0, i] += g[k] * w
                out[1, i] += g[k] * w * q
                out[2, i] += w * q
            if k > 0:
                for i in range(first, last):
                    span = (J[k] - M[i]) * (J[k] + M[i])
                    span = span if span > 0.0 else 0.0
                    out[3, i] += f[k] * np.sqrt(span) * sign[k] * c[k, i] * c[k - 1, i]
    for i in range(c.shape[1]):
        out[0, i], out[1, i], out[2, i], out[3, i] = rates_from_sums(
            out[0, i], out[1, i], out[2, i], 2.0 * out[3, i], M[i], nbar
        )


def decay_tables(tables: Unravelling, taus: Array, occupied: Occupied) -> Array:
    """:math:`T=0`: :math:`J_B^z`, its rate and the emission after n photons, (3, photons + 1, T).

    0 where not `occupied`, of booleans (photons + 1, T).
    """
    basis, found = tables.basis, np.zeros((3, *occupied.shape))
    K, logs = basis.n_ladders, tables.log_amplitudes(occupied.shape[0])
    # by times: late ones have few ladders that count
    times, photons = np.nonzero(occupied.T)
    size = GROUP_NUMBERS // (12 + 2 * K)
    for first in range(0, times.size, size):
        i, n = times[first : first + size], photons[first : first + size]
        M, c, work = basis.m_start - n, np.zeros((K, n.size)), np.empty((2, n.size))
        means, counted = np.empty((4, n.size)), np.zeros((1, K, 2), dtype=np.int64)
        columns = np.ascontiguousarray(logs[n].T)
        normalise_amplitudes(columns, tables.damping, taus[i], c, work, counted)
        matrix = basis.diagonal, basis.coupling, tables.relative_sign
        expectations(c, M, basis.J, *matrix, 0.0, counted, means)
        found[:, n, i] = means[:3]
    return found
