r"""States of battery and charger over their irreps, in the product basis.

A state that is symmetric under exchange within battery and charger is a matrix for every pair
:math:`(j_B,j_C)`. Without coherence between energies its elements
:math:`\langle m_B m_C|\rho|m_B' m_C'\rangle` have :math:`m_B+m_C=m_B'+m_C'=M`, so that there is a
block for every M. Of the Hermitian blocks a `ProductSpace` stores one half, :math:`m_B\ge m_B'`; a
`MatrixSpace` both halves, of equal M alone or of all, as a record of the field's quadratures leaves
them. The numbers of irreps (multiplicities) are inside: the traces of the blocks add up to one.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.preparation import DickeMixture

Array = NDArray[np.float64]
Indices = NDArray[np.int64]


class Elements(NamedTuple):
    """The stored elements, one entry of each array for each: irreps b, c and projections."""

    b: Indices
    c: Indices
    mb: Array
    mc: Array
    mb2: Array
    mc2: Array


class Located(NamedTuple):
    """Positions of elements; `flipped` where the mirror image is the one stored."""

    position: Indices
    flipped: NDArray[np.bool_]
    valid: NDArray[np.bool_]


class Pairs(NamedTuple):
    """Every pair of a state of the battery and one of the charger, arrays (pairs,).

    Attributes
    ----------
    b, c : ndarray of int
        Numbers of their ladders.
    mb, mc : ndarray
        Their m.
    probability : ndarray
        Of both.
    """

    b: Indices
    c: Indices
    mb: Array
    mc: Array
    probability: Array


def pairs_of(b: DickeMixture, c: DickeMixture, jb: Array, jc: Array) -> Pairs:
    """The starts of both ensembles on ladders of falling `jb` and `jc`, battery by battery."""
    ib, ic = (x.ravel() for x in np.indices((b.m.size, c.m.size)))
    kb = np.round(jb[0] - b.j[ib]).astype(np.int64)
    kc = np.round(jc[0] - c.j[ic]).astype(np.int64)
    return Pairs(kb, kc, b.m[ib], c.m[ic], b.probability[ib] * c.probability[ic])


@dataclass(frozen=True, eq=False)
class ProductSpace:
    """The irreps that are kept and the highest M.

    Attributes
    ----------
    jb, jc : ndarray
        Irreps of battery and charger, falling in steps of one.
    m_top : float
        Highest :math:`M=m_B+m_C`; the lowest is :math:`-(j_B+j_C)`.

    Examples
    --------
    >>> space = ProductSpace(np.array([0.5]), np.array([1.0]), 0.5)
    >>> space.size
    7
    >>> print(space.elements.mb, space.elements.mb2)
    [-0.5  0.5  0.5 -0.5  0.5  0.5 -0.5] [-0.5 -0.5  0.5 -0.5 -0.5  0.5 -0.5]
    """

    jb: Array
    jc: Array
    m_top: float

    @cached_property
    def _counts(self) -> Indices:
        """Number of m_B in each (j_B, j_C, M), M falling from m_top."""
        rows = round(self.m_top + self.jb[0] + self.jc[0]) + 1
        M = self.m_top - np.arange(rows)
        b, c = self.jb[:, None, None], self.jc[None, :, None]
        count = np.minimum(b, M + c) - np.maximum(-b, M - c) + 1.0
        return np.asarray(np.round(np.maximum(count, 0.0)), dtype=np.int64)

    @cached_property
    def _offsets(self) -> Indices:
        sizes = self._counts * (self._counts + 1) // 2
        ends = np.cumsum(sizes.ravel())
        return np.asarray((ends - sizes.ravel()).reshape(sizes.shape))

    @cached_property
    def size(self) -> int:
        """Number of stored elements."""
        return int((self._counts * (self._counts + 1) // 2).sum())

    @cached_property
    def elements(self) -> Elements:
        """What each position stands for."""
        sizes = (self._counts * (self._counts + 1) // 2).ravel()
        cell = np.repeat(np.arange(sizes.size), sizes)
        local = np.arange(self.size) - self._offsets.ravel()[cell]
        first = ((np.sqrt(8.0 * local + 1.0) - 1.0) / 2.0).astype(np.int64)
        # the square root may be off by one in the last place
        first += (first + 1) * (first + 2) // 2 <= local
        first -= first * (first + 1) // 2 > local
        second = local - first * (first + 1) // 2
        b, c, row = np.unravel_index(cell, self._counts.shape)
        M = self.m_top - row
        lowest = np.maximum(-self.jb[b], M - self.jc[c])
        mb, mb2 = lowest + first, lowest + second
        return Elements(b, c, mb, M - mb, mb2, M - mb2)

    def locate(
        self, b: Indices, c: Indices, mb: Array, mc: Array, mb2: Array, mc2: Array
    ) -> Located:
        """Where elements stand; position 0 and not valid where there is none."""
        inside = (b >= 0) & (b < self.jb.size) & (c >= 0) & (c < self.jc.size)
        b, c = np.where(inside, b, 0), np.where(inside, c, 0)
        jb, jc, M = self.jb[b], self.jc[c], mb + mc
        row = np.round(self.m_top - M).astype(np.int64)
        valid = inside & (row >= 0) & (row < self._counts.shape[2])
        valid &= (np.abs(mb) <= jb) & (np.abs(mb2) <= jb)
        valid &= (np.abs(mc) <= jc) & (np.abs(mc2) <= jc)
        lowest = np.maximum(-jb, M - jc)
        first = np.round(np.maximum(mb, mb2) - lowest).astype(np.int64)
        second = np.round(np.minimum(mb, mb2) - lowest).astype(np.int64)
        start = self._offsets[b, c, np.where(valid, row, 0)]
        index = np.where(valid, start + first * (first + 1) // 2 + second, 0)
        return Located(index, mb2 > mb, valid)

    @cached_property
    def coherence(self) -> Array:
        r""":math:`m_B-m_B'\ge0` of each element."""
        return self.elements.mb - self.elements.mb2

    @cached_property
    def diagonal(self) -> NDArray[np.bool_]:
        """Which elements are probabilities."""
        return self.coherence == 0.0

    def block(self, b: int, c: int) -> slice:
        """Positions of a pair of irreps."""
        start = int(self._offsets[b, c, 0])
        sizes = self._counts[b, c] * (self._counts[b, c] + 1) // 2
        return slice(start, start + int(sizes.sum()))

    def block_positions(self, b: int, c: int) -> tuple[Indices, Indices, Indices]:
        """:math:`j_B+j_C-M`, :math:`m_B+j_B`, :math:`m_B'+j_B` of each element of two irreps."""
        part = self.block(b, c)
        e = self.elements
        row = self.jb[b] + self.jc[c] - e.mb[part] - e.mc[part]
        first, second = e.mb[part] + self.jb[b], e.mb2[part] + self.jb[b]
        whole = np.round([row, first, second]).astype(np.int64)
        return whole[0], whole[1], whole[2]

    def dense_block(self, state: Array, b: int, c: int) -> NDArray[Any]:
        """Blocks of M of one pair of irreps, (2 j_B + 2 j_C + 1, 2 j_B + 1, 2 j_B + 1).

        `state` is (1, size), or (2, size) with imaginary parts; the blocks are complex then.
        """
        size = round(2.0 * self.jb[b]) + 1
        shape = (round(2.0 * (self.jb[b] + self.jc[c])) + 1, size, size)
        row, first, second = self.block_positions(b, c)
        values = state[0, self.block(b, c)]
        if len(state) == 2:
            values = values + 1j * state[1, self.block(b, c)]
        dense = np.zeros(shape, dtype=values.dtype)
        dense[row, second, first] = np.conj(values)
        dense[row, first, second] = values
        return dense

    def embedded(self, x: Array, larger: "ProductSpace") -> Array:
        """The state `x` (..., size) in a space that holds this one."""
        e = self.elements
        b = np.round(larger.jb[0] - self.jb[e.b]).astype(np.int64)
        c = np.round(larger.jc[0] - self.jc[e.c]).astype(np.int64)
        place = larger.locate(b, c, e.mb, e.mc, e.mb2, e.mc2)
        out = np.zeros((*x.shape[:-1], larger.size))
        out[..., place.position[place.valid]] = x[..., place.valid]
        return out


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
