r"""Between |j_B, m_B>|j_C, m_C> and the coupled basis: starts, pulses, populations.

At fixed j_B, j_C and M the states |m_B, M - m_B> are the eigenvectors, over J, of the tridiagonal
matrix of J_B^z, and the eigenvalues are known: one vector costs as much as it is long.
"""

from typing import Any

import numpy as np
from numba import njit

from trajectories.angular import known_eigenvector
from trajectories.local_noise import (
    BATTERY,
    CHARGER,
    EDGE,
    INNER_WITH_ARRAYS,
    LOW,
    SIZE,
    TWO_JB,
    TWO_JC,
    TWO_M,
    Array,
    Roots,
    State,
    battery_z,
    ladder_range,
    settle,
    weight,
)


@njit(**INNER_WITH_ARRAYS)
def set_product(state: State, two_jb: int, two_jc: int, m_b: float, m_c: float, t: Roots) -> None:
    """Make |j_B, m_B>|j_C, m_C> the state."""
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
    """p[r] = probability of m_B = lowest + r; returns the lowest m_B that j_B, j_C and M allow."""
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

    Irreps j' >= j hold :math:`\binom{N}{N/2-j}` of the :math:`\binom{N}{N/2-m}` states, as
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
    """Draw (j_B, m_B) and (j_C, m_C) with four random numbers.

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
    """Leave every spin of battery, charger or both up or down: m_B is found, j drawn anew.

    The end of infinitely many dephasing jumps: the three random numbers decide m_B, j_B and j_C.
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
