r"""Pulses on spins at a mode, in no time: dephasing of every spin by itself, and rotations.

A rotation :math:`e^{-i\theta(J^x\cos\varphi+J^y\sin\varphi)}` acts on each irrep as it stands. An
error of its angle, normal and of each spin by itself, shrinks what of a Bloch vector is at right
angles to the axis by :math:`e^{-(\sigma\theta)^2/2}`: a dephasing about the axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.protocol import Dephasing, Pulse
from darkbattery.trajectories.propagate.dephasing import transfer_table
from darkbattery.trajectories.propagate.rotations import ladder_rotation
from darkbattery.trajectories.space.mode_space import ModeSpace

Array = NDArray[np.float64]


def pulsed(space: ModeSpace, state: Array, pulse: Pulse, axis: float) -> Array:
    """The state (parts, size) after a pulse; a rotation needs a coherent space and both parts."""
    for act in pulse.acts(axis):
        if isinstance(act, Dephasing):
            state = dephased_spins(space, state, act.strength, act.of_battery)
        else:
            state = rotated_spins(space, state, act.angle, act.axis, act.of_battery)
    return state


def dephased_spins(space: ModeSpace, state: Array, strength: float, of_battery: bool) -> Array:
    """Dephasing of one ensemble, all of whose irreps the space holds."""
    k, (one, two) = space.kets, space.pairs
    ladders, which = (space.jb, k.b) if of_battery else (space.jc, k.c)
    m = k.mb if of_battery else k.mc
    spins = round(2.0 * ladders[0])
    coherence = np.round(np.abs(m[one] - m[two])).astype(np.int64)
    table = transfer_table(spins, ladders, strength, int(coherence.max()))
    lower = np.round(np.minimum(m[one], m[two]) + ladders[0]).astype(np.int64)
    out = np.zeros_like(state)
    for source in range(ladders.size):
        there = np.full_like(which, source)
        b, c = (there, k.c) if of_battery else (k.b, there)
        kets = space.find(b, c, k.mb, k.mc, k.n)
        place = space.locate(kets[one], kets[two])
        share = np.where(place.valid, table[lower, coherence, which[one], source], 0.0)
        out[0] += share * state[0, place.position]
        if len(state) == 2:
            out[1] += np.where(place.flipped, -1.0, 1.0) * share * state[1, place.position]
    return out


def rotated_spins(
    space: ModeSpace, state: Array, angle: float, axis: float, of_battery: bool
) -> Array:
    """A rotation of one ensemble."""
    k = space.kets
    out = np.zeros_like(state)
    one, two = space.pairs
    pair = k.b * space.jc.size + k.c
    for number in np.unique(pair):
        kets = np.flatnonzero(pair == number)
        elements = np.flatnonzero(pair[one] == number)
        first = int(kets[0])
        rho = _dense(state[:, elements], one[elements] - first, two[elements] - first, kets.size)
        U = _unitary(space, kets, angle, axis, of_battery)
        turned = U @ rho @ U.conj().T
        values = turned[one[elements] - first, two[elements] - first]
        out[0, elements], out[1, elements] = values.real, values.imag
    return out


def _dense(state: Array, row: Any, column: Any, size: int) -> NDArray[np.complex128]:
    rho = np.zeros((size, size), dtype=np.complex128)
    values = state[0] + 1j * state[1]
    rho[column, row] = np.conj(values)
    rho[row, column] = values
    return rho


def _unitary(
    space: ModeSpace, kets: NDArray[np.int64], angle: float, axis: float, of_battery: bool
) -> NDArray[np.complex128]:
    """On the states of one pair of irreps."""
    k = space.kets
    j = float((space.jb[k.b] if of_battery else space.jc[k.c])[kets[0]])
    small = ladder_rotation(j, angle, axis)
    own, other = (k.mb, k.mc) if of_battery else (k.mc, k.mb)
    at = np.round(own[kets] + j).astype(np.int64)
    same = (k.n[kets][:, None] == k.n[kets]) & (other[kets][:, None] == other[kets])
    return np.where(same, small[np.ix_(at, at)], 0.0)
