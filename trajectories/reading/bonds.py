r"""Logarithms of the amplitudes that a jump record leaves, at any size.

A record multiplies the amplitude of ladder J by :math:`a_J(b)` for every crossing of a bond b, the
pair M = b, b - 1. What counts is how often each bond was crossed: once on the way from M_0 to M,
and in pairs. The way is a product with a closed form,

.. math:: \prod_{b=M+1}^{M_0}a_J(b)^2=\frac{(J+M_0)!\,(J-M)!}{(J-M_0)!\,(J+M)!},

whose ratio between neighbours J and J - 1 is one fraction; a jump up completes a pair and
multiplies by :math:`a_J(b)^2`. Everything is relative to the highest ladder J_t, and

.. math:: a_J(b)^2/a_{J_t}(b)^2=1-y_b\,d_J,\quad
          d_J=\frac{(J_t-J)(J_t+J+1)}{(J_t-J_0)(J_t+J_0+1)},

so that far from the ends of the ladder, where y is small, pairs are counted by a few sums of powers
of y that serve all J at once. Near the ends they are tabulated.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.kernelcache import INNER, KERNEL
from darkbattery.nvmodel.streams import log_unit
from darkbattery.trajectories.space.angular import CoupledBasis, lowering_squared

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Steps = NDArray[np.int8]

FORBIDDEN = -np.inf  # logarithm of an amplitude that is zero
# bonds further from the ends than this many times K have y < 1/63: y^9/9 is below 1e-17
END_BONDS = 64
POWERS = 8
MOST_PATHS = 2_000_000  # elements of the table of ways: 16 MB


class Bonds(NamedTuple):
    """What logarithms of amplitudes are made of; the last axis runs over ladders.

    Attributes
    ----------
    J : ndarray (K,)
    m_starts : ndarray (starts,)
    log_start : ndarray (starts, K)
        Logarithms of the starts' amplitudes.
    ways : ndarray (starts, rows, K)
        ln W: logarithms of amplitudes after the way from the start to M = J_t, J_t - 1, ..., less
        those of a pair for each jump up; no rows where that would be too large.
    single : ndarray (rows, K)
        ln [a_J(b)/a_{J_t}(b)] for b = J_t, J_t - 1, ...; of large systems both ends only.
    ends : int
        Rows at either end that `single` holds.
    rows : int
    d : ndarray (K,)
    y_scale : float
        y_b = y_scale / a_{J_t}(b)^2.
    """

    J: Array
    m_starts: Array
    log_start: Array
    ways: Array
    single: Array
    ends: int
    rows: int
    d: Array
    y_scale: float


def bonds_of(basis: CoupledBasis, m_starts: Array, log_start: Array, rising: bool) -> Bonds:
    """Tables for a basis and its starts; without pairs unless jumps up can be (`rising`)."""
    J, K = basis.J, basis.n_ladders
    rows = round(2 * J[-1]) + 1
    ends = min(END_BONDS * K, (rows + 1) // 2)
    row = np.arange(rows) if 2 * ends >= rows else np.r_[:ends, rows - ends : rows]
    squares = lowering_squared(J, (J[-1] - (row if rising else row[:0]))[:, None])
    with np.errstate(divide="ignore", invalid="ignore"):
        single = 0.5 * np.log(squares / squares[:, -1:])
    single[~(squares > 0.0)] = FORBIDDEN
    few = m_starts.size * rows * K <= MOST_PATHS
    ways = np.empty((m_starts.size, rows if few else 0, K))
    _fill_ways(m_starts, J, log_start, ways)
    gap = (J[-1] - J) * (J[-1] + J + 1.0)
    scale = max(float(gap[0]), 1e-300)
    return Bonds(J, m_starts, log_start, ways, single, ends, rows, gap / scale, scale)


@njit(**KERNEL)
def _fill_ways(m_starts: Array, J: Array, log_start: Array, ways: Array) -> None:
    K = J.size
    for start in range(m_starts.size):
        m_start = m_starts[start]
        for row in range(ways.shape[1]):
            M, now = J[K - 1] - row, 0.0
            ways[start, row, K - 1] = log_start[start, K - 1]
            for k in range(K - 2, -1, -1):
                if abs(M) > J[k] or abs(m_start) > J[k]:
                    ways[start, row, k] = FORBIDDEN
                    continue
                now -= 0.5 * log_unit(_ratio_of_way(J[k + 1], M, m_start))
                ways[start, row, k] = log_start[start, k] + now


@njit(inline="always")
def _ratio_of_way(J: Any, M: Any, m_start: Any) -> Any:
    """W(M)^2 on ladder J by that on ladder J - 1.

    Above m_start the way is the inverse of the product: each jump up also counts as a pair.
    """
    return ((J + m_start) * (J - M)) / ((J - m_start) * (J + M))


class Trail(NamedTuple):
    """What was seen of a record between output times; see `follow_piece` and `read_trail`.

    All zero between records.

    Attributes
    ----------
    steps, down : ndarray of int64 (T,)
        Steps of M, and jumps down, in (tau_{i-1}, tau_i].
    pairs : ndarray (T, K)
        Logarithms of the pairs of crossings that were completed there.
    powers : ndarray (T, POWERS)
        Of y, for those pairs that have no table.
    place : ndarray of int64 (1,)
        M less that of the start, where the record was left.
    now : ndarray (K,)
        Logarithms of the pairs so far.
    burst : ndarray (1,)
        When M first was <= 0; infinity before.
    rows, intervals : ndarray of int64 (PIECE,)
        Room for the jumps up of one piece.
    """

    steps: Counts
    down: Counts
    pairs: Array
    powers: Array
    place: Counts
    now: Array
    burst: Array
    rows: Counts
    intervals: Counts


def new_trail(n_ladders: int, n_times: int, piece: int) -> Trail:
    """Room to follow records over K ladders and T times, in pieces."""
    return Trail(
        steps=np.zeros(n_times, dtype=np.int64),
        down=np.zeros(n_times, dtype=np.int64),
        pairs=np.zeros((n_times, n_ladders)),
        powers=np.zeros((n_times, POWERS)),
        place=np.zeros(1, dtype=np.int64),
        now=np.zeros(n_ladders),
        burst=np.zeros(1),
        rows=np.empty(piece, dtype=np.int64),
        intervals=np.empty(piece, dtype=np.int64),
    )


@njit(**INNER)
def follow_piece(
    jump_taus: Array,
    directions: Steps,
    jumps: int,
    taus: Array,
    table: Counts,
    q: Bonds,
    start: int,
    trail: Trail,
) -> None:
    """Note the next jumps of a record in `trail`; `table` is that of `interval_table`."""
    # fields are named once: each use of one in a loop would count a reference
    steps_in, down_in, rows, intervals = trail.steps, trail.down, trail.rows, trail.intervals
    m_start, last = q.m_starts[start], taus[taus.size - 1]
    cells_per_tau = (table.size - 1) / last if last > 0.0 else 0.0
    top_row = int(q.J[q.J.size - 1] - m_start + 0.5)
    steps, ups = trail.place[0], np.int64(0)  # a literal would be compiled for as well
    to_burst = int(np.ceil(m_start)) if trail.burst[0] == np.inf else q.rows
    for j in range(jumps):
        tau, step = jump_taus[j], directions[j]
        i = table[int(tau * cells_per_tau)]
        i += taus[i] < tau
        while taus[i] < tau:
            i += 1
        steps += step
        steps_in[i] += step
        down_in[i] += step < 0
        # written for every jump and kept for those up: no branch to be mispredicted
        rows[ups], intervals[ups] = top_row - steps, i
        ups += step > 0
        if to_burst + steps <= 0:
            trail.burst[0], to_burst = tau, q.rows
    trail.place[0] = steps
    _note_pairs(rows, intervals, ups, q, trail)


@njit(**INNER)
def _note_pairs(rows: Counts, intervals: Counts, ups: int, q: Bonds, trail: Trail) -> None:
    """Each jump up completes, with one down across the same bond, a pair."""
    single, pairs, powers = q.single, trail.pairs, trail.powers
    K, ends, all_rows, skipped = pairs.shape[1], q.ends, q.rows, q.rows - single.shape[0]
    for u in range(ups):
        row, i = rows[u], intervals[u]
        if skipped > 0 and ends <= row < all_rows - ends:
            # a_J(b)^2 of the top ladder
            y = q.y_scale / ((all_rows - 1.0 - row) * (row + 1.0))
            power = y
            for p in range(POWERS):
                powers[i, p] += power
                power *= y
        else:
            row -= skipped if row >= ends else 0
            for k in range(K):
                pairs[i, k] += 2.0 * single[row, k]


@njit(**INNER)
def read_trail(
    q: Bonds,
    start: int,
    trail: Trail,
    M: Array,
    emitted: Array,
    absorbed: Array,
    logs: Array,
) -> float:
    """What a whole record says at output times: M and photon counts (T,), log amplitudes (K, T).

    Returns when M first was <= 0. Clears the trail.
    """
    steps_in, down_in, pairs, powers = trail.steps, trail.down, trail.pairs, trail.powers
    now, m_start = trail.now, q.m_starts[start]
    T, K, steps, down = M.size, logs.shape[0], 0, 0
    for i in range(T):
        steps += steps_in[i]
        down += down_in[i]
        M[i], emitted[i], absorbed[i] = m_start + steps, down, down + steps
        steps_in[i], down_in[i] = 0, 0
    add_ways(q, start, M, logs)
    for k in range(K):
        now[k] = 0.0
    for i in range(T):
        for k in range(K):
            now[k] += pairs[i, k]
            pairs[i, k] = 0.0
            logs[k, i] += now[k]
    if q.single.shape[0] < q.rows:
        _add_series(q.d, powers, logs)
    return trail.burst[0]


@njit(**INNER)
def _add_series(d: Array, powers: Array, logs: Array) -> None:
    """Add the sums of ln(1 - y d) to logs, from the powers of y in each interval; clears them."""
    T = powers.shape[0]
    for p in range(POWERS):
        total = 0.0
        for i in range(T):
            total += powers[i, p]
            powers[i, p] = total
    for k in range(d.size):
        for i in range(T):
            series = 0.0
            for p in range(POWERS - 1, -1, -1):
                series = d[k] * (series + powers[i, p] / (p + 1))
            logs[k, i] -= series
    for i in range(T):
        for p in range(POWERS):
            powers[i, p] = 0.0


@njit(**KERNEL)
def add_ways(q: Bonds, start: int, M: Array, logs: Array) -> None:
    """logs (K, T) = ln W at each M (T,): amplitudes without pairs of crossings."""
    J, log_start, ways, m_start = q.J, q.log_start, q.ways, q.m_starts[start]
    K, T = J.size, M.size
    if ways.shape[1] > 0:
        for i in range(T):
            row = int(J[K - 1] - M[i] + 0.5)
            for k in range(K):
                logs[k, i] = ways[start, row, k]
        return
    now, ratio = np.zeros(T), np.empty(T)
    for i in range(T):
        logs[K - 1, i] = log_start[start, K - 1]
    for k in range(K - 2, -1, -1):
        if abs(m_start) > J[k]:
            for i in range(T):
                logs[k, i] = FORBIDDEN
            continue
        # three short loops: they run in vector registers
        for i in range(T):
            # outside, where it may be no number, that of no way at all: 1
            ratio[i] = _ratio_of_way(J[k + 1], M[i] if abs(M[i]) <= J[k] else m_start, m_start)
        for i in range(T):
            now[i] -= 0.5 * log_unit(ratio[i])
        for i in range(T):
            logs[k, i] = log_start[start, k] + now[i] if abs(M[i]) <= J[k] else FORBIDDEN
