r"""Stages without noise of single spins, by the chains of `trajectories.propagate.chains`.

Every pair :math:`(j_B,j_C)` is by itself then. With both ensembles in the reservoir its coupled
ladders obey the equations of `trajectories.propagate.chains`; with one of them, that one's own
ladder does, whatever the other holds, and a detuning only turns phases.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from darkbattery.trajectories.propagate.chains import (
    BATCH,
    Chains,
    pair_chains,
    photon_numbers,
    photon_weights,
    propagate,
)
from darkbattery.trajectories.propagate.generator import INTEGRALS, Generator
from darkbattery.trajectories.space.angular import clebsch_gordan, coupled_basis, lowering_squared

Array = NDArray[np.float64]


def applies(generator: Generator) -> bool:
    """Whether a stage is a set of chains."""
    rates = generator.rates
    both = rates.on_battery and rates.on_charger
    if (rates.battery_coupling, rates.charger_coupling) != (1.0, 1.0):
        return False
    return not rates.local and (rates.detuning == 0.0 or not both)


def collective_states(generator: Generator, start: Array, spans: Array) -> Iterator[Array]:
    r"""Vectors of `generator` after all `spans` (rising, :math:`\ge0`)."""
    now, vector = 0.0, start
    size = max(1, BATCH // start.size)
    for first in range(0, spans.size, size):
        batch = spans[first : first + size]
        vectors = _advanced(generator, vector, batch - now)
        now, vector = float(batch[-1]), vectors[-1].copy()
        yield from vectors


def _advanced(generator: Generator, start: Array, spans: Array) -> Array:
    space, rates, n = generator.space, generator.rates, generator.space.size
    if not (rates.on_battery or rates.on_charger):
        return _turned(generator, np.tile(start, (spans.size, 1)), spans)
    # empty irreps stay empty: memory that nothing is written to costs nothing
    out = np.zeros((spans.size, start.size))
    out[:, -INTEGRALS:] = start[-INTEGRALS:]
    photons = np.zeros((2, spans.size))
    for part in range(generator.parts):
        state = start[part * n : (part + 1) * n]
        for b in range(space.jb.size):
            for c in range(space.jc.size):
                place = space.block(b, c)
                if not state[place].any():
                    continue
                if rates.on_battery and rates.on_charger:
                    states, counted = _by_coupled_ladders(generator, state, (b, c), spans)
                else:
                    states, counted = _by_own_ladder(generator, state, (b, c), spans)
                out[:, part * n + place.start : part * n + place.stop] = states
                photons += counted if part == 0 else 0.0
    out[:, -INTEGRALS : -INTEGRALS + 2] += photons.T
    return _turned(generator, out, spans)


def _turned(generator: Generator, vectors: Array, spans: Array) -> Array:
    if generator.parts == 1:
        return vectors
    n = generator.space.size
    angle = generator.rates.detuning * spans[:, None] * generator.space.coherence
    real, imaginary = vectors[:, :n].copy(), vectors[:, n : 2 * n].copy()
    vectors[:, :n] = np.cos(angle) * real + np.sin(angle) * imaginary
    vectors[:, n : 2 * n] = np.cos(angle) * imaginary - np.sin(angle) * real
    return vectors


def _by_coupled_ladders(
    generator: Generator, state: Array, irreps: tuple[int, int], spans: Array
) -> tuple[Array, Array]:
    space, rates = generator.space, generator.rates
    two_jb, two_jc = round(2.0 * space.jb[irreps[0]]), round(2.0 * space.jc[irreps[1]])
    basis = coupled_basis(two_jb, two_jc, tail=0.0)
    chains = pair_chains(basis, rates.nbar, basis.n_ladders)
    table = clebsch_gordan(basis, chains.M)
    dense = space.dense_block(state[None], *irreps)
    coupled = table @ dense @ table.transpose(0, 2, 1)
    begin = np.ascontiguousarray(coupled[:, chains.first, chains.second])
    weights = chains.photon_weights(basis, rates.nbar)
    found, integrals, _ = propagate(chains, begin, spans * rates.gamma, weights)
    row, first, second = space.block_positions(*irreps)
    states = np.empty((spans.size, row.size))
    for i, one in enumerate(found):
        coupled[:, chains.first, chains.second] = one
        coupled[:, chains.second, chains.first] = one
        product = table.transpose(0, 2, 1) @ coupled @ table
        states[i] = product[row, first, second]
    return states, photon_numbers(integrals, rates.nbar)


def _by_own_ladder(
    generator: Generator, state: Array, irreps: tuple[int, int], spans: Array
) -> tuple[Array, Array]:
    """Chains over the coupled ensemble's m; columns are the other's m and the coherence."""
    space, rates = generator.space, generator.rates
    b, c = irreps
    own, other = space.jb[b], space.jc[c]
    if not rates.on_battery:
        own, other = other, own
    m = own - np.arange(round(2.0 * own) + 1)[:, None, None]
    spectator = other - np.arange(round(2.0 * other) + 1)[:, None]
    coherence = np.arange(round(2.0 * space.jb[b]) + 1)
    # m_B' = m_B - coherence, so m_C' = m_C + coherence
    sign = -1.0 if rates.on_battery else 1.0
    m2, spectator2 = m + sign * coherence, spectator - sign * coherence
    ones = np.broadcast_arrays(m, spectator, m2, spectator2)
    mb, mc, mb2, mc2 = ones if rates.on_battery else (ones[1], ones[0], ones[3], ones[2])
    place = space.locate(np.full(mb.shape, b), np.full(mb.shape, c), mb, mc, mb2, mc2)
    rows, width = mb.shape[0], mb[0].size
    inside = (np.abs(mb2) <= space.jb[b]) & (np.abs(mc2) <= space.jc[c])
    begin = np.where(place.valid, state[place.position], 0.0).reshape(rows, width)
    # columns do not mix: empty ones, as behind a full pulse, stay so
    used = np.flatnonzero(begin.any(axis=0))
    # in C order, for which `propagate` is compiled
    one, two = (x.reshape(rows, width)[:, used] for x in (ones[0], ones[2]))
    chains = _own_chains(own, rates.nbar, one, two, inside.reshape(rows, width)[:, used])
    weights = photon_weights(np.full_like(one, own), one, rates.nbar, one == two)
    begin = np.ascontiguousarray(begin[:, used])
    found, integrals, _ = propagate(chains, begin, spans * rates.gamma, weights)
    valid = place.valid.reshape(rows, width)[:, used]
    start = space.block(b, c).start
    states = np.zeros((spans.size, space.block(b, c).stop - start))
    states[:, place.position.reshape(rows, width)[:, used][valid] - start] = found[:, valid]
    return states, photon_numbers(integrals, rates.nbar)


def _own_chains(j: float, nbar: float, m: Array, m2: Array, inside: NDArray[np.bool_]) -> Chains:
    mask = inside.reshape(m.shape)
    lower_one, lower_two = lowering_squared(j, m), lowering_squared(j, m2)
    raise_one, raise_two = lowering_squared(j, m + 1.0), lowering_squared(j, m2 + 1.0)
    down = np.where(mask, np.sqrt(lower_one * lower_two), 0.0)
    up = np.where(mask, np.sqrt(raise_one * raise_two), 0.0)
    above, below = np.zeros(down.shape), np.zeros(down.shape)
    above[1:] = (nbar + 1.0) * down[:-1]
    below[:-1] = nbar * up[1:]
    loss = 0.5 * ((nbar + 1.0) * (lower_one + lower_two) + nbar * (raise_one + raise_two))
    nothing = np.zeros(0, dtype=np.int64)
    loss = np.ascontiguousarray(np.where(mask, loss, 0.0))
    return Chains(m[:, 0], nothing, nothing, above, below, loss)
