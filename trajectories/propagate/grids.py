r"""Functions on a ladder of up to 1e16 rungs, kept on a thousand points.

A chain in the Heisenberg picture acts on functions y(n) of the rung n = J - M = 0 ... L, L = 2J:

.. math:: \dot y(n) = d(n)\,[y(n{+}1)-y(n)] + u(n)\,[y(n{-}1)-y(n)] + v(n)\,y(n).

Its solutions vary on the scale of n near the top and of m = L - n near the bottom. So every rung
is kept where n or m is below `FINE`; from there elements whose length doubles with the distance
from the end reach to the middle, each with a polynomial through Chebyshev points. The points need
not be whole numbers: the polynomial is evaluated at n + 1 and n - 1 in closed form, and as
differences from y(n), so that nothing cancels however long the element (Berrut and Trefethen,
SIAM Review 46, 501 (2004), barycentric form).

At a joint y(n + 1) is read from the element below. Where y(n - 1) is read decides on stability:
from the element above if rungs are resolved, which joins the two smoothly where absorption makes
rungs diffuse; from the element below, upwind, where the drift dominates. In between the element
above has the share 1/w, with w the number of rungs the joint stands for (half the end weights of
a quadrature on both elements): the matching of fluxes in a finite volume around the joint. No
eigenvalue with a positive real part was found then at any L and nbar.

The matrix is then block tridiagonal with one coupling column and one coupling row per block.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

# rungs kept one by one at either end. From there on the outermost Chebyshev points of the first
# element lie a rung apart, so that n + 1 and n - 1 stay inside the element or just outside it
FINE = 96

# points per element. Solutions look like n/(n + c) on an element [n, 2n], with a pole c > 0
# away; the error of their interpolants falls like (3 + sqrt 8)^-POINTS or faster. Measured: 1e-9
# with 12, 3e-11 with 14, at 16 the rounding's 1e-12 to 1e-11
POINTS = 16


class Grid(NamedTuple):
    """Points on a ladder of L rungs below the top, and the blocks they form.

    Attributes
    ----------
    L : float
        2J.
    n, m : ndarray (points,)
        Distances from the top and from the bottom; both to full relative accuracy.
    first : ndarray (blocks + 1,)
        Index of the first point of each block. An element's last point opens the next block.
    width : ndarray (blocks,)
        Length of an element; 0 for a single rung.
    xi, bary : ndarray (p + 1,)
        Chebyshev points on [0, 1] and their barycentric weights.
    """

    L: float
    n: Array
    m: Array
    first: NDArray[np.int64]
    width: Array
    xi: Array
    bary: Array


def ladder_grid(L: float, points: int = POINTS) -> Grid:
    """The grid for the ladder n = 0 ... L with `points` points per element.

    >>> ladder_grid(3).n
    array([0., 1., 2., 3.])
    >>> ladder_grid(10**16).n.size < 2000
    True
    """
    xi, bary = (one.copy() for one in _chebyshev(points))
    widths = _element_widths(L)
    if not widths.size:
        rungs = np.arange(L + 1.0)
        first = np.arange(rungs.size + 1)
        return Grid(float(L), rungs, rungs[::-1], first, np.zeros(rungs.size), xi, bary)
    # where elements begin, counted from the top, and where they end, counted from the bottom:
    # the sums start at the near end, so that both are exact while they are small
    begin = FINE + np.concatenate([[0.0], np.cumsum(widths[:-1])])
    end = FINE + np.concatenate([[0.0], np.cumsum(widths[:0:-1])])[::-1]
    inner_n = begin[:, None] + widths[:, None] * xi[:-1]
    inner_m = end[:, None] + widths[:, None] * xi[:0:-1]
    upper = inner_n <= inner_m
    rungs = np.arange(FINE + 1, dtype=float)
    n = np.concatenate([rungs[:-1], np.where(upper, inner_n, L - inner_m).ravel(), L - rungs[::-1]])
    m = np.concatenate([L - rungs[:-1], np.where(upper, L - inner_n, inner_m).ravel(), rungs[::-1]])
    sizes = np.concatenate(
        [np.ones(FINE, int), np.full(widths.size, points), np.ones(FINE + 1, int)]
    )
    width = np.concatenate([np.zeros(FINE), widths, np.zeros(FINE + 1)])
    return Grid(float(L), n, m, np.concatenate([[0], np.cumsum(sizes)]), width, xi, bary)


@lru_cache(maxsize=4)
def _chebyshev(points: int) -> tuple[Array, Array]:
    """Where an element's points are from 0 to 1, the next one's first among them; weights."""
    angle = np.pi * np.arange(points + 1) / points
    xi = np.sin(0.5 * angle) ** 2
    bary = np.where(np.arange(points + 1) % 2, -1.0, 1.0)
    bary[[0, -1]] *= 0.5
    return xi, bary


def _element_widths(L: float) -> Array:
    """FINE, 2 FINE, 4 FINE ... up to the middle, one to three equal ones there, and back."""
    if L < 3 * FINE:
        return np.empty(0)
    doublings = 0
    while 3 * FINE * 2 ** (doublings + 1) <= L:
        doublings += 1
    rising = FINE * 2.0 ** np.arange(doublings)
    reached = FINE * 2**doublings
    middle = L - 2 * reached  # between one and four times `reached`
    pieces = math.ceil(middle / (1.5 * reached))
    return np.concatenate([rising, np.full(pieces, middle / pieces), rising[::-1]])


def interpolation(nodes: Array, bary: Array, x: Array) -> Array:
    """Matrix (x, nodes) of Lagrange's polynomials, by barycentric weights, exact at the nodes.

    >>> interpolation(np.array([0.0, 1.0]), np.array([1.0, -1.0]), np.array([0.25, 1.0]))
    array([[0.75, 0.25],
           [0.  , 1.  ]])
    """
    gap = x[:, None] - nodes
    at_node = gap == 0.0
    plain = bary / np.where(at_node, 1.0, gap)
    hit = at_node.any(axis=1)
    plain[hit] = at_node[hit]
    return plain / plain.sum(axis=1)[:, None]


def reading_weights(grid: Grid, rungs: Array, weight: Array, from_top: bool) -> Array:
    """Row vectors r with r @ y = sum_k weight[:, k] y(rungs[k]), shape (rows, points).

    `rungs` count from the top or from the bottom. They are exact integers, or real numbers
    where elements lie.
    """
    out = np.zeros((weight.shape[0], grid.n.size))
    where = rungs if from_top else -rungs
    starts = grid.n[grid.first[:-1]] if from_top else -grid.m[grid.first[:-1]]
    block = np.searchsorted(starts, where, side="right") - 1
    # rungs are in order, and so are their blocks: what is alike stands together
    for e in dict.fromkeys(block.tolist()):
        here = block == e
        left = grid.first[e]
        if grid.width[e] == 0.0:
            out[:, left] += weight[:, here].sum(axis=1)
        else:
            x = (where[here] - starts[e]) / grid.width[e]
            basis = interpolation(grid.xi, grid.bary, x)
            out[:, left : left + grid.xi.size] += weight[:, here] @ basis
    return out


class Blocks(NamedTuple):
    """The generator on a grid, in units of gamma L.

    Attributes
    ----------
    first : ndarray (blocks + 1,)
        Index of the first point of each block.
    start : ndarray (blocks + 1,)
        Index of each block's first element in `inner`.
    inner : ndarray
        All square blocks, row by row, one after the other.
    below : ndarray (points,)
        Coefficient of the next block's first point in each row.
    above : ndarray (blocks, largest block)
        Coefficients of the previous block's points in each block's first row.
    """

    first: NDArray[np.int64]
    start: NDArray[np.int64]
    inner: Array
    below: Array
    above: Array


def assemble(grid: Grid, down: Array, up: Array, potential: Array) -> Blocks:
    """The generator with rates `down` = d(n), `up` = u(n) and `potential` = v(n) at the points."""
    sizes = np.diff(grid.first)
    start = np.concatenate([[0], np.cumsum(sizes**2)])
    blocks = Blocks(
        grid.first,
        start,
        np.zeros(start[-1]),
        np.zeros(grid.n.size),
        np.zeros((sizes.size, sizes.max())),
    )
    _assemble(grid.width, grid.xi, grid.bary, down, up, potential, blocks)
    return blocks


@njit(cache=True, error_model="numpy")
def _assemble(
    width: Array, xi: Array, bary: Array, down: Array, up: Array, potential: Array, q: Blocks
) -> None:
    p = xi.size - 1
    for e in range(width.size):
        for i in range(q.first[e + 1] - q.first[e]):
            point = q.first[e] + i
            if width[e] == 0.0:
                q.inner[q.start[e]] += potential[point] - down[point]
                q.below[point] += down[point]
            else:
                size = q.first[e + 1] - q.first[e]
                q.inner[q.start[e] + i * size + i] += potential[point]
                _add_difference(down[point], 1.0 / width[e], xi, bary, e, i, q)
            if i > 0:
                _add_difference(up[point], -1.0 / width[e], xi, bary, e, i, q)
            elif e > 0:
                share = 1.0
                if width[e] > 0.0:
                    # the rungs an end point stands for, by Clenshaw and Curtis's end weights
                    share = 1.0 / max(1.0, (width[e - 1] + width[e]) / (2.0 * p * p))
                    _add_difference((1.0 - share) * up[point], -1.0 / width[e], xi, bary, e, i, q)
                _add_from_above(share * up[point], width[e - 1], xi, bary, e, q)


@njit(error_model="numpy")
def _add_difference(
    rate: float, delta: float, xi: Array, bary: Array, e: int, i: int, q: Blocks
) -> None:
    """Add rate [y(xi_i + delta) - y(xi_i)], read from element e itself, to its row i."""
    p = xi.size - 1
    line = q.start[e] + i * p
    for j in range(p + 1):
        if j != i:
            value = rate * _lagrange(xi, bary, i, j, delta)
            q.inner[line + i] -= value
            if j < p:
                q.inner[line + j] += value
            else:
                q.below[q.first[e] + i] += value


@njit(error_model="numpy")
def _add_from_above(
    rate: float, width_above: float, xi: Array, bary: Array, e: int, q: Blocks
) -> None:
    """Add rate [y(n - 1) - y(n)], read from the block above, to block e's first row."""
    if width_above == 0.0:
        q.above[e, 0] += rate
        q.inner[q.start[e]] -= rate
        return
    p = xi.size - 1
    for j in range(p):
        value = rate * _lagrange(xi, bary, p, j, -1.0 / width_above)
        q.above[e, j] += value
        q.inner[q.start[e]] -= value


@njit(error_model="numpy")
def _lagrange(xi: Array, bary: Array, i: int, j: int, delta: float) -> float:
    """Lagrange's polynomial of point j at xi_i + delta, i != j, without cancellation."""
    value = delta * bary[j] / (bary[i] * (xi[i] - xi[j]))
    for k in range(xi.size):
        if k not in (i, j):
            value *= 1.0 + delta / (xi[i] - xi[k])
    return value
