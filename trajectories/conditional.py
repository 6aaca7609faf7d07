r"""What a jump record says: the conditional state, and what is read from it.

After a record with given jumps the state is pure, at one M, with amplitudes over the ladders

.. math:: c_J\propto c_J(0)\,\prod_{\text{jumps}}a_J(\text{bond})\;
          e^{-\gamma(2\bar n+1)J(J+1)t/2},

a product over the crossed bonds M <-> M - 1: jump times enter through t alone. At T = 0 that is a
function of (M, t), so that every block of M of the average state is pure.

Amplitudes are kept as logarithms relative to the highest ladder, which every record allows.
All arrays run over output times in their last axis, which the inner loops follow.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nvmodel.battery import CollectiveBattery
from nvmodel.streams import exp_bounded
from trajectories.angular import CoupledBasis, coupled_basis, lowering_squared
from trajectories.bonds import FORBIDDEN, Bonds, bonds_of
from trajectories.starts import starts
from trajectories.walks import walk_tables

Array = NDArray[np.float64]

MOST_WALK_TABLE = 2_000_000  # elements: 16 MB each
BATTERY_Z, BATTERY_Z_RATE, EMISSION, ABSORPTION = range(4)


@dataclass(frozen=True, eq=False)
class Unravelling:
    """All that a record is read with, in units of gamma; see `CoupledBasis` for J, g and f.

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
        (2 nbar + 1) [J(J+1) - J_0(J_0+1)]/2.
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

    @cached_property
    def walk(self) -> tuple[Array, Array]:
        """Rates and directions (K, levels) of `walk_tables`, empty where they would be large."""
        J = self.basis.J
        if self.nbar == 0.0 or J.size * (2.0 * J[-1] + 1.0) > MOST_WALK_TABLE:
            return np.zeros((0, 0)), np.zeros((0, 0))
        return walk_tables(J, self.nbar)

    @cached_property
    def log_bond(self) -> Array:
        """ln [a_J(M)/a_{J_top}(M)] for M descending from J_top, (rows, K)."""
        J = self.basis.J
        M = J[-1] - np.arange(round(2 * J[-1]) + 1)
        squares = lowering_squared(J, M[:, None])
        with np.errstate(divide="ignore", invalid="ignore"):
            log_bond = 0.5 * np.log(squares / squares[:, -1:])
        log_bond[~(squares > 0.0)] = FORBIDDEN
        return np.asarray(log_bond)


@lru_cache(maxsize=2)
def unravelling(battery: CollectiveBattery) -> Unravelling:
    """Prepare the tables for a battery; the last ones are remembered for its next block of runs."""
    basis = coupled_basis(battery.n_battery, battery.n_charger)
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


@njit(cache=True, error_model="numpy")
def normalise_amplitudes(logs: Array, damping: Array, taus: Array, c: Array, work: Array) -> None:
    """c (K, T) = unit vectors with logarithms `logs` (K, T) damped until each time; any scale."""
    K, T = c.shape
    for i in range(T):
        work[0, i] = -np.inf
        work[1, i] = 0.0
    for k in range(K):
        for i in range(T):
            c[k, i] = logs[k, i] - damping[k] * taus[i]
            work[0, i] = c[k, i] if c[k, i] > work[0, i] else work[0, i]
    for k in range(K):
        for i in range(T):
            # below e^-80 nothing counts, and squares would fade into slow denormals
            x = c[k, i] - work[0, i]
            c[k, i] = exp_bounded(x if x > -80.0 else -80.0)
            work[1, i] += c[k, i] * c[k, i]
    for i in range(T):
        work[1, i] = 1.0 / np.sqrt(work[1, i])
    for k in range(K):
        for i in range(T):
            c[k, i] *= work[1, i]


@njit(cache=True, error_model="numpy")
def expectations(
    c: Array, M: Array, J: Array, g: Array, f: Array, sign: Array, nbar: float, out: Array
) -> None:
    r"""out (4, T) = conditional means of J_B^z, its rate, and of the two photon rates.

    The same matrix elements as in `readout.linear_observables`, for pure states at one M.
    """
    K, T = c.shape
    # three sums over ladders: of g, of a_J(M)^2 - M = J(J+1) - M^2, and of their product
    for i in range(T):
        for o in range(4):
            out[o, i] = 0.0
    for k in range(K):
        for i in range(T):
            w = c[k, i] * c[k, i]
            q = (J[k] - M[i]) * (J[k] + M[i]) + J[k]
            out[0, i] += g[k] * w
            out[1, i] += g[k] * w * q
            out[2, i] += w * q
        if k > 0:
            for i in range(T):
                span = (J[k] - M[i]) * (J[k] + M[i])
                span = span if span > 0.0 else 0.0
                out[3, i] += f[k] * np.sqrt(span) * sign[k] * c[k, i] * c[k - 1, i]
    for i in range(T):
        g_mean, g_q, q_mean, across = out[0, i], out[1, i], out[2, i], 2.0 * out[3, i]
        out[0, i] = g_mean * M[i] + across
        out[1, i] = across * (M[i] - (2.0 * nbar + 1.0)) - g_q - (2.0 * nbar + 1.0) * M[i] * g_mean
        out[2, i] = (nbar + 1.0) * (q_mean + M[i])
        out[3, i] = nbar * (q_mean - M[i])


@njit(cache=True, error_model="numpy")
def decay_tables(
    m_start: float,
    log_start: Array,
    log_bond: Array,
    damping: Array,
    taus: Array,
    J: Array,
    g: Array,
    f: Array,
    sign: Array,
    present: NDArray[np.bool_],
    tables: Array,
) -> None:
    """T = 0: tables (3, photons + 1, T) of J_B^z, its rate and the emission after n photons.

    Rows of n that are not `present` are left as they are.
    """
    K, T = J.size, taus.size
    now = log_start.copy()
    logs, c = np.empty((K, T)), np.empty((K, T))
    work, out, M = np.empty((2, T)), np.empty((4, T)), np.empty(T)
    for n in range(tables.shape[1]):
        m = m_start - n
        if present[n]:
            for k in range(K):
                for i in range(T):
                    logs[k, i] = now[k]
            for i in range(T):
                M[i] = m
            normalise_amplitudes(logs, damping, taus, c, work)
            expectations(c, M, J, g, f, sign, 0.0, out)
            for o in range(3):
                for i in range(T):
                    tables[o, n, i] = out[o, i]
        row = round(J[K - 1] - m)
        if row < log_bond.shape[0]:
            for k in range(K):
                now[k] += log_bond[row, k]
