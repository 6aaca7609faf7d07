r"""What an observer of the light knows in a stage, as sparse matrices over a state's elements.

Of the master equation :math:`\dot\rho=L\rho` one channel is watched, with efficiency eta: the
emission :math:`c=\sqrt{\gamma(\bar n+1)}\,J^-`. All others, light that comes in and noise of single
spins, are averaged over. Between recorded photons, and at each of them,

.. math:: \dot\rho=(L-\eta S)\rho,\qquad\rho\leftarrow S\rho,\qquad S\rho=c\rho c^\dagger

(Wiseman and Milburn 2010, section 4.8), not normalised: the trace falls as the probability of the
record does. Stages and their channels are those of `nvmodel.channels`, through
`propagate.generator`.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.preparation import dicke_mixture
from darkbattery.nvmodel.protocol import Pulse, Stage, end_of, endless
from darkbattery.trajectories.propagate.channels import total_rate
from darkbattery.trajectories.propagate.dephasing import dephased
from darkbattery.trajectories.propagate.exponentials import doubled_exponentials
from darkbattery.trajectories.propagate.generator import (
    Rates,
    collective_gain,
    summed,
    terms_of,
)
from darkbattery.trajectories.propagate.rotations import ket_rotation, turned
from darkbattery.trajectories.space.angular import lowering_squared
from darkbattery.trajectories.space.matrix_space import MatrixSpace
from darkbattery.trajectories.space.product_space import pairs_of

Array = NDArray[np.float64]

REMAINDER = 0.25  # of the time in which the fastest element changes: left to a series
SERIES = 13  # its order: 0.25^14/14! is below rounding
LEAST = 1e-15  # relative: what of a commutator is rounding


def times(matrix: Any, x: NDArray[Any]) -> NDArray[Any]:
    """A sparse matrix times states (elements, runs); real ones act on both parts at once.

    Every column is added up by itself, so that its bits do not depend on who is beside it.
    """
    if np.iscomplexobj(x) and not np.iscomplexobj(matrix.data):
        parts = np.ascontiguousarray(x).view(np.float64)
        return np.ascontiguousarray(matrix @ parts).view(np.complex128)
    return np.asarray(matrix @ x)


def space_of(battery: Experiment, coherent: bool) -> MatrixSpace:
    """The irreps and the M that a battery reaches in all its stages."""
    spread, raises = [False, False], False
    for step in battery.stages:
        if isinstance(step, Pulse):
            found = step.on_single_spins
            raises = raises or step.rotates
        else:
            rates = Rates.of(battery, step)
            found = not rates.battery.silent, not rates.charger.silent
            raises = raises or rates.raises
        spread = [one or other for one, other in zip(spread, found, strict=True)]
    ladders, top = [], 0.0
    starts = battery.battery_preparation, battery.charger_preparation
    for spins, start, every in zip(battery.sizes, starts, spread, strict=True):
        mixture = dicke_mixture(spins, start)
        lowest = spins % 2 / 2 if every else float(mixture.j.min())
        highest = spins / 2 if every else float(mixture.j.max())
        ladders.append(np.asarray(highest - np.arange(round(highest - lowest) + 1), dtype=float))
        top += float(mixture.m.max())
    highest = float(ladders[0][0] + ladders[1][0])
    return MatrixSpace(ladders[0], ladders[1], highest if raises else min(top, highest), coherent)


def start_of(battery: Experiment, space: MatrixSpace) -> Array:
    """The start as a state on the space."""
    b, c = (
        dicke_mixture(spins, start)
        for spins, start in zip(
            battery.sizes, (battery.battery_preparation, battery.charger_preparation), strict=True
        )
    )
    start = pairs_of(b, c, space.jb, space.jc)
    place = space.locate(*start[:4], start.mb, start.mc)
    found = np.zeros(space.size)
    found[place.position] = start.probability
    return found / found.sum()


@dataclass(frozen=True, eq=False)
class Watched:
    """A stage on a space, and the detector's efficiency."""

    space: MatrixSpace
    rates: Rates
    efficiency: float

    @cached_property
    def whole(self) -> Any:
        """L: what nobody watches."""
        real, _ = summed(self.space, terms_of(self.space, self.rates))
        if self.rates.detuning == 0.0:
            return real
        return (real - 1j * self.rates.detuning * scipy.sparse.diags(self.space.coherence)).tocsr()

    @cached_property
    def seen(self) -> Any:
        """S: an emitted photon."""
        r = self.rates
        return summed(self.space, collective_gain(self.space, r, r.down, 1))[0]

    @cached_property
    def absorbed(self) -> Any:
        """A photon that came in."""
        r = self.rates
        return summed(self.space, collective_gain(self.space, r, r.up, -1))[0]

    @cached_property
    def silent(self) -> Any:
        """L - eta S: no recorded photon."""
        return (self.whole - self.efficiency * self.seen).tocsr()

    @cached_property
    def trace(self) -> Any:
        """A row."""
        return scipy.sparse.csr_matrix(np.where(self.space.diagonal, 1.0, 0.0))

    @cached_property
    def ket_lowering(self) -> Any:
        """J^- over the kets."""
        k, r = self.space.kets, self.rates
        down = np.zeros((k.b.size,) * 2)
        for on, c, j, m, kb, kc in (
            (r.on_battery, r.battery_coupling, self.space.jb[k.b], k.mb, 1, 0),
            (r.on_charger, r.charger_coupling, self.space.jc[k.c], k.mc, 0, 1),
        ):
            if on:
                same = (k.b[:, None] == k.b) & (k.c[:, None] == k.c)
                to = same & (k.mb[:, None] == k.mb - kb) & (k.mc[:, None] == k.mc - kc)
                down += c * np.where(to, np.sqrt(lowering_squared(j, m)), 0.0)
        return scipy.sparse.csr_matrix(down)

    @cached_property
    def ket_decay(self) -> Any:
        r""":math:`D=-iH-\tfrac12\sum_kL_k^\dagger L_k` over the kets: states without jumps."""
        k, r, down = self.space.kets, self.rates, self.ket_lowering
        local = np.zeros(k.b.size)
        for noise, spins, m in ((r.battery, r.n_battery, k.mb), (r.charger, r.n_charger, k.mc)):
            local += noise.dephasing * total_rate("z", spins, m)
            local += noise.emission * total_rate("-", spins, m)
            local += noise.pumping * total_rate("+", spins, m)
        found = -0.5 * (r.down * (down.T @ down) + r.up * (down @ down.T))
        found = found - 0.5 * scipy.sparse.diags(local)
        if r.detuning != 0.0:
            found = found - 1j * r.detuning * scipy.sparse.diags(k.mb)
        return scipy.sparse.csr_matrix(found)

    @cached_property
    def lowering(self) -> Any:
        r""":math:`\rho\to c\rho`."""
        return self.space.from_left(math.sqrt(self.rates.down) * self.ket_lowering)

    @cached_property
    def turned(self) -> Any:
        r""":math:`\rho\to[D,c]\rho`."""
        c, D = math.sqrt(self.rates.down) * self.ket_lowering, self.ket_decay
        return _pruned(self.space.from_left(D @ c - c @ D), self.lowering)

    @cached_property
    def gained(self) -> Any:
        r"""What of :math:`[L-\eta S,c]` is not [D, c]: of jumps that nobody sees."""
        D = self.space.from_left(self.ket_decay)
        mirror = self.space.mirror
        other = D.conj()[mirror][:, mirror]
        jumps = _pruned((self.silent - D - other).tocsr(), self.silent)
        return _pruned((jumps @ self.lowering - self.lowering @ jumps).tocsr(), self.lowering)

    def propagators(self, span: float, doublings: int) -> list[Any]:
        """exp[(L - eta S) t] for t = span, twice it, ...; see `doubled_exponentials`."""
        return doubled_exponentials(self.silent, span, doublings)


def _pruned(matrix: Any, beside: Any) -> Any:
    """Without elements that are rounding beside the largest of another."""
    matrix.data[np.abs(matrix.data) < LEAST * 64.0 * abs(beside).max()] = 0.0
    matrix.eliminate_zeros()
    return matrix


@dataclass(frozen=True, eq=False)
class Leg:
    """A stage with its end, or a pulse at the end of the stage before."""

    end: float
    watched: Watched | None
    pulse: Pulse | None


def legs_of(battery: Experiment, space: MatrixSpace, efficiency: float) -> list[Leg]:
    """All stages and pulses, the last one endless; ends are those of `protocol.end_of`.

    The frame turns with the local oscillator's phase, and pulses with it: the field that is
    recorded is that of c itself.
    """
    found, now = [], 0.0
    phase = 0.0 if battery.detector is None else battery.detector.phase
    for step in endless(battery.stages):
        if isinstance(step, Stage):
            now += step.duration
            watched = Watched(space, Rates.of(battery, step), efficiency)
            found.append(Leg(end_of(now), watched, None))
        else:
            found.append(Leg(end_of(now), None, replace(step, axis=step.axis + phase)))
    return found


def turns_phases(legs: Iterable[Leg]) -> bool:
    """Whether states become complex: by a detuning, or by a pulse that turns spins."""
    return any(
        one.pulse.rotates
        if one.pulse is not None
        else one.watched is not None and one.watched.rates.detuning != 0.0
        for one in legs
    )


def pulsed(space: MatrixSpace, x: NDArray[Any], pulse: Pulse) -> NDArray[Any]:
    """States (elements, runs) after a pulse that nobody sees; a rotation takes a coherent space."""
    for of_battery, strength in ((True, pulse.dephase_battery), (False, pulse.dephase_charger)):
        if strength > 0.0:
            x = _dephased(space, x, strength, of_battery)
    for of_battery, angle in ((True, pulse.rotate_battery), (False, pulse.rotate_charger)):
        if angle == 0.0:
            continue
        x = turned(space, x, ket_rotation(space, angle, pulse.axis, of_battery))
        lost = pulse.lost_by_error(angle)
        if lost > 0.0:
            # the axis is brought to z, about axis + pi/2, and back
            across = ket_rotation(space, -0.5 * math.pi, pulse.axis + 0.5 * math.pi, of_battery)
            x = _dephased(space, turned(space, x, across), lost, of_battery)
            x = turned(space, x, across.conj().T.tocsr())
    return x


def _dephased(
    space: MatrixSpace, x: NDArray[Any], strength: float, of_battery: bool
) -> NDArray[Any]:
    rows = dephased(space, np.ascontiguousarray(x.T), strength, of_battery)
    return np.ascontiguousarray(rows.T)
