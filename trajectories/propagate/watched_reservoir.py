r"""What an observer of a reservoir's light knows: the emission of the collective spin.

.. math:: c=\sqrt{\gamma(\bar n+1)}\,J^-

Stages and their channels are those of `nvmodel.channels`, through `propagate.generator`.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.irreps import Irreps
from darkbattery.nvmodel.preparation import dicke_mixture
from darkbattery.nvmodel.protocol import Dephasing, Pulse, Stage, end_of, endless
from darkbattery.trajectories.propagate.channels import net_loss, with_local_decay
from darkbattery.trajectories.propagate.dephasing import dephased
from darkbattery.trajectories.propagate.generator import (
    Rates,
    assembled,
    collective_gain,
    terms_of,
)
from darkbattery.trajectories.propagate.rotations import ket_rotation, turned
from darkbattery.trajectories.propagate.watched import Leg, Watched, Watching
from darkbattery.trajectories.space.angular import lowering_squared
from darkbattery.trajectories.space.product_space import MatrixSpace, pairs_of

Array = NDArray[np.float64]


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
        ladders.append(Irreps.all_of(spins).ladders if every else mixture.ladders)
        top += float(mixture.m.max())
    highest = float(ladders[0][0] + ladders[1][0])
    return MatrixSpace(ladders[0], ladders[1], highest if raises else min(top, highest), coherent)


def _start_of(battery: Experiment, space: MatrixSpace) -> Array:
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


def watched_stage(space: MatrixSpace, rates: Rates, efficiency: float) -> Watched:
    """A stage with these rates."""
    r, lowering = rates, _lowering(space, rates)
    whole = assembled(space.size, 1, terms_of(space, r))
    if r.detuning != 0.0:
        whole = (whole - 1j * r.detuning * scipy.sparse.diags(space.coherence)).tocsr()
    emission_rates, turning = _speeds(space, r, lowering)
    return Watched(
        space,
        efficiency,
        whole=whole,
        seen=assembled(space.size, 1, collective_gain(space, r, r.down, 1)),
        absorbed=assembled(space.size, 1, collective_gain(space, r, r.up, -1)),
        leaving=math.sqrt(r.down) * lowering,
        entering=math.sqrt(r.up) * lowering.T,
        ket_decay=_ket_decay(space, r, lowering),
        noises=((r.battery, r.n_battery), (r.charger, r.n_charger)),
        lost=_lost(space, r),
        emission_rates=emission_rates,
        turning=turning,
        down=r.down,
        light=r.down,
        turns=r.detuning != 0.0,
    )


def _lowering(space: MatrixSpace, r: Rates) -> Any:
    """J^- over the kets."""
    k = space.kets
    down = np.zeros((k.b.size,) * 2)
    for on, c, j, m, kb, kc in (
        (r.on_battery, r.battery_coupling, space.jb[k.b], k.mb, 1, 0),
        (r.on_charger, r.charger_coupling, space.jc[k.c], k.mc, 0, 1),
    ):
        if on:
            same = (k.b[:, None] == k.b) & (k.c[:, None] == k.c)
            to = same & (k.mb[:, None] == k.mb - kb) & (k.mc[:, None] == k.mc - kc)
            down += c * np.where(to, np.sqrt(lowering_squared(j, m)), 0.0)
    return scipy.sparse.csr_matrix(down)


def _ket_decay(space: MatrixSpace, r: Rates, down: Any) -> Any:
    k = space.kets
    ensembles = (r.battery, r.n_battery, k.mb), (r.charger, r.n_charger, k.mc)
    local = with_local_decay(np.zeros(k.b.size), ensembles)
    found = -0.5 * (r.down * (down.T @ down) + r.up * (down @ down.T))
    found = found - 0.5 * scipy.sparse.diags(local)
    if r.detuning != 0.0:
        found = found - 1j * r.detuning * scipy.sparse.diags(k.mb)
    return scipy.sparse.csr_matrix(found)


def _lost(space: MatrixSpace, r: Rates) -> Array:
    e = space.elements
    lost = net_loss(((r.battery, r.n_battery, e.mb), (r.charger, r.n_charger, e.mc)))
    return np.where(space.diagonal, lost, 0.0)


def _speeds(space: MatrixSpace, r: Rates, down: Any) -> tuple[Array, float]:
    """At most so fast is light emitted from where each ket is; how fast c itself turns."""
    k, c = space.kets, down.toarray()
    emission, M = r.down * c.T @ c, space.level
    found, sectors = np.zeros(k.b.size), np.column_stack([k.b, k.c, M])
    for sector in np.unique(sectors, axis=0):
        own = np.flatnonzero((sectors == sector).all(axis=1))
        found[own] = np.linalg.eigvalsh(emission[np.ix_(own, own)])[-1]
    noises = [n.dephasing + n.emission + n.pumping for n in (r.battery, r.charger)]
    return found, (r.down + r.up) * float(np.abs(M).max()) + abs(r.detuning) + max(noises)


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
            watched = watched_stage(space, Rates.of(battery, step), efficiency)
            found.append(Leg(end_of(now), watched, None))
        else:
            found.append(Leg(end_of(now), None, replace(step, axis=step.axis + phase)))
    return found


def pulsed(space: MatrixSpace, x: NDArray[Any], pulse: Pulse) -> NDArray[Any]:
    """States (elements, runs) after a pulse that nobody sees; a rotation takes a coherent space."""
    for act in pulse.acts(pulse.axis):
        if isinstance(act, Dephasing):
            x = _dephased(space, x, act.strength, act.of_battery)
        else:
            x = turned(space, x, ket_rotation(space, act.angle, act.axis, act.of_battery))
    return x


def _dephased(
    space: MatrixSpace, x: NDArray[Any], strength: float, of_battery: bool
) -> NDArray[Any]:
    rows = dephased(space, np.ascontiguousarray(x.T), strength, of_battery)
    return np.ascontiguousarray(rows.T)


def watching(battery: Experiment, coherent: bool) -> Watching:
    """What an observer of this battery goes through, with coherence between energies or not."""
    space = space_of(battery, coherent)
    legs = legs_of(battery, space, battery.detector_efficiency)
    return Watching(space, _start_of(battery, space), legs)
