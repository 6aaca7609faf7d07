r"""Evolution without a jump where no basis makes it simple: Taylor's series, with its error known.

With detuning between battery and charger the generator G of `trajectories.jumps.spins.nojump` is
not normal. :math:`e^{-Gt/2}` is summed to order 24 in steps h with
:math:`\|G-\text{mean}\|\,h/2\le2`, so that what is left out is below
:math:`2^{25}/25!=2\cdot10^{-18}`. The squared norm falls throughout; the time at which it reaches a
uniform random number, which is when the next jump comes, lies in one of the steps and is bracketed
there.
"""

from typing import Any

import numpy as np
from numba import njit

from darkbattery.trajectories.jumps.counts.lengths import LONGEST_STEP
from darkbattery.trajectories.jumps.spins.local_noise import (
    EDGE,
    INNER,
    KERNEL,
    LOW,
    SIZE,
    TWO_M,
    Amplitudes,
    Roots,
    State,
    battery_z,
    ladder_range,
    settle,
    weight,
)
from darkbattery.trajectories.jumps.spins.nojump import Frame, Generator, clock, tilt


@njit(**KERNEL)
def series_until(
    g: Generator, state: State, frame: Frame, dt: float, budget: float, table: Roots
) -> tuple[float, float]:
    """Evolve until dt, or until the squared norm has fallen to `budget`, and normalise.

    Returns the time that passed, and what is left of the budget, relative to the new norm: 1 or
    more where a jump is due.
    """
    low, n = ladder_range(state.at, table)
    widened = state.scratch[0]
    for k in range(n):
        inside = k + low - state.at[LOW]
        widened[EDGE + k] = state.c[EDGE + inside] if 0 <= inside < state.at[SIZE] else 0.0
    diagonal, across = state.scratch[1, :n], state.scratch[2, : n + 1]
    mean, size = _half_generator(g, state, low, table, diagonal, across)
    passed, c = 0.0, frame.series
    while True:
        step = min(dt - passed, LONGEST_STEP / size if size > 0.0 else np.inf)
        for k in range(n):
            c[0, EDGE + k] = widened[EDGE + k]
        _coefficients(c, diagonal, across, n, step)
        norm = _sum_series(c, n, 1.0, widened) * np.exp(-2.0 * mean * step)
        if norm <= budget:
            part = _crossing(c, n, mean * step, budget, widened)
            passed += part * step
            norm = _sum_series(c, n, part, widened)
            settle(state, low, n, widened, norm)
            return passed, 1.0
        passed += step
        budget /= norm
        scale = np.exp(-mean * step) / np.sqrt(norm)
        for k in range(n):
            widened[EDGE + k] *= scale
        if passed >= dt:
            settle(state, low, n, widened, 1.0)
            return dt, budget


@njit(**INNER)
def _half_generator(
    g: Generator, state: State, low: int, table: Roots, diagonal: Amplitudes, across: Amplitudes
) -> tuple[float, float]:
    """-(G/2 - mean) as a tridiagonal matrix over J; its mean decay, and a bound on its norm."""
    at, n = state.at, diagonal.size
    M, z, z_across = 0.5 * at[TWO_M], state.real[0, :n], state.real[1, : n + 1]
    battery_z(at, table, low, z, z_across)
    slope = 0.5 * (tilt(g, 0) - tilt(g, 1) + g.turn)
    constant = clock(g) + tilt(g, 1) * M + g.gamma * M
    least, most = np.inf, -np.inf
    for k in range(n):
        J = low + k + 0.5 * table.half
        decay = g.gamma * (2.0 * g.nbar + 1.0) * ((J - M) * (J + M) + J) + constant
        diagonal[k] = -0.5 * decay - slope * z[k]
        across[k] = -slope * z_across[k]
        least, most = min(least, -diagonal[k].real), max(most, -diagonal[k].real)
    across[0] = 0.0
    across[n] = 0.0
    mean, size = 0.5 * (least + most), 0.0
    for k in range(n):
        diagonal[k] += mean
        size = max(size, abs(diagonal[k]) + abs(across[k]) + abs(across[k + 1]))
    return mean, size


@njit(inline="always")
def _coefficients(c: Any, diagonal: Any, across: Any, n: int, step: float) -> None:
    """Taylor's coefficients c[1], ... of the evolution of c[0], in units of the step."""
    for order in range(1, c.shape[0]):
        before, scale = c[order - 1], step / order
        before[EDGE - 1] = 0.0
        before[EDGE + n] = 0.0
        for k in range(n):
            e = EDGE + k
            applied = diagonal[k] * before[e] + across[k] * before[e - 1]
            c[order, e] = scale * (applied + across[k + 1] * before[e + 1])


@njit(inline="always")
def _sum_series(c: Any, n: int, x: float, out: Any) -> float:
    """`out` = the series at x; its squared norm."""
    norm, last = 0.0, c.shape[0] - 1
    for k in range(n):
        total = c[last, EDGE + k]
        for order in range(last - 1, -1, -1):
            total = total * x + c[order, EDGE + k]
        out[EDGE + k] = total
        norm += weight(total)
    return norm


@njit(**INNER)
def _crossing(c: Amplitudes, n: int, decay: float, budget: float, room: Amplitudes) -> float:
    """Where in (0, 1) the squared norm, which falls, equals the budget.

    The Illinois rule on its logarithm, bracketed throughout, to 1e-15 of the step.
    """
    aim = np.log(budget)
    low, high = 0.0, 1.0
    at_low = np.log(_sum_series(c, n, 0.0, room)) - aim
    at_high = np.log(_sum_series(c, n, 1.0, room)) - 2.0 * decay - aim
    if not at_low > 0.0:
        return 0.0
    side = 0
    for _ in range(100):
        if at_high >= 0.0 or high - low < 1e-15:
            break
        x = (low * at_high - high * at_low) / (at_high - at_low)
        value = np.log(_sum_series(c, n, x, room)) - 2.0 * decay * x - aim
        if abs(value) < 1e-15:
            return x
        if value > 0.0:
            low, at_low = x, value
            at_high *= 0.5 if side == 1 else 1.0
            side = 1
        else:
            high, at_high = x, value
            at_low *= 0.5 if side == -1 else 1.0
            side = -1
    return high
