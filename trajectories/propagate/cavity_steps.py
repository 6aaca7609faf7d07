r"""Stepping one pair of ladders with the mode, by Chebyshev polynomials of its generator.

With the generator's values in a box of half height b around -c, and :math:`X=(L+c)/b`,

.. math:: e^{tL} = e^{-ct}\Big[J_0(bt)+2\sum_{k\ge1}J_k(bt)\,\varphi_k(X)\Big],\qquad
          \varphi_{k+1}=2X\varphi_k+\varphi_{k-1},

Bessel functions J_k and :math:`\varphi_k(x)=i^kT_k(x/i)` (Tal-Ezer and Kosloff 1984). The series
ends by itself whatever the box, since J_k falls faster than any power grows. What is linear in the
state is read off :math:`\varphi_k` once for all times of the step, its rate of change as well.
"""

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.trajectories.space.cavity_space import Blocks, Cavity

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# terms whose elements are all smaller end the series: elements of a state are at most 1
TERM = 1e-14
# b t + 2 c t of a step: longer ones take fewer products in all, but lose digits to e^(c t)
LONGEST_STEP = 64.0
# least b over c: polynomials of a flat box grow beyond all floats, and their weights fade
LEAST_HEIGHT = 0.25
# the same over the fastest rate, where nothing moves
NO_HEIGHT = 1e-30
# elements of the highest blocks below this have left for good, at T = 0
NOTHING = 1e-18
# numbers kept of a state beside its diagonal: photons, their integral, those of the highest number
PHOTONS, COUNTED, TOP = 0, 1, 2
EXTRA = 3


class Pair(NamedTuple):
    """A pair's generator: what the kernel reads.

    Attributes
    ----------
    loss : ndarray (most_photons + 2,)
        (kappa/2)[(nbar + 1) n + nbar (n + 1)] of one side; at the bound nothing is absorbed.
    gain, absorbed : float
        kappa (nbar + 1), kappa nbar.
    root : ndarray (most_photons + 3,)
        sqrt(n).
    detuning : float
    """

    blocks: Blocks
    loss: Array
    gain: float
    absorbed: float
    root: Array
    detuning: float


def pair_of(cavity: Cavity, blocks: Blocks, most_photons: int) -> Pair:
    """The generator of a pair."""
    n = np.arange(most_photons + 2.0)
    thermal = np.where(n < most_photons, n + 1.0, 0.0)
    loss = 0.5 * cavity.kappa * ((cavity.nbar + 1.0) * n + cavity.nbar * thermal)
    return Pair(
        blocks,
        loss,
        cavity.kappa * (cavity.nbar + 1.0),
        cavity.kappa * cavity.nbar,
        np.sqrt(np.arange(most_photons + 3.0)),
        cavity.detuning,
    )


class Box(NamedTuple):
    """Where the eigenvalues of a step's series are.

    Attributes
    ----------
    b, c : float
        Half of its height and of its width, 1/s.
    step : float
        s.
    rows : int
        Rows of the blocks that hold anything.
    top : int
        The highest n.
    """

    b: float
    c: float
    step: float
    rows: int
    top: int


class States(NamedTuple):
    """A step's state at its beginning and end (parts, size), and room for another."""

    start: Array
    room: Array
    end: Array


ONE = np.uint64(1)


@njit(cache=True, error_model="numpy", fastmath={"contract"})
def apply(pair: Pair, centre: float, x: Array, y: Array, factor: float, rows: int) -> None:
    """y <- factor (L + centre) x + y, of the first rows of all parts of x (parts, size)."""
    b, root, loss, across = pair.blocks, pair.root, pair.loss, pair.blocks.across
    for p in range(x.shape[0]):
        u, v = x[p], y[p]
        for r in range(rows):
            n = b.photons[r]
            falling, rising = factor * b.falling[r], factor * b.rising[r]
            gain, kept = factor * pair.gain * root[n + 1], centre - loss[n]
            # unsigned, so that no index counts from the end, and vector units take the loop
            size, at, m = np.uint64(b.length[r]), np.uint64(b.begin[r]), np.uint64(b.first[r])
            below, above = np.uint64(b.below[r]), np.uint64(b.above[r])
            richer, h = np.uint64(b.richer[r]), np.uint64(b.columns[r])
            for j in range(size):
                along = (
                    across[h + j] * u[at + j - ONE]
                    - across[h + j + ONE] * u[at + j + ONE]
                    + (kept - loss[m + j]) * u[at + j]
                )
                beside = falling * u[below + j] - rising * u[above + j]
                v[at + j] += factor * along + beside + gain * root[m + j + ONE] * u[richer + j]
            if pair.absorbed > 0.0:
                poorer, taken = np.uint64(b.poorer[r]), factor * pair.absorbed * root[n]
                # of the vacuum there is nothing below: its root is 0
                for j in range(size):
                    v[at + j] += taken * root[m + j] * u[poorer + j]
    if x.shape[0] == 2:
        for r in range(rows):
            size, at = np.uint64(b.length[r]), np.uint64(b.begin[r])
            step = factor * pair.detuning
            ahead = step * (b.photons[r] - b.first[r])
            for j in range(size):
                turned = ahead - step * j
                y[0, at + j] += turned * x[1, at + j]
                y[1, at + j] -= turned * x[0, at + j]


@njit(cache=True, error_model="numpy")
def _read(blocks: Blocks, x: Array, top: int, found: Array) -> None:
    """The diagonal in M of both parts, then `EXTRA` numbers; the integral is left alone."""
    rows = (found.size - EXTRA) // x.shape[0]
    found[:] = 0.0
    photons, highest = 0.0, 0.0
    for i in range(blocks.diagonal.size):
        n = blocks.diagonal_n[i]
        value = x[0, blocks.diagonal[i]]
        found[blocks.diagonal_m[i]] += value
        photons += n * value
        highest += value if n == top else 0.0
    if x.shape[0] == 2:
        for i in range(blocks.diagonal.size):
            found[rows + blocks.diagonal_m[i]] += x[1, blocks.diagonal[i]]
    found[found.size - EXTRA + PHOTONS] = photons
    found[found.size - EXTRA + TOP] = highest


@njit(cache=True, error_model="numpy")
def _largest(x: Array, size: int) -> float:
    largest = 0.0
    for p in range(x.shape[0]):
        for i in range(size):
            largest = max(largest, abs(x[p, i]))
    return largest


@njit(cache=True, error_model="numpy")
def _occupied(blocks: Blocks, x: Array) -> int:
    """Rows of the blocks up to the highest that holds anything; what is smaller above becomes 0."""
    rows = blocks.begin.size
    for r in range(rows - 1, -1, -1):
        at = blocks.begin[r]
        if blocks.Q[r] < blocks.Q[rows - 1]:
            rows = r + 1
        for p in range(x.shape[0]):
            for j in range(at, at + blocks.length[r]):
                if abs(x[p, j]) > NOTHING:
                    return rows
                x[p, j] = 0.0
    return rows


@njit(cache=True, error_model="numpy")
def _series(
    pair: Pair, weights: Array, box: Box, counted: float, states: States, read: Array
) -> tuple[int, float]:
    """Sum the series with `weights` (terms,) into the end, and read every polynomial into `read`.

    `counted` is what was counted before. Returns the terms taken and the size of the last two, NaN
    where there were too few weights.
    """
    b, c, step, rows, top = box.b, box.c, box.step, box.rows, box.top
    x, y, end = states.start, states.room, states.end
    at = read.shape[1] - EXTRA + COUNTED
    size = pair.blocks.begin[rows - 1] + pair.blocks.length[rows - 1] + 1
    now, before = x, y
    before[:] = 0.0
    end[:] = 0.0
    for p in range(x.shape[0]):
        for i in range(size):
            end[p, i] = weights[0] * x[p, i]
    _read(pair.blocks, now, top, read[0])
    read[0, at] = counted
    # before, terms may still grow, however small the first ones are
    last, least = 1.0, (b + c) * step
    for k in range(1, weights.size):
        factor = (1.0 if k == 1 else 2.0) / b
        apply(pair, c, now, before, factor, rows)
        earlier = read[k - 2, at] if k > 1 else 0.0
        photons = read[k - 1, read.shape[1] - EXTRA + PHOTONS]
        now, before = before, now
        _read(pair.blocks, now, top, read[k])
        read[k, at] = factor * (photons + c * read[k - 1, at]) + earlier
        w = weights[k]
        for p in range(x.shape[0]):
            for i in range(size):
                end[p, i] += w * now[p, i]
        if k > least:
            one = abs(w) * _largest(now, size)
            if max(one, last) < TERM:
                return k + 1, max(one, last)
            last = one
    return weights.size, np.nan


@njit(cache=True, error_model="numpy")
def bessel(x: float, out: Array) -> None:
    """J_0(x), J_1(x), ..., by Miller's recursion downwards (Olver and Sookne 1972)."""
    out[:] = 0.0
    if x < 1e-290:
        out[0] = 1.0
        return
    high, value, total = 0.0, 1e-290, 0.0
    for k in range(int(max(out.size, x)) + 40 + int(6.0 * np.cbrt(x)), 0, -1):
        high, value = value, 2.0 * k / x * value - high  # value is J_{k-1}
        if abs(value) > 1e200:
            high, value, total = high * 1e-200, value * 1e-200, total * 1e-200
            for i in range(k, out.size):
                out[i] *= 1e-200
        if k - 1 < out.size:
            out[k - 1] = value
        if k % 2 == 1:
            total += value if k == 1 else 2.0 * value
    for i in range(out.size):
        out[i] /= total


@njit(cache=True, error_model="numpy")
def weights_at(taus: Array, b: float, c: float, weights: Array, slopes: Array) -> None:
    """Weights (T, terms) of the polynomials at times `taus` into a step, and their derivatives."""
    terms = weights.shape[1]
    j = np.empty(terms + 1)
    for i in range(taus.size):
        bessel(b * taus[i], j)
        decay = np.exp(-c * taus[i])
        for k in range(terms):
            before = -j[1] if k == 0 else j[k - 1]
            twice = decay if k == 0 else 2.0 * decay
            weights[i, k] = twice * j[k]
            slopes[i, k] = twice * (0.5 * b * (before - j[k + 1]) - c * j[k])


def terms_needed(b: float, c: float, step: float) -> int:
    """More terms than any series of a step takes."""
    return math.ceil(1.5 * step * (b + 2.0 * c)) + 60


class Read(NamedTuple):
    """What was read of a pair at all times.

    Attributes
    ----------
    states, rates : ndarray (T, parts, rows)
        Sum over n of the elements with n = n', for M falling from that of the lower ladder, and
        its rate of change per second; real, and imaginary where there is a detuning.
    photons, counted, top : ndarray (T,)
        Sum of n times these elements, its integral in seconds, and the share of the highest n.
    error : float
        Sum of what the series left out.
    products : int
    """

    states: Array
    rates: Array
    photons: Array
    counted: Array
    top: Array
    error: float
    products: int


def follow_pair(pair: Pair, start: Array, radius: Array, top: int, times: Array) -> Read:
    """Propagate `start` (parts, size), real in its first part, to all times.

    `radius` (rows,) is half the spread of the pair's frequencies in the block of each row. Without
    thermal photons the highest blocks empty, and steps grow.
    """
    blocks = pair.blocks
    M_rows, parts = int(blocks.diagonal_m.max()) + 1, start.shape[0]
    x, (y, end, kept) = start.copy(), np.empty((3, *start.shape))
    values, rates = np.empty((2, times.size, parts * M_rows + EXTRA))
    now, counted, i, error, products, share = 0.0, 0.0, 0, 0.0, 0, 1.0
    # populations that climb and fall relax at up to so much more than they are left at
    both = 2.0 * math.sqrt(pair.gain * pair.absorbed) / max(pair.gain + pair.absorbed, 1e-300)
    # of a dark state in the vacuum the box has no height, and rates over it must still be floats
    still = max(NO_HEIGHT * max(pair.gain, abs(pair.detuning)), 1e-300)
    while i < times.size:
        rows = blocks.begin.size if pair.absorbed > 0.0 else _occupied(blocks, x)
        c = (1.0 + both) * float(pair.loss[: int(blocks.photons[:rows].max()) + 1].max())
        b = max(float(radius[:rows].max()), LEAST_HEIGHT * c, still)
        longest = share * LONGEST_STEP / (b + 2.0 * c)
        # as many output times as a step reaches, or a share of the way to the next one
        reached = max(int(np.searchsorted(times, now + longest, side="right")), i + 1)
        whole = times[reached - 1] - now <= longest
        taus = times[i:reached] - now if whole else np.array([longest])
        terms = terms_needed(b, c, float(taus[-1]))
        weights, slopes = np.empty((2, taus.size, terms))
        weights_at(taus, b, c, weights, slopes)
        read = np.empty((terms, parts * M_rows + EXTRA))
        kept[:] = x
        box = Box(b, c, float(taus[-1]), rows, top)
        taken, missed = _series(pair, weights[-1], box, counted, States(x, y, end), read)
        if math.isnan(missed):  # the box was too small for these terms
            x[:], share = kept, 0.5 * share
            continue
        error, products = error + missed, products + taken
        x, end = end, x
        counted = float(weights[-1, :taken] @ read[:taken, parts * M_rows + COUNTED])
        if whole:
            values[i:reached] = weights[:, :taken] @ read[:taken]
            rates[i:reached] = slopes[:, :taken] @ read[:taken]
            now, i = float(times[reached - 1]), reached
        else:
            now += longest
    return Read(
        values[:, : parts * M_rows].reshape(-1, parts, M_rows),
        rates[:, : parts * M_rows].reshape(-1, parts, M_rows),
        values[:, parts * M_rows + PHOTONS],
        values[:, parts * M_rows + COUNTED],
        values[:, parts * M_rows + TOP],
        error,
        products,
    )


def terms_in_all(b: float, c: float, time: float) -> float:
    """About how many products `follow_pair` takes until `time`, measured: steps of some 90."""
    return 90.0 * math.ceil(time * (b + 2.0 * c) / LONGEST_STEP)
