r"""Holes in a line that fill again by flip-flops of spins with their neighbours.

As a law,

.. math:: p(t) = \bar p-(\bar p-p_0)\,e^{-\sqrt{t/T_r}} = \bar p-(\bar p-p_0)\int_0^\infty
          \varrho(R)e^{-Rt}dR

the sum over spins that each flip at a rate R of their own, for their surroundings differ; R is
distributed as :math:`1/(2T_rZ^2)` with Z standard normal (a Levy distribution, whose Laplace
transform that is). Kersten et al. 2026 measured the law, with 11.6 us.

Of class k those spins that flip at the rate :math:`R_r` have the inversion :math:`u_{rk}`, and go
towards the mean of all such spins of their ensemble:

.. math:: \dot u_{rk} = \dot z_k^{\,0} + R_r(\bar u_r-u_{rk}),\qquad z_k = \sum_r w_ru_{rk}

with :math:`\dot z_k^{\,0}` of all other processes, which turn them alike. The ensemble's mean is
kept. Flips are done in turns with the rest, many in a T_r.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.meanfield.classes.moments import BATTERY, CHARGER, System
from darkbattery.nvmodel.protocol import Pulse

Array = NDArray[np.float64]

# rates are followed from here to there in units of 1/T_r; the law is met to 5e-3 of a hole
SLOWEST, FASTEST, RATES = 0.03, 5000.0, 10


def flip_rates(refill_s: float) -> tuple[Array, Array]:
    """Rates (1/s) that stand for all, and the share of the spins that has each.

    >>> rates, share = flip_rates(1e-5)
    >>> print(round(float(share @ np.exp(-rates * 1e-5)), 2), round(np.exp(-1.0), 2))
    0.37 0.37
    """
    edges = np.geomspace(SLOWEST, FASTEST, RATES + 1)
    below = scipy.special.erfc(0.5 / np.sqrt(edges[1:-1]))
    share = np.diff(np.concatenate([[0.0], below, [1.0]]))
    return np.sqrt(edges[1:] * edges[:-1]) / refill_s, share


class Refilling:
    """The inversions by rate, u (R, M) or (R, M, lanes), of those ensembles whose holes fill."""

    def __init__(self, system: System, z: Array) -> None:
        self._parts = []
        for ensemble in (BATTERY, CHARGER):
            mine = system.ensemble == ensemble
            if np.isfinite(system.refill[ensemble]) and mine.any():
                rates, share = flip_rates(system.refill[ensemble])
                u = np.repeat(z[None, mine], rates.size, axis=0)
                self._parts.append((ensemble, mine, rates, share, system.of(ensemble)[mine], u))

    def follow(self, before: Array, after: Array) -> None:
        """What else happened to the inversions (M, ...) meanwhile."""
        for _, mine, *_, u in self._parts:
            u += after[mine] - before[mine]

    def turn(self, pulse: Pulse, before: Array, after: Array) -> None:
        """A pulse: differences from the mean of a class turn as the mean does."""
        for ensemble, mine, *_, u in self._parts:
            angle = pulse.rotate_battery if ensemble == BATTERY else pulse.rotate_charger
            kept = np.cos(angle) * np.exp(-0.5 * (pulse.rotation_error * angle) ** 2)
            u[:] = after[mine] + kept * (u - before[mine])

    def flip(self, time: float, z: Array) -> None:
        """Let spins flip for a time, and write the inversions (M, ...) that are then into z."""
        for _, mine, rates, share, weight, u in self._parts:
            mean = np.einsum("k,rk...->r...", weight, u)[:, None]
            left = np.exp(-rates * time).reshape(-1, *(1,) * (u.ndim - 1))
            u[:] = mean + left * (u - mean)
            z[mine] = np.einsum("r,rk...->k...", share, u)
