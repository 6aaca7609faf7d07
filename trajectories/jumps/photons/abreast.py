"""T > 0: the jumps of runs side by side.

Whether a jump rises waits for the one before it, and so does the sum of the waits: both chains of
a run are left to a vector unit by runs that go abreast, each in a lane. A run's jumps are those of
`trajectories.jumps.photons.walks.walk`, to the bit.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.kernelcache import UNCOUNTED
from darkbattery.nvmodel.streams import QUANTUM_JUMPS, WORDS, Words, log_unit, philox_block, unit
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
    block : ndarray of int64 (LANES,)
        Of random numbers, the next one; 0 of a run that has ended.
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
    block: Counts
    taus: Array
    heights: Small
    cells: Small


def new_walks() -> Walks:
    """Room for walks."""
    drawn, jumps, block = (np.zeros(LANES, dtype=np.int64) for _ in range(3))
    heights, cells = (np.zeros(PIECE * LANES, dtype=np.int32) for _ in range(2))
    words, taus = np.zeros(MADE, dtype=np.uint64), np.zeros(PIECE * LANES)
    return Walks(words, np.zeros(ROOM), drawn, jumps, block, taus, heights, cells)


@njit(**UNCOUNTED)
def start_walks(
    seed: int, first: int, runs: int, cumulative: Array, J: Array, m_starts: Array, walks: Walks
) -> None:
    """Draw start and ladder of the runs first, ..., of which there are at most `LANES`."""
    work, drawn, block = walks.work, walks.drawn, walks.block
    for r in range(LANES):
        drawn[r], block[r], height, top, clock = 0, 0, 0.0, 0.0, np.inf
        if r < runs:
            word = philox_block(seed, QUANTUM_JUMPS, first + r, 0)[0]
            drawn[r], block[r] = draw_ladder(unit(word), cumulative), 1
            m_start, k = m_starts[drawn[r] // J.size], drawn[r] % J.size
            height, top, clock = np.floor(J[k] + m_start + 0.5), 2.0 * J[k], 0.0
        # where the last jump of a turn leaves them
        work[CLOCKS + MADE + r], work[HEIGHTS + MADE + r] = clock, height
        work[BELOW + MADE + r] = height * (top - height + 1.0)
        work[ABOVE + MADE + r] = (height + 1.0) * (top - height)


@njit(**UNCOUNTED)
def _fill(seed: int, first: int, block: Counts, words: Words) -> None:
    """The next random words of the runs that have not ended."""
    for r in range(LANES):
        if block[r]:
            for b in range(DEEP // WORDS):
                found = philox_block(seed, QUANTUM_JUMPS, first + r, block[r] + b)
                o = b * WORDS * LANES + r
                words[o], words[o + LANES] = found[0], found[1]
                words[o + 2 * LANES], words[o + 3 * LANES] = found[2], found[3]
            block[r] += DEEP // WORDS


@njit(**UNCOUNTED)
def _directions(words: Words, nbar: float, lanes: int, work: Array) -> None:
    """The next jumps of all lanes, up or down, as in `walks._directions`.

    Leaves heights and the squares of the bonds below and above them.
    """
    warm = nbar + 1.0
    for o in range(MADE):
        u = unit(words[o])
        work[UNIFORMS + o], work[RISING + o] = u, u * nbar
        work[FALLING + o] = (1.0 - u) * warm
    for r in range(LANES):
        work[BELOW + r], work[ABOVE + r] = work[BELOW + MADE + r], work[ABOVE + MADE + r]
        work[HEIGHTS + r] = work[HEIGHTS + MADE + r]
    for j in range(DEEP):
        for r in range(lanes):
            o = j * LANES + r
            a, b = work[BELOW + o], work[ABOVE + o]
            up = np.float64(work[RISING + o] * b >= work[FALLING + o] * a)
            lower, higher = (a + a - 2.0) - b, (b + b - 2.0) - a
            after = o + LANES
            # whole numbers: no choice, which would be compiled to a branch, and nothing rounds
            work[BELOW + after] = lower + up * (b - lower)
            work[ABOVE + after] = a + up * (higher - a)
            work[HEIGHTS + after] = work[HEIGHTS + o] + (up + up - 1.0)


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
def next_piece(
    seed: int, first: int, nbar: float, tau_last: float, most_cell: float, walks: Walks
) -> bool:
    """The next jumps of all lanes; whether one of them has not ended."""
    words, work, jumps, block = walks.words, walks.work, walks.jumps, walks.block
    taus = walks.taus
    per_tau = most_cell / tau_last if tau_last > 0.0 else 0.0
    for r in range(LANES):
        jumps[r] = 0
    goes_on, made = True, np.uint64(0)
    while goes_on and made < np.uint64(PIECE * LANES):
        _fill(seed, first, block, words)
        _directions(words, nbar, jumps.size, work)
        _clocks(nbar, jumps.size, work)
        _note(work, made, tau_last, per_tau, taus, walks.heights, walks.cells)
        goes_on = False
        for r in range(LANES):
            if block[r]:
                jumps[r] += DEEP
                if work[CLOCKS + MADE + r] <= tau_last:
                    goes_on = True
                    continue
                # rates beyond the end may be anything
                block[r], work[CLOCKS + MADE + r] = 0, np.inf
                while jumps[r] > 0 and not taus[(jumps[r] - 1) * LANES + r] <= tau_last:
                    jumps[r] -= 1
        made += np.uint64(MADE)
    return goes_on
