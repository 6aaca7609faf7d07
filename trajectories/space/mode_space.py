r"""Battery, charger and a mode over irreps: states :math:`|j_Bm_B\rangle|j_Cm_C\rangle|n\rangle`.

What mixes the ladders of J keeps the irreps (j_B, j_C), or moves between them in jumps, and without
a drive :math:`Q=m_B+m_C+n` is sharp: there is a block for every (j_B, j_C, Q). With a drive there
is one for every (j_B, j_C). Of the Hermitian blocks a `ModeSpace` stores one half, a
`ModeMatrixSpace` both. The numbers of irreps (multiplicities) are inside: the traces of the blocks
add up to one.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.preparation import DickeMixture
from darkbattery.trajectories.space.product_space import Located, Matrices, pairs_of

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


class Kets(NamedTuple):
    """The states, one entry of each array for each: irreps b, c, projections and photons."""

    b: Indices
    c: Indices
    mb: Array
    mc: Array
    n: Indices


@dataclass(frozen=True, eq=False)
class ModeSpace:
    """The irreps that are kept, the highest photon number and the highest Q.

    Attributes
    ----------
    jb, jc : ndarray
        Irreps of battery and charger, falling in steps of one.
    most_photons : int
    top : float
        Highest Q = m_B + m_C + n.
    coherent : bool
        Whether there are elements between different Q: a drive makes them.

    Examples
    --------
    >>> space = ModeSpace(np.array([0.5]), np.array([0.5]), most_photons=1, top=0.0)
    >>> space.kets.n, space.size  # Q = -1: one state; Q = 0: two with no photon, one with one
    (array([0, 1, 0, 0]), 7)
    """

    jb: Array
    jc: Array
    most_photons: int
    top: float
    coherent: bool = False

    @cached_property
    def kets(self) -> Kets:
        """All states, those of a block one after the other."""
        parts = []
        for i, jb in enumerate(self.jb):
            for k, jc in enumerate(self.jc):
                shape = (round(2.0 * jb) + 1, round(2.0 * jc) + 1, self.most_photons + 1)
                u, v, n = (x.ravel() for x in np.indices(shape))
                Q = u - jb + v - jc + n
                kept = np.flatnonzero(self.top + 0.25 >= Q)
                order = kept[np.argsort(Q[kept], kind="stable")]
                row = np.ones((2, order.size), dtype=np.int64) * [[i], [k]]
                parts.append((*row, u[order] - jb, v[order] - jc, n[order]))
        b, c, mb, mc, n = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Kets(b, c, mb, mc, n)

    @cached_property
    def block(self) -> Indices:
        """The number of each state's block."""
        k = self.kets
        new = (np.diff(k.b) != 0) | (np.diff(k.c) != 0)
        if not self.coherent:
            new |= np.abs(np.diff(k.mb + k.mc + k.n)) > 0.25
        return np.concatenate([[0], np.cumsum(new)])

    @cached_property
    def first(self) -> Indices:
        """First state of each block, and behind them the number of states."""
        starts = np.flatnonzero(np.diff(self.block, prepend=-1))
        return np.append(starts, self.block.size)

    @cached_property
    def _offsets(self) -> Indices:
        """First element of each block, and behind them the number of elements."""
        d = np.diff(self.first)
        return np.concatenate([[0], np.cumsum(d * (d + 1) // 2)])

    @property
    def size(self) -> int:
        """Number of stored elements."""
        return int(self._offsets[-1])

    @cached_property
    def pairs(self) -> tuple[Indices, Indices]:
        """Of each stored element <i|rho|k> the numbers of the states i >= k."""
        sizes = np.diff(self._offsets)
        block = np.repeat(np.arange(sizes.size), sizes)
        local = np.arange(self.size) - self._offsets[block]
        one = ((np.sqrt(8.0 * local + 1.0) - 1.0) / 2.0).astype(np.int64)
        # the square root may be off by one in the last place
        one += (one + 1) * (one + 2) // 2 <= local
        one -= one * (one + 1) // 2 > local
        return self.first[block] + one, self.first[block] + local - one * (one + 1) // 2

    @cached_property
    def diagonal(self) -> NDArray[np.bool_]:
        """Which elements are probabilities."""
        return np.asarray(self.pairs[0] == self.pairs[1])

    @cached_property
    def _lookup(self) -> NDArray[np.int32]:
        k = self.kets
        shape = (round(2.0 * self.jb[0]) + 1, round(2.0 * self.jc[0]) + 1, self.most_photons + 1)
        table = np.full((self.jb.size, self.jc.size, *shape), -1, dtype=np.int32)
        u, v = np.round(k.mb + self.jb[0]), np.round(k.mc + self.jc[0])
        table[k.b, k.c, u.astype(np.int64), v.astype(np.int64), k.n] = np.arange(k.n.size)
        return table

    def find(self, b: Indices, c: Indices, mb: Array, mc: Array, n: Indices) -> Indices:
        """Numbers of states; -1 where there is none."""
        place = (b, c, mb + self.jb[0], mc + self.jc[0], n)
        index = [np.round(x).astype(np.int64) for x in place]
        inside = np.ones(index[0].shape, dtype=bool)
        for i, most in zip(index, self._lookup.shape, strict=True):
            inside &= (i >= 0) & (i < most)
        there = self._lookup[tuple(np.where(inside, i, 0) for i in index)]
        return np.where(inside, there, -1).astype(np.int64)

    def probabilities(self, b: DickeMixture, c: DickeMixture, photons: Array) -> Array:
        """Of all states at the start: of both ensembles, and 0, 1, ... photons."""
        start = pairs_of(b, c, self.jb, self.jc)
        found = np.zeros(self.kets.n.size)
        for n in np.flatnonzero(photons):
            kets = self.find(*start[:4], np.full(start.b.size, n))
            np.add.at(found, kets, start.probability * photons[n])
        return found

    def locate(self, one: Indices, two: Indices) -> Located:
        """Where the elements <one|rho|two> stand; position 0 and not valid where there is none."""
        valid = (one >= 0) & (two >= 0)
        block = self.block[np.where(valid, one, 0)]
        valid &= block == self.block[np.where(valid, two, 0)]
        first = self.first[block]
        high, low = np.maximum(one, two) - first, np.minimum(one, two) - first
        index = np.where(valid, self._offsets[block] + high * (high + 1) // 2 + low, 0)
        return Located(index, two > one, valid)


def elements_needed(
    jb: Array, jc: Array, most_photons: int, top: float, coherent: bool = False
) -> float:
    """How many elements a space would have, counted without making it.

    >>> one = np.array([0.5])
    >>> elements_needed(one, one, most_photons=1, top=0.0)
    7.0
    """
    states = block_states(jb, jc, most_photons, top, coherent)
    return float(states @ (states + 1.0)) / 2.0


def block_states(
    jb: Array, jc: Array, most_photons: int, top: float, coherent: bool = False
) -> Array:
    """How many states each block of a space would have, counted without making it.

    >>> one = np.array([0.5])
    >>> block_states(one, one, most_photons=1, top=0.0)
    array([1., 3.])
    """
    found = []
    for b in jb:
        for c in jc:
            rows = round(2.0 * (b + c)) + 1
            k = np.arange(rows, dtype=float)
            count = np.minimum(np.minimum(k, rows - 1.0 - k), min(2.0 * b, 2.0 * c)) + 1.0
            # states with Q = -(j_B + j_C) + q: those with k from q - most_photons to q
            q = np.arange(max(0, min(rows + most_photons, round(top + b + c) + 1)))
            sums = np.concatenate([[0.0], np.cumsum(count)])
            states = sums[np.minimum(q + 1, rows)] - sums[np.clip(q - most_photons, 0, rows)]
            found.append(states.sum(keepdims=True) if coherent else states)
    return np.concatenate(found)


@dataclass(frozen=True, eq=False)
class ModeMatrixSpace(Matrices):
    """Whole matrices, as of `MatrixSpace`, with a mode of at most so many photons.

    Attributes
    ----------
    jb, jc, m_top, coherent
        As of all `Matrices`.
    most_photons : int

    Examples
    --------
    >>> half = np.array([0.5])
    >>> ModeMatrixSpace(half, half, 0.0, False, most_photons=1).size  # 1 and 3 x 3
    10
    """

    jb: Array
    jc: Array
    m_top: float
    coherent: bool
    most_photons: int

    @cached_property
    def modes(self) -> ModeSpace:
        """The kets with their places, as operators over them are made."""
        return ModeSpace(self.jb, self.jc, self.most_photons, self.m_top)

    @cached_property
    def kets(self) -> Kets:
        """Sector by sector, M + n rising."""
        return self.modes.kets

    @cached_property
    def level(self) -> Array:
        """M + n."""
        return np.asarray(self.kets.mb + self.kets.mc + self.kets.n)

    @cached_property
    def of_the_rest(self) -> NDArray[np.bool_]:
        """The same; and without coherence of the mode."""
        left, right = self._sides
        e, n = self.elements, self.kets.n
        return np.asarray((np.abs(e.mc - e.mc2) < 0.25) & (n[left] == n[right]))

    def sandwiched(self, source: Indices, amplitude: Array) -> Any:
        r""":math:`\rho\to K\rho K^T` of a real K that takes each ket to at most one other.

        `source` (kets,) is where each comes from, -1 from nowhere, with the factor `amplitude`.
        """
        left, right = self._sides
        one, two = source[left], source[right]
        column = np.where((one >= 0) & (two >= 0), self._table[one, two], -1)
        value = amplitude[left] * amplitude[right]
        row = np.flatnonzero((column >= 0) & (value != 0.0))
        shape = (self.size,) * 2
        return scipy.sparse.csr_matrix((value[row], (row, column[row])), shape=shape)
