"""What the steps of every kind of paths do in one lane: the field's, and a spin's turn about it.

The equations and their discretisation are told in `meanfield.paths.paths`.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.meanfield.paths.paths import (
    BEFORE,
    DELAY,
    FIELD_IM,
    FIELD_RE,
    LANES,
    SUM_IM,
    SUM_Q,
    SUM_RE,
    SUM_Z,
)

Array = NDArray[np.float64]


@njit(inline="always")
def half_field(re: Any, im: Any, s_re: Any, s_im: Any, pushed: Any, n_re: Any, n_im: Any) -> Any:
    """Half a step of alpha under constant spins, and half of the step's noise."""
    decay, force, width, drive = pushed
    # -i (s + eta)
    push_re, push_im = s_im + drive.imag, -(s_re + drive.real)
    new_re = decay.real * re + force.real * push_re + 0.5 * width * n_re
    new_im = decay.real * im + force.real * push_im + 0.5 * width * n_im
    if decay.imag != 0.0:  # the field is detuned
        new_re -= decay.imag * im + force.imag * push_im
        new_im += decay.imag * re + force.imag * push_re
    return new_re, new_im


@njit(inline="always")
def next_field(state: Any, lane: Any, pushed: Any, n_re: Any, n_im: Any) -> Any:
    """`half_field` of a lane."""
    re, im = state[FIELD_RE + lane], state[FIELD_IM + lane]
    return half_field(re, im, state[SUM_RE + lane], state[SUM_IM + lane], pushed, n_re, n_im)


@njit(inline="always")
def _mean_field(s_re: Any, s_im: Any, q: Any, length: Any, w_re: Any, w_im: Any) -> Any:
    """The eliminated field averaged over a step, with the spins taken to its middle."""
    c, h, over = length
    half_q = 0.5 * q
    a_re = c * h * s_im + w_re
    a_im = -c * h * s_re + w_im
    # d s = i a sum f G^2 v_z, half of it
    return c * (s_im + a_re * half_q) + over * w_re, -c * (s_re - a_im * half_q) + over * w_im


@njit(inline="always")
def next_mean_field(state: Any, lane: Any, length: Any, w_re: Any, w_im: Any) -> Any:
    """`_mean_field` of a lane."""
    s_re, s_im, q = state[SUM_RE + lane], state[SUM_IM + lane], state[SUM_Q + lane]
    return _mean_field(s_re, s_im, q, length, w_re, w_im)


@njit(inline="always")
def factors(re: Any, im: Any, gh: Any, wz: Any) -> Any:
    """Factors of the turn about (2 Re b, -2 Im b, D) h = 2w, common to all classes of equal b, D.

    With t = |w|: G h sin(2t)/t, (G h)^2 (1 - cos 2t)/t^2, 1 - (1 - cos 2t) (w_x^2 + w_y^2)/t^2,
    from tan t = t(945-105tt+t^4)/(945-420tt+15t^4).
    """
    # the field may be huge where h is tiny: its square is not taken alone
    wx, wy = gh * re, gh * im
    square = wx * wx + wy * wy
    s = square + wz * wz
    scalar = 945.0 - s * (420.0 - 15.0 * s)
    vector = 945.0 - s * (105.0 - s)
    factor = 2.0 * vector / (scalar * scalar + vector * vector * s)
    bend = factor * vector
    return gh * factor * scalar, gh * gh * bend, 1.0 - bend * square


@njit(inline="always")
def turned(re: Any, im: Any, turn: Any, a: Any, b: Any, c: Any) -> Any:
    """`_turn` without a detuning or noise, of one spin."""
    swing, bend, kept = turn
    along = re * b + im * a
    qz = swing * c + bend * along
    return a - im * qz, b - re * qz, kept * c + swing * along


@njit(error_model="numpy")
def note_falls(state: Array, now: float, h: float) -> None:
    """When the inversion first fell through zero, taken as linear over the step."""
    for lane in range(LANES):
        before, after = state[BEFORE + lane], state[SUM_Z + lane]
        if before > 0.0 and after <= 0.0 and state[DELAY + lane] == np.inf:
            state[DELAY + lane] = now + h * before / (before - after)
