r"""Whole matrices of battery and charger over their irreps, with coherence between energies or not.

As in `trajectories.space.product_space` a state that is symmetric under exchange within battery and
charger is a matrix for every pair :math:`(j_B,j_C)`, multiplicities inside. Here all its elements
:math:`\langle m_B m_C|\rho|m_B' m_C'\rangle` are stored, both halves: those of equal M alone, or of
all, as a record of the field's quadratures leaves them. With a resonator's mode its photons stand
beside: :math:`\langle m_Bm_Cn|\rho|m_B'm_C'n'\rangle`, and :math:`M+n` is what energies go by.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.trajectories.space.mode_space import Kets as KetsWithMode
from darkbattery.trajectories.space.mode_space import ModeSpace
from darkbattery.trajectories.space.product_space import Elements, Located

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


class Kets(NamedTuple):
    """The states :math:`|j_Bm_B\\rangle|j_Cm_C\\rangle`, an entry of each array for each."""

    b: Indices
    c: Indices
    mb: Array
    mc: Array


class Matrices:
    """What matrices over kets have, with a mode or without.

    Attributes
    ----------
    jb, jc : ndarray
        Irreps of battery and charger, falling in steps of one.
    m_top : float
        Highest M, with a mode M + n, that is kept; lower ones are all there.
    coherent : bool
        Whether elements between different ones are kept.
    """

    jb: Array
    jc: Array
    m_top: float
    coherent: bool

    @cached_property
    def kets(self) -> Any:
        """With a mode also their photons n."""
        raise NotImplementedError

    @cached_property
    def level(self) -> Array:
        """M or M + n of each ket."""
        raise NotImplementedError

    @cached_property
    def of_the_rest(self) -> NDArray[np.bool_]:
        """Which elements the battery's own matrix adds up: those without coherence of the rest."""
        e = self.elements
        return np.asarray(np.abs(e.mc - e.mc2) < 0.25)

    @cached_property
    def _sides(self) -> tuple[Indices, Indices]:
        k = self.kets
        together = (k.b[:, None] == k.b) & (k.c[:, None] == k.c)
        if not self.coherent:
            together &= np.abs(self.level[:, None] - self.level) < 0.25
        left, right = np.nonzero(together)
        return left, right

    @cached_property
    def _table(self) -> Indices:
        left, right = self._sides
        found = np.full((self.kets.b.size,) * 2, -1)
        found[left, right] = np.arange(left.size)
        return found

    @cached_property
    def size(self) -> int:
        """Number of elements."""
        return int(self._sides[0].size)

    @cached_property
    def elements(self) -> Elements:
        """What each position stands for."""
        k, (left, right) = self.kets, self._sides
        return Elements(k.b[left], k.c[left], k.mb[left], k.mc[left], k.mb[right], k.mc[right])

    @cached_property
    def diagonal(self) -> NDArray[np.bool_]:
        """Which elements are probabilities."""
        left, right = self._sides
        return np.asarray(left == right)

    @cached_property
    def change(self) -> Array:
        """The level of each element's ket less that of its bra."""
        left, right = self._sides
        return np.asarray(self.level[left] - self.level[right])

    @cached_property
    def mirror(self) -> Indices:
        """Where the element with both sides exchanged stands."""
        left, right = self._sides
        return np.asarray(self._table[right, left])

    def from_left(self, operator: Any) -> Any:
        r""":math:`\rho\to O\rho` as a sparse matrix over the elements, O over the kets.

        What leads to elements that are not kept is left out.
        """
        left, right = self._sides
        rows = scipy.sparse.csr_matrix(operator)
        count = np.diff(rows.indptr)[left]
        row = np.repeat(np.arange(self.size), count)
        # entry by entry of the operator's row of each element
        within = np.arange(row.size) - np.repeat(np.cumsum(count) - count, count)
        entry = rows.indptr[left][row] + within
        column = self._table[rows.indices[entry], right[row]]
        kept = column >= 0
        at = (row[kept], column[kept])
        return scipy.sparse.csr_matrix((rows.data[entry[kept]], at), shape=(self.size,) * 2)


@dataclass(frozen=True, eq=False)
class MatrixSpace(Matrices):
    """The irreps that are kept, the highest M, and whether energies may be coherent.

    Attributes
    ----------
    jb, jc : ndarray
        Irreps of battery and charger, falling in steps of one.
    m_top : float
        Highest M that is kept; lower ones are all there.
    coherent : bool
        Whether elements between different M are kept.

    Examples
    --------
    >>> half, one = np.array([0.5]), np.array([1.0])
    >>> MatrixSpace(half, one, 1.5, True).size, MatrixSpace(half, one, 1.5, False).size
    (36, 10)
    """

    jb: Array
    jc: Array
    m_top: float
    coherent: bool

    @cached_property
    def kets(self) -> Kets:
        """Sector by sector."""
        found = []
        for b, jb in enumerate(self.jb):
            for c, jc in enumerate(self.jc):
                one, two = np.arange(round(2 * jb) + 1) - jb, np.arange(round(2 * jc) + 1) - jc
                mb, mc = (x.ravel() for x in np.meshgrid(one, two, indexing="ij"))
                kept = mb + mc <= self.m_top + 0.25
                mb, mc = mb[kept], mc[kept]
                found.append((np.full(mb.size, b), np.full(mb.size, c), mb, mc))
        return Kets(*(np.concatenate(part) for part in zip(*found, strict=True)))

    @cached_property
    def level(self) -> Array:
        """M."""
        return self.kets.mb + self.kets.mc

    @cached_property
    def _places(self) -> Indices:
        """Number of the ket (b, c, m_B + j_B, m_C + j_C), -1 where there is none."""
        k, shape = self.kets, (round(2 * self.jb[0]) + 1, round(2 * self.jc[0]) + 1)
        found = np.full((self.jb.size, self.jc.size, *shape), -1)
        ib, ic = (k.mb + self.jb[k.b]).round(), (k.mc + self.jc[k.c]).round()
        found[k.b, k.c, ib.astype(np.int64), ic.astype(np.int64)] = np.arange(k.b.size)
        return found

    @cached_property
    def coherence(self) -> Array:
        """m_B - m_B' of each element."""
        return self.elements.mb - self.elements.mb2

    def locate(
        self, b: Indices, c: Indices, mb: Array, mc: Array, mb2: Array, mc2: Array
    ) -> Located:
        """Where elements stand; position 0 and not valid where there is none."""
        one, two = self.find(b, c, mb, mc), self.find(b, c, mb2, mc2)
        found = np.where((one >= 0) & (two >= 0), self._table[one, two], -1)
        valid = found >= 0
        return Located(np.where(valid, found, 0), np.zeros(valid.shape, dtype=bool), valid)

    def find(self, b: Indices, c: Indices, mb: Array, mc: Array) -> Indices:
        """Where kets stand among all; -1 where there is none."""
        inside = (b >= 0) & (b < self.jb.size) & (c >= 0) & (c < self.jc.size)
        b, c = np.where(inside, b, 0), np.where(inside, c, 0)
        jb, jc = self.jb[b], self.jc[c]
        inside &= (np.abs(mb) <= jb + 0.25) & (np.abs(mc) <= jc + 0.25)
        ib = np.where(inside, mb + jb, 0.0).round().astype(np.int64)
        ic = np.where(inside, mc + jc, 0.0).round().astype(np.int64)
        return np.where(inside, self._places[b, c, ib, ic], -1)

    def projectors(self, kets: NDArray[Any]) -> NDArray[Any]:
        r""":math:`|\psi\rangle\langle\psi|` of states over the kets (kets, runs)."""
        left, right = self._sides
        return np.asarray(kets[left] * np.conj(kets[right]))


@dataclass(frozen=True, eq=False)
class ModeMatrixSpace(Matrices):
    """The same with a mode of at most so many photons.

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
    def kets(self) -> KetsWithMode:
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
