r"""Resolvents :math:`(hQ-z)^{-1}` of a block tridiagonal generator on a ladder's grid.

The blocks of `trajectories.propagate.grids.Blocks` have at most 16 rows, and are coupled to the
next by one column and to the previous by one row; most are single rungs, whose loops are written
out. Two functions are solved for at a time, with real and imaginary parts apart, so that each
number of a matrix is read once and sums over rows fill vector registers: for that they may be taken
in any order (`reassoc`).
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.kernelcache import INNER
from darkbattery.trajectories.propagate.grids import Blocks
from darkbattery.trajectories.propagate.radau import POLES

Array = NDArray[np.float64]

SUMS: dict[str, Any] = {**INNER, "fastmath": {"reassoc", "contract"}}


@njit(**INNER)
def factorise(h: float, q: Blocks, factors: Array) -> None:
    """Inverses of the diagonal blocks of hQ - z for each pole z, eliminated from the last one up.

    They come into `factors` (poles, 2, inner.size): real and imaginary parts, in the order of
    `Blocks.inner`.
    """
    last, most = q.first.size - 2, q.above.shape[1]
    a, b = np.empty((most, most)), np.empty((most, most))
    pivots = np.empty(most, np.int64)
    for pole in range(POLES.size):
        factor = factors[pole]
        for e in range(last, -1, -1):
            size, start = q.first[e + 1] - q.first[e], q.start[e]
            for i in range(size):
                for j in range(size):
                    a[i, j], b[i, j] = h * q.inner[start + i * size + j], 0.0
                a[i, i] -= POLES[pole].real
                b[i, i] -= POLES[pole].imag
            if e < last:
                cr, ci = factor[0, q.start[e + 1]], factor[1, q.start[e + 1]]
                for i in range(size):
                    left = h * h * q.below[q.first[e] + i]
                    for j in range(size):
                        a[i, j] -= left * cr * q.above[e + 1, j]
                        b[i, j] -= left * ci * q.above[e + 1, j]
            _invert(a, b, size, pivots)
            for i in range(size):
                for j in range(size):
                    factor[0, start + i * size + j] = a[i, j]
                    factor[1, start + i * size + j] = b[i, j]


@njit(**INNER)
def _invert(a: Array, b: Array, n: int, pivots: NDArray[np.int64]) -> None:
    """The inverse of a + ib in place, by Gauss and Jordan with exchanges of rows."""
    for c in range(n):
        pivot, largest = c, -1.0
        for i in range(c, n):
            modulus = a[i, c] * a[i, c] + b[i, c] * b[i, c]
            if modulus > largest:
                pivot, largest = i, modulus
        pivots[c] = pivot
        if pivot != c:
            for j in range(n):
                a[c, j], a[pivot, j] = a[pivot, j], a[c, j]
                b[c, j], b[pivot, j] = b[pivot, j], b[c, j]
        pr, pi = a[c, c] / largest, -b[c, c] / largest
        a[c, c], b[c, c] = 1.0, 0.0
        for j in range(n):
            a[c, j], b[c, j] = a[c, j] * pr - b[c, j] * pi, a[c, j] * pi + b[c, j] * pr
        for i in range(n):
            if i != c:
                fr, fi = a[i, c], b[i, c]
                a[i, c], b[i, c] = 0.0, 0.0
                for j in range(n):
                    a[i, j] -= fr * a[c, j] - fi * b[c, j]
                    b[i, j] -= fr * b[c, j] + fi * a[c, j]
    for c in range(n - 1, -1, -1):
        pivot = pivots[c]
        if pivot != c:
            for i in range(n):
                a[i, c], a[i, pivot] = a[i, pivot], a[i, c]
                b[i, c], b[i, pivot] = b[i, pivot], b[i, c]


@njit(**SUMS)
def apply(q: Blocks, x: Array, rate: Array) -> None:
    """rate = Q x for two functions (2, points)."""
    for e in range(q.first.size - 1):
        low, size = q.first[e], q.first[e + 1] - q.first[e]
        for i in range(size):
            row = q.start[e] + i * size
            one, two = 0.0, 0.0
            for j in range(size):
                one += q.inner[row + j] * x[0, low + j]
                two += q.inner[row + j] * x[1, low + j]
            if low + size < x.shape[1]:
                one += q.below[low + i] * x[0, low + size]
                two += q.below[low + i] * x[1, low + size]
            rate[0, low + i], rate[1, low + i] = one, two
        if e:
            before = q.first[e - 1]
            for j in range(low - before):
                rate[0, low] += q.above[e, j] * x[0, before + j]
                rate[1, low] += q.above[e, j] * x[1, before + j]


@njit(**SUMS)
def solve(h: float, factors: Array, q: Blocks, x: Array, solved: Array) -> None:
    """(hQ - z)^-1 x for each pole z and two functions x (2, points), with `factorise`'s factors.

    Up through the blocks for their first points, then down for all. `solved` (poles, 4, points)
    becomes real and imaginary part of the first, and of the second.
    """
    right = np.empty((4, q.above.shape[1]))
    last = q.first.size - 2
    for pole in range(factors.shape[0]):
        fr, fi, s = factors[pole, 0], factors[pole, 1], solved[pole]
        for i in range(x.shape[1]):
            s[0, i], s[1, i], s[2, i], s[3, i] = x[0, i], 0.0, x[1, i], 0.0
        for e in range(last, 0, -1):
            low, size, before = q.first[e], q.first[e + 1] - q.first[e], q.first[e - 1]
            ar, ai, br, bi = _row(fr, fi, q.start[e], s, low, size)
            ar, ai, br, bi = h * ar, h * ai, h * br, h * bi
            for i in range(before, low):
                below = q.below[i]
                s[0, i] -= below * ar
                s[1, i] -= below * ai
                s[2, i] -= below * br
                s[3, i] -= below * bi
        for e in range(last + 1):
            low, size = q.first[e], q.first[e + 1] - q.first[e]
            if e:
                ar, ai, br, bi = _above(q.above[e], s, q.first[e - 1], low - q.first[e - 1])
                s[0, low] -= h * ar
                s[1, low] -= h * ai
                s[2, low] -= h * br
                s[3, low] -= h * bi
            if size == 1:
                ar, ai, br, bi = _row(fr, fi, q.start[e], s, low, size)
                s[0, low], s[1, low], s[2, low], s[3, low] = ar, ai, br, bi
                continue
            for i in range(size):
                ar, ai, br, bi = _row(fr, fi, q.start[e] + i * size, s, low, size)
                right[0, i], right[1, i], right[2, i], right[3, i] = ar, ai, br, bi
            for part in range(4):
                for i in range(size):
                    s[part, low + i] = right[part, i]


@njit(**SUMS)
def _row(
    fr: Array, fi: Array, row: int, s: Array, low: int, size: int
) -> tuple[float, float, float, float]:
    """One row of a block's inverse with both functions."""
    f, g = fr[row], fi[row]
    ar, ai = f * s[0, low] - g * s[1, low], f * s[1, low] + g * s[0, low]
    br, bi = f * s[2, low] - g * s[3, low], f * s[3, low] + g * s[2, low]
    if size == 1:
        return ar, ai, br, bi
    for j in range(1, size):
        f, g = fr[row + j], fi[row + j]
        ar += f * s[0, low + j] - g * s[1, low + j]
        ai += f * s[1, low + j] + g * s[0, low + j]
        br += f * s[2, low + j] - g * s[3, low + j]
        bi += f * s[3, low + j] + g * s[2, low + j]
    return ar, ai, br, bi


@njit(**SUMS)
def _above(weights: Array, s: Array, low: int, size: int) -> tuple[float, float, float, float]:
    """What a block's first row has from the block above."""
    w = weights[0]
    ar, ai, br, bi = w * s[0, low], w * s[1, low], w * s[2, low], w * s[3, low]
    if size == 1:
        return ar, ai, br, bi
    for j in range(1, size):
        w = weights[j]
        ar += w * s[0, low + j]
        ai += w * s[1, low + j]
        br += w * s[2, low + j]
        bi += w * s[3, low + j]
    return ar, ai, br, bi
