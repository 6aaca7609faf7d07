r"""Jumps of single spins, on a state with sharp :math:`j_B`, :math:`j_C` and M.

For spins in one irrep j, :math:`\sum_n s_q^{(n)}\rho s_q^{(n)\dagger}` (q: :math:`\sigma^z/2`,
:math:`\sigma^+`, :math:`\sigma^-`) is three jumps :math:`K=\sqrt{c}\,T`, one each to j, j - 1 and
j + 1, with :math:`T|j,m\rangle=t|j',m+q\rangle` (Chase and Geremia, Phys. Rev. A 78, 052101 (2008);
Shammah et al., Phys. Rev. A 98, 063815 (2018)):

===================== ==================================== ===========================
to                    c                                    :math:`t_z`
===================== ==================================== ===========================
:math:`j`             :math:`\frac{N/2+1}{2j(j+1)}`        :math:`m`
:math:`j-1`           :math:`\frac{N/2+j+1}{2j(2j+1)}`     :math:`\sqrt{(j+m)(j-m)}`
:math:`j+1`           :math:`\frac{N/2-j}{2(j+1)(2j+1)}`   :math:`\sqrt{(j+1)^2-m^2}`
===================== ==================================== ===========================

In the same order :math:`t_-` is :math:`\sqrt{(j+m)(j-m+1)}`, :math:`-\sqrt{(j+m)(j+m-1)}` and
:math:`\sqrt{(j-m+1)(j-m+2)}`, and :math:`t_+` as :math:`t_-` with :math:`m\to-m` and the signs of
the last two turned. In the coupled basis :math:`|j_Bj_C;J,M\rangle` each is tridiagonal in J: the
same t at (J, M), by the Wigner-Eckart theorem, times a reduced element :math:`f(J\to J')` of
:math:`j_B` and :math:`j_C`. All of it is products of square roots of whole numbers, which come from
one table.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.eight import EIGHT

Array = NDArray[np.float64]
Amplitudes = NDArray[Any]  # real, or complex where battery and charger are detuned
Integers = NDArray[np.int64]

BATTERY, CHARGER = 0, 1
Z, DOWN, UP = 0, -1, 1  # q
SAME, LOWER, HIGHER = 0, -1, 1  # j' - j
TWO_JB, TWO_JC, TWO_M, LOW, SIZE = range(5)
EDGE = 2  # zeros before the first amplitude and behind the last one
LEAST_WEIGHT = 1e-28  # of an amplitude at the edge of a state; smaller ones are cut off
PAD = 8
# kernels that make no arrays need not count references to those they are given, which costs more
# than the arithmetic on five amplitudes
KERNEL = {"cache": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}
# those that only kernels call need no way in from Python
INNER = {**KERNEL, "no_cpython_wrapper": True}
INNER_WITH_ARRAYS = {**INNER, "_nrt": True}
# small ones and those of every jump become a part of their callers: a state, a frame and a course
# are some 170 numbers to hand over, which takes longer than the arithmetic
WITHIN = {**INNER, "forceinline": True}


class Roots(NamedTuple):
    r"""Tables of square roots for N spins in all; J = i + `half`/2 has the index i.

    Attributes
    ----------
    up, back : ndarray
        :math:`\sqrt n` by n + 8, zero for :math:`n<0`; and the same backwards.
    level : ndarray
        :math:`1/(2J(J+1))` by i + 8; 0 at :math:`J=0`.
    step : ndarray
        :math:`1/(2J\sqrt{(2J-1)(2J+1)})` by i + 8; 0 below :math:`J=1`.
    half : int
        N mod 2.
    """

    up: Array
    back: Array
    level: Array
    step: Array
    half: int


class State(NamedTuple):
    r"""The state between two jumps, and room to make the next one.

    Attributes
    ----------
    at : ndarray of int64 (5,)
        :math:`2j_B`, :math:`2j_C`, :math:`2M`, the index of the lowest J that is kept, and how many
        are.
    c : ndarray (room,)
        Amplitudes of :math:`|j_Bj_C;J,M\rangle` from `EDGE` on, zeros around them.
    scratch : ndarray (6, room)
    found : ndarray (3, room)
        What the three channels make of the state, in the order of `CHANNELS`.
    real : ndarray (4, room)
        Room for matrix elements over J, such as those of :math:`J_B^z`.
    """

    at: Integers
    c: Amplitudes
    scratch: Amplitudes
    found: Amplitudes
    real: Array


CHANNELS = (SAME, LOWER, HIGHER)


def roots(spins: int) -> Roots:
    """Tables for battery and charger with `spins` spins together."""
    n = np.arange(-PAD, 2 * spins + 2 * PAD + 1)
    up = np.sqrt(np.maximum(n, 0.0))
    half = spins % 2
    J = np.arange(-PAD, spins // 2 + 2 * PAD + 1) + half / 2
    level, step = np.zeros_like(J), np.zeros_like(J)
    level[J > 0.0] = 0.5 / (J * (J + 1.0))[J > 0.0]
    inside = J >= 1.0
    x = J[inside]
    step[inside] = 0.5 / (x * np.sqrt((2.0 * x - 1.0) * (2.0 * x + 1.0)))
    return Roots(up, up[::-1].copy(), level, step, half)


def empty_state(n_battery: int, n_charger: int, detuned: bool) -> State:
    """Room for any state of these spins."""
    # what is written in whole registers ends within
    room = whole(min(n_battery, n_charger) + 1) + 2 * EDGE + 4
    kind = np.complex128 if detuned else np.float64
    return State(
        np.zeros(5, dtype=np.int64),
        np.zeros(room, dtype=kind),
        np.zeros((6, room), dtype=kind),
        np.zeros((3, room), dtype=kind),
        np.zeros((4, room)),
    )


@njit(inline="always")
def whole(n: Any) -> Any:
    """n, rounded up to whole registers."""
    return (n + EIGHT - 1) // EIGHT * EIGHT


@njit(inline="always")
def weight(x: Any) -> Any:
    """:math:`|x|^2`."""
    return x.real * x.real + x.imag * x.imag


@njit(inline="always")
def rising(table: Any, first: Any, count: Any) -> Any:
    r""":math:`\sqrt{\text{first}},\sqrt{\text{first}+1},\dots`"""
    return table.up[PAD + first : PAD + first + count]


@njit(inline="always")
def falling(table: Any, first: Any, count: Any) -> Any:
    r""":math:`\sqrt{\text{first}},\sqrt{\text{first}-1},\dots`"""
    start = table.back.size - 1 - PAD - first
    return table.back[start : start + count]


@njit(**KERNEL)
def channel_constant(spins: int, two_j: int, change: int) -> float:
    """c of a channel; 0 where there is none."""
    n, j = 0.5 * spins, 0.5 * two_j
    if change == HIGHER:
        return (n - j) / (2.0 * (j + 1.0) * (2.0 * j + 1.0))
    if two_j == 0 or (change == LOWER and two_j < 2):
        return 0.0
    if change == SAME:
        return (n + 1.0) / (2.0 * j * (j + 1.0))
    return (n + j + 1.0) / (2.0 * j * (2.0 * j + 1.0))


@njit(**KERNEL, forceinline=True)
def ladder_factors(state: State, q: int, table: Roots) -> None:
    """First half of a jump, for all channels: scratch[0, 1, 2] = t(J, M) c, to J, J - 1, J + 1."""
    at, c, x = state.at, state.c, state.scratch
    n = at[SIZE]
    two_j = 2 * at[LOW] + table.half
    above, below = (two_j + at[TWO_M]) // 2, (two_j - at[TWO_M]) // 2  # J + M and J - M
    sign = 1.0
    if q == UP:  # as for q = DOWN with M turned
        above, below = below, above
        sign = -1.0
    p0, p1 = rising(table, above, n), rising(table, above - 1, n)
    p2 = rising(table, above + 1, n)
    m0, m1, m2 = rising(table, below, n), rising(table, below + 1, n), rising(table, below + 2, n)
    if q == Z:
        M = 0.5 * at[TWO_M]
        for k in range(n):
            x[0, EDGE + k] = M * c[EDGE + k]
            x[1, EDGE + k] = p0[k] * m0[k] * c[EDGE + k]
            x[2, EDGE + k] = p2[k] * m1[k] * c[EDGE + k]
    else:
        for k in range(n):
            x[0, EDGE + k] = p0[k] * m1[k] * c[EDGE + k]
            x[1, EDGE + k] = -sign * p0[k] * p1[k] * c[EDGE + k]
            x[2, EDGE + k] = sign * m1[k] * m2[k] * c[EDGE + k]


@njit(**KERNEL, forceinline=True)
def channel(state: State, which: int, change: int, table: Roots, out: Amplitudes) -> float:
    """Second half: `out` = T c after `ladder_factors`, from one J lower on; its squared norm."""
    at, x = state.at, state.scratch
    n = at[SIZE]
    _reduced(at, which, change, table, x)
    # an amplitude comes from three; zeros around them
    for row in range(3, 6):
        x[row, 0] = x[row, 1] = x[row, EDGE + n] = x[row, EDGE + n + 1] = 0.0
    norm = 0.0
    for k in range(n + 2):
        y = x[5, k] + x[3, k + 1] + x[4, k + 2]
        out[EDGE + k] = y
        norm += weight(y)
    return norm


@njit(**WITHIN)
def _reduced(at: Integers, which: int, change: int, table: Roots, x: Amplitudes) -> None:
    """scratch[3, 4, 5] = f(J -> J, J - 1, J + 1) scratch[0, 1, 2]."""
    n, two_j = at[SIZE], 2 * at[LOW] + table.half
    a, b = at[TWO_JB], at[TWO_JC]
    sign = 1.0
    if which == CHARGER:  # a sign (-1)^(J' - J), and one for all that does not matter
        a, b = b, a
        sign = -1.0
    over, under = (two_j + a - b) // 2, (two_j - a + b) // 2  # J + a - b and J - a + b
    left, total = (a + b - two_j) // 2, (a + b + two_j) // 2  # a + b - J and a + b + J
    i = at[LOW] + PAD
    level, step = table.level[i : i + n], table.step[i : i + n]
    next_step = table.step[i + 1 : i + 1 + n]
    if change == SAME:
        first, second = rising(table, under, n), rising(table, over, n)
        third, fourth = falling(table, left + 1, n), rising(table, total + 1, n)
        first_up, second_up = rising(table, under + 1, n), rising(table, over + 1, n)
        third_up, fourth_up = falling(table, left, n), rising(table, total + 2, n)
        own = 0.25 * (a * (a + 2) - b * (b + 2))
        for k in range(n):
            J = 0.5 * two_j + k
            e = EDGE + k
            x[3, e] = (J * (J + 1.0) + own) * level[k] * x[0, e]
            x[4, e] = sign * (first[k] * second[k]) * (third[k] * fourth[k]) * step[k] * x[1, e]
            x[5, e] = (
                sign
                * (first_up[k] * second_up[k])
                * (third_up[k] * fourth_up[k])
                * next_step[k]
                * x[2, e]
            )
    elif change == LOWER:
        v0, v1 = rising(table, over, n), rising(table, over - 1, n)
        s0, s1 = rising(table, total, n), rising(table, total + 1, n)
        u1, u2 = rising(table, under + 1, n), rising(table, under + 2, n)
        l0, l1 = falling(table, left, n), falling(table, left - 1, n)
        for k in range(n):
            e = EDGE + k
            x[3, e] = -(v0[k] * l0[k]) * (s1[k] * u1[k]) * level[k] * x[0, e]
            x[4, e] = sign * (v0[k] * v1[k]) * (s1[k] * s0[k]) * step[k] * x[1, e]
            x[5, e] = -sign * (u1[k] * u2[k]) * (l0[k] * l1[k]) * next_step[k] * x[2, e]
    else:
        v1, v2 = rising(table, over + 1, n), rising(table, over + 2, n)
        s2, s3 = rising(table, total + 2, n), rising(table, total + 3, n)
        u0, u9 = rising(table, under, n), rising(table, under - 1, n)
        l1, l2 = falling(table, left + 1, n), falling(table, left + 2, n)
        for k in range(n):
            e = EDGE + k
            x[3, e] = -(v1[k] * l1[k]) * (s2[k] * u0[k]) * level[k] * x[0, e]
            x[4, e] = -sign * (u9[k] * u0[k]) * (l2[k] * l1[k]) * step[k] * x[1, e]
            x[5, e] = sign * (v1[k] * v2[k]) * (s2[k] * s3[k]) * next_step[k] * x[2, e]


@njit(**WITHIN)
def settle(state: State, low: int, size: int, unsettled: Amplitudes, norm: float) -> None:
    """Make `unsettled` (any scale, from J index `low` on) the state: cut, normalised, bordered."""
    at, c = state.at, state.c
    least = LEAST_WEIGHT * norm
    first, last = 0, size - 1
    while first < last and not weight(unsettled[EDGE + first]) > least:
        first += 1
    while last > first and not weight(unsettled[EDGE + last]) > least:
        last -= 1
    at[LOW], at[SIZE] = low + first, last - first + 1
    scale = 1.0 / np.sqrt(norm)
    for k in range(at[SIZE]):
        c[EDGE + k] = scale * unsettled[EDGE + first + k]
    c[0] = c[1] = c[EDGE + at[SIZE]] = c[EDGE + at[SIZE] + 1] = 0.0


@njit(**KERNEL)
def local_jump(
    state: State, which: int, q: int, spins: int, rate: float, u: float, table: Roots
) -> bool:
    r"""Let one spin of an ensemble jump: its channel is drawn with u, the state replaced.

    `rate` is the sum over channels, :math:`\sum K^\dagger K=N/4`, :math:`N/2+m` or :math:`N/2-m`.
    False, and nothing done, where no channel is open.
    """
    at = state.at
    ladder_factors(state, q, table)
    left, chosen, norm = u * rate, -1, 0.0
    for s in range(3):
        constant = channel_constant(spins, at[TWO_JB + which], CHANNELS[s])
        if constant == 0.0:
            continue
        found = channel(state, which, CHANNELS[s], table, state.found[s])
        # squared elements below this are rounding of exact zeros
        if constant * found <= 1e-25 * rate:
            continue
        chosen, norm = s, found
        left -= constant * found
        if left < 0.0:
            break
    if chosen < 0:
        return False
    at[TWO_JB + which] += 2 * CHANNELS[chosen]
    at[TWO_M] += 2 * q
    settle(state, at[LOW] - 1, at[SIZE] + 2, state.found[chosen], norm)
    return True


@njit(**KERNEL)
def ensemble_jump(state: State, which: int, q: int, table: Roots) -> bool:
    """Let the ladder operator of one ensemble alone act: battery or charger disconnected."""
    ladder_factors(state, q, table)
    norm = channel(state, which, np.int64(SAME), table, state.found[0])
    if norm <= 1e-25:
        return False
    state.at[TWO_M] += 2 * q
    settle(state, state.at[LOW] - 1, state.at[SIZE] + 2, state.found[0], norm)
    return True


@njit(**KERNEL)
def collective_jump(state: State, q: int, table: Roots) -> bool:
    """Let :math:`J^-` or :math:`J^+` act: diagonal in J."""
    at, c, out = state.at, state.c, state.scratch[0]
    n, two_j = at[SIZE], 2 * at[LOW] + table.half
    two_m = at[TWO_M] if q == DOWN else -at[TWO_M]
    above, below = (
        rising(table, (two_j + two_m) // 2, n),
        rising(table, (two_j - two_m) // 2 + 1, n),
    )
    norm = 0.0
    for k in range(n):
        out[EDGE + k] = above[k] * below[k] * c[EDGE + k]
    for k in range(n):
        norm += weight(out[EDGE + k])
    if norm <= 1e-25:
        return False
    at[TWO_M] += 2 * q
    settle(state, at[LOW], n, out, norm)
    return True


@njit(**KERNEL)
def battery_z(at: Integers, table: Roots, low: int, diagonal: Array, across: Array) -> None:
    """:math:`J_B^z` over J: `diagonal` from index `low` on, `across` (one longer) J - 1 to J."""
    n, two_j = diagonal.size, 2 * low + table.half
    a, b, M = at[TWO_JB], at[TWO_JC], 0.5 * at[TWO_M]
    own = 0.25 * (a * (a + 2) - b * (b + 2))
    first = rising(table, (two_j - a + b) // 2, n + 1)
    second = rising(table, (two_j + a - b) // 2, n + 1)
    third = falling(table, (a + b - two_j) // 2 + 1, n + 1)
    fourth = rising(table, (a + b + two_j) // 2 + 1, n + 1)
    above = rising(table, (two_j + at[TWO_M]) // 2, n + 1)
    below = rising(table, (two_j - at[TWO_M]) // 2, n + 1)
    level, step = table.level[low + PAD :], table.step[low + PAD :]
    for k in range(n):
        J = 0.5 * two_j + k
        diagonal[k] = M * (J * (J + 1.0) + own) * level[k]
    for k in range(n + 1):
        product = (first[k] * second[k]) * (third[k] * fourth[k]) * step[k]
        across[k] = product * (above[k] * below[k])


@njit(**KERNEL)
def ladder_range(at: Integers, table: Roots) -> tuple[int, int]:
    """Index of the lowest J that :math:`j_B`, :math:`j_C` and M allow, and how many J there are."""
    a, b = at[TWO_JB], at[TWO_JC]
    lowest = max(abs(a - b), abs(at[TWO_M]))
    return (lowest - table.half) // 2, (a + b - lowest) // 2 + 1
