r"""Logarithmic negativity and its exact rate, by the blocks of the partial transpose.

A state without coherence between different M has, in :math:`|m_B,m_C\rangle`, one block for each M.
Its partial transpose over the battery conserves :math:`D=m_C-m_B` instead, and falls into
N_B + N_C + 1 blocks of at most N_B + 1 rows: element (m_B', m_B) of block D is element
(m_B, m_B') of block M = D + m_B + m_B'.

These blocks are smooth in both excitation numbers, so that a few eigenvalues carry them: at
(50, 2500) 7 of 51 are above 1e-16. Householder's reflections towards tridiagonal form, begun at the
largest row, stop where what is left of the matrix is negligible; implicit QL does the rest (Golub
and Van Loan, Matrix computations, chapter 8).
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.kernelcache import INNER, KERNEL
from darkbattery.trajectories.reading.hermitian import NEGLIGIBLE as OFF_DIAGONAL
from darkbattery.trajectories.reading.hermitian import diagonalise

Array = NDArray[np.float64]

# eigenvalues of the transpose this close to zero have no sign of their own: their rate counts
# with its modulus. States are of trace 1 and known to 1e-11; this is the rounding of an eigh.
ZERO_EIGENVALUE = 1e-14
# negative part that all left-out rows and blocks may have together
NEGLIGIBLE = 1e-12
# blocks whose eigenvalues are found together, over the same excitation numbers
NEIGHBOURS = 32
# of a matrix' norm: rounding is left from there on
ROUNDING = 2.0**-52

# sums over rows may be taken in any order, so that they fill vector registers
SUMS: dict[str, Any] = {**INNER, "fastmath": {"reassoc", "contract"}}


def transpose_blocks(blocks: NDArray[Any]) -> NDArray[Any]:
    """Partial transpose over the battery of a state given by its blocks of M.

    Parameters
    ----------
    blocks : ndarray (rows, N_B + 1, N_B + 1)
        Blocks in m_B + j_B = 0, 1, ..., N_B for M descending in steps of one.

    Returns
    -------
    ndarray (rows + 2 N_B, N_B + 1, N_B + 1)
        Blocks of D, descending in steps of one.

    Examples
    --------
    >>> singlet = np.array([np.zeros((2, 2)), [[0.5, -0.5], [-0.5, 0.5]], np.zeros((2, 2))])
    >>> print(transpose_blocks(singlet)[[1, 2, 3]].tolist())
    [[[0.5, 0.0], [0.0, 0.0]], [[0.0, -0.5], [-0.5, 0.0]], [[0.0, 0.0], [0.0, 0.5]]]
    """
    rows, size, _ = blocks.shape
    transposed = np.zeros((rows + 2 * (size - 1), size, size), dtype=blocks.dtype)
    _fill_transposed(np.ascontiguousarray(blocks), transposed)
    return transposed


@njit(cache=True, error_model="numpy")
def _fill_transposed(blocks: Any, transposed: Any) -> None:
    # written in the order of memory, from a window of rows that stays in the cache
    rows, size = blocks.shape[0], blocks.shape[1]
    for d in range(transposed.shape[0]):
        for one in range(size):
            # D = M - m_B - m_B' falls with the row of M and with both excitation numbers
            first = max(0, d - one - rows + 1)
            for other in range(first, min(size, d - one + 1)):
                transposed[d, one, other] = blocks[d - one - other, other, one]


def log_negativity(transposed: Array) -> float:
    r""":math:`S_B=\log_2\|\rho^{\Gamma_B}\|_1` (Vidal and Werner 2002; the paper's Eq. (12)).

    >>> singlet = np.array([np.zeros((2, 2)), [[0.5, -0.5], [-0.5, 0.5]], np.zeros((2, 2))])
    >>> round(log_negativity(transpose_blocks(singlet)), 12)
    1.0
    """
    return float(np.log1p(2.0 * negative_part(transposed)) / np.log(2.0))


def log_negativity_and_rate(transposed: Array, rate: Array) -> tuple[float, float]:
    r"""The same with its derivative from the right, given the transposed :math:`\dot\rho`.

    With A the transpose and P_0 the projector on its kernel,

    .. math:: \dot S_B=\frac{\mathrm{tr}[\mathrm{sgn}(A)\dot A]+\|P_0\dot AP_0\|_1}
                            {\ln 2\,\|A\|_1},

    which needs no differences: S_B has kinks where an eigenvalue changes its sign.
    """
    negative, slope = negative_part_and_slope(transposed, rate)
    # the eigenvalues sum to 1, so the norm is 1 + twice the negative part
    norm = 1.0 + 2.0 * negative
    return float(np.log1p(2.0 * negative) / np.log(2.0)), 2.0 * slope / (np.log(2.0) * norm)


def negative_part(transposed: NDArray[Any]) -> float:
    """Sum of the moduli of the negative eigenvalues; of any share of the blocks."""
    if np.iscomplexobj(transposed):
        return _negative_part_of_complex(transposed)
    return float(_negative_sum(np.ascontiguousarray(transposed), NEGLIGIBLE))


def log_negativity_of_pure(amplitudes: Array) -> float:
    r"""The same as `log_negativity` where every block of M is pure.

    Parameters
    ----------
    amplitudes : ndarray (rows, N_B + 1)
        :math:`\sqrt{P(M)}\psi_M(m_B)` for M descending in steps of one.

    Examples
    --------
    >>> singlet = np.array([[0.0, 0.0], [np.sqrt(0.5), -np.sqrt(0.5)], [0.0, 0.0]])
    >>> round(log_negativity_of_pure(singlet), 12)
    1.0
    """
    negative = _negative_sum_of_pure(amplitudes, NEGLIGIBLE)
    return float(np.log1p(2.0 * negative) / np.log(2.0))


def _negative_part_of_complex(transposed: NDArray[Any]) -> float:
    """Of Hermitian blocks.

    Excitation numbers at either end that carry next to nothing are cut off, for neighbouring blocks
    alike: with the rows and columns outside a window go at most sqrt(2 rows) times their Frobenius
    norm, and that norm is at most sqrt(2) times the rows'.
    """
    count, size, _ = transposed.shape
    rows = np.einsum("dij,dij->di", transposed, np.conj(transposed)).real
    cut = (NEGLIGIBLE / count) ** 2 / (8.0 * size)  # half for either end
    used_from = (np.cumsum(rows, axis=1) <= cut).sum(axis=1)
    used_to = size - (np.cumsum(rows[:, ::-1], axis=1) <= cut).sum(axis=1)
    negative = 0.0
    for start in range(0, count, NEIGHBOURS):
        near = slice(start, start + NEIGHBOURS)
        low, high = used_from[near].min(), used_to[near].max()
        if low < high:
            eigenvalues = np.linalg.eigvalsh(transposed[near, low:high, low:high])
            negative -= float(eigenvalues[eigenvalues < 0.0].sum())
    return negative


def negative_part_and_slope(transposed: NDArray[Any], rate: NDArray[Any]) -> tuple[float, float]:
    """The same, and its derivative from the right.

    The norm is twice the negative part and the trace, so its derivative is half of what
    `log_negativity_and_rate` has on top, less half the derivative of the trace.
    """
    eigenvalues, vectors = np.linalg.eigh(transposed)
    moved = np.conj(np.swapaxes(vectors, -1, -2)) @ rate @ vectors
    null = np.abs(eigenvalues) <= ZERO_EIGENVALUE
    diagonal = np.real(np.diagonal(moved, axis1=-2, axis2=-1))
    slope = float(np.sum(np.where(null, 0.0, np.sign(eigenvalues)) * diagonal))
    for block in np.flatnonzero(null.any(axis=-1)):
        kernel = moved[block][np.ix_(null[block], null[block])]
        if kernel.any():
            slope += float(np.abs(np.linalg.eigvalsh(kernel)).sum())
    negative = float(-eigenvalues[eigenvalues < 0.0].sum())
    return negative, 0.5 * (slope - float(diagonal.sum()))


@njit(**KERNEL)
def _negative_sum(blocks: Array, negligible: float) -> float:
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
def _negative_sum_of_pure(amplitudes: Array, negligible: float) -> float:
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
    diagonalise(d[:size], e[:size], size, OFF_DIAGONAL, None)
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
