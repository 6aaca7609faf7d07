r"""Between jumps: how long until the next one, and what the state becomes meanwhile.

At fixed :math:`j_B`, :math:`j_C` and M the state evolves with :math:`e^{-Gt/2}`,
:math:`d\|\psi\|^2/dt=-\langle\psi|\mathrm{Re}\,G|\psi\rangle`, where

.. math:: G={}&\gamma[(\bar n+1)L^\dagger L+\bar nLL^\dagger]+2i\Delta J_B^z
          +\sum_ig_{\phi,i}\tfrac{N_i}4 \\
          &+\sum_i\left[g_{\downarrow,i}(\tfrac{N_i}2+J_i^z)
          +g_{\uparrow,i}(\tfrac{N_i}2-J_i^z)\right].

A stage has one of three ways to evolve:

`LADDERS`: :math:`L=J^-`, and emission less pumping is the same for both ensembles: G is diagonal in
J. `ROTATED`: G is normal. :math:`L=J^-` with unequal noise: eigenvectors of a small symmetric
tridiagonal matrix. :math:`L=J_B^-`, :math:`J_C^-` or nothing: those of :math:`J_B^z`, as
:math:`|m_B,M-m_B\rangle`. In both cases, as above, the waiting time is an exact mixture of
exponentials (Dalibard, Castin and Moelmer 1992), drawn without a search. `SERIES`: :math:`L=J^-`
with detuning, G is not normal; see `trajectories.jumps.spins.series`.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from darkbattery.nvmodel.eight import EIGHT, filled, load, plus, store, times
from darkbattery.nvmodel.streams import exp_bounded
from darkbattery.trajectories.jumps.spins.local_noise import (
    BATTERY,
    CHARGER,
    EDGE,
    INNER,
    INNER_WITH_ARRAYS,
    KERNEL,
    LOW,
    PAD,
    SIZE,
    TWO_JB,
    TWO_JC,
    TWO_M,
    WITHIN,
    Amplitudes,
    Array,
    Integers,
    Roots,
    State,
    battery_z,
    ladder_range,
    settle,
    weight,
    whole,
)
from darkbattery.trajectories.propagate.realspins import ROTATED
from darkbattery.trajectories.reading.hermitian import diagonalise_with
from darkbattery.trajectories.space.angular import known_eigenvector

BOTH, BATTERY_ONLY, CHARGER_ONLY, NONE = 0, 1, 2, 3
# columns of the rates of single spins; those of the charger follow the battery's
DEPHASING, EMISSION, PUMPING = 0, 1, 2
ORDERS = 64  # of Taylor's series, at most
CACHE_BYTES = 64_000_000


class Generator(NamedTuple):
    """What a stage does: way of evolving, coupling, rates of single spins (6,), and the model's."""

    way: int
    coupled: int
    noise: Array
    spins: Array
    gamma: float
    nbar: float
    detuning: float
    turn: Any  # 2i times the detuning, in the type of the amplitudes


class Frame(NamedTuple):
    """The state in the eigenvectors of G, and room to get there.

    Attributes
    ----------
    y : ndarray (wide,)
        Amplitudes; the state's own ones under `LADDERS`.
    rate : ndarray (wide,)
        Eigenvalues of the Hermitian part of G.
    z : ndarray (wide,)
        :math:`J_B^z` of each eigenvector, where it is sharp.
    vectors, columns : ndarray (slots, room, wide)
        Rows are eigenvectors over J, and J over eigenvectors, zeros behind them up to whole
        registers; tables of bounded size, overwritten.
    known : ndarray (slots, wide), known_z : ndarray (slots, wide)
        Their `rate` and `z`.
    keys : ndarray of int64 (slots, 2)
    series : ndarray
        Rows of Taylor's series, the real parts and the imaginary ones, in whole registers.
    matrix : ndarray
        Of `trajectories.jumps.spins.series`.
    """

    y: Amplitudes
    rate: Array
    z: Array
    vectors: Array
    columns: Array
    known: Array
    known_z: Array
    keys: Integers
    series: Array
    matrix: Array


def empty_frame(
    n_battery: int, n_charger: int, detuned: bool, rotated: bool, summed: bool
) -> Frame:
    """Room for any state; for eigenvectors only where `rotated`, for the series where `summed`."""
    room = min(n_battery, n_charger) + 1
    wide = whole(room)
    slots = max(1, min(8192, CACHE_BYTES // (16 * room * wide))) if rotated else 0
    kind = np.complex128 if detuned else np.float64
    rows = wide if summed else 0
    return Frame(
        np.zeros(wide, dtype=kind),
        np.zeros(wide),
        np.zeros(wide),
        _whole_lines(slots * room * wide).reshape(slots, room, wide),
        _whole_lines(slots * room * wide).reshape(slots, room, wide),
        np.zeros((slots, wide)),
        np.zeros((slots, wide)),
        np.full((slots, 2), -1, dtype=np.int64),
        _whole_lines(2 * EIGHT + 2 * (ORDERS + 2) * rows),
        _whole_lines(3 * rows + EIGHT),
    )


def _whole_lines(size: int) -> Array:
    """Zeros that begin where a register does: one across two lines of memory takes longer."""
    room = np.zeros(size + EIGHT)
    skipped = -(room.ctypes.data // room.itemsize) % EIGHT
    return room[skipped : skipped + size]


@njit(inline="always")
def clock(g: Generator) -> float:
    """The part of G that is the same in all states, with emission and pumping at half filling."""
    total = 0.0
    for i in range(2):
        n, x = g.spins[i], g.noise[3 * i : 3 * i + 3]
        total += 0.25 * x[DEPHASING] * n + 0.5 * (x[EMISSION] + x[PUMPING]) * n
    return total


@njit(inline="always")
def tilt(g: Generator, ensemble: int) -> float:
    """Emission less pumping: the coefficient of :math:`J_i^z` in G."""
    return g.noise[3 * ensemble + EMISSION] - g.noise[3 * ensemble + PUMPING]


@njit(**WITHIN)
def begin_ladders(g: Generator, state: State, frame: Frame, table: Roots) -> None:
    """Under `LADDERS`: fill `frame` of the state, after a jump or at the start of a stage."""
    at, c = state.at, state.c
    n, M = at[SIZE], 0.5 * at[TWO_M]
    noise = clock(g)
    constant = noise + tilt(g, 1) * M
    if constant < 1e-14 * noise:  # rounding of nothing left to emit
        constant = 0.0
    constant += g.gamma * M
    scale, two_j = g.gamma * (2.0 * g.nbar + 1.0), 2 * at[LOW] + table.half
    for k in range(n):
        J = 0.5 * two_j + k
        frame.rate[k] = scale * ((J - M) * (J + M) + J) + constant
        frame.y[k] = c[EDGE + k]


@njit(inline="always")
def _are_real(amplitudes: Any) -> Any:
    return amplitudes.itemsize == 8


@njit(inline="always")
def _combined(
    rows: Any, first: Any, weights: Any, begin: Any, count: Any, out: Any, to: Any
) -> Any:
    """Eight of out = sum of real `weights` times rows, which begin at `first`."""
    row, found = rows.shape[2], filled(0.0)
    for k in range(count):
        found = plus(found, times(load(rows, first + k * row), filled(weights[begin + k].real)))
    store(out, to, found)


@njit(**KERNEL, forceinline=True)
def begin_rotated(state: State, frame: Frame, slot: int, table: Roots) -> None:
    """Under `ROTATED`: the same, with the eigenvectors that `eigenvectors` has put into `slot`."""
    at, c, columns = state.at, state.c, frame.columns
    low, n = ladder_range(at, table)
    shift, size = at[LOW] - low, at[SIZE]
    if _are_real(c):
        first = (slot * columns.shape[1] + shift) * columns.shape[2]
        for b in range(0, n, EIGHT):
            _combined(columns, first + b, c, EDGE, size, frame.y, b)
    else:
        for r in range(n):
            total, v = 0.0 * c[0], frame.vectors[slot, r]
            for k in range(size):
                total += v[shift + k] * c[EDGE + k]
            frame.y[r] = total
    for r in range(whole(n)):
        frame.rate[r] = frame.known[slot, r]
        frame.z[r] = frame.known_z[slot, r]


@njit(**WITHIN)
def waiting_time(g: Generator, state: State, frame: Frame, u: float, exponential: float) -> float:
    """Time until the next jump, infinity for none: component r by :math:`|y_r|^2`, then Exp."""
    at = state.at
    n = at[SIZE]
    if g.way == ROTATED:
        n = min(at[TWO_JB], at[TWO_JC], (at[TWO_JB] + at[TWO_JC] - abs(at[TWO_M])) // 2) + 1
    r = -1
    while r < n - 1 and u >= 0.0:
        r += 1
        u -= weight(frame.y[r])
    rate = frame.rate[r]
    return exponential / rate if rate > 0.0 else np.inf


@njit(inline="always")
def _evolved(frame: Any, dt: Any, y: Any, n: Any) -> Any:
    """Under `LADDERS`: y = the amplitudes at dt after the frame was filled; their squared norm."""
    norm, least = 0.0, frame.rate[0]  # the rates rise with J
    for k in range(n):
        x = -0.5 * dt * (frame.rate[k] - least)
        y[EDGE + k] = frame.y[k] * exp_bounded(x if x > -300.0 else -300.0)
    for k in range(n):
        norm += weight(y[EDGE + k])
    return norm


@njit(**WITHIN)
def evolve_ladders(state: State, frame: Frame, low: int, size: int, dt: float) -> None:
    """Under `LADDERS`: the state, normalised, at dt after `frame` was filled without a jump.

    `low` and `size` are those of the state of which it was filled; `frame` stays.
    """
    y = state.scratch[0]
    norm = _evolved(frame, dt, y, size)
    settle(state, low, size, y, norm)


@njit(**KERNEL, forceinline=True)
def evolve_rotated(
    g: Generator, state: State, frame: Frame, slot: int, dt: float, table: Roots
) -> None:
    """Under `ROTATED`: evolve by dt without a jump, and normalise."""
    at = state.at
    low, n = ladder_range(at, table)
    y, out, vectors = frame.y, state.scratch[0], frame.vectors
    least = np.inf
    for r in range(n):
        if weight(y[r]) > 0.0 and frame.rate[r] < least:
            least = frame.rate[r]
    for r in range(whole(n)):
        x = -0.5 * dt * (frame.rate[r] - least)  # positive only where there is no amplitude
        x = x if x > -300.0 else -300.0
        y[r] *= exp_bounded(x if x < 0.0 else 0.0)
    if g.turn != 0.0:
        for r in range(n):
            y[r] *= np.exp(-0.5 * g.turn * frame.z[r] * dt)
    norm = 0.0
    for r in range(n):
        norm += weight(y[r])
    scale = 1.0 / np.sqrt(norm)
    for r in range(whole(n)):
        y[r] *= scale
    if _are_real(y):
        first = slot * vectors.shape[1] * vectors.shape[2]
        for b in range(0, n, EIGHT):
            _combined(vectors, first + b, y, 0, n, out, EDGE + b)
    else:
        for k in range(n):
            out[EDGE + k] = 0.0
        for r in range(n):
            v = vectors[slot, r]
            for k in range(n):
                out[EDGE + k] += y[r] * v[k]
    settle(state, low, n, out, 1.0)


@njit(**WITHIN)
def slot_of(stage: int, state: State, frame: Frame) -> int:
    """Where in the table the eigenvectors are; -1 - where they belong if they are not there."""
    at = state.at
    first, second = _key(stage, at)
    slots = frame.keys.shape[0]
    mixed = np.uint64(first) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(second)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    slot = np.int64((mixed >> np.uint64(32)) % np.uint64(slots))
    found = frame.keys[slot, 0] == first and frame.keys[slot, 1] == second
    return int(slot if found else -1 - slot)


@njit(inline="always")
def _key(stage: Any, at: Any) -> Any:
    return (at[TWO_JB] << 32) | at[TWO_JC], ((at[TWO_M] + 0x7FFFFFFF) << 16) | stage


@njit(cache=True, error_model="numpy")
def eigenvectors(
    g: Generator, stage: int, state: State, frame: Frame, slot: int, table: Roots
) -> None:
    """Compute those of the state into `slot` of the table.

    A kernel apart: it makes arrays, so that what it is given has its references counted.
    """
    at = state.at
    first, second = _key(stage, at)
    frame.keys[slot, 0], frame.keys[slot, 1] = first, second
    low, n = ladder_range(at, table)
    vectors, columns = frame.vectors[slot], frame.columns[slot]
    rate, z = frame.known[slot], frame.known_z[slot]
    diagonal, across = np.empty(n), np.empty(n + 1)
    battery_z(at, table, low, diagonal, across)
    for r in range(n):
        for k in range(whole(n)):
            vectors[r, k] = columns[r, k] = 0.0
    for r in range(whole(n)):
        rate[r] = z[r] = 0.0
    if g.coupled == BOTH:  # no detuning here
        _tridiagonal(g, at, low, table, diagonal, across, vectors, rate)
    else:
        lowest = max(-0.5 * at[TWO_JB], 0.5 * (at[TWO_M] - at[TWO_JC]))
        for r in range(n):
            z[r] = lowest + r
            known_eigenvector(diagonal, across[1:], z[r], vectors[r, :n])
            rate[r] = product_rate(g, at, z[r])
    for r in range(n):
        for k in range(n):
            columns[k, r] = vectors[r, k]


@njit(**INNER_WITH_ARRAYS)
def _tridiagonal(
    g: Generator,
    at: Integers,
    low: int,
    table: Roots,
    z: Array,
    across: Array,
    vectors: Array,
    rate: Array,
) -> None:
    """Eigenvectors where both ensembles see the reservoir, in the order of their rates."""
    n, M = z.size, 0.5 * at[TWO_M]
    slope = tilt(g, 0) - tilt(g, 1)
    constant, beside = clock(g) + tilt(g, 1) * M + g.gamma * M, np.zeros(n)
    for k in range(n):
        J = low + k + 0.5 * table.half
        collective = g.gamma * (2.0 * g.nbar + 1.0) * ((J - M) * (J + M) + J)
        rate[k] = collective + constant + slope * z[k]
        if k > 0:
            beside[k - 1] = slope * across[k]
        vectors[k, k] = 1.0
    diagonalise_with(rate, beside, n, vectors)
    _in_order(rate, vectors, n)
    least = 1e-14 * max(abs(rate[0]), abs(rate[n - 1]))
    for r in range(n):
        rate[r] = rate[r] if rate[r] > least else 0.0  # below: rounding of a dark state


@njit(**INNER)
def _in_order(rate: Array, rows: Array, n: int) -> None:
    """Sort n rates, and the rows that belong to them."""
    for r in range(n - 1):
        least = r
        for i in range(r + 1, n):
            least = i if rate[i] < rate[least] else least
        rate[r], rate[least] = rate[least], rate[r]
        for k in range(n):
            rows[r, k], rows[least, k] = rows[least, k], rows[r, k]


@njit(**INNER)
def product_rate(g: Generator, at: Integers, m: float) -> float:
    r"""Rate of all jumps in :math:`|j_B,m\rangle|j_C,M-m\rangle`, at most one ensemble coupled."""
    total = 0.0
    for i in range(2):
        own = m if i == 0 else 0.5 * at[TWO_M] - m
        half, x = 0.5 * g.spins[i], g.noise[3 * i : 3 * i + 3]
        total += 0.5 * x[DEPHASING] * half + x[EMISSION] * (half + own) + x[PUMPING] * (half - own)
        if (g.coupled == BATTERY_ONLY and i == 0) or (g.coupled == CHARGER_ONLY and i == 1):
            j = 0.5 * at[TWO_JB + i]
            total += g.gamma * (g.nbar + 1.0) * (j + own) * (j - own + 1.0)
            total += g.gamma * g.nbar * (j - own) * (j + own + 1.0)
    return total


# --- what the state says about energies and photons


@njit(**WITHIN)
def brightness(g: Generator, state: State, table: Roots) -> float:
    r""":math:`\langle J(J+1)-M^2\rangle`."""
    at, c = state.at, state.c
    M, low, total = 0.5 * at[TWO_M], at[LOW] + 0.5 * table.half, 0.0
    for k in range(at[SIZE]):
        J = low + k
        total += weight(c[EDGE + k]) * ((J - M) * (J + M) + J)
    return total


@njit(**WITHIN)
def battery_mean(state: State, table: Roots) -> float:
    r""":math:`\langle J_B^z\rangle`."""
    at, c, real = state.at, state.c, state.real
    n = at[SIZE]
    battery_z(at, table, at[LOW], real[0, :n], real[1, : n + 1])
    own, beside = 0.0, 0.0
    for k in range(n):
        own += real[0, k] * weight(c[EDGE + k])
    for k in range(1, n):
        beside += real[1, k] * (c[EDGE + k] * np.conj(c[EDGE + k - 1])).real
    return own + 2.0 * beside


@njit(**WITHIN)
def matrix_elements(state: State, lowest: int, n: int, table: Roots) -> None:
    """What is read of n amplitudes from J index `lowest` on, as their weights, in ``state.real``.

    Rows: J_B^z of each ladder and beside it, :math:`q=a_J(M)^2-M`, and q times the first over M.
    """
    at, real = state.at, state.real
    a, b, M = at[TWO_JB], at[TWO_JC], 0.5 * at[TWO_M]
    battery_z(at, table, lowest, real[0, :n], real[1, : n + 1])
    low, own = lowest + 0.5 * table.half, 0.25 * (a * (a + 2) - b * (b + 2))
    level = table.level[lowest + PAD :]
    for k in range(n):
        J = low + k
        real[2, k] = (J - M) * (J + M) + J
        # J_B^z/M, which stays finite at M = 0
        real[3, k] = real[2, k] * ((J * (J + 1.0) + own) * level[k])


@njit(inline="always")
def _sums(real: Any, c: Any, n: Any) -> Any:
    """Of amplitudes c at any scale: with the four rows of `matrix_elements`."""
    own, beside, q, own_q = 0.0, 0.0, 0.0, 0.0
    for k in range(n):
        w = weight(c[EDGE + k])
        own += real[0, k] * w
        q += real[2, k] * w
        own_q += real[3, k] * w
    for k in range(1, n):
        beside += real[1, k] * (c[EDGE + k] * np.conj(c[EDGE + k - 1])).real
    return own, 2.0 * beside, q, own_q


@njit(inline="always")
def _shared(g: Any, M: Any, own: Any, beside: Any, q: Any, own_q: Any) -> Any:
    """`means` where both ensembles see the reservoir, from means of `_sums`."""
    warm = 2.0 * g.nbar + 1.0
    rate = g.gamma * (beside * (M - warm) - own_q - warm * own)
    return own + beside, rate, g.gamma * (g.nbar + 1.0) * (q + M), g.gamma * g.nbar * (q - M)


@njit(**WITHIN)
def ladder_means(
    g: Generator, state: State, frame: Frame, size: int, dt: float
) -> tuple[float, float, float, float]:
    """Under `LADDERS`: `means` at dt after the frame was filled, with its `matrix_elements`."""
    y = state.scratch[0]
    scale = 1.0 / _evolved(frame, dt, y, size)
    own, beside, q, own_q = _sums(state.real, y, size)
    return _shared(g, 0.5 * state.at[TWO_M], own * scale, beside * scale, q * scale, own_q * scale)


@njit(**INNER)
def means(g: Generator, state: State, table: Roots) -> tuple[float, float, float, float]:
    r""":math:`\langle J_B^z\rangle`, its rate by the reservoir, and both rates of photons."""
    at, c = state.at, state.c
    n, M = at[SIZE], 0.5 * at[TWO_M]
    matrix_elements(state, at[LOW], n, table)
    own, beside, q, own_q = _sums(state.real, c, n)
    if g.coupled == BOTH:
        return _shared(g, M, own, beside, q, own_q)
    z, diagonal, across = own + beside, state.real[0, :n], state.real[1, : n + 1]
    if g.coupled != BATTERY_ONLY and g.coupled != CHARGER_ONLY:
        return z, 0.0, 0.0, 0.0
    square = weight(across[0] * c[EDGE]) + weight(across[n] * c[EDGE + n - 1])
    for k in range(n):
        e = EDGE + k
        y = diagonal[k] * c[e] + across[k] * c[e - 1] + across[k + 1] * c[e + 1]
        square += weight(y)
    which = BATTERY if g.coupled == BATTERY_ONLY else CHARGER
    m = z if which == BATTERY else M - z
    square = square if which == BATTERY else M * M - 2.0 * M * z + square
    j = 0.5 * at[TWO_JB + which]
    emission = g.gamma * (g.nbar + 1.0) * max(j * (j + 1.0) - square + m, 0.0)
    absorption = g.gamma * g.nbar * max(j * (j + 1.0) - square - m, 0.0)
    return z, absorption - emission if which == BATTERY else 0.0, emission, absorption
