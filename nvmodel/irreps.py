r"""Populations of N spins over the irreps j, and the work that unitaries draw from them.

A state that is symmetric under exchange of spins and has no coherence between energies is a list
of probabilities p[j, m], j = N/2, N/2 - 1, ... and m = -j ... j. Each stands for
:math:`d_j=(2j+1)N!/[(N/2+j+1)!\,(N/2-j)!]` equal eigenvalues :math:`p/d_j` (Arecchi et al. 1972;
Chase and Geremia 2008). All energies are in :math:`\hbar\omega` per spin.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.preparation import log_multiplicities

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Irreps:
    """Where (j, m) stands in a flat vector: j falling, within each j m rising.

    Parameters
    ----------
    spins : int
        N.
    ladders : ndarray (number of irreps,)
        The j that are kept, falling; all others are empty.

    Examples
    --------
    >>> irreps = Irreps.all_of(3)
    >>> print(irreps.j, irreps.m)
    [1.5 1.5 1.5 1.5 0.5 0.5] [-1.5 -0.5  0.5  1.5 -0.5  0.5]
    >>> irreps.position(0.5, -0.5)
    4
    """

    spins: int
    ladders: Array

    @classmethod
    def all_of(cls, spins: int) -> "Irreps":
        """All irreps of N spins, :math:`(N/2+1)^2` positions for even N."""
        return cls(spins, np.asarray(spins / 2 - np.arange(spins // 2 + 1)))

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """First position of each irrep, and behind them the number of positions."""
        sizes = np.round(2.0 * self.ladders + 1.0).astype(np.int64)
        return np.concatenate([[0], np.cumsum(sizes)])

    @cached_property
    def irrep(self) -> NDArray[np.int64]:
        """Number of the irrep, by position."""
        return np.repeat(np.arange(self.ladders.size), np.diff(self.offsets))

    @cached_property
    def j(self) -> Array:
        """j by position."""
        return self.ladders[self.irrep]

    @cached_property
    def m(self) -> Array:
        """m by position."""
        return np.arange(self.irrep.size) - self.offsets[self.irrep] - self.j

    @cached_property
    def level(self) -> Array:
        """Energy per spin, :math:`(m+N/2)/N`, by position."""
        return (self.m + self.spins / 2) / self.spins

    @cached_property
    def log_multiplicity(self) -> Array:
        r""":math:`\ln d_j` by position."""
        return log_multiplicities(self.spins, self.ladders)[self.irrep]

    @cached_property
    def log_states_below(self) -> Array:
        """ln of the number of states with at most k excitations, k = 0 ... N - 1."""
        n = float(self.spins)
        k = np.arange(self.spins, dtype=float)
        ln_gamma = scipy.special.gammaln
        logs = ln_gamma(n + 1) - ln_gamma(k + 1) - ln_gamma(n - k + 1)
        return np.logaddexp.accumulate(logs)

    def position(self, j: float, m: float) -> int:
        """Position of (j, m)."""
        ladder = round(float(self.ladders[0] - j))
        # irreps in steps of one, unless some were left out
        if ladder >= self.ladders.size or self.ladders[ladder] != j:
            ladder = int(np.flatnonzero(self.ladders == j)[0])
        return int(self.offsets[ladder]) + round(m + j)

    def by_excitations(self, populations: ArrayLike) -> Array:
        """Probabilities of 0, 1, ..., N excitations, whatever j: (..., N + 1)."""
        p = np.asarray(populations, dtype=float)
        rows = p.reshape(-1, p.shape[-1])
        excitations = np.round(self.m + self.spins / 2).astype(np.int64)
        found = [np.bincount(excitations, row, self.spins + 1) for row in rows]
        return np.reshape(found, (*p.shape[:-1], self.spins + 1))

    def by_ladder(self, populations: ArrayLike) -> Array:
        """Probability of each irrep j: (..., number of irreps)."""
        p = np.asarray(populations, dtype=float)
        return np.add.reduceat(p, self.offsets[:-1], axis=-1)


def ladder_ergotropy_of_irreps(irreps: Irreps, populations: ArrayLike) -> Array:
    r"""Ergotropy under unitaries within each irrep, per spin.

    A sum over j of that of a ladder with levels :math:`N/2-j,\dots,N/2+j`: what is left of
    `nvmodel.ergotropy.ladder_ergotropy` when the spins can only be addressed together.

    Parameters
    ----------
    populations : array_like (..., positions)

    Examples
    --------
    >>> pair = Irreps.all_of(2)  # j = 1, then j = 0, where nothing can be drawn
    >>> print(ladder_ergotropy_of_irreps(pair, [0.125, 0.0, 0.375, 0.5]))
    0.3125
    """
    p = np.asarray(populations, dtype=float)
    return np.sum(p * ladder_ergotropy_of_irreps_gradient(irreps, p), axis=-1)


def ladder_ergotropy_of_irreps_gradient(irreps: Irreps, populations: ArrayLike) -> Array:
    """Derivative of `ladder_ergotropy_of_irreps` by each population; its influence function.

    Piecewise constant: the level held now less the level held after sorting within j.

    >>> pair = Irreps.all_of(2)
    >>> print(ladder_ergotropy_of_irreps_gradient(pair, [0.125, 0.0, 0.375, 0.5]))
    [-0.5 -0.5  1.   0. ]
    """
    p = np.asarray(populations, dtype=float)
    # one sort for all irreps: by irrep, then by falling population
    irrep = np.broadcast_to(irreps.irrep, p.shape)
    order = np.lexsort((-p, irrep), axis=-1)
    sorted_level = np.empty_like(p)
    np.put_along_axis(sorted_level, order, np.broadcast_to(irreps.level, p.shape), axis=-1)
    return irreps.level - sorted_level


def total_ergotropy_of_irreps(irreps: Irreps, populations: ArrayLike) -> Array:
    r"""Ergotropy under all unitaries of the :math:`2^N`-dimensional space, per spin.

    The :math:`d_j` eigenvalues :math:`p/d_j` of each (j, m), sorted, fill the levels k = 0 ... N of
    degeneracies :math:`\binom Nk`. Counts of states are kept as logarithms.

    Parameters
    ----------
    populations : array_like (..., positions)

    Examples
    --------
    >>> pair = Irreps.all_of(2)
    >>> print(total_ergotropy_of_irreps(pair, [0.125, 0.0, 0.375, 0.5]))
    0.375
    """
    p = np.asarray(populations, dtype=float)
    return np.sum(p * total_ergotropy_of_irreps_gradient(irreps, p), axis=-1)


def total_ergotropy_of_irreps_gradient(irreps: Irreps, populations: ArrayLike) -> Array:
    """Derivative of `total_ergotropy_of_irreps` by each population; its influence function.

    The level held now less the mean level that the :math:`d_j` eigenvalues hold after sorting.

    >>> pair = Irreps.all_of(2)
    >>> print(total_ergotropy_of_irreps_gradient(pair, [0.125, 0.0, 0.375, 0.5]))
    [-0.5 -0.5  0.5  0.5]
    """
    p = np.asarray(populations, dtype=float)
    rows = p.reshape(-1, p.shape[-1])
    passive = np.array([_sorted_levels(irreps, row) for row in rows]).reshape(p.shape)
    return irreps.level - passive


def local_ergotropy_of_irreps(irreps: Irreps, populations: ArrayLike) -> Array:
    r"""Ergotropy under products of single-spin unitaries, :math:`\max(0, 2E-1)` per spin.

    >>> print(local_ergotropy_of_irreps(Irreps.all_of(2), [0.125, 0.0, 0.375, 0.5]))
    0.25
    """
    p = np.asarray(populations, dtype=float)
    return np.maximum(0.0, p @ (2.0 * irreps.level - 1.0))


def local_ergotropy_of_irreps_gradient(irreps: Irreps, populations: ArrayLike) -> Array:
    """Derivative of `local_ergotropy_of_irreps` by each population.

    >>> print(local_ergotropy_of_irreps_gradient(Irreps.all_of(2), [0.125, 0.0, 0.375, 0.5]))
    [-1.  0.  1.  0.]
    """
    p = np.asarray(populations, dtype=float)
    inverted = 2.0 * irreps.level - 1.0
    return np.where((p @ inverted > 0.0)[..., None], inverted, 0.0)


def _sorted_levels(irreps: Irreps, p: Array) -> Array:
    """Mean level per spin, by position, of each (j, m)'s eigenvalues in falling order.

    With S_k states of at most k excitations and D states before the entry's own d, the mean level
    is the sum over k of 1 less the share (S_k - D)/d that lies in the levels up to k.
    """
    log_d, log_s = irreps.log_multiplicity, irreps.log_states_below
    occupied = p > 0.0
    height = np.full(p.size, -np.inf)
    np.log(p, out=height, where=occupied)
    order = np.argsort(-(height - log_d), kind="stable")
    log_d = log_d[order]
    log_end = np.logaddexp.accumulate(log_d)
    log_start = np.concatenate([[-np.inf], log_end[:-1]])
    # the entry that S_k cuts, and the share of it below the cut
    cut = np.minimum(np.searchsorted(log_end, log_s), p.size - 1)
    before = -np.expm1(np.minimum(log_start[cut] - log_s, 0.0))
    # beyond exp(700) the share is clipped anyway
    share = np.exp(np.minimum(log_s - log_d[cut], 700.0)) * before
    levels = np.bincount(cut, 1.0 - np.clip(share, 0.0, 1.0), p.size)
    # every entry behind a cut holds one excitation more
    behind = np.cumsum(np.bincount(cut, minlength=p.size))
    levels[1:] += behind[:-1]
    found = np.empty(p.size)
    found[order] = levels / irreps.spins
    return found
