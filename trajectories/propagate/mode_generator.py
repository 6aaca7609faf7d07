r"""The master equation of spins at a mode in one stage, as a sparse matrix on a `ModeSpace`.

.. math:: H = \sum_i D_iJ_i^z + D_ca^\dagger a + \sum_i g_i(a^\dagger J_i^-+J_i^+a)
          + \eta(a^\dagger+a)

with a decay kappa(nbar + 1) of the mode, kappa nbar into it, and noise of single spins. In
:math:`(-i)^n|n\rangle` couplings and drive are real antisymmetric matrices, so that imaginary parts
come from detunings alone. Every jump takes a state to at most one other, so that all decay is
diagonal.

The vector holds the stored elements (their real parts; then, with a detuning, their imaginary
parts) and behind them four integrals: photons emitted, photons absorbed, excitations lost by single
spins less those gained, and photons that the drive supplied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.spins import LocalNoise
from darkbattery.trajectories.propagate.channels import (
    SHIFT,
    channel_element,
    channel_strength,
    net_loss,
    processes_of,
    total_rate,
    with_local_decay,
)
from darkbattery.trajectories.propagate.generator import assembled
from darkbattery.trajectories.propagate.mode_stages import Changing, ModeRates
from darkbattery.trajectories.space.angular import lowering_squared
from darkbattery.trajectories.space.mode_space import ModeSpace
from darkbattery.trajectories.space.product_space import Located

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

INTEGRALS = 4
EMITTED, ABSORBED, LOST, SUPPLIED = range(INTEGRALS)


class Move(NamedTuple):
    """An operator that takes each state to at most one other.

    `source` (states,) is where the state of each number comes from, -1 from nowhere, and
    `amplitude` (states,) with what factor.
    """

    source: Indices
    amplitude: Array


@dataclass(frozen=True, eq=False)
class ModeGenerator:
    """A stage on a space; see the module for the layout of its vectors."""

    space: ModeSpace
    rates: ModeRates
    n_battery: int
    n_charger: int
    parts: int

    @cached_property
    def matrix(self) -> Any:
        """Sparse (CSR) matrix of the elements, all but the integrals."""
        return self._whole(self._terms(), self._energies())

    @cached_property
    def emissions(self) -> Any:
        """Sparse matrix of the photons that leave: what `matrix` has of them as jumps."""
        down = [move for move, change in self._field_jumps() if change == -1]
        return self._whole(jumped(self.space, down), np.zeros(self.space.size))

    @cached_property
    def driving(self) -> Any:
        """Sparse matrix of a drive of 1 rad/s."""
        return self._whole(commuted(self.space, _driven(self.space, 1.0)), None)

    @cached_property
    def without_jumps(self) -> Any:
        """Sparse matrix (states, states) of a state's amplitudes while nothing jumps."""
        k, r, states = self.space.kets, self.rates, self.space.kets.n.size
        energies = r.battery_detuning * k.mb + r.charger_detuning * k.mc + r.mode_detuning * k.n
        found = scipy.sparse.diags(-0.5 * self._decay() - 1j * energies).tocsr()
        for of_battery, g in ((True, r.battery_coupling), (False, r.charger_coupling)):
            for move in _exchanged(self.space, g, of_battery):
                to = np.flatnonzero((move.source >= 0) & (move.amplitude != 0.0))
                place = to, move.source[to]
                shape = states, states
                found = found + scipy.sparse.csr_matrix((move.amplitude[to], place), shape=shape)
        return found

    @cached_property
    def jumps(self) -> list[tuple[int, Move]]:
        """All that jumps, each with its place in `PROCESSES`."""
        r, field = self.rates, {-1: 0, 1: 1}
        found = [(field[change], move) for move, change in self._field_jumps()]
        for first, noise, spins, of_battery in (
            (2, r.battery, self.n_battery, True),
            (5, r.charger, self.n_charger, False),
        ):
            parts = (
                LocalNoise(dephasing=noise.dephasing),
                LocalNoise(emission=noise.emission),
                LocalNoise(pumping=noise.pumping),
            )
            for kind, part in enumerate(parts):
                moves = local_moves(self.space, part, spins, of_battery)
                found += [(first + kind, move) for move in moves]
        return found

    @cached_property
    def local_power(self) -> Array:
        """d<J_B^z>/dt (states,) by noise of single spins of the battery."""
        k, noise = self.space.kets, self.rates.battery
        pumped = noise.pumping * total_rate("+", self.n_battery, k.mb)
        return np.asarray(pumped - noise.emission * total_rate("-", self.n_battery, k.mb))

    @cached_property
    def turning(self) -> tuple[Array, Array]:
        """What a detuning of 1 rad/s turns each element by: of the battery, and of the charger."""
        k, (one, two) = self.space.kets, self.space.pairs
        return k.mb[one] - k.mb[two], k.mc[one] - k.mc[two]

    @cached_property
    def counting(self) -> Array:
        """Rates of the integrals as rows over the elements, (4, parts * size)."""
        r, n = self.rates, self.space.kets.n[self.space.pairs[0]]
        emission, absorption = r.kappa * (r.nbar + 1.0) * n, r.kappa * r.nbar * (n + 1.0)
        rows = np.where(self.space.diagonal, [emission, absorption, self._local_loss()], 0.0)
        whole = np.hstack([rows, np.zeros((3, (self.parts - 1) * self.space.size))])
        supplied = r.drive * self.supply if r.drive != 0.0 else np.zeros(whole.shape[1])
        return np.vstack([whole, supplied])

    @cached_property
    def power(self) -> Array:
        """d<J_B^z>/dt per battery spin, as a row; a drive has no part in it."""
        return np.asarray(self.matrix.T @ self.row(self.space.kets.mb / self.n_battery))

    @cached_property
    def supply(self) -> Array:
        """Photons per second that a drive of 1 rad/s supplies, as a row."""
        return np.asarray(self.driving.T @ self.row(self.space.kets.n))

    def changed(self, elements: Array, changing: Changing | None, since: float) -> Array:
        """What a stretch's own changes add to the rate of change of the elements (copies * size).

        `since` counts from the start of the stretch.
        """
        if changing is None:
            return np.zeros_like(elements)
        copies = elements.reshape(-1, self.parts * self.space.size)
        eta = changing.drive(since)
        found = np.zeros_like(copies)
        if eta != 0.0:
            found += eta * (self.driving @ copies.T).T
        if self.parts == 2:
            battery, charger = self.turning
            of = changing.detunings(since)
            turning = of[0] * battery + of[1] * charger
            real, imaginary = copies.reshape(len(copies), 2, -1).transpose(1, 0, 2)
            found += np.concatenate([turning * imaginary, -turning * real], axis=1)
        return found.ravel()

    def row(self, of_states: Array | Indices) -> Array:
        """The mean of a diagonal operator (states,) as weights of a vector's elements."""
        weights = np.where(self.space.diagonal, of_states[self.space.pairs[0]], 0.0)
        return np.concatenate([weights, np.zeros((self.parts - 1) * self.space.size)])

    def _local_loss(self) -> Array:
        return np.asarray(net_loss(self._ensembles())[self.space.pairs[0]])

    def _ensembles(self) -> tuple[tuple[LocalNoise, int, Array], ...]:
        k, r = self.space.kets, self.rates
        return (r.battery, self.n_battery, k.mb), (r.charger, self.n_charger, k.mc)

    def _energies(self) -> Array:
        """Frequency of each element in the chosen frame."""
        k, r = self.space.kets, self.rates
        of = r.battery_detuning * k.mb + r.charger_detuning * k.mc + r.mode_detuning * k.n
        one, two = self.space.pairs
        return np.asarray(of[one] - of[two])

    def _terms(self) -> Iterator[tuple[Located, Array]]:
        space, r = self.space, self.rates
        one, two = space.pairs
        loss = self._decay()
        yield space.locate(one, two), -0.5 * (loss[one] + loss[two])
        for of_battery, g in ((True, r.battery_coupling), (False, r.charger_coupling)):
            if g != 0.0:
                yield from commuted(space, _exchanged(space, g, of_battery))
        if r.drive != 0.0:
            yield from commuted(space, _driven(space, r.drive))
        jumps = [move for move, _ in self._field_jumps()]
        for (noise, spins, _), of_battery in zip(self._ensembles(), (True, False), strict=True):
            jumps += local_moves(space, noise, spins, of_battery)
        yield from jumped(space, jumps)

    def _decay(self) -> Array:
        """Rate at which each state is left by jumps."""
        k, r = self.space.kets, self.rates
        # at the bound nothing is absorbed
        thermal = np.where(k.n < self.space.most_photons, k.n + 1.0, 0.0)
        decay = r.kappa * ((r.nbar + 1.0) * k.n + r.nbar * thermal)
        return with_local_decay(np.asarray(decay), self._ensembles())

    def _field_jumps(self) -> list[tuple[Move, int]]:
        """Photons that leave and enter, each with its change of n."""
        k, r = self.space.kets, self.rates
        found = []
        for change, rate, squared in (
            (-1, r.kappa * (r.nbar + 1.0), k.n + 1.0),
            (1, r.kappa * r.nbar, 1.0 * k.n),
        ):
            if rate > 0.0:
                source = self.space.find(k.b, k.c, k.mb, k.mc, k.n - change)
                found.append((Move(source, np.sqrt(rate * squared)), change))
        return found

    def _whole(self, terms: Iterator[tuple[Located, Array]], turning: Array | None) -> Any:
        return assembled(self.space.size, self.parts, terms, turning)


def commuted(space: ModeSpace, moves: list[Move]) -> Iterator[tuple[Located, Array]]:
    """K rho + rho K^T of a real operator K."""
    one, two = space.pairs
    for move in moves:
        yield space.locate(move.source[one], two), move.amplitude[one]
        yield space.locate(one, move.source[two]), move.amplitude[two]


def jumped(space: ModeSpace, jumps: list[Move]) -> Iterator[tuple[Located, Array]]:
    """K rho K^T of every jump."""
    one, two = space.pairs
    for move in jumps:
        place = space.locate(move.source[one], move.source[two])
        yield place, move.amplitude[one] * move.amplitude[two]


def _exchanged(space: ModeSpace, coupling: float, of_battery: bool) -> list[Move]:
    r"""-i g (a^+ J^- + J^+ a) of one ensemble: into n from n - 1, and from n + 1."""
    k = space.kets
    j, m = (space.jb[k.b], k.mb) if of_battery else (space.jc[k.c], k.mc)
    moves = []
    for step, squared in (
        (1, k.n * lowering_squared(j, m + 1.0)),
        (-1, (k.n + 1.0) * lowering_squared(j, m)),
    ):
        mb, mc = (k.mb + step, k.mc) if of_battery else (k.mb, k.mc + step)
        source = space.find(k.b, k.c, mb, mc, k.n - step)
        moves.append(Move(source, step * coupling * np.sqrt(np.maximum(squared, 0.0))))
    return moves


def _driven(space: ModeSpace, eta: float) -> list[Move]:
    r"""-i eta (a^+ + a): into n from n - 1, and from n + 1."""
    k = space.kets
    return [
        Move(space.find(k.b, k.c, k.mb, k.mc, k.n - step), step * eta * np.sqrt(photons))
        for step, photons in ((1, 1.0 * k.n), (-1, k.n + 1.0))
    ]


def local_moves(space: ModeSpace, noise: LocalNoise, spins: int, of_battery: bool) -> list[Move]:
    """Noise of single spins of one ensemble; see `trajectories.propagate.channels`."""
    k = space.kets
    ladders, which = (space.jb, k.b) if of_battery else (space.jc, k.c)
    m = k.mb if of_battery else k.mc
    moves = []
    for operator, rate in processes_of(noise):
        if rate == 0.0:
            continue
        before = m - SHIFT[operator]
        for change in (0, -1, 1):
            # irreps fall with their number: the source j - change is `change` places further on
            at = which + change
            known = (at >= 0) & (at < ladders.size)
            j = ladders[np.where(known, at, 0)]
            strength = np.sqrt(rate * channel_strength(spins, change, j))
            t = np.where(known, strength * channel_element(operator, change, j, before), 0.0)
            b, c = (at, k.c) if of_battery else (k.b, at)
            mb, mc = (before, k.mc) if of_battery else (k.mb, before)
            moves.append(Move(space.find(b, c, mb, mc, k.n), t))
    return moves
