"""T = 0: when the few photons of runs side by side came, and their two histograms.

Runs go abreast, each in a lane: its waits are summed from its first photon to its last, which is a
chain of additions, and the lanes' chains go through a vector unit together. A run's times are
those of `trajectories.jumps.photons.walks.arrivals`, to the bit.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.kernelcache import KERNEL
from darkbattery.nvmodel.streams import (
    QUANTUM_JUMPS,
    WORDS,
    Words,
    philox_block,
    to_exponential,
    unit,
)
from darkbattery.trajectories.jumps.photons.walks import Starts, draw_ladder

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

LANES = 8
DEEP = 64  # photons of each lane that are made at once: words and times stay in the nearest cache


class Arrivals(NamedTuple):
    """The two histograms of runs at T = 0.

    Attributes
    ----------
    found : ndarray of int64 (photons + 1, T)
        found[n, i] counts the runs whose n-th photon came in (tau_{i-1}, tau_i].
    ladders : ndarray of int64 (K,)
        Counts the runs on each ladder, that is, in each final dark state.
    """

    found: Counts
    ladders: Counts


class Lanes(NamedTuple):
    """Where the runs side by side are.

    Attributes
    ----------
    above, below : ndarray (LANES,)
        J + M and J - M of each one's start.
    tau : ndarray (LANES,)
        When its last photon came.
    words : ndarray of uint64 (DEEP * LANES,)
    times : ndarray (DEEP * LANES,)
        When its next photons come.
    """

    above: Array
    below: Array
    tau: Array
    words: Words
    times: Array


@njit(inline="always")
def _fill(seed: Any, run: Any, first: Any, last: Any, begin: Any, lane: Any, words: Any) -> None:
    """Blocks first ... last - 1 of a run into its lane, those from block `begin` on."""
    for block in range(first, last):
        a, b, c, d = philox_block(seed, QUANTUM_JUMPS, run, block)
        at = (block - begin) * WORDS * LANES + lane
        words[at], words[at + LANES] = a, b
        words[at + 2 * LANES], words[at + 3 * LANES] = c, d


@njit(inline="always")
def _start(seed: Any, first: Any, runs: Any, starts: Any, lanes: Any, ladders: Any) -> Any:
    """Draw the lanes' ladders, and count them; the most photons that one of them has."""
    words, above, below, tau = lanes.words, lanes.above, lanes.below, lanes.tau
    J, m_start, most = starts.J, starts.m_starts[0], 0.0
    for r in range(LANES):
        above[r], below[r], tau[r] = 0.0, 1.0, np.inf  # a lane without a run
        if r < runs:
            _fill(seed, first + r, 0, 1, 0, r, words)
            k = draw_ladder(unit(words[r]), starts.cumulative)
            ladders[k] += 1
            above[r], below[r], tau[r] = J[k] + m_start, J[k] - m_start, 0.0
            most = max(most, above[r])
    return round(most)


@njit(inline="always")
def _times(seed: Any, first: Any, runs: Any, made: Any, most: Any, lanes: Any) -> Any:
    """When the lanes' photons made, made + 1, ... came, into their times (photons, LANES).

    Returns how many.

    Infinity behind a ladder's last photon: there the rate is zero. Photon 0 is the start.
    """
    words, above, below = lanes.words, lanes.above, lanes.below
    tau, times = lanes.tau, lanes.times
    count = min(DEEP, (most - made) // WORDS * WORDS + WORDS)
    begin = made // WORDS
    for r in range(runs):
        _fill(seed, first + r, max(begin, 1), begin + count // WORDS, begin, r, words)
    to_exponential(words, count * LANES, times)
    if made == 0:
        for r in range(LANES):
            times[r] = tau[r]
    for j in range(1 if made == 0 else 0, count):
        for r in range(LANES):
            rate = ((above[r] + 1.0 - made) - j) * ((below[r] + made) + j)
            tau[r] += times[j * LANES + r] / rate
            times[j * LANES + r] = tau[r]
    return count


@njit(inline="always")
def _all_later(tau: Any, last: Any) -> Any:
    later = True
    for r in range(LANES):
        later = later and tau[r] > last
    return later


@njit(**KERNEL)
def count_few_photons(
    seed: int, first: int, runs: int, starts: Starts, taus: Array, table: Counts, counts: Arrivals
) -> None:
    """T = 0: add the runs first ... first + runs - 1 to two histograms, photon by photon.

    `table` is that of `interval_table`.
    """
    words, times = np.empty(DEEP * LANES, dtype=np.uint64), np.empty(DEEP * LANES)
    tau, found = np.empty(LANES), counts.found
    lanes = Lanes(np.empty(LANES), np.empty(LANES), tau, words, times)
    cells, T, last = np.empty(DEEP * LANES, dtype=np.int32), taus.size, taus[taus.size - 1]
    most_cell = float(table.size - 1)
    per_tau = most_cell / last if last > 0.0 else 0.0
    # a column for photons behind the last time, which makes them no exception; in a loop, for
    # numpy's functions on arrays are compiled with all that they call
    ends, came = np.empty(T + 1), np.zeros((found.shape[0] + WORDS, T + 1), dtype=np.int64)
    for k in range(T):
        ends[k] = taus[k]
    ends[T] = np.inf
    for start in range(first, first + runs, LANES):
        n = min(LANES, first + runs - start)
        most = _start(seed, start, n, starts, lanes, counts.ladders)
        made = 0
        while made <= most and not _all_later(tau, last):
            count = _times(seed, start, n, made, most, lanes)
            for j in range(count * LANES):
                cell = times[j] * per_tau
                cells[j] = np.int32(cell if cell < most_cell else most_cell)
            for j in range(1 if made == 0 else 0, count):
                row = came[made + j]
                # unsigned: an index that might count from the end costs a comparison
                for r in range(j * LANES, j * LANES + LANES):
                    i: Any = np.uint64(table[np.uint64(cells[r])])
                    # a cell seldom holds two output times: the first step is no branch
                    i += np.uint64(ends[i] < times[r])
                    while ends[i] < times[r]:
                        i += np.uint64(1)
                    row[i] += 1
            made += count
    for n in range(found.shape[0]):
        for i in range(T):
            found[n, i] += came[n, i]
