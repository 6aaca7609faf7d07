r"""The jump records of single runs: walks on one ladder, drawn without a search for jump times.

Collective noise conserves J, so a run draws its ladder once, with probability p_J; the photons are
then those of a classical walk on that ladder with rates :math:`(\bar n+1)a_J(M)^2` down and
:math:`\bar n\,a_J(M+1)^2` up (in units of gamma). The law of the whole record is the same as when
the waiting times are drawn from the superposition of ladders, because the no-jump evolution and the
jumps never mix them (Dalibard, Castin and Moelmer 1992; Gillespie 1977). What the observer of the
record knows is then computed from the record alone, never from the drawn J.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nvmodel.streams import QUANTUM_JUMPS, WORDS, fill_uniform, to_exponential

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

DRAWS = 16  # random numbers made at once: four Philox blocks
CELLS_PER_TIME = 4  # of the table that finds the output interval of a jump


@njit(inline="always")
def draw_ladder(u: Any, cumulative: Any) -> Any:
    """The ladder k in which the cumulative probability reaches u."""
    k = 0
    while k < cumulative.size - 1 and u > cumulative[k]:
        k += 1
    return k


@njit(cache=True, error_model="numpy")
def interval_table(taus: Array) -> Counts:
    """For equal cells of [0, tau_last]: the first output time not before the cell's start."""
    cells = CELLS_PER_TIME * taus.size
    table = np.zeros(cells + 1, dtype=np.int64)
    i = 0
    for cell in range(cells + 1):
        start = taus[-1] * cell / cells
        while i < taus.size - 1 and taus[i] < start:
            i += 1
        table[cell] = i
    return table


@njit(cache=True, error_model="numpy")
def count_decays(
    seed: int,
    first: int,
    runs: int,
    cumulative: Array,
    J: Array,
    m_start: float,
    taus: Array,
    table: Counts,
    arrivals: Counts,
    ladders: Counts,
) -> None:
    """T = 0: add the runs first ... first + runs - 1 to the two histograms.

    Parameters
    ----------
    arrivals : ndarray of int64 (photons + 1, T)
        arrivals[n, i] counts the runs whose n-th photon came in (tau_{i-1}, tau_i].
    ladders : ndarray of int64 (K,)
        Counts the runs on each ladder, that is, in each final dark state.
    """
    draws = np.empty(DRAWS)
    last = taus[-1]
    cells_per_tau = (table.size - 1) / last if last > 0.0 else 0.0
    for run in range(first, first + runs):
        fill_uniform(seed, QUANTUM_JUMPS, run, 0, draws)
        k = draw_ladder(draws[0], cumulative)
        ladders[k] += 1
        to_exponential(draws, DRAWS)
        above, below = J[k] + m_start, J[k] - m_start  # J + M and J - M
        photons = round(above)
        tau, block, position, n = 0.0, DRAWS // WORDS, 1, 0
        while n < photons:
            if position == DRAWS:
                fill_uniform(seed, QUANTUM_JUMPS, run, block, draws)
                to_exponential(draws, DRAWS)
                block += DRAWS // WORDS
                position = 0
            tau += draws[position] / ((above - n) * (below + n + 1.0))
            position += 1
            if tau > last:
                break
            n += 1
            i = table[int(tau * cells_per_tau)]
            while taus[i] < tau:
                i += 1
            arrivals[n, i] += 1


@njit(cache=True, error_model="numpy")
def walk(
    seed: int,
    run: int,
    cumulative: Array,
    J: Array,
    m_starts: Array,
    rate: Array,
    fall: Array,
    tau_last: float,
    jump_taus: Array,
    directions: NDArray[np.int8],
) -> tuple[int, int]:
    """One run at any temperature, jump by jump: the record itself.

    `cumulative` runs over starts and ladders, start by start; `rate` and `fall` are those of
    `walk_tables`. The record is written as far as the arrays reach.

    Returns
    -------
    jumps : int
        How many jumps fall before tau_last; longer than the arrays means: call again with longer.
    drawn : int
        Index of start and ladder, start * K + k.
    """
    draws = np.empty(DRAWS)
    fill_uniform(seed, QUANTUM_JUMPS, run, 0, draws)
    drawn = draw_ladder(draws[0], cumulative)
    start, k = drawn // J.size, drawn % J.size
    height = int(J[k] + m_starts[start] + 0.5)  # J + M
    # at T > 0 each batch from the second block on holds eight waiting times, then eight directions
    only_down = fall[k, 0] == 1.0
    end = DRAWS if only_down else DRAWS // 2
    position, block = (1, DRAWS // WORDS) if only_down else (end, 1)
    to_exponential(draws, end)
    tau, jumps = 0.0, 0
    while True:
        if position == end:
            fill_uniform(seed, QUANTUM_JUMPS, run, block, draws)
            to_exponential(draws, end)
            position, block = 0, block + DRAWS // WORDS
        tau += draws[position] / rate[k, height]
        if not tau <= tau_last:
            return jumps, drawn
        step = -1
        if not only_down:
            # a sum rather than a choice: a branch here would be mispredicted every other jump
            step += 2 * int(draws[position + DRAWS // 2] > fall[k, height])
        position += 1
        height += step
        if jumps < jump_taus.size:
            jump_taus[jumps] = tau
            directions[jumps] = step
        jumps += 1


def walk_tables(J: Array, nbar: float) -> tuple[Array, Array]:
    """Total rate of jumps, and the probability that the next one is down.

    Returns two arrays (K, levels) over ladders and heights J + M = 0, 1, ...; a state that never
    jumps has rate 0, and counts as falling: the bottom does so at nbar = 0 alone.

    >>> rate, fall = walk_tables(np.array([0.5]), nbar=0.0)
    >>> print(rate, fall)
    [[0. 1.]] [[1. 1.]]
    """
    height = np.arange(round(2 * J[-1]) + 1.0)
    top = 2.0 * J[:, None]
    falls = (nbar + 1.0) * np.maximum(height * (top - height + 1.0), 0.0)
    rises = nbar * np.maximum((height + 1.0) * (top - height), 0.0)
    rate = falls + rises
    fall = np.divide(falls, rate, out=np.ones_like(rate), where=rate > 0.0)
    return rate, fall
