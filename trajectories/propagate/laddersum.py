r"""Sums over ladders of what one chain per ladder gives at the rung of the start.

Wanted is S(t) = sum_k w_k y_k(n = k, t), with y_k the solution on the ladder of L = d + 2k rungs
below the top (or with the rung counted from the bottom). At a fixed rung y depends on L
smoothly, mainly through exp(-L t): the burst of a ladder is at L t = ln L or so, and singular
points lie where Im(L) t = pi. So y is interpolated in k on panels of that size through Chebyshev
points, which need not be integers where the ladder's middle is kept on elements.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from darkbattery.trajectories.propagate.grids import (
    FINE,
    POINTS,
    Blocks,
    Grid,
    interpolation,
    ladder_grid,
    reading_weights,
)
from darkbattery.trajectories.propagate.gridsteps import Readings, propagate_readings

Array = NDArray[np.float64]

# aimed-at error of the interpolation between ladders, relative to the largest value
NODE_TOLERANCE = 1e-12

# functions of a ladder fall within so many e-folds exp(-L t) after the burst at L t = ln L;
# what is left then, e^-12, is small enough for the convergence assumed from the singular points
FALL = 12.0

# what evolves fades at least like exp(-L t/2) once the burst is over at L t < 2 ln L; so much
# later nothing is left of it, and later times only add to integrals of constants
FADED = 100.0

# ladders summed at a time, so that memory stays below 50 MB however many there are
CHUNK = 1 << 16

# weights of a panel's nodes that are kept while its chains are evolved: twice 8 MB
MOST_SHARES = 1 << 20

# the error on the grid is measured against this many points fewer per element. The interpolants'
# errors fall by some 6 per point, so the estimate is 40 times the error of the grid in use
FEWER_POINTS = 2


@dataclass(frozen=True, eq=False)
class Chain:
    """The generator of one ladder on its grid, and the functions that start on it.

    Attributes
    ----------
    blocks : Blocks
        In units of gamma L.
    start : ndarray (points, columns)
        Less `offset`.
    offset : ndarray (columns,)
        Constants, which the generator leaves alone. With the steady values here, what is evolved
        fades away, and late times keep their digits.
    factor : ndarray (columns,)
        The functions wanted are `factor` times the sum of both, so that `start` is of size 1.
    size : ndarray (points,)
        Weight of a point in the error: no weighted value ever grows beyond its start's largest.
    """

    blocks: Blocks
    start: Array
    offset: Array
    factor: Array
    size: Array


@dataclass(frozen=True, eq=False)
class LadderFamily:
    """Ladders k = k_first, k_first + 1, ..., and what is summed over them.

    Attributes
    ----------
    d : int
        L = d + 2k.
    k : ndarray (K,)
        Consecutive integers.
    weight : ndarray (rows, K)
        Rows of weights w_k.
    amplification : ndarray (K,)
        1/`Chain.size` at the rung of the start.
    from_top : bool
        Whether the start's rung is the k-th from the top, or from the bottom.
    chain : callable
        Builds the `Chain` on a `Grid`.
    """

    d: int
    k: Array
    weight: Array
    amplification: Array
    from_top: bool
    chain: Callable[[Grid], Chain]


@dataclass(frozen=True, eq=False)
class LadderSum:
    """Sums (T, rows, columns), their integrals over gamma t, and errors (rows,) of column 0."""

    values: Array
    integrals: Array
    error: Array
    chains: int


@dataclass
class _Running:
    """What is added up chain by chain."""

    values: Array
    integrals: Array
    node_difference: Array
    grid_error: Array
    reading_error: Array
    step_error: float = 0.0
    chains: int = field(default=0)


def panels(family: LadderFamily, longest_time: float) -> list[tuple[int, int, Array]]:
    """Consecutive ranges of `family.k` as index pairs [a, b), each with its nodes in k.

    Nodes are the integers themselves where interpolation would not save any.
    """
    result = []
    a, count = 0, family.k.size
    while a < count:
        L = family.d + 2.0 * family.k[a] + 1.0
        time = min(longest_time, (np.log(L + 1.0) + FALL) / L)
        reach = np.pi / (2.0 * max(time, 1e-300))  # distance in k of the nearest singularity
        b = int(min(count, a + np.ceil(min(max(2.0 * reach, 1.0), count))))
        k = family.k[a:b]
        half = max(0.5 * (k[-1] - k[0]), 0.5)
        # Chebyshev interpolation converges like rho^-nodes on this ellipse (Trefethen 2013, ch. 8)
        rho = reach / half + np.hypot(1.0, reach / half)
        wanted = 2 + int(np.ceil(-np.log(NODE_TOLERANCE) / np.log(rho)))
        on_elements = family.d + 2.0 * k[0] > 4 * FINE
        if on_elements and wanted < k.size:
            angle = np.pi * (np.arange(wanted) + 0.5) / wanted
            nodes = k[0] + 2.0 * half * np.sin(0.5 * angle) ** 2
        else:
            nodes = k
        result.append((a, b, nodes))
        a = b
    return result


def chains_needed(family: LadderFamily, longest_time: float) -> int:
    """How many chains `sum_over_ladders` would evolve, besides the one for the error."""
    return sum(nodes.size for _, _, nodes in panels(family, longest_time))


def sum_over_ladders(family: LadderFamily, taus: Array) -> LadderSum:
    """S and its integral for each row of weights and each column, at gamma t = `taus`.

    The error estimate adds the differences seen on halving steps, on leaving out one node, on a
    coarser grid, and the error of reading within steps.
    """
    rows, columns = family.weight.shape[0], family.chain(ladder_grid(2)).factor.size
    shape = (taus.size, rows, columns)
    running = _Running(
        np.zeros(shape), np.zeros(shape), np.zeros(shape[:2]), np.zeros(rows), np.zeros(rows)
    )
    total = np.abs(family.weight).sum(axis=1)
    heaviest = int(np.argmax(np.abs(family.weight).sum(axis=0))) if family.k.size else 0
    for a, b, nodes in panels(family, float(taus[-1])):
        central = np.argmin(np.abs(nodes - family.k[heaviest])) if a <= heaviest < b else -1
        standing = _standing(family, (a, b), nodes)
        for j in range(nodes.size):
            _add_chain(running, family, taus, nodes, j, standing)
            if j == central:
                running.grid_error += total * _grid_error(
                    family, taus, nodes[j], family.k[heaviest]
                )
    amplified = np.abs(family.weight) @ family.amplification
    error = (
        running.step_error * amplified
        + np.abs(running.node_difference).max(axis=0)
        + running.grid_error
        + running.reading_error
    )
    return LadderSum(running.values, running.integrals, error, running.chains)


@dataclass(frozen=True, eq=False)
class _Standing:
    """How the nodes of a panel stand for its ladders.

    `share` (k, nodes) has the weights, `change` those less what they would be without the middle
    node; of a panel too long to be held both are None, and made anew for each node.
    """

    panel: tuple[int, int]
    interpolated: bool
    share: Array | None
    change: Array | None


def _standing(family: LadderFamily, panel: tuple[int, int], nodes: Array) -> _Standing:
    count = panel[1] - panel[0]
    interpolated = nodes.size < count
    if not interpolated or count * nodes.size > MOST_SHARES:
        return _Standing(panel, interpolated, None, None)
    return _Standing(panel, interpolated, *_shares_at(nodes, family.k[panel[0] : panel[1]]))


def _shares_at(nodes: Array, k: Array) -> tuple[Array, Array]:
    """Weights of all nodes at k (k, nodes), and what changes of them without the middle one."""
    share = interpolation(nodes, _barycentric(nodes), k)
    middle = nodes.size // 2
    fewer = np.delete(nodes, middle)
    without = interpolation(fewer, _barycentric(fewer), k)
    change = share.copy()
    change[:, :middle] -= without[:, :middle]
    change[:, middle + 1 :] -= without[:, middle:]
    return share, change


def _add_chain(
    running: _Running,
    family: LadderFamily,
    taus: Array,
    nodes: Array,
    j: int,
    standing: _Standing,
) -> None:
    """Evolve the chain of node j and add its part of the panel's sum."""
    grid = ladder_grid(family.d + 2.0 * nodes[j])
    chain = family.chain(grid)
    rows = family.weight.shape[0]
    used = np.zeros((2 * rows if standing.interpolated else rows, grid.n.size))
    for k, weight in _shares(family, nodes, j, standing):
        used += reading_weights(grid, k, weight, family.from_top)
    found = _evolve(chain, grid, used, taus)
    running.values += found.values[:, :rows]
    running.integrals += found.integrals[:, :rows]
    if standing.interpolated:
        running.node_difference += found.values[:, rows:, 0]
    running.step_error = max(running.step_error, found.step_error)
    running.reading_error += found.reading_error[:rows, 0]
    running.chains += 1


def _shares(
    family: LadderFamily, nodes: Array, j: int, standing: _Standing
) -> Iterator[tuple[Array, Array]]:
    """Ladders k of the panel, and the weights with which node j stands for them (2 rows, k).

    The second half of the rows, of panels that are interpolated, is what changes if the panel's
    middle node is left out.
    """
    a, b = standing.panel
    if not standing.interpolated:
        yield family.k[a + j : a + j + 1], family.weight[:, a + j : a + j + 1]
        return
    if standing.share is not None and standing.change is not None:
        weight = family.weight[:, a:b]
        both = [weight * standing.share[:, j], weight * standing.change[:, j]]
        yield family.k[a:b], np.concatenate(both)
        return
    for start in range(a, b, CHUNK):
        stop = min(start + CHUNK, b)
        k, weight = family.k[start:stop], family.weight[:, start:stop]
        share, change = _shares_at(nodes, k)
        yield k, np.concatenate([weight * share[:, j], weight * change[:, j]])


def _barycentric(nodes: Array) -> Array:
    """Weights 1/prod(x_j - x_i), scaled by the nodes' spread against overflow."""
    spread = 0.25 * max(np.ptp(nodes), 1.0)
    gap = (nodes[:, None] - nodes) / spread
    np.fill_diagonal(gap, 1.0)
    return 1.0 / gap.prod(axis=1)


def _grid_error(family: LadderFamily, taus: Array, node: float, k: float) -> Array:
    """Largest difference at the rung k between the grid and one with fewer points."""
    seen = []
    for points in (POINTS, POINTS - FEWER_POINTS):
        grid = ladder_grid(family.d + 2.0 * node, points)
        reading = reading_weights(grid, np.array([k]), np.ones((1, 1)), family.from_top)
        seen.append(_evolve(family.chain(grid), grid, reading, taus).values[:, 0, 0])
    return np.abs(seen[0] - seen[1]).max()


def _evolve(chain: Chain, grid: Grid, readings: Array, taus: Array) -> Readings:
    scale = max(grid.L, 1.0)
    faded = 2.0 * np.log(scale + 1.0) + FADED
    found = propagate_readings(
        chain.blocks, chain.start, readings, chain.size, np.minimum(taus * scale, faded)
    )
    constant = readings.sum(axis=1)[:, None] * chain.offset
    values = (found.values + constant) * chain.factor
    grown = taus[:, None, None] * constant * chain.factor
    integrals = found.integrals * (chain.factor / scale) + grown
    reading_error = found.reading_error * np.abs(chain.factor)
    return Readings(values, integrals, found.step_error, reading_error)
