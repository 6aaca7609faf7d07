r"""Sums of negative eigenvalues of many small symmetric matrices, of which most have few at all.

The blocks of a partial transpose are smooth in both excitation numbers, so that a few eigenvalues
carry them: at (50, 2500) 7 of 51 are above 1e-16. Householder's reflections towards tridiagonal
form, begun at the largest row, stop where what is left of the matrix is negligible; implicit QL
does the rest (Golub and Van Loan, Matrix computations, chapter 8).
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.kernelcache import INNER, KERNEL
from darkbattery.trajectories.reading.hermitian import NEGLIGIBLE, diagonalise

Array = NDArray[np.float64]

# of a matrix' norm: rounding is left from there on
ROUNDING = 2.0**-52

# sums over rows may be taken in any order, so that they fill vector registers
SUMS: dict[str, Any] = {**INNER, "fastmath": {"reassoc", "contract"}}


@njit(**KERNEL)
def negative_sum(blocks: Array, negligible: float) -> float:
    """Sum of the moduli of the negative eigenvalues of symmetric `blocks` (count, n, n).

    What is left out of them is `negligible` all together.
    """
    count, n = blocks.shape[0], blocks.shape[1]
    a, room, total = np.empty((n, n)), np.empty((4, n)), 0.0
    for block in range(count):
        for i in range(n):
            for j in range(n):
                a[i, j] = blocks[block, i, j]
        total += _negative(a, room, negligible / count)
    return total


@njit(**KERNEL)
def negative_sum_of_pure(amplitudes: Array, negligible: float) -> float:
    r"""The same of the partial transpose of a state whose blocks of M are pure.

    `amplitudes` (rows, n) are :math:`\sqrt{P(M)}\psi_M(m_B)` for falling M; element (m', m) of
    block D is then :math:`\psi_M(m)\psi_M(m')` at :math:`M=D+m+m'`.
    """
    rows, n = amplitudes.shape
    count = rows + 2 * (n - 1)
    a, room, total = np.empty((n, n)), np.empty((4, n)), 0.0
    for block in range(count):
        for i in range(n):
            for j in range(n):
                row = block - i - j
                inside = row >= 0 and row < rows
                a[i, j] = amplitudes[row, i] * amplitudes[row, j] if inside else 0.0
        total += _negative(a, room, negligible / count)
    return total


@njit(**INNER)
def _negative(a: Array, room: Array, left_out: float) -> float:
    """Of one matrix, which is overwritten; the sum may be off by `left_out`."""
    n = a.shape[0]
    d, e, v, w = room[0], room[1], room[2], room[3]
    square, largest, first = 0.0, -1.0, 0
    for i in range(n):
        row = _squared(a[i])
        square += row
        if row > largest:
            largest, first = row, i
    for j in range(n):
        a[0, j], a[first, j] = a[first, j], a[0, j]
    for i in range(n):
        a[i, 0], a[i, first] = a[i, first], a[i, 0]
    # what is dropped adds at most the root of its rows times its Frobenius norm
    least = max(left_out * left_out / n, ROUNDING * ROUNDING * square)
    size = 0
    while size < n and square > least:
        d[size] = a[size, size]
        size += 1
        if size < n:
            e[size - 1], square = _reflect(a, size - 1, v, w)
            square += 2.0 * e[size - 1] * e[size - 1]
    if size == 0:
        return 0.0
    diagonalise(d[:size], e[:size], size, NEGLIGIBLE, None)
    total = 0.0
    for i in range(size):
        if d[i] < 0.0:
            total -= d[i]
    return total


@njit(**SUMS)
def _squared(x: Array) -> float:
    total = 0.0
    for j in range(x.size):
        total += x[j] * x[j]
    return total


@njit(**SUMS)
def _reflect(a: Array, k: int, v: Array, w: Array) -> tuple[float, float]:
    """Reflect what stands in column k below the diagonal onto its first element.

    Returns that element, and the sum of the squares of what is left below and to the right.
    """
    # unsigned: an index that might count from the end keeps a loop out of vector registers
    start, stop = np.uint64(k + 1), np.uint64(a.shape[0])
    square, left = 0.0, 0.0
    for i in range(start, stop):
        v[i], w[i] = a[k, i], 0.0
        square += v[i] * v[i]
    head = v[start]
    if square - head * head <= 1e-300:
        for i in range(start, stop):
            for j in range(start, stop):
                left += a[i, j] * a[i, j]
        return head, left
    length = np.sqrt(square) if head < 0.0 else -np.sqrt(square)
    v[start] = head - length
    factor = 1.0 / (square - head * length)  # 2/|v|^2
    for i in range(start, stop):
        own = factor * v[i]
        for j in range(start, stop):
            w[j] += own * a[i, j]
    inner = 0.0
    for i in range(start, stop):
        inner += v[i] * w[i]
    inner *= 0.5 * factor
    for i in range(start, stop):
        w[i] -= inner * v[i]
    for i in range(start, stop):
        one, two = v[i], w[i]
        for j in range(start, stop):
            x = a[i, j] - one * w[j] - two * v[j]
            a[i, j] = x
            left += x * x
    return length, left
