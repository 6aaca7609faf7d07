r""":math:`e^{tA}y` for a large sparse A, by projection on Krylov spaces.

Arnoldi's method with the corrected scheme and the error estimate of Saad (1992) and Sidje (1998,
Expokit). Each step costs as many products with A as the space has dimensions, and reaches further
than a Taylor series by the square root of the largest rate: populations relax, they do not
oscillate. Steps are chosen on the small projected matrix alone, so that none is wasted, and output
times within a step cost a small exponential each. Near a steady state the steps grow without
bound.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

Array = NDArray[np.float64]

DIMENSIONS = 30
# Euclidean norm of the whole vector, over all steps to the last output time
TOLERANCE = 1e-12
# no step can do better
ROUNDING = 1e-15
# a state that changes by less than this, relative to the largest rate and to its own size, has
# arrived: this is the rounding of one product with A
STATIONARY = 2e-16


class Projection(NamedTuple):
    r"""A on the space of y, A y, ..., with rows for the integrals behind.

    `small` has the orthonormal vectors first; where the space goes on, the corrected scheme's one
    more; last the integrals. `drift` is :math:`|Av_\text{last}|`, 0 where the space is invariant.
    """

    vectors: Array
    small: Array
    norm: float
    drift: float


def krylov_states(matrix: Any, counting: Array, start: Array, spans: Array) -> Iterator[Array]:
    r"""exp(span matrix) start, and integrals, for all `spans` (rising, :math:`\ge0`), one by one.

    Parameters
    ----------
    matrix : sparse (n, n)
    counting : ndarray (k, n)
        Rows w of the integrals, d/dt = w y.
    start : ndarray (n + k,)
        y and behind it the integrals so far.

    Examples
    --------
    >>> from scipy.sparse import csr_matrix
    >>> decay, left = csr_matrix([[-1.0]]), np.array([[1.0]])
    >>> at = np.array([1.0])
    >>> [x.round(9).tolist() for x in krylov_states(decay, left, np.array([1.0, 0.0]), at)]
    [[0.367879441, 0.632120559]]
    """
    n = matrix.shape[0]
    state, counted = start[:n], start[n:]
    largest = float(abs(matrix).sum(axis=1).max()) if matrix.nnz else 0.0
    now, step, end, i = 0.0, 1.0 / max(largest, 1e-300), float(spans[-1]), 0
    if end == 0.0:  # nothing to step over
        yield from (start.copy() for _ in spans)
        return
    while i < spans.size:
        projection = _arnoldi(matrix, counting, state, STATIONARY * largest)
        step = _longest_step(projection, step, end - now, end)
        reached = end if step == end - now else now + step
        while i < spans.size and spans[i] <= reached:
            y, count = _at(projection, float(spans[i]) - now, len(counting))
            yield np.concatenate([y, counted + count])
            i += 1
        if i < spans.size:
            state, count = _at(projection, step, len(counting))
            counted, now = counted + count, reached


def _arnoldi(matrix: Any, counting: Array, state: Array, stationary: float) -> Projection:
    most = min(DIMENSIONS, state.size)
    norm = float(np.linalg.norm(state))
    vectors = np.empty((most + 1, state.size))
    small = np.zeros((most + 1, most + 1))
    vectors[0] = state / norm
    for k in range(most):
        new = matrix @ vectors[k]
        before = vectors[: k + 1]
        scale = float(np.linalg.norm(new))
        # twice is enough (Giraud, Langou and Rozloznik 2005)
        for _ in range(2):
            overlap = before @ new
            small[: k + 1, k] += overlap
            new -= overlap @ before
        rest = float(np.linalg.norm(new))
        if rest <= max(1e-15 * scale, stationary):
            if k == 0 and abs(small[0, 0]) <= stationary:
                small[0, 0] = 0.0  # arrived: rounding would grow with all the time that is left
            return _with_integrals(vectors[: k + 1], small[: k + 1, : k + 1], counting, norm, 0.0)
        small[k + 1, k] = rest
        vectors[k + 1] = new / rest
    drift = float(np.linalg.norm(matrix @ vectors[most]))
    return _with_integrals(vectors, small, counting, norm, drift)


def _with_integrals(
    vectors: Array, small: Array, counting: Array, norm: float, drift: float
) -> Projection:
    size = len(vectors) + (drift > 0.0)
    whole = np.zeros((size + len(counting), size + len(counting)))
    whole[: len(vectors), : len(vectors)] = small
    if drift > 0.0:
        whole[size - 1, size - 2] = 1.0
    whole[size:, : len(vectors)] = counting @ vectors.T
    return Projection(vectors, whole, norm, drift)


def _at(projection: Projection, span: float, integrals: int) -> tuple[Array, Array]:
    if span <= 0.0:
        return projection.norm * projection.vectors[0], np.zeros(integrals)
    column = projection.norm * scipy.linalg.expm(span * projection.small)[:, 0]
    return column[: len(projection.vectors)] @ projection.vectors, column[-integrals:]


def _error(projection: Projection, step: float) -> float:
    if projection.drift == 0.0:
        return 0.0
    size = len(projection.vectors)
    column = np.abs(scipy.linalg.expm(step * projection.small)[:, 0]) * projection.norm
    if not np.isfinite(column).all():
        return np.inf
    one, two = float(column[size - 1]), float(column[size]) * projection.drift
    if one > 10.0 * two:
        return two
    return one * two / (one - two) if one > two else one


def _longest_step(projection: Projection, guess: float, left: float, end: float) -> float:
    """A step whose error keeps within its share of the tolerance, and hardly a longer one."""
    if projection.drift == 0.0:
        return left
    power = 1.0 / (len(projection.vectors) - 1)
    step, best = min(guess, left), 0.0
    while step > 1e-16 * end:
        error = _error(projection, step)
        allowed = max(TOLERANCE * step / end, ROUNDING * projection.norm)
        factor = 0.9 * (allowed / max(error, 1e-300)) ** power
        if error > allowed:
            if best > 0.0:
                return best
            step *= min(max(factor, 0.1), 0.8)
        elif step == left or factor < 1.2:
            return step
        else:
            best, step = step, min(step * min(factor, 4.0), left)
    raise ArithmeticError("no step of the Krylov method keeps its error bound")
