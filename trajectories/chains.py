r"""The master equation as independent chains in M, and their exact propagation.

In :math:`|J,M\rangle` the numbers :math:`\rho_{JM,J'M}` of a pair (J, J') obey

.. math:: \dot\rho_{JJ'}(M) = (\bar n+1)\,a_J(M{+}1)a_{J'}(M{+}1)\,\rho_{JJ'}(M{+}1)
          + \bar n\,u_J(M{-}1)u_{J'}(M{-}1)\,\rho_{JJ'}(M{-}1)
          - \tfrac12[(\bar n+1)(a_J^2+a_{J'}^2)+\bar n(u_J^2+u_{J'}^2)]\,\rho_{JJ'}(M)

in units of 1/gamma, with :math:`a_J(M)^2=(J+M)(J-M+1)` and :math:`u_J(M)=a_J(M+1)`: tridiagonal
(bidiagonal at nbar = 0), every pair by itself. All chains are stored as columns of one array whose
rows are M = J_top, J_top - 1, ..., so that one sweep advances several in vector registers.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trajectories.angular import CoupledBasis, lowering_squared
from trajectories.chainsteps import COLUMNS, Generator, propagate_columns

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Chains:
    """The generator of a set of pairs (J_k, J_k'), in units of gamma.

    Attributes
    ----------
    M : ndarray (rows,)
        Total projection of each row, descending from the highest kept J.
    first, second : ndarray (chains,)
        Indices k >= k' of each pair.
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
        """Where |M| <= J of both ladders, shape (rows, chains)."""
        return np.abs(self.M)[:, None] <= basis.J[self.second]


def pair_chains(basis: CoupledBasis, nbar: float, furthest: int, least: float = 0.0) -> Chains:
    """Chains of all pairs with |k - k'| <= `furthest`, ordered by distance, then by k.

    Pairs more than one apart are left out where sqrt(p_k p_k') < `least`. No chain's sum of moduli
    ever grows: what leaves a rung is the mean of two rates, what arrives their geometric mean.

    >>> from trajectories.angular import coupled_basis
    >>> chains = pair_chains(coupled_basis(1, 2), nbar=0.0, furthest=1)
    >>> print(chains.M, chains.first, chains.second)
    [ 1.5  0.5 -0.5 -1.5] [0 1 1] [0 1 0]
    """
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
    gain_above, gain_below = np.zeros_like(down), np.zeros_like(down)
    gain_above[1:] = (nbar + 1.0) * down[:-1]
    gain_below[:-1] = nbar * up[1:]
    loss = 0.5 * ((nbar + 1.0) * (lower_one + lower_two) + nbar * (raise_one + raise_two))
    return Chains(M, first, second, gain_above, gain_below, np.where(inside, loss, 0.0))


def propagate(
    chains: Chains, start: Array, taus: Array, emission: Array, slowest: float = 1.0
) -> tuple[Array, Array, float]:
    """Propagate `start` (rows, chains) exactly to all `taus` (gamma t, increasing).

    Each few chains take steps of their own (`trajectories.chainsteps`).

    Parameters
    ----------
    emission : ndarray (rows, chains)
        Weights whose sum over the state is integrated along: the number of emitted photons.
    slowest : float
        Every mode but the steady ones decays at this rate or faster: 2 nbar + 1.

    Returns
    -------
    states : ndarray (len(taus), rows, chains)
    integral : ndarray (len(taus),)
    error : float
        Estimated largest error of any element of any state.
    """
    states = np.empty((taus.size, *start.shape))
    integral, error = np.zeros(taus.size), 0.0
    for first in range(0, start.shape[1], COLUMNS):
        rates = (chains.gain_above, chains.gain_below, chains.loss, emission, start)
        part = [np.ascontiguousarray(rate[:, first : first + COLUMNS]) for rate in rates]
        above, below, loss, counted, begun = part
        generator = Generator(above, below, loss, counted, bool(below.any()))
        gained, missed = propagate_columns(generator, begun, taus, slowest, states, first)
        integral += gained
        error = max(error, missed)
    return states, integral, error
