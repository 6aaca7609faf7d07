"""The pairs of a step with a phase: c unpacked, what the stages add to it, and its error.

What the stages have left of each class is u and g of `meanfield.averages.phasedsteps`.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.meanfield.averages.frames import VECTORS

Array = NDArray[np.float64]

# c of each class with itself
OWN = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2))


class PhasedRoom(NamedTuple):
    """c (3M, 3M), turned on one side, its change; rows of u and g of all stages."""

    c: Array
    turned: Array
    more: Array
    vectors: Array


@njit(error_model="numpy")
def unpack(packed: Array, c: Array) -> None:
    """The nine rows of pairs k <= l as one symmetric matrix, its indices (a, k) and (e, l)."""
    M = c.shape[0] // 3
    for a in range(3):
        for e in range(3):
            first = 0
            for k in range(M):
                row, into = packed[3 * a + e], c[a * M + k]
                for i in range(M - k):
                    into[e * M + k + i] = row[first + i]
                for i in range(1, M - k):
                    c[e * M + k + i, a * M + k] = row[first + i]
                first += M - k


@njit(error_model="numpy")
def own_of(c: Array, own: Array) -> None:
    """c of each class with itself, six numbers."""
    M = own.shape[1]
    for i in range(6):
        a, e = OWN[i]
        for k in range(M):
            own[i, k] = c[a * M + k, e * M + k]


@njit(error_model="numpy")
def turn_vectors(whole: Array, vectors: Array) -> None:
    """u and g of all stages out of the frame of the end."""
    M = whole.shape[2]
    for r in range(vectors.shape[0]):
        row = vectors[r]
        for k in range(M):
            x, v, z = row[k], row[M + k], row[2 * M + k]
            row[k] = whole[0, 0, k] * x + whole[0, 1, k] * v + whole[0, 2, k] * z
            row[M + k] = whole[1, 0, k] * x + whole[1, 1, k] * v + whole[1, 2, k] * z
            row[2 * M + k] = whole[2, 0, k] * x + whole[2, 1, k] * v + whole[2, 2, k] * z


@njit(error_model="numpy")
def changes(h: float, weights: Array, vectors: Array, room: PhasedRoom) -> None:
    """P, the sum of b u g^T over the stages: c changes by P and its transpose."""
    S, width = weights.size, vectors.shape[1]
    left, right = np.empty((2 * S, width)), np.empty((2 * S, width))
    for j in range(S):
        for i in range(2):
            left[2 * j + i] = vectors[VECTORS * j + i]
            right[2 * j + i] = vectors[VECTORS * j + 2 + i] * (h * weights[j])
    np.dot(left.T, right, room.more)


@njit(error_model="numpy")
def pairs_end(whole: Array, room: PhasedRoom, packed: Array) -> float:
    """Rows of pairs k <= l of the new c; the largest component of it and of the old."""
    M = whole.shape[2]
    old, half, P = room.c, room.turned, room.more
    for a in range(3):
        for k in range(M):
            one, two, three = whole[a, 0, k], whole[a, 1, k], whole[a, 2, k]
            _joined(one, old[k], two, old[M + k], three, old[2 * M + k], half[a * M + k])
    for a in range(3):
        for e in range(3):
            first = 0
            for k in range(M):
                row, change, out = half[a * M + k], P[a * M + k], packed[3 * a + e]
                for i in range(M - k):
                    at = k + i
                    new = whole[e, 0, at] * row[at] + whole[e, 1, at] * row[M + at]
                    new += whole[e, 2, at] * row[2 * M + at] + change[e * M + at]
                    out[first + i] = new
                for i in range(M - k):
                    out[first + i] += P[e * M + k + i, a * M + k]
                first += M - k
    largest = 0.0
    for r in range(9):
        for i in range(packed.shape[1]):
            largest = max(largest, abs(packed[r, i]))
    for r in range(3 * M):
        for i in range(r % M, M):
            largest = max(largest, abs(old[r, i]), abs(old[r, M + i]), abs(old[r, 2 * M + i]))
    return largest


@njit(error_model="numpy")
def _joined(
    a: float, x: Array, b: float, y: Array, c: float, z: Array, out: Array
) -> None:  # fmt: skip
    for i in range(out.size):
        out[i] = a * x[i] + b * y[i] + c * z[i]


@njit(error_model="numpy")
def pairs_error(
    errors: Array, vectors: Array, looked: NDArray[np.int64], M: int
) -> tuple[float, float]:
    """Largest component of both errors of c over h, in the rows that are looked at."""
    rows = vectors.shape[0]
    left = np.empty((3 * looked.size, rows))
    for i in range(looked.size):
        for a in range(3):
            for r in range(rows):
                left[3 * i + a, r] = vectors[r, a * M + looked[i]]
    found, right = np.zeros(2), np.empty_like(vectors)
    for e in range(2):
        for j in range(rows // VECTORS):
            for i in range(2):
                u, g = VECTORS * j + i, VECTORS * j + 2 + i
                right[u], right[g] = vectors[g] * errors[e, j], vectors[u] * errors[e, j]
        off = np.dot(left, right)
        for i in range(off.shape[0]):
            for k in range(off.shape[1]):
                found[e] = max(found[e], abs(off[i, k]))
    return found[0], found[1]
