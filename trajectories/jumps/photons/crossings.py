r"""Amplitudes of records with jumps both ways as plain products, where no logarithm is needed.

After a record the amplitudes over the ladders are, up to a common factor,

.. math:: c_J\propto W_J(M)\,P_J,\quad
          P_J=e^{-\gamma(2\bar n+1)J(J+1)t/2}\prod_{\text{jumps up}}a_J(b)^2,

with the way W from the start to M that `trajectories.reading.bonds` tabulates: a jump up is, with
one down, a pair of crossings of its bond. P is damped and scaled at each output time. What a ladder
may fall behind in between is bounded by the damping between two output times; where that and the
range of W leave the range of a double, logarithms are followed instead.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.kernelcache import INNER, KERNEL
from darkbattery.nvmodel.streams import exp_clamped
from darkbattery.trajectories.reading.bonds import Bonds, Steps
from darkbattery.trajectories.space.angular import lowering_squared, rates_from_sums

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

# in powers of e, of a double's 708
MOST_WAY = 300.0
MOST_DAMPING = 200.0
# The probability that a ladder so far behind ever leads again is below the square: weights of the
# conditional state are a martingale. It is dropped: two of eleven are left soon after a burst, and
# what it would have added is below the last digit of every sum.
GONE = 1e-25
SCALING = 8  # output times after which P is scaled again
LOW = 1e-60  # of a squared norm: scaled at once


class Products(NamedTuple):
    """Factors of amplitudes relative to the highest ladder; the last axis runs over ladders.

    Attributes
    ----------
    way : ndarray (starts, rows, K)
        \\|W\\| at M = J_t, J_t - 1, ..., with the starts' amplitudes.
    pair : ndarray (rows, K)
        a_J(b)^2 for b = J_t, J_t - 1, ...
    fade : ndarray (T, K)
        Damping between the output times.
    across : ndarray (rows, K)
        Matrix elements of J_B^z between a ladder and the one below, with the sign of the two
        amplitudes, at M = J_t, J_t - 1, ...
    squares : ndarray (3, K)
        What the squares of amplitudes are summed with: g, J(J+1), g J(J+1).
    """

    way: Array
    pair: Array
    fade: Array
    across: Array
    squares: Array


def products_of(
    bonds: Bonds, damping: Array, diagonal: Array, coupling: Array, sign: Array, taus: Array
) -> Products | None:
    """Tables of a definition; None where products could leave the range of a double.

    See `Unravelling` and `CoupledBasis` for the arrays.
    """
    J, starts = bonds.J, bonds.m_starts.size
    if bonds.single.shape[0] < bonds.rows or bonds.ways.shape[1] < bonds.rows:
        return None
    waits = np.diff(taus, prepend=0.0)
    reached = bonds.ways[np.isfinite(bonds.ways)]
    if np.ptp(reached) > MOST_WAY or np.ptp(damping) * waits.max() > MOST_DAMPING:
        return None
    M = (J[-1] - np.arange(bonds.rows))[:, None]
    squares = np.maximum(lowering_squared(J, M), 0.0)
    way, fade = np.empty((starts * bonds.rows, J.size)), np.empty((taus.size, J.size))
    _exponentials(bonds.ways.reshape(way.shape), way)
    _exponentials(-waits[:, None] * (damping - damping[0]), fade)
    return Products(
        way.reshape(bonds.ways.shape),
        squares / np.where(squares[:, -1:] > 0.0, squares[:, -1:], 1.0),
        fade,
        sign * coupling * np.sqrt(np.maximum((J - M) * (J + M), 0.0)),
        np.array([diagonal, J * (J + 1.0), diagonal * J * (J + 1.0)]),
    )


@njit(**KERNEL)
def _exponentials(logs: Array, out: Array) -> None:
    for r in range(logs.shape[0]):
        for k in range(logs.shape[1]):
            out[r, k] = exp_clamped(logs[r, k]) if logs[r, k] > -np.inf else 0.0


@njit(**INNER)
def follow_products(
    jump_taus: Array,
    directions: Steps,
    jumps: int,
    ended: Any,
    taus: Array,
    way: Array,
    products: Products,
    top_row: int,
    first: int,
    place: Counts,
    burst: Array,
    now: Array,
    steps_at: Array,
    down_at: Array,
    sums: Array,
    c: Array,
) -> None:
    """Follow the next jumps of a record, and write what the output times see that are passed.

    Parameters
    ----------
    way : ndarray (rows, K)
        Of `products`, for the record's start.
    top_row : int
        Row of the start's M.
    first : int
        Column of the first output time.
    place : ndarray of int64 (6,)
        Next output time, steps up less steps down and jumps down, 0 at first; how far the start's M
        is above the first one that is not positive; the first ladder that counts, and the one
        behind the last: at first 0 and K.
    burst : ndarray (1,)
        When M first was <= 0; infinity before.
    now : ndarray (K,)
        P, at any scale; at first 1.
    steps_at, down_at : ndarray (columns,)
    sums : ndarray (4, columns)
        Of the unit state: sums of its squares with `products.squares`, and across ladders.
    c : ndarray (K, columns), or (K, 0) where nobody asked
        Amplitudes of unit length, but for signs.
    """
    pair, fade, across, squares = products.pair, products.fade, products.across, products.squares
    i, steps, down, to_burst = place[0], place[1], place[2], place[3]
    # unsigned: an index that might count from the end costs a comparison
    low, high = np.uint64(place[4]), np.uint64(place[5])
    waiting = burst[0] == np.inf
    for j in range(jumps + int(ended)):
        while i < taus.size and (j == jumps or taus[i] < jump_taus[j]):
            steps_at[first + i], down_at[first + i] = steps, down
            row = top_row - steps
            norm, s0, s1, s2, s3, before = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for k in range(low, high):
                x = now[k] * fade[i, k]
                now[k] = x
                x *= way[row, k]
                w = x * x
                norm += w
                s0 += squares[0, k] * w
                s1 += squares[1, k] * w
                s2 += squares[2, k] * w
                s3 += across[row, k] * x * before
                before = x
            scale = 1.0 / norm
            sums[0, first + i], sums[1, first + i] = s0 * scale, s1 * scale
            sums[2, first + i], sums[3, first + i] = s2 * scale, s3 * scale
            if c.shape[1] > 0:
                for k in range(now.size):
                    c[k, first + i] = now[k] * way[row, k] * np.sqrt(scale)
            if i % SCALING == 0 or not LOW < norm < 1.0 / LOW:
                scale = np.sqrt(scale)
                for k in range(low, high):
                    x = now[k] * scale
                    now[k] = x if x * way[row, k] > GONE else 0.0
                while low + np.uint64(1) < high and now[low] == 0.0:
                    low += np.uint64(1)
                while low + np.uint64(1) < high and now[high - np.uint64(1)] == 0.0:
                    high -= np.uint64(1)
            i += 1
        if j < jumps:
            step = directions[j]
            if step > 0:
                # the bond is named by its upper end
                row = top_row - steps - 1
                for k in range(low, high):
                    now[k] *= pair[row, k]
            steps += step
            down += step < 0
            if waiting and to_burst + steps <= 0:
                burst[0], waiting = jump_taus[j], False
    place[0], place[1], place[2] = i, steps, down
    place[4], place[5] = low, high


@njit(**KERNEL)
def means_of_sums(sums: Array, M: Array, nbar: float) -> None:
    """`conditional.expectations` in place of `sums`, those of `follow_products`."""
    for i in range(M.size):
        g, square = sums[0, i], M[i] * M[i]
        # a_J(M)^2 - M = J(J+1) - M^2
        sums[0, i], sums[1, i], sums[2, i], sums[3, i] = rates_from_sums(
            g, sums[2, i] - square * g, sums[1, i] - square, 2.0 * sums[3, i], M[i], nbar
        )
