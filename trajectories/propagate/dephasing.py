r"""Pulses that dephase every spin by itself.

A pulse of strength s multiplies the coherence of each spin by 1 - s. That is local dephasing of
rate g for a time t with :math:`e^{-gt/2}=1-s`, which leaves m and m' alone and mixes the irreps j
among each other: a small matrix for every (m, m').
"""

from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.preparation import log_multiplicities
from darkbattery.trajectories.propagate.channels import channel_element, channel_strength
from darkbattery.trajectories.space.product_space import MatrixSpace, ProductSpace

Array = NDArray[np.float64]


def dephased(
    space: ProductSpace | MatrixSpace, state: NDArray[Any], strength: float, of_battery: bool
) -> NDArray[Any]:
    """The state (parts, size) after a pulse on all spins of one ensemble.

    `space` must hold all irreps of that ensemble.
    """
    e = space.elements
    ladders, which = (space.jb, e.b) if of_battery else (space.jc, e.c)
    m, m2 = (e.mb, e.mb2) if of_battery else (e.mc, e.mc2)
    spins = round(2.0 * ladders[0])
    coherence = np.round(np.abs(m - m2)).astype(np.int64)
    table = transfer_table(spins, ladders, strength, int(coherence.max()))
    lower = np.round(np.minimum(m, m2) + ladders[0]).astype(np.int64)
    out = np.zeros_like(state)
    for source in range(ladders.size):
        b, c = (np.full_like(e.b, source), e.c) if of_battery else (e.b, np.full_like(e.c, source))
        place = space.locate(b, c, e.mb, e.mc, e.mb2, e.mc2)
        share = np.where(place.valid, table[lower, coherence, which, source], 0.0)
        out += share * state[:, place.position]
    return out


def transfer_table(spins: int, ladders: Array, strength: float, most: int) -> Array:
    """Share that goes from j to j' at (m, m + coherence): (N + 1, most + 1, j', j)."""
    size = ladders.size
    table = np.zeros((spins + 1, most + 1, size, size))
    for k in range(spins + 1):
        for coherence in range(min(most, spins - k) + 1):
            m = k - spins / 2
            highest = max(abs(m), abs(m + coherence))
            kept = int(np.sum(ladders >= highest))
            part = table[k, coherence, :kept, :kept]
            if strength < 1.0:
                dose = -2.0 * np.log1p(-strength)
                part[:] = scipy.linalg.expm(dose * _mixing(spins, ladders[:kept], m, m + coherence))
            elif coherence == 0:
                part[:] = _each_spin_mixed(spins, ladders[:kept], m)[:, None]
    return table


def _mixing(spins: int, ladders: Array, m: float, m2: float) -> Array:
    """Generator of local dephasing of rate 1 over the irreps, at one (m, m')."""
    generator = np.diag(np.full(ladders.size, -spins / 4))
    for change in (0, -1, 1):
        t = channel_element("z", change, ladders, m) * channel_element("z", change, ladders, m2)
        rates = channel_strength(spins, change, ladders) * t
        # irreps fall along the axis: j + change is `change` places before j
        generator += np.diag(rates[max(change, 0) : ladders.size + min(change, 0)], change)
    return generator


def _each_spin_mixed(spins: int, ladders: Array, m: float) -> Array:
    r"""Weights :math:`d_j/\binom N{N/2+m}` of the irreps when only the number of spins up is known.

    >>> print(_each_spin_mixed(2, np.array([1.0, 0.0]), 0.0))
    [0.5 0.5]
    """
    up = spins / 2 + m
    ln_gamma = scipy.special.gammaln
    states = ln_gamma(spins + 1.0) - ln_gamma(up + 1.0) - ln_gamma(spins - up + 1.0)
    weights = np.exp(log_multiplicities(spins, ladders) - states)
    return np.asarray(weights / weights.sum())
