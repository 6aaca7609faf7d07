r"""The master equation of a reservoir where spins were turned: with coherence between energies.

.. math:: \dot\rho=\gamma(\bar n+1)D[L]\rho+\gamma\bar nD[L^\dagger]\rho-i\Delta[J_B^z,\rho]
          +\text{noise of single spins},\qquad L=c_BJ_B^-+c_CJ_C^-,

on a `ModeSpace` without photons, whose elements are between all M. The vector holds the stored
elements, their real and then their imaginary parts, and behind them three integrals: photons
emitted, photons absorbed, and excitations lost by single spins less those gained.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.spins import LocalNoise
from darkbattery.trajectories.propagate.channels import net_loss, with_local_decay
from darkbattery.trajectories.propagate.generator import Rates, assembled
from darkbattery.trajectories.propagate.mode_generator import (
    Move,
    commuted,
    jumped,
    local_moves,
)
from darkbattery.trajectories.space.angular import lowering_squared
from darkbattery.trajectories.space.mode_space import ModeSpace
from darkbattery.trajectories.space.product_space import Located

Array = NDArray[np.float64]
Term = tuple[Located, Array]

PARTS = 2


@dataclass(frozen=True, eq=False)
class CoherentGenerator:
    """A stage on a space; see the module for the layout of its vectors."""

    space: ModeSpace
    rates: Rates

    @cached_property
    def matrix(self) -> Any:
        """Sparse (CSR) matrix of the elements, all but the integrals."""
        k, (one, two) = self.space.kets, self.space.pairs
        turning = self.rates.detuning * (k.mb[one] - k.mb[two])
        return assembled(self.space.size, PARTS, self._terms(), turning)

    @cached_property
    def counting(self) -> Array:
        """Rates of the integrals as rows over the elements, (3, 2 size)."""
        return np.vstack([self.emission, self.absorption, self._lost()])

    @cached_property
    def emission(self) -> Array:
        r""":math:`\gamma(\bar n+1)L^\dagger L`, as a row."""
        return self.rates.down * self._row(self._ordered(0.0))

    @cached_property
    def absorption(self) -> Array:
        r""":math:`\gamma\bar nLL^\dagger`, as a row."""
        return self.rates.up * self._row(self._ordered(1.0))

    @cached_property
    def power(self) -> Array:
        """d<J_B^z>/dt per battery spin, as a row."""
        height = Move(np.arange(self.space.kets.n.size), self.space.kets.mb / self.rates.n_battery)
        return np.asarray(self.matrix.T @ self._row([height]))

    def _damped(self) -> list[tuple[bool, float]]:
        """Ensembles that the reservoir sees, with their couplings."""
        r = self.rates
        both = ((r.on_battery, True, r.battery_coupling), (r.on_charger, False, r.charger_coupling))
        return [(of_battery, c) for seen, of_battery, c in both if seen]

    def _ladder(self, of_battery: bool) -> tuple[Array, Array]:
        k, space = self.space.kets, self.space
        return (space.jb[k.b], k.mb) if of_battery else (space.jc[k.c], k.mc)

    def _shifted(self, of_battery: float, of_charger: float) -> NDArray[np.int64]:
        """The states with so much higher projections."""
        k = self.space.kets
        return self.space.find(k.b, k.c, k.mb + of_battery, k.mc + of_charger, k.n)

    def _lowered(self, step: int) -> list[Move]:
        """L (step 1: from one higher M) or its conjugate (step -1), an ensemble each."""
        moves = []
        for of_battery, c in self._damped():
            j, m = self._ladder(of_battery)
            squared = lowering_squared(j, m + (1.0 if step == 1 else 0.0))
            source = self._shifted(step * of_battery, step * (not of_battery))
            moves.append(Move(source, c * np.sqrt(np.maximum(squared, 0.0))))
        return moves

    def _ordered(self, lift: float) -> list[Move]:
        """L^+ L (lift 0) or L L^+ (lift 1)."""
        height, moves = np.zeros(self.space.kets.n.size), []
        damped = self._damped()
        for of_battery, c in damped:
            j, m = self._ladder(of_battery)
            height = height + c**2 * lowering_squared(j, m + lift)
        moves.append(Move(np.arange(height.size), height))
        if len(damped) == 2:
            both = self.rates.battery_coupling * self.rates.charger_coupling
            (jb, mb), (jc, mc) = self._ladder(True), self._ladder(False)
            for step in (-1, 1):  # J_B^+ J_C^-, and its conjugate: battery and charger commute
                up = lowering_squared(jb, mb + (step == 1))
                down = lowering_squared(jc, mc + (step == -1))
                amplitude = both * np.sqrt(np.maximum(up * down, 0.0))
                moves.append(Move(self._shifted(step, -step), amplitude))
        return moves

    def _row(self, moves: list[Move]) -> Array:
        """The mean of a Hermitian operator as weights of a vector's elements."""
        one, two = self.space.pairs
        weights = np.zeros(self.space.size)
        for move in moves:
            # <one|A|two> rho_{two, one}, and its mirror image
            weights += np.where(move.source[one] == two, move.amplitude[one], 0.0)
        weights *= np.where(self.space.diagonal, 1.0, 2.0)
        return np.concatenate([weights, np.zeros(self.space.size)])

    def _ensembles(self) -> tuple[tuple[LocalNoise, int, Array], ...]:
        k, r = self.space.kets, self.rates
        return (r.battery, r.n_battery, k.mb), (r.charger, r.n_charger, k.mc)

    def _lost(self) -> Array:
        lost = net_loss(self._ensembles())
        return self._row([Move(np.arange(lost.size), lost)])

    def _terms(self) -> Iterator[Term]:
        space, r = self.space, self.rates
        one, two = space.pairs
        for rate, step, lift in ((r.down, 1, 0.0), (r.up, -1, 1.0)):
            if rate == 0.0 or not self._damped():
                continue
            moves = self._lowered(step)
            for left in moves:
                for right in moves:
                    place = space.locate(left.source[one], right.source[two])
                    yield place, rate * left.amplitude[one] * right.amplitude[two]
            decay = [Move(at, -0.5 * rate * a) for at, a in self._ordered(lift)]
            yield from commuted(space, decay)
        for noise, spins, of_battery in (
            (r.battery, r.n_battery, True),
            (r.charger, r.n_charger, False),
        ):
            yield from jumped(space, local_moves(space, noise, spins, of_battery))
        alone = with_local_decay(np.zeros(space.kets.n.size), self._ensembles())
        yield space.locate(one, two), -0.5 * (alone[one] + alone[two])
