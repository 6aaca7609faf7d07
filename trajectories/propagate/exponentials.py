"""Exponentials of many small matrices, and of sparse ones that fall into small blocks."""

from itertools import pairwise
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

TAYLOR = 18  # of matrices of norm 1: leaves out less than rounding does
NOTHING = 1e-19  # elements that are left out, of exponentials with norms of about 1


def exponentials_of(stack: NDArray[Any]) -> NDArray[Any]:
    """Of every matrix (L, d, d): Taylor's series of 2^-s of it, squared s times.

    scipy's takes milliseconds for each of some thousand small ones where cores are busy.

    >>> turned = exponentials_of(np.array([[[0.0, -np.pi], [np.pi, 0.0]]], dtype=np.complex128))
    >>> print(turned.real.round(12) + 0.0)
    [[[-1.  0.]
      [ 0. -1.]]]
    """
    norms = np.abs(stack).sum(axis=2).max(axis=1)
    halvings = np.maximum(0, np.ceil(np.log2(np.maximum(norms, 1e-300)))).astype(np.int64)
    short = stack * (0.5**halvings)[:, None, None]
    one = np.eye(stack.shape[1], dtype=stack.dtype)
    found = np.broadcast_to(one, stack.shape).copy()
    for k in range(TAYLOR, 0, -1):
        found = one + short @ found / k
    for done in range(int(halvings.max())):
        more = halvings > done
        found[more] = found[more] @ found[more]
    return found


def doubled_exponentials(matrix: Any, span: float, doublings: int) -> list[Any]:
    """exp(A span), exp(2 A span), exp(4 A span), ... of a sparse A, as sparse matrices.

    Block by block, each by squaring the one before.

    >>> two = scipy.sparse.csr_matrix(np.diag([0.0, -1.0]))
    >>> print(doubled_exponentials(two, 0.5, 1)[1].toarray().round(6))
    [[1.       0.      ]
     [0.       0.367879]]
    """
    number, block = scipy.sparse.csgraph.connected_components(abs(matrix), directed=False)
    order = np.argsort(block, kind="stable")
    edges = np.searchsorted(block[order], np.arange(number + 1))
    parts: list[list[tuple[Any, Any, Any]]] = [[] for _ in range(doublings + 1)]
    for first, last in pairwise(edges):
        own = order[first:last]
        found = exponentials_of((span * matrix[own][:, own].toarray())[None])[0]
        for part in parts:
            row, column = np.nonzero(np.abs(found) > NOTHING)
            part.append((found[row, column], own[row], own[column]))
            found = found @ found
    joined = [[np.concatenate(three) for three in zip(*part, strict=True)] for part in parts]
    return [scipy.sparse.csr_matrix((v, (i, j)), shape=matrix.shape) for v, i, j in joined]
