r"""What is read from a state given by its pairs of ladders: energies, populations, entanglement.

All of it is linear in the state but the negativity; `derived` has what follows from some of it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.kernelcache import KERNEL
from darkbattery.nvmodel.refusal import refused_memory
from darkbattery.trajectories.propagate.chains import Chains
from darkbattery.trajectories.reading.entanglement import (
    log_negativity,
    log_negativity_and_rate,
    transpose_blocks,
)
from darkbattery.trajectories.space.angular import (
    CoupledBasis,
    Ladders,
    clebsch_gordan,
    lowering_squared,
)

Array = NDArray[np.float64]

# rows of M that hold less are left out of populations: together below 1e-13 for 1e4 of them
LEAST_PROBABILITY = 1e-17
# where all ladders' coefficients are smaller, populations are below 1e-18 times their number
LEAST_COEFFICIENT = 1e-9
WIDE = 200  # levels from which on it pays to look for those that are filled
ROWS = 64  # of M whose coefficients are held at once: neighbours fill the same levels
# elements of a state's blocks in the product basis, held three times for its negativity: 6 GB
MOST_BLOCKS = 250_000_000

SUMS_OVER_M = ("battery_z", "battery_z_rate", "total_z", "emission_rate", "absorption_rate")
"""Operators of `linear_observables`, in its order."""


def linear_observables(basis: CoupledBasis, chains: Chains, nbar: float) -> Array:
    r"""Operators that are sums over M, as weights of the pairs with |J - J'| <= 1.

    With gamma = 1; :math:`J_B^z` couples J to J - 1 by :math:`f_J\sqrt{J^2-M^2}`, and its rate of
    change under the collective noise is :math:`g_J[-(\bar n+1)a_J^2+\bar n u_J^2]` on the diagonal
    and :math:`f_J\sqrt{J^2-M^2}\,[M-(2\bar n+1)]` beside it.

    Returns
    -------
    ndarray (5, rows, 2K - 1)
        `SUMS_OVER_M`.
    """
    K = basis.n_ladders
    M = chains.M[:, None]
    inside = chains.inside(basis)[:, : 2 * K - 1]
    down = lowering_squared(basis.J, M)
    up = lowering_squared(basis.J, M + 1.0)
    # a pair and its mirror image count once each: twice the real part
    across = 2.0 * basis.coupling[1:] * np.sqrt(np.maximum(basis.J[1:] ** 2 - M * M, 0.0))
    found = np.zeros((len(SUMS_OVER_M), *inside.shape))
    own, beside = found[:, :, :K], found[:, :, K:]
    own[0], beside[0] = M * basis.diagonal, across
    own[1] = basis.diagonal * (nbar * up - (nbar + 1.0) * down)
    beside[1] = across * (M - (2.0 * nbar + 1.0))
    own[2], own[3], own[4] = M, (nbar + 1.0) * down, nbar * up
    return np.where(inside, found, 0.0)


def means_of_sums(operators: Array, states: Array) -> dict[str, Array]:
    """What the `linear_observables` are in states (T, rows, chains), by name, each (T,)."""
    near = states[:, :, : operators.shape[2]].reshape(len(states), -1)
    # one product for each, by one call
    found = np.matmul(near, operators.reshape(len(operators), -1, 1))[:, :, 0]
    return dict(zip(SUMS_OVER_M, found, strict=True))


def populations(
    basis: CoupledBasis, chains: Chains, states: Array, held_by: Array | None = None
) -> Array:
    """Probabilities of m_B + j_B = 0, ..., N_B excitations in the battery, (T, N_B + 1).

    At neighbouring M the kept ladders fill a part of the battery's levels, whose width grows like
    the root of their number; the others, and times and pairs that hold nothing, are passed over.

    Parameters
    ----------
    states : ndarray (T, rows, chains)
        With the chains of all pairs.
    held_by : ndarray (T, rows, chains), optional
        The states whose rates of change `states` are: nothing changes but where they hold
        something, and one row beside, which a photon more or less fills.
    """
    pairs = Pairs(chains.first, chains.second, np.where(chains.first == chains.second, 1.0, 2.0))
    found = np.zeros((states.shape[0], basis.n_battery + 1))
    # pairs J = J' are first; no other holds more than they do
    whose = states if held_by is None else held_by
    held = np.abs(whose[:, :, : basis.n_ladders]).sum(axis=2) > LEAST_PROBABILITY
    if held_by is not None:
        alone = held.copy()
        held[:, 1:] |= alone[:, :-1]
        held[:, :-1] |= alone[:, 1:]
    for rows, table in _coefficients(basis, chains, _range_of(held.any(axis=0))):
        times, window = _range_of(held[:, rows].any(axis=1)), slice(None)
        block, near, kept = states[times, rows], table, pairs
        if basis.n_battery >= WIDE:
            window = _range_of(np.abs(table).max(axis=(0, 1)) > LEAST_COEFFICIENT)
            near = np.ascontiguousarray(table[:, :, window])
            used = np.abs(block).max(axis=(0, 1)) > LEAST_PROBABILITY / pairs.weight.size
            block, kept = np.compress(used, block, axis=2), pairs.only(used)
        weights = np.empty((kept.weight.size, near.shape[2]))
        for i, coefficients in enumerate(near):
            _fill_products(coefficients, *kept, weights)
            found[times, window] += block[:, i] @ weights
    return found


@njit(**KERNEL)
def _fill_products(
    c: Array, first: NDArray[np.int64], second: NDArray[np.int64], weight: Array, out: Array
) -> None:
    """Products of the coefficients of each pair of ladders, with its weight, level by level.

    In one pass: gathered by numpy they went through memory five times.
    """
    levels = np.uint64(out.shape[1])  # unsigned: see `conditional.normalise_amplitudes`
    for pair in range(first.size):
        one, two, w = c[first[pair]], c[second[pair]], weight[pair]
        row = out[pair]
        for m in range(levels):
            row[m] = w * one[m] * two[m]


class Pairs(NamedTuple):
    """Pairs of ladders, and how often each counts: with its mirror image."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    weight: Array

    def only(self, kept: NDArray[np.bool_]) -> "Pairs":
        """Those that are kept."""
        return Pairs(self.first[kept], self.second[kept], self.weight[kept])


def _range_of(true: NDArray[np.bool_]) -> slice:
    """From the first true place to the last; nothing if there is none."""
    places = np.flatnonzero(true)
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0)


def product_blocks(basis: CoupledBasis, chains: Chains, state: NDArray[Any]) -> NDArray[Any]:
    """Blocks of M of one state (rows, chains) in the product basis, (rows, N_B+1, N_B+1)."""
    K, size = basis.n_ladders, basis.n_battery + 1
    blocks = np.empty((chains.M.size, size, size), dtype=state.dtype)
    coupled = np.zeros((chains.M.size, K, K), dtype=state.dtype)
    coupled[:, chains.first, chains.second] = state
    coupled[:, chains.second, chains.first] = np.conj(state)
    for rows, table in _coefficients(basis, chains, slice(0, chains.M.size)):
        for row, coefficients in enumerate(table, rows.start):
            blocks[row] = coefficients.T @ coupled[row] @ coefficients
    return blocks


def _coefficients(
    basis: CoupledBasis, chains: Chains, rows: slice
) -> Iterator[tuple[slice, Array]]:
    # some rows at once, so that the table of a large system is never in memory as a whole
    for start in range(rows.start, rows.stop, ROWS):
        part = slice(start, min(start + ROWS, rows.stop))
        yield part, clebsch_gordan(basis, chains.M[part])


def refuse_large_blocks(ladders: Ladders) -> None:
    """Refuse a negativity whose matrices memory does not hold, before any is made."""
    size = ladders.n_battery + 1.0
    elements = ladders.rows * size * size
    if elements > MOST_BLOCKS:
        # three arrays of them
        held = 3.0 * elements, 3.0 * MOST_BLOCKS
        raise refused_memory("observables", "log_negativity", "matrices", *held, "take fewer spins")


def entanglement(
    basis: CoupledBasis, chains: Chains, states: Array, with_rate: bool
) -> tuple[Array, Array]:
    """Log-negativity in bits, and its rate in bits per 1/gamma (NaN unless asked for)."""
    value, rate = np.empty(states.shape[0]), np.full(states.shape[0], np.nan)
    for i, state in enumerate(states):
        transposed = transpose_blocks(product_blocks(basis, chains, state))
        if with_rate:
            change = transpose_blocks(product_blocks(basis, chains, generator_on(chains, state)))
            value[i], rate[i] = log_negativity_and_rate(transposed, change)
        else:
            value[i] = log_negativity(transposed)
    return value, rate


def generator_on(chains: Chains, state: Array) -> Array:
    """The time derivative of a state (rows, chains) under the master equation, gamma = 1."""
    change = -chains.loss * state
    change[1:] += chains.gain_above[1:] * state[:-1]
    change[:-1] += chains.gain_below[:-1] * state[1:]
    return change
