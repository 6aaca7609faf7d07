r"""Holes that fill again: what is followed of each class beside its inversion.

Of class k those spins that flip at the rate :math:`R_r` (`nvmodel.refilling`) have the inversion
:math:`u_{rk}`, and go towards the mean of all such spins of their ensemble:

.. math:: \dot u_{rk} = \dot z_k^{\,0} + R_r(\bar u_r-u_{rk}),\qquad z_k = \sum_r w_ru_{rk}

with :math:`\dot z_k^{\,0}` of all other processes, which turn them alike. The ensemble's mean is
kept. Flips are done in turns with the rest, many in a T_r.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from darkbattery.meanfield.classes.moments import BATTERY, CHARGER, System
from darkbattery.nvmodel.protocol import Pulse
from darkbattery.nvmodel.refilling import flip_rates

Array = NDArray[np.float64]


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
