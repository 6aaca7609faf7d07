r"""exp(tA) y for a large sparse A, by projection on Krylov spaces.

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
from numpy.typing import NDArray
from scipy.linalg import expm

Array = NDArray[np.float64]

DIMENSIONS = 30
# Euclidean norm of the whole vector, over all steps to the last output time
TOLERANCE = 1e-12


class Projection(NamedTuple):
    """A on the space of y, A y, ...: orthonormal vectors, the small matrix, |y| and |A v_last|."""

    vectors: Array
    small: Array
    norm: float
    last: float
    exact: bool


def krylov_states(matrix: Any, start: Array, spans: Array) -> Iterator[Array]:
    """exp(span matrix) start for all `spans` (rising, >= 0), one after the other.

    >>> from scipy.sparse import csr_matrix
    >>> decay = csr_matrix([[-1.0, 0.0], [1.0, 0.0]])
    >>> [round(float(x[0]), 9) for x in krylov_states(decay, np.array([1.0, 0.0]), np.array([1.0]))]
    [0.367879441]
    """
    state, now, step, i = start, 0.0, 0.0, 0
    while i < spans.size and spans[i] <= 0.0:
        yield state.copy()
        i += 1
    end = float(spans[-1])
    while i < spans.size:
        projection = _arnoldi(matrix, state)
        guess = step if step > 0.0 else 1.0 / max(float(np.abs(projection.small).max()), 1e-300)
        step = _longest_step(projection, guess, end - now, end)
        reached = end if step == end - now else now + step
        while i < spans.size and spans[i] <= reached:
            yield _at(projection, float(spans[i]) - now)
            i += 1
        if i < spans.size:
            state, now = _at(projection, step), reached


def _arnoldi(matrix: Any, state: Array) -> Projection:
    size = min(DIMENSIONS, state.size)
    norm = float(np.linalg.norm(state))
    vectors = np.empty((size + 1, state.size))
    small = np.zeros((size + 2, size + 2))
    vectors[0] = state / norm
    for k in range(size):
        new = matrix @ vectors[k]
        before = vectors[: k + 1]
        scale = float(np.linalg.norm(new))
        # twice is enough (Giraud, Langou and Rozloznik 2005)
        for _ in range(2):
            overlap = before @ new
            small[: k + 1, k] += overlap
            new -= overlap @ before
        rest = float(np.linalg.norm(new))
        if rest <= 1e-15 * scale:
            return Projection(vectors[: k + 1], small[: k + 1, : k + 1], norm, 0.0, True)
        small[k + 1, k] = rest
        vectors[k + 1] = new / rest
    small[size + 1, size] = 1.0
    last = float(np.linalg.norm(matrix @ vectors[size]))
    return Projection(vectors, small, norm, last, False)


def _at(projection: Projection, span: float) -> Array:
    column = expm(span * projection.small)[: len(projection.vectors), 0]
    return np.asarray((projection.norm * column) @ projection.vectors)


def _error(projection: Projection, step: float) -> float:
    if projection.exact:
        return 0.0
    size = len(projection.vectors) - 1
    column = np.abs(expm(step * projection.small)[:, 0]) * projection.norm
    if not np.isfinite(column).all():
        return np.inf
    one, two = float(column[size]), float(column[size + 1]) * projection.last
    if one > 10.0 * two:
        return two
    return one * two / (one - two) if one > two else one


def _longest_step(projection: Projection, guess: float, left: float, end: float) -> float:
    """A step whose error keeps within its share of the tolerance, and hardly a longer one."""
    power = 1.0 / (len(projection.vectors) - 1) if len(projection.vectors) > 1 else 1.0
    step, best = min(guess, left), 0.0
    while step > 1e-16 * end:
        error, allowed = _error(projection, step), TOLERANCE * step / end
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
