"""Steps of paths of two classes that turn alike, undetuned and noiseless: a step in one pass.

As `meanfield.paths.steps.advance`, where the two ensembles of equal spins are all there is.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.meanfield.paths.lane import (
    factors,
    half_field,
    next_field,
    next_mean_field,
    note_falls,
    turned,
)
from darkbattery.meanfield.paths.paths import (
    BEFORE,
    BLOCK,
    FIELD_IM,
    FIELD_RE,
    LANES,
    LEAVING_RATE,
    LEFT_SO_FAR,
    SUM_IM,
    SUM_Q,
    SUM_RE,
    SUM_Z,
    Pair,
    Step,
)
from darkbattery.nvmodel.kernelcache import apart

Array = NDArray[np.float64]
Amplitudes = NDArray[np.complex128]
Rows = tuple[Any, Any]  # in normal numbers, of two that are used together

# rows of a pair's vectors
X_1, Y_1, Z_1, X_2, Y_2, Z_2 = (np.uint64(BLOCK * row) for row in range(6))


@njit(error_model="numpy")
def is_pair(p: Step, shift: Array) -> bool:
    """Whether there are two classes that turn alike, undetuned and without noise of their own."""
    if p.share.size != 2 or p.leads[1] or p.decoheres or p.relaxes or p.detuning[0] != 0.0:
        return False
    moved = 0
    for by in shift.flat:
        moved += by != 0.0
    return moved == 0


@njit(error_model="numpy")
def pair_of(p: Step) -> Pair:
    """What does not depend on a step's length."""
    share = (p.share[0], p.share[p.share.size - 1])
    return Pair(share, p.coupling[0], p.total, p.kappa, p.eliminated)


@njit(error_model="numpy")
def advance_pair(
    state: Array,
    spins: Array,
    held: tuple[int, int],
    length: tuple[float, complex, complex, float],
    pair: Pair,
    start: float,
    steps: tuple[int, int],
    drive: Amplitudes,
    noise: Array,
    used: int,
) -> None:
    """`advance` of what `is_pair`; `length` is a step's h, decay, force and noise of the field."""
    h, decay, force, width = length
    (since, per_step), zero = held, np.uint64(0)
    for n in range(steps[0], steps[1]):
        first = np.uint64((used - since) * per_step) * LANES
        rows = (first, first + LANES)
        if pair.eliminated:
            falls = _step_of_eliminated_pair(state, spins, pair, h, width, noise, rows)
        elif decay.imag == 0.0:  # a kernel of its own, compiled for real numbers
            undetuned = (decay.real, force.real, width, drive[used])
            falls = _step_of_pair(state, spins, pair, h, undetuned, noise, rows)
        else:
            pushed = (decay, force, width, drive[used])
            falls = _step_of_pair(state, spins, pair, h, pushed, noise, rows)
        if falls != zero:
            note_falls(state, start + n * h, h)
        used += 1


@njit(error_model="numpy")
def _step_of_pair(
    state: Array,
    spins: Array,
    pair: Pair,
    h: float,
    pushed: tuple[Any, Any, float, complex],
    noise: Array,
    rows: Rows,
) -> Any:
    """`_begin`, both turns and `_end` in one pass."""
    apart()
    half, rate, vacuum = 0.5 * h, pair.kappa, 0.5 / pair.total
    falls = np.uint64(0)
    real, imag = rows
    for lane in range(LANES):
        left = state[LEFT_SO_FAR + lane] + half * state[LEAVING_RATE + lane]
        before = state[SUM_Z + lane]
        n_re, n_im = noise[real + lane], noise[imag + lane]
        re, im = next_field(state, lane, pushed, n_re, n_im)
        s_re, s_im, s_z, _ = _turn_pair(spins, lane, re, im, pair, h)
        state[SUM_RE + lane], state[SUM_IM + lane], state[SUM_Z + lane] = s_re, s_im, s_z
        re, im = half_field(re, im, s_re, s_im, pushed, n_re, n_im)
        state[FIELD_RE + lane], state[FIELD_IM + lane] = re, im
        now = rate * (re * re + im * im - vacuum)
        state[LEAVING_RATE + lane] = now
        state[LEFT_SO_FAR + lane] = left + half * now
        state[BEFORE + lane] = before
        falls += np.uint64((before > 0.0) & (s_z <= 0.0))
    return falls


@njit(error_model="numpy")
def _step_of_eliminated_pair(
    state: Array,
    spins: Array,
    pair: Pair,
    h: float,
    width: float,
    noise: Array,
    rows: Rows,
) -> Any:
    """`_begin_eliminated`, both turns and `_end_eliminated` in one pass."""
    apart()
    half, over, c = 0.5 * h, 1.0 / h, 2.0 / pair.kappa
    rate, own = 4.0 / pair.kappa, 0.5 / pair.total
    falls = np.uint64(0)
    real, imag = rows
    for lane in range(LANES):
        left = state[LEFT_SO_FAR + lane] + half * state[LEAVING_RATE + lane]
        before = state[SUM_Z + lane]
        re, im = next_mean_field(
            state, lane, (c, h, over), width * noise[real + lane], width * noise[imag + lane]
        )
        state[FIELD_RE + lane], state[FIELD_IM + lane] = re, im
        s_re, s_im, s_z, s_q = _turn_pair(spins, lane, re, im, pair, h)
        state[SUM_RE + lane], state[SUM_IM + lane], state[SUM_Z + lane] = s_re, s_im, s_z
        state[SUM_Q + lane] = s_q
        now = rate * (s_re * s_re + s_im * s_im + own * s_q)
        state[LEAVING_RATE + lane] = now
        state[LEFT_SO_FAR + lane] = left + half * now
        state[BEFORE + lane] = before
        falls += np.uint64((before > 0.0) & (s_z <= 0.0))
    return falls


@njit(inline="always")
def _turn_pair(spins: Any, lane: Any, re: Any, im: Any, pair: Any, h: Any) -> Any:
    """Turn both classes of a pair in the field; their sums."""
    (share_1, share_2), g = pair.share, pair.coupling
    half_1, half_2, q_1, q_2 = (
        0.5 * share_1 * g,
        0.5 * share_2 * g,
        share_1 * g * g,
        share_2 * g * g,
    )
    turn = factors(re, im, h * g, 0.0)
    x, y, z = turned(re, im, turn, spins[X_1 + lane], spins[Y_1 + lane], spins[Z_1 + lane])
    spins[X_1 + lane], spins[Y_1 + lane], spins[Z_1 + lane] = x, y, z
    s_re, s_im, s_z, s_q = half_1 * x, -half_1 * y, share_1 * z, q_1 * z
    x, y, z = turned(re, im, turn, spins[X_2 + lane], spins[Y_2 + lane], spins[Z_2 + lane])
    spins[X_2 + lane], spins[Y_2 + lane], spins[Z_2 + lane] = x, y, z
    s_re, s_im = s_re + half_2 * x, s_im - half_2 * y
    return s_re, s_im, s_z + share_2 * z, s_q + q_2 * z
