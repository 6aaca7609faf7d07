r"""The master equation as independent chains in M, and their exact propagation.

In :math:`|J,M\rangle` the numbers :math:`\rho_{JM,J'M}` of a pair (J, J') obey

.. math:: \dot\rho_{JJ'}(M) ={}& (\bar n+1)\,a_J(M{+}1)a_{J'}(M{+}1)\,\rho_{JJ'}(M{+}1) \\
          & + \bar n\,u_J(M{-}1)u_{J'}(M{-}1)\,\rho_{JJ'}(M{-}1) \\
          & - \tfrac12(\bar n+1)(a_J^2+a_{J'}^2)\,\rho_{JJ'}(M) \\
          & - \tfrac12\bar n(u_J^2+u_{J'}^2)\,\rho_{JJ'}(M)

in units of :math:`1/\gamma`, with :math:`a_J(M)^2=(J+M)(J-M+1)` and :math:`u_J(M)=a_J(M+1)`:
tridiagonal (bidiagonal at :math:`\bar n=0`), every pair by itself. All chains are stored as columns
of one array whose rows are :math:`M=J_\text{top},J_\text{top}-1,\dots`, so that one sweep advances
several in vector registers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.trajectories.propagate.chainsteps import (
    COLUMNS,
    Generator,
    propagate_columns,
    unknown_pace,
)
from darkbattery.trajectories.space.angular import CoupledBasis, lowering_squared, starts

Array = NDArray[np.float64]

# doubles held at once for the states at several output times (256 MB)
BATCH = 1 << 25


@dataclass(frozen=True, eq=False)
class Chains:
    r"""The generator of a set of pairs :math:`(J_k,J_{k'})`, in units of :math:`\gamma`.

    Attributes
    ----------
    M : ndarray (rows,)
        Total projection of each row, descending from the highest kept J.
    first, second : ndarray (chains,)
        Indices :math:`k\ge k'` of each pair.
    gain_above, gain_below, loss : ndarray (rows, chains)
        Rates into a row from the row above (emission) and below (absorption), and out of it.
    """

    M: Array
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    gain_above: Array
    gain_below: Array
    loss: Array

    def inside(self, basis: CoupledBasis) -> NDArray[np.bool_]:
        r"""Where :math:`|M|\le J` of both ladders, shape (rows, chains)."""
        return np.abs(self.M)[:, None] <= basis.J[self.second]

    def photon_weights(self, basis: CoupledBasis, nbar: float) -> Array:
        """Weights of the numbers of photons, as `photon_weights`."""
        stays = self.inside(basis) & (self.first == self.second)
        return photon_weights(basis.J[self.first], self.M[:, None], nbar, stays)


@dataclass(frozen=True, eq=False)
class PairRates:
    r"""What `Chains` are made of at any :math:`\bar n`: rates (rows, chains) of one photon.

    `down` and `up` are those out of each row by geometric means, `emitting` and `absorbing` by sums
    of both ladders.
    """

    M: Array
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    down: Array
    up: Array
    emitting: Array
    absorbing: Array

    def at(self, nbar: float) -> Chains:
        """The chains of a reservoir."""
        gain_above, gain_below = np.zeros_like(self.down), np.zeros_like(self.down)
        gain_above[1:] = (nbar + 1.0) * self.down[:-1]
        gain_below[:-1] = nbar * self.up[1:]
        loss = 0.5 * ((nbar + 1.0) * self.emitting + nbar * self.absorbing)
        return Chains(self.M, self.first, self.second, gain_above, gain_below, loss)


def pair_chains(basis: CoupledBasis, nbar: float, furthest: int, least: float = 0.0) -> Chains:
    r"""Chains of all pairs with :math:`|k-k'|` <= `furthest`, ordered by distance, then by k.

    Pairs more than one apart are left out where :math:`\sqrt{p_kp_{k'}}` < `least`. No chain's sum
    of moduli ever grows: what leaves a rung is the mean of two rates, what arrives their geometric
    mean.

    >>> from darkbattery.trajectories.space.angular import coupled_basis
    >>> chains = pair_chains(coupled_basis(1, 2), nbar=0.0, furthest=1)
    >>> print(chains.M, chains.first, chains.second)
    [ 1.5  0.5 -0.5 -1.5] [0 1 1] [0 1 0]
    """
    return pair_rates(basis, furthest, least).at(nbar)


def pair_rates(basis: CoupledBasis, furthest: int, least: float = 0.0) -> PairRates:
    """What `pair_chains` has at any temperature."""
    K = basis.n_ladders
    distances = range(min(furthest, K - 1) + 1)
    first = np.concatenate([np.arange(distance, K) for distance in distances])
    second = np.concatenate([np.arange(K - distance) for distance in distances])
    carried = np.sqrt(basis.weight[first] * basis.weight[second])
    kept = (first - second <= 1) | (carried >= least)
    first, second = first[kept], second[kept]
    M = basis.J[-1] - np.arange(round(2 * basis.J[-1]) + 1)
    column = M[:, None]
    lower_one = lowering_squared(basis.J[first], column)
    lower_two = lowering_squared(basis.J[second], column)
    raise_one = lowering_squared(basis.J[first], column + 1)
    raise_two = lowering_squared(basis.J[second], column + 1)
    inside = np.abs(column) <= basis.J[second]
    down = np.where(inside, np.sqrt(lower_one * lower_two), 0.0)
    up = np.where(inside, np.sqrt(raise_one * raise_two), 0.0)
    emitting = np.where(inside, lower_one + lower_two, 0.0)
    absorbing = np.where(inside, raise_one + raise_two, 0.0)
    return PairRates(M, first, second, down, up, emitting, absorbing)


def unknown_paces(chains: Chains) -> list[Array]:
    """Of all chains that are stepped together, for `propagate` in several turns."""
    return [unknown_pace() for _ in range(0, chains.loss.shape[1], COLUMNS)]


def propagate(
    chains: Chains,
    start: Array,
    taus: Array,
    counted: Array,
    slowest: float = 1.0,
    paces: list[Array] | None = None,
) -> tuple[Array, Array, float]:
    r"""Propagate `start` (rows, chains) exactly to all `taus` (:math:`\gamma t`, increasing).

    Each few chains take steps of their own (`trajectories.propagate.chainsteps`).

    Parameters
    ----------
    counted : ndarray (k, rows, chains)
        Weights whose sums over the state are integrated along: the numbers of photons.
    slowest : float
        Every mode but the steady ones decays at this rate or faster: :math:`2\bar n+1`.
    paces : list of ndarray, optional
        `unknown_paces` at first. Kept up to date, for a call that goes on from the last state: it
        need not find its steps anew.

    Returns
    -------
    states : ndarray (len(taus), rows, chains)
    integrals : ndarray (k, len(taus))
    error : float
        Estimated largest error of any element of any state.
    """
    parts = parts_of(chains, start, counted)
    return stepped(parts, start.shape, len(counted), taus, slowest, paces)


class Part(NamedTuple):
    """A few chains, where they stand among all, their start, and whether photons are counted."""

    generator: Generator
    start: Array
    first: int
    counts: bool


def parts_of(chains: Chains, start: Array, counted: Array) -> tuple[Part, ...]:
    """What `stepped` takes, of the arguments of `propagate`."""
    found = []
    rates = (chains.gain_above, chains.gain_below, chains.loss, counted, start)
    for first in range(0, start.shape[1], COLUMNS):
        part = [np.ascontiguousarray(rate[..., first : first + COLUMNS]) for rate in rates]
        above, below, loss, weights, begun = part
        counts = bool(weights.any())
        weights = weights if counts else weights[:0]  # coherences are not summed up
        generator = Generator(above, below, loss, weights, bool(below.any()))
        found.append(Part(generator, begun, first, counts))
    return tuple(found)


def stepped(
    parts: tuple[Part, ...],
    shape: tuple[int, ...],
    kinds: int,
    taus: Array,
    slowest: float,
    paces: list[Array] | None = None,
) -> tuple[Array, Array, float]:
    """What `propagate` returns, of chains (rows, chains) in parts and so many kinds of photons."""
    states = np.empty((taus.size, *shape))
    integrals, error = np.zeros((kinds, taus.size)), 0.0
    paces = [unknown_pace() for _ in parts] if paces is None else paces
    for pace, (generator, start, first, counts) in zip(paces, parts, strict=True):
        gained, missed = propagate_columns(generator, start, taus, slowest, states, first, pace)
        integrals += gained if counts else 0.0
        error = max(error, missed)
    return states, integrals, error


def start_state(battery: Experiment, basis: CoupledBasis, chains: Chains) -> Array:
    """The start's density matrix on the chains, (rows, chains)."""
    state = np.zeros_like(chains.loss)
    for start in starts(battery, basis):
        row = round(chains.M[0] - start.M)
        c = start.amplitude
        state[row] += start.probability * c[chains.first] * c[chains.second]
    return state


def state_batches(
    battery: Experiment, basis: CoupledBasis, chains: Chains, taus: Array
) -> Iterator[tuple[Array, Array, float]]:
    """States and integrals of the photons' weights at the output times.

    As many at once as memory allows.
    """
    weights = chains.photon_weights(basis, battery.occupation)
    slowest = 2.0 * battery.occupation + 1.0
    state, now = start_state(battery, basis, chains), 0.0
    photons = np.zeros((len(weights), 1))
    size, paces = max(1, BATCH // state.size), unknown_paces(chains)
    for first in range(0, taus.size, size):
        batch = taus[first : first + size]
        states, counts, error = propagate(chains, state, batch - now, weights, slowest, paces)
        counts += photons
        state, now, photons = states[-1].copy(), batch[-1], counts[:, -1:]
        yield states, counts, error
        del states  # before the next ones are made: memory holds one batch


def photon_weights(j: Array, m: Array, nbar: float, stays: NDArray[np.bool_]) -> Array:
    r"""Weights (1 or 2, rows, chains) of the photons per :math:`\gamma t`, for `propagate`.

    :math:`(\bar n+1)J^+J^-` for the emitted ones. Where any are absorbed, :math:`J^-J^+` for
    those: without its factor :math:`\bar n`, so that few of them are as accurate as many.

    Parameters
    ----------
    j, m : ndarray, broadcast to (rows, chains)
        Of each element that is a probability; elsewhere `stays` is False.
    """
    down = np.where(stays, (nbar + 1.0) * lowering_squared(j, m), 0.0)
    if nbar == 0.0:
        return down[None]
    return np.stack([down, np.where(stays, lowering_squared(j, m + 1.0), 0.0)])


def photon_numbers(integrals: Array, nbar: float) -> Array:
    """Emitted and absorbed photons (2, T), from the integrals of `photon_weights`."""
    found = np.zeros((2, integrals.shape[1]))
    found[0] = integrals[0]
    if nbar > 0.0:
        found[1] = nbar * integrals[1]
    return found
