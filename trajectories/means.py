"""What a state with sharp j_B, j_C and M says about energies and photons."""

from typing import Any

import numpy as np
from numba import njit

from trajectories.local_noise import (
    BATTERY,
    CHARGER,
    EDGE,
    INNER,
    LOW,
    SIZE,
    TWO_JB,
    TWO_M,
    Roots,
    State,
    battery_z,
    weight,
)
from trajectories.nojump import BATTERY_ONLY, BOTH, CHARGER_ONLY, Generator


@njit(**INNER)
def brightness(g: Generator, state: State, table: Roots) -> float:
    """<J(J+1) - M^2>."""
    at, c = state.at, state.c
    M, low, total = 0.5 * at[TWO_M], at[LOW] + 0.5 * table.half, 0.0
    for k in range(at[SIZE]):
        J = low + k
        total += weight(c[EDGE + k]) * ((J - M) * (J + M) + J)
    return total


@njit(**INNER)
def means(g: Generator, state: State, table: Roots) -> tuple[float, float, float, float]:
    """<J_B^z>, its rate by the shared reservoir, and the rates of both kinds of photons."""
    at, c = state.at, state.c
    n, M = at[SIZE], 0.5 * at[TWO_M]
    diagonal, across = state.real[0, :n], state.real[1, : n + 1]
    battery_z(at, table, at[LOW], diagonal, across)
    own, own_q, q_mean, beside = 0.0, 0.0, 0.0, 0.0
    low = at[LOW] + 0.5 * table.half
    for k in range(n):
        e, J = EDGE + k, low + k
        w, q = weight(c[e]), (J - M) * (J + M) + J
        own += diagonal[k] * w
        q_mean += w * q
        # J_B^z/M, which stays finite at M = 0
        own_q += w * q * _share(at, J)
        beside += 2.0 * across[k] * (c[e] * np.conj(c[e - 1])).real
    z = own + beside
    if g.coupled == BOTH:
        warm = 2.0 * g.nbar + 1.0
        rate = g.gamma * (beside * (M - warm) - own_q - warm * own)
        return (
            z,
            rate,
            g.gamma * (g.nbar + 1.0) * (q_mean + M),
            g.gamma * g.nbar * (q_mean - M),
        )
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


@njit(inline="always")
def _share(at: Any, J: Any) -> Any:
    """<JM|J_B^z|JM>/M."""
    if J == 0.0:
        return 0.0
    a, b = at[0], at[1]
    return (J * (J + 1.0) + 0.25 * (a * (a + 2) - b * (b + 2))) / (2.0 * J * (J + 1.0))
