"""T > 0: the jumps of runs side by side.

Whether a jump rises waits for the one before it, and so does the sum of the waits: both chains of
a run are left to a vector unit by runs that go abreast, each in a lane. A run's jumps are those of
`trajectories.jumps.photons.walks.walk`, to the bit.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.eight import chosen, filled, load, minus, plus, room_for, store, times
from darkbattery.nvmodel.kernelcache import UNCOUNTED, apart
from darkbattery.nvmodel.streams import (
    QUANTUM_JUMPS,
    WORDS,
    Words,
    block_beginning,
    block_of_run,
    log_unit,
    philox_block,
    run_product,
    unit,
)
from darkbattery.trajectories.jumps.photons.walks import draw_ladder

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Small = NDArray[np.int32]

LANES = 8  # a vector of doubles
DEEP = 16  # jumps of each lane that are made at once; what is made beyond the last one is lost
PIECE = 256  # jumps of each lane that are held
MADE = DEEP * LANES
# Rows of the array in which they are made, those behind `RISING` with the lanes' state before the
# first jump in front. It is one array, and everything in it is this far from everything else: of
# arrays apart the compiler would have to ask whether they overlap, and take lane by lane.
UNIFORMS, FALLING, RISING = range(0, 3 * MADE, MADE)
BELOW, ABOVE, HEIGHTS, CLOCKS = range(3 * MADE, 7 * MADE + 4 * LANES, MADE + LANES)
ROOM = 7 * MADE + 4 * LANES


class Walks(NamedTuple):
    """Walks of `LANES` runs that are made in pieces; jump j of lane r has the place 8j + r.

    Attributes
    ----------
    words : ndarray of uint64 (MADE,)
    work : ndarray (ROOM,)
    drawn : ndarray of int64 (LANES,)
        Index of start and ladder, start * K + k; 0 of a lane without a run.
    jumps : ndarray of int64 (LANES,)
        In this piece.
    goes_on : ndarray of int64 (LANES,)
        Whether the run has not ended.
    block : ndarray of int64 (1,)
        Of random numbers, the next one of all runs that go on.
    high, low : ndarray of uint64 (LANES,)
        Of `streams.run_product`.
    taus : ndarray (PIECE * LANES,)
    heights : ndarray of int32 (PIECE * LANES,)
        J + M after each jump.
    cells : ndarray of int32 (PIECE * LANES,)
        Of `interval_table`.
    """

    words: Words
    work: Array
    drawn: Counts
    jumps: Counts
    goes_on: Counts
    block: Counts
    high: Words
    low: Words
    taus: Array
    heights: Small
    cells: Small


def new_walks() -> Walks:
    """Room for walks."""
    drawn, jumps, goes_on = (np.zeros(LANES, dtype=np.int64) for _ in range(3))
    high, low = (np.zeros(LANES, dtype=np.uint64) for _ in range(2))
    heights, cells = (room_for(PIECE * LANES, np.int32) for _ in range(2))
    words, work, block = room_for(MADE, np.uint64), room_for(ROOM), np.zeros(1, dtype=np.int64)
    taus = room_for(PIECE * LANES)
    return Walks(words, work, drawn, jumps, goes_on, block, high, low, taus, heights, cells)


@njit(**UNCOUNTED)
def start_walks(
    seed: int, first: int, runs: int, cumulative: Array, J: Array, m_starts: Array, walks: Walks
) -> None:
    """Draw start and ladder of the runs first, ..., of which there are at most `LANES`."""
    work, drawn, goes_on = walks.work, walks.drawn, walks.goes_on
    walks.block[0] = 1
    for r in range(LANES):
        walks.high[r], walks.low[r] = run_product(seed, first + r)
        drawn[r], goes_on[r], height, top, clock = 0, 0, 0.0, 0.0, np.inf
        if r < runs:
            word = philox_block(seed, QUANTUM_JUMPS, first + r, 0)[0]
            drawn[r], goes_on[r] = draw_ladder(unit(word), cumulative), 1
            m_start, k = m_starts[drawn[r] // J.size], drawn[r] % J.size
            height, top, clock = np.floor(J[k] + m_start + 0.5), 2.0 * J[k], 0.0
        # where the last jump of a turn leaves them
        work[CLOCKS + MADE + r], work[HEIGHTS + MADE + r] = clock, height
        work[BELOW + MADE + r] = height * (top - height + 1.0)
        work[ABOVE + MADE + r] = (height + 1.0) * (top - height)


@njit(**UNCOUNTED)
def _fill(seed: int, block: int, high: Words, low: Words, words: Words) -> None:
    """The next random words of all lanes, which are as far as each other in their streams."""
    apart()
    for b in range(DEEP // WORDS):
        beginning = block_beginning(seed, QUANTUM_JUMPS, block + b)
        # unsigned: an index that might count from the end keeps a loop out of vector registers
        for r in range(np.uint64(LANES)):
            found = block_of_run(beginning, high[r], low[r])
            o = np.uint64(b * WORDS * LANES) + r
            words[o], words[o + np.uint64(LANES)] = found[0], found[1]
            words[o + np.uint64(2 * LANES)], words[o + np.uint64(3 * LANES)] = found[2], found[3]


@njit(**UNCOUNTED)
def _directions(words: Words, nbar: float, work: Array) -> None:
    """The next jumps of all lanes, up or down, as in `walks._directions`.

    Leaves heights and the squares of the bonds below and above them.
    """
    warm = nbar + 1.0
    for o in range(MADE):
        u = unit(words[o])
        work[UNIFORMS + o], work[RISING + o] = u, u * nbar
        work[FALLING + o] = (1.0 - u) * warm
    one, minus_two = filled(1.0), filled(-2.0)
    below, above = load(work, BELOW + MADE), load(work, ABOVE + MADE)
    height = load(work, HEIGHTS + MADE)
    store(work, BELOW, below)
    store(work, ABOVE, above)
    store(work, HEIGHTS, height)
    for j in range(DEEP):
        o = j * LANES
        rising, falling = load(work, RISING + o), load(work, FALLING + o)
        down, up = times(falling, below), times(rising, above)
        # second differences of the squares are -2
        lower = minus(plus(plus(below, below), minus_two), above)
        higher = minus(plus(plus(above, above), minus_two), below)
        height = chosen(up, down, minus(height, one), plus(height, one))
        below, above = chosen(up, down, lower, above), chosen(up, down, below, higher)
        store(work, BELOW + LANES + o, below)
        store(work, ABOVE + LANES + o, above)
        store(work, HEIGHTS + LANES + o, height)


@njit(**UNCOUNTED)
def _clocks(nbar: float, lanes: int, work: Array) -> None:
    """When those jumps come."""
    warm = nbar + 1.0
    for o in range(MADE):
        up = work[HEIGHTS + LANES + o] > work[HEIGHTS + o]
        falling, rising = warm * work[BELOW + o], nbar * work[ABOVE + o]
        rate, u = falling + rising, work[UNIFORMS + o]
        u = (1.0 - u if up else u) * rate / (rising if up else falling)
        u = u if u < 1.0 else 1.0 - 2.0**-53  # as in `walks._waits`
        work[FALLING + o], work[UNIFORMS + o] = rate, u
    for o in range(MADE):
        work[UNIFORMS + o] = -log_unit(work[UNIFORMS + o]) / work[FALLING + o]
    for r in range(LANES):
        work[CLOCKS + r] = work[CLOCKS + MADE + r]
    for j in range(DEEP):
        for r in range(lanes):
            o = j * LANES + r
            work[CLOCKS + LANES + o] = work[CLOCKS + o] + work[UNIFORMS + o]


@njit(**UNCOUNTED)
def _note(
    work: Array,
    made: int,
    tau_last: float,
    per_tau: float,
    taus: Array,
    heights: Small,
    cells: Small,
) -> None:
    """Keep a turn's jumps in the piece, from place `made` on."""
    for o in range(np.uint64(MADE)):
        tau = work[np.uint64(CLOCKS + LANES) + o]
        taus[made + o] = tau
        heights[made + o] = np.int32(work[np.uint64(HEIGHTS + LANES) + o])
        cells[made + o] = np.int32((tau if tau <= tau_last else tau_last) * per_tau)


@njit(**UNCOUNTED)
def next_piece(seed: int, nbar: float, tau_last: float, most_cell: float, walks: Walks) -> bool:
    """The next jumps of all lanes; whether one of them has not ended."""
    words, work, jumps, block = walks.words, walks.work, walks.jumps, walks.block
    taus, left = walks.taus, walks.goes_on
    per_tau = most_cell / tau_last if tau_last > 0.0 else 0.0
    for r in range(LANES):
        jumps[r] = 0
    goes_on, made = True, np.uint64(0)
    while goes_on and made < np.uint64(PIECE * LANES):
        _fill(seed, block[0], walks.high, walks.low, words)
        block[0] += DEEP // WORDS
        _directions(words, nbar, work)
        _clocks(nbar, jumps.size, work)
        _note(work, made, tau_last, per_tau, taus, walks.heights, walks.cells)
        goes_on = False
        for r in range(LANES):
            if left[r]:
                jumps[r] += DEEP
                if work[CLOCKS + MADE + r] <= tau_last:
                    goes_on = True
                    continue
                # rates beyond the end may be anything
                left[r], work[CLOCKS + MADE + r] = 0, np.inf
                while jumps[r] > 0 and not taus[(jumps[r] - 1) * LANES + r] <= tau_last:
                    jumps[r] -= 1
        made += np.uint64(MADE)
    return goes_on
