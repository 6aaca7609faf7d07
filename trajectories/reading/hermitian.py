"""Eigenvalues of small Hermitian matrices, in kernels: bits that no machine's library decides."""

from typing import Any

import numpy as np
from numba import njit

from darkbattery.nvmodel.kernelcache import INNER

NEGLIGIBLE = 1e-17  # an off-diagonal element beside a trace of 1
MOST_TURNS = 50  # of the iteration for one eigenvalue: a few are needed


@njit(**INNER)
def eigenvalues(a: Any, d: Any, e: Any) -> None:
    """d (n,) = the eigenvalues of the Hermitian a (n, n) of trace about 1, in no order.

    Householder's reflections make it tridiagonal, and implicit shifts of Wilkinson's diagonal
    (Golub and Van Loan, Matrix computations, chapter 8). `a` is overwritten, `e` (n,) is room. Both
    real symmetric and complex matrices are taken.
    """
    n = d.size
    for k in range(n - 2):
        d[k] = a[k, k].real
        e[k] = _reflect(a, k)
    for k in range(max(n - 2, 0), n):
        d[k] = a[k, k].real
    if n > 1:
        e[n - 2] = abs(a[n - 1, n - 2])
    diagonalise(d, e, d.size, NEGLIGIBLE, None)


@njit(**INNER)
def _reflect(a: Any, k: int) -> float:
    """Reflect column k onto its first element below the diagonal; the size of that."""
    n, square = a.shape[0], 0.0
    for i in range(k + 1, n):
        square += (a[i, k] * np.conj(a[i, k])).real
    length, head = np.sqrt(square), abs(a[k + 1, k])
    if square - head * head <= NEGLIGIBLE * NEGLIGIBLE:
        return head
    phase = a[k + 1, k] / head if head > 0.0 else 1.0 + 0.0 * a[k, k]
    a[k + 1, k] += phase * length
    factor = 1.0 / (length * (length + head))  # 2/|v|^2
    # row k has room for p = factor A v, of which w = p - (factor/2)(v.p) v
    inner = 0.0
    for i in range(k + 1, n):
        p = 0.0 * a[k, k]
        for j in range(k + 1, n):
            p += a[i, j] * a[j, k]
        a[k, i] = factor * p
        inner += (np.conj(a[i, k]) * a[k, i]).real
    for i in range(k + 1, n):
        a[k, i] -= 0.5 * factor * inner * a[i, k]
    for i in range(k + 1, n):
        for j in range(k + 1, n):
            a[i, j] -= a[i, k] * np.conj(a[k, j]) + a[k, i] * np.conj(a[j, k])
    return length


@njit(**INNER)
def diagonalise(d: Any, e: Any, n: int, negligible: float, rows: Any) -> None:
    """Implicit QL on the diagonal d (n numbers) and what is beside it, e[i] between i and i + 1.

    What is not above `negligible` beside the diagonal is none. `rows`, where they are not None, are
    turned along, and become eigenvectors: rows, for turns of two of them run in whole registers.
    """
    e[n - 1] = 0.0
    for first in range(n):
        for _ in range(MOST_TURNS):
            last = first
            while last < n - 1 and abs(e[last]) > negligible:
                last += 1
            if last == first:
                break
            g = (d[first + 1] - d[first]) / (2.0 * e[first])
            r = np.sqrt(g * g + 1.0)
            g = d[last] - d[first] + e[first] / (g + (r if g >= 0.0 else -r))
            sine, cosine, p, broken = 1.0, 1.0, 0.0, False
            for i in range(last - 1, first - 1, -1):
                f, b = sine * e[i], cosine * e[i]
                r = np.sqrt(f * f + g * g)
                e[i + 1] = r
                if r == 0.0:
                    d[i + 1] -= p
                    e[last], broken = 0.0, True
                    break
                sine, cosine = f / r, g / r
                g = d[i + 1] - p
                r = (d[i] - g) * sine + 2.0 * cosine * b
                p = sine * r
                d[i + 1] = g + p
                g = cosine * r - b
                if rows is not None:
                    _turn(rows, i, n, sine, cosine)
            if not broken:
                d[first] -= p
                e[first], e[last] = g, 0.0


@njit(**INNER)
def diagonalise_with(d: Any, e: Any, n: int, rows: Any) -> None:
    """`diagonalise` of a matrix of any size, with its eigenvectors."""
    size = 0.0
    for i in range(n):
        size = max(size, abs(d[i]) + abs(e[i]))
    diagonalise(d, e, n, NEGLIGIBLE * size, rows)


@njit(inline="always")
def _turn(rows: Any, i: Any, n: Any, sine: Any, cosine: Any) -> None:
    """Turn rows i and i + 1 into each other."""
    low, high = rows[i], rows[i + 1]
    for k in range(n):
        a, b = low[k], high[k]
        high[k] = sine * a + cosine * b
        low[k] = cosine * a - sine * b
