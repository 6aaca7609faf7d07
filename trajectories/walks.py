r"""The jump records of single runs: walks on one ladder, drawn without a search for jump times.

Collective noise conserves J, so a run draws its ladder once, with probability p_J; the photons are
then those of a classical walk on that ladder with rates :math:`(\bar n+1)a_J(M)^2` down and
:math:`\bar n\,a_J(M+1)^2` up (in units of gamma). The law of the whole record is the same as when
the waiting times are drawn from the superposition of ladders, because the no-jump evolution and the
jumps never mix them (Dalibard, Castin and Moelmer 1992; Gillespie 1977). What the observer of the
record knows is then computed from the record alone, never from the drawn J.

Number 0 of a run's stream draws the ladder. At T = 0 number n is the wait for photon n; above, from
number 4 on, each sixteen are eight waits and eight directions.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from nvmodel.streams import (
    QUANTUM_JUMPS,
    WORDS,
    Words,
    fill_words,
    philox_block,
    to_exponential,
    unit,
)

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Steps = NDArray[np.int8]

BATCH = 64  # random numbers made at once: four vectors deep, and they stay in the nearest cache
ROUND = 16  # a shorter batch is a multiple of this
HALF = 8  # waits, then directions
CELLS_PER_TIME = 4  # of the table that finds the output interval of a jump
PIECE = 4096  # jumps of a record held at once: they stay in the nearest cache
FEW_PHOTONS = 1.0  # photons an output time below which photons are counted one by one


@njit(inline="always")
def draw_ladder(u: Any, cumulative: Any) -> Any:
    """The ladder k in which the cumulative probability reaches u."""
    k = 0
    while k < cumulative.size - 1 and u > cumulative[k]:
        k += 1
    return k


@njit(cache=True, error_model="numpy")
def interval_table(taus: Array) -> Counts:
    """For equal cells of [0, tau_last]: the first output time not before the cell's start."""
    cells = CELLS_PER_TIME * taus.size
    table = np.zeros(cells + 1, dtype=np.int64)
    i = 0
    for cell in range(cells + 1):
        start = taus[-1] * cell / cells
        while i < taus.size - 1 and taus[i] < start:
            i += 1
        table[cell] = i
    return table


@njit(inline="always")
def _decay_waits(
    seed: Any, run: Any, made: Any, above: Any, below: Any, words: Any, waits: Any
) -> Any:
    """T = 0: waits for the photons made, made + 1, ... of a run; returns how many.

    `above` and `below` are J + M and J - M of the start. Place 0 of a run, and places beyond its
    last photon, hold nothing.
    """
    count = min(BATCH, (round(above) - made) // ROUND * ROUND + ROUND)
    fill_words(seed, QUANTUM_JUMPS, run, made // WORDS, words, count)
    to_exponential(words, count, waits)
    for j in range(count):
        waits[j] /= ((above + 1.0 - made) - j) * ((below + made) + j)
    return count


@njit(cache=True, error_model="numpy")
def photon_numbers(
    seed: int,
    run: int,
    cumulative: Array,
    J: Array,
    m_start: float,
    taus: Array,
    mark: int,
    words: Words,
    waits: Array,
    numbers: Counts,
) -> tuple[int, float]:
    """T = 0: one run's number of photons at each output time, into `numbers` (T,).

    Nothing is stored of the photons between, so that a run of any size needs no memory.

    Returns
    -------
    ladder : int
    marked : float
        When photon number `mark` came: 0 for mark <= 0, infinity if not before the last time.
    """
    first = philox_block(seed, QUANTUM_JUMPS, run, 0)
    k = draw_ladder(unit(first[0]), cumulative)
    above, below = J[k] + m_start, J[k] - m_start  # J + M and J - M
    photons = round(above)
    marked = np.inf if mark > 0 else 0.0
    made, tau, i = 0, 0.0, 0
    while made <= photons and i < taus.size:
        count = _decay_waits(seed, run, made, above, below, words, waits)
        if made == 0:
            waits[0] = 0.0  # that number drew the ladder
        end = min(count, photons + 1 - made)
        for j in range(end):
            tau += waits[j]
            waits[j] = tau
        if made <= mark < made + end and mark > 0 and waits[mark - made] <= taus[taus.size - 1]:
            marked = waits[mark - made]
        j = 0
        while i < taus.size and taus[i] < tau:
            while waits[j] <= taus[i]:
                j += 1
            numbers[i] = made + j - 1
            i += 1
        made += count
    while i < taus.size:
        numbers[i] = photons
        i += 1
    return k, marked


@njit(cache=True, error_model="numpy")
def count_few_photons(
    seed: int,
    first: int,
    runs: int,
    cumulative: Array,
    J: Array,
    m_start: float,
    taus: Array,
    table: Counts,
    arrivals: Counts,
    ladders: Counts,
) -> None:
    """T = 0: add the runs first ... first + runs - 1 to two histograms, photon by photon.

    Parameters
    ----------
    table : ndarray
        Of `interval_table`.
    arrivals : ndarray of int64 (photons + 1, T)
        arrivals[n, i] counts the runs whose n-th photon came in (tau_{i-1}, tau_i].
    ladders : ndarray of int64 (K,)
        Counts the runs on each ladder, that is, in each final dark state.
    """
    words, waits = np.empty(BATCH, dtype=np.uint64), np.empty(BATCH)
    last = taus[taus.size - 1]
    cells_per_tau = (table.size - 1) / last if last > 0.0 else 0.0
    for run in range(first, first + runs):
        word = philox_block(seed, QUANTUM_JUMPS, run, 0)[0]
        k = draw_ladder(unit(word), cumulative)
        ladders[k] += 1
        above, below = J[k] + m_start, J[k] - m_start
        photons = round(above)
        made, tau = 0, 0.0
        while made <= photons:
            count = _decay_waits(seed, run, made, above, below, words, waits)
            if made == 0:
                waits[0] = 0.0
            for j in range(1 if made == 0 else 0, min(count, photons + 1 - made)):
                tau += waits[j]
                if tau > last:
                    made = photons  # the other photons come too late
                    break
                i = table[int(tau * cells_per_tau)]
                while taus[i] < tau:
                    i += 1
                arrivals[made + j, i] += 1
            made += count


@njit(cache=True, error_model="numpy")
def count_many_photons(
    seed: int,
    first: int,
    runs: int,
    cumulative: Array,
    J: Array,
    m_start: float,
    taus: Array,
    arrivals: Counts,
    ladders: Counts,
) -> None:
    """The same, at a cost an output time rather than a photon; `arrivals` must be zero on entry."""
    words, waits = np.empty(BATCH, dtype=np.uint64), np.empty(BATCH)
    numbers = np.empty(taus.size, dtype=np.int64)
    top = arrivals.shape[0] - 1
    for run in range(first, first + runs):
        k, _ = photon_numbers(seed, run, cumulative, J, m_start, taus, 0, words, waits, numbers)
        ladders[k] += 1
        before = 0
        for i in range(taus.size):
            # photons before + 1 ... numbers[i] came: marked at both ends, filled in below
            if numbers[i] > before:
                arrivals[before + 1, i] += 1
                if numbers[i] < top:
                    arrivals[numbers[i] + 1, i] -= 1
                before = numbers[i]
    for n in range(1, arrivals.shape[0]):
        for i in range(taus.size):
            arrivals[n, i] += arrivals[n - 1, i]


@njit(cache=True, error_model="numpy")
def photon_times(
    seed: int, run: int, cumulative: Array, J: Array, m_start: float, last: float
) -> tuple[int, Array]:
    """T = 0: the ladder of one run, and when its photons came, up to `last`."""
    words, waits = np.empty(BATCH, dtype=np.uint64), np.empty(BATCH)
    first = philox_block(seed, QUANTUM_JUMPS, run, 0)
    k = draw_ladder(unit(first[0]), cumulative)
    above, below = J[k] + m_start, J[k] - m_start
    photons = round(above)
    times = np.empty(photons)
    made, tau = 0, 0.0
    while made <= photons:
        count = _decay_waits(seed, run, made, above, below, words, waits)
        for j in range(1 if made == 0 else 0, min(count, photons + 1 - made)):
            tau += waits[j]
            if tau > last:
                return k, times[: made + j - 1]
            times[made + j - 1] = tau
        made += count
    return k, times


class Walker(NamedTuple):
    """A walk at T > 0 that is made in pieces; see `start_walk` and `walk`."""

    clock: Array  # (1,): tau of the last jump
    place: Counts  # (5,): height J + M, ladder, next number of the batch, next block, whether ended
    words: Words
    waits: Array
    turns: Array
    jump_taus: Array  # (pieces of) the record
    directions: Steps


HEIGHT, LADDER, POSITION, BLOCK, ENDED = range(5)


def new_walker(piece: int = PIECE) -> Walker:
    """Room for a walk in pieces of so many jumps."""
    return Walker(
        clock=np.zeros(1),
        place=np.zeros(5, dtype=np.int64),
        words=np.empty(BATCH, dtype=np.uint64),
        waits=np.empty(BATCH),
        turns=np.empty(BATCH // 2),
        jump_taus=np.empty(piece),
        directions=np.empty(piece, dtype=np.int8),
    )


@njit(inline="always")
def start_walk(
    seed: int, run: int, cumulative: Array, J: Array, m_starts: Array, walker: Walker
) -> int:
    """Draw start and ladder, whose index start * K + k is returned."""
    first = philox_block(seed, QUANTUM_JUMPS, run, 0)
    drawn = draw_ladder(unit(first[0]), cumulative)
    start, k = drawn // J.size, drawn % J.size
    walker.clock[0] = 0.0
    walker.place[HEIGHT] = int(J[k] + m_starts[start] + 0.5)
    walker.place[LADDER] = k
    walker.place[POSITION] = BATCH // 2
    walker.place[BLOCK] = 1
    walker.place[ENDED] = 0
    return drawn


@njit(inline="always")
def _turn_batch(seed: Any, run: Any, block: Any, words: Any, waits: Any, turns: Any) -> None:
    """Make the next waits and directions, from `block` on."""
    half = words.size // 2
    for j in range(half // WORDS):
        # eight numbers are waits, the next eight directions
        made = block + j // 2 * 4 + j % 2
        a, b, c, d = philox_block(seed, QUANTUM_JUMPS, run, made)
        words[4 * j], words[4 * j + 1], words[4 * j + 2], words[4 * j + 3] = a, b, c, d
        a, b, c, d = philox_block(seed, QUANTUM_JUMPS, run, made + 2)
        words[half + 4 * j], words[half + 4 * j + 1] = a, b
        words[half + 4 * j + 2], words[half + 4 * j + 3] = c, d
    to_exponential(words, half, waits)
    for j in range(half):
        turns[j] = unit(words[half + j])


@njit(cache=True, error_model="numpy")
def walk(
    seed: int,
    run: int,
    J: Array,
    nbar: float,
    rate: Array,
    fall: Array,
    tau_last: float,
    walker: Walker,
) -> int:
    """T > 0: the next jumps of one run, as many as the walker's arrays hold; returns how many.

    `rate` and `fall` are those of `walk_tables`, or empty: then they are computed on the way.
    The walk has ended, at tau_last, when ``walker.place[ENDED]`` says so.
    """
    words, waits, turns, place = walker.words, walker.waits, walker.turns, walker.place
    jump_taus, directions = walker.jump_taus, walker.directions
    tabled = rate.shape[0] > 0
    k, height, position = place[LADDER], place[HEIGHT], place[POSITION]
    tau, top = walker.clock[0], 2.0 * J[k]
    jumps = 0
    while jumps < jump_taus.size:
        if position == turns.size:
            _turn_batch(seed, run, place[BLOCK], words, waits, turns)
            place[BLOCK] += BATCH // WORDS
            position = 0
        if tabled:
            total = rate[k, height]
            rises = turns[position] > fall[k, height]
        else:
            falling = (nbar + 1.0) * (height * (top - height + 1.0))
            total = falling + nbar * ((height + 1.0) * (top - height))
            # fall = falling/total without the division, which the next jump would wait for
            rises = turns[position] * total > falling
        tau += waits[position] / total
        if not tau <= tau_last:
            place[ENDED] = 1
            return jumps
        # a sum rather than a choice: a branch here would be mispredicted every other jump
        step = 2 * int(rises) - 1
        position += 1
        height += step
        jump_taus[jumps] = tau
        directions[jumps] = step
        jumps += 1
    walker.clock[0] = tau
    place[HEIGHT], place[POSITION] = height, position
    return jumps


@njit(cache=True, error_model="numpy")
def emission_times(
    seed: int,
    run: int,
    cumulative: Array,
    J: Array,
    m_starts: Array,
    nbar: float,
    rate: Array,
    fall: Array,
    last: float,
    walker: Walker,
) -> Array:
    """When the photons of one run came, up to `last`, at any temperature."""
    if nbar == 0.0:
        return photon_times(seed, run, cumulative, J, m_starts[0], last)[1]
    jump_taus, directions, place = walker.jump_taus, walker.directions, walker.place
    times, emitted = np.empty(jump_taus.size), 0
    start_walk(seed, run, cumulative, J, m_starts, walker)
    while place[ENDED] == 0:
        jumps = walk(seed, run, J, nbar, rate, fall, last, walker)
        if emitted + jumps > times.size:
            longer = np.empty(2 * (emitted + jumps))
            for j in range(emitted):
                longer[j] = times[j]
            times = longer
        for j in range(jumps):
            if directions[j] < 0:
                times[emitted] = jump_taus[j]
                emitted += 1
    return times[:emitted]


def walk_tables(J: Array, nbar: float) -> tuple[Array, Array]:
    """Total rate of jumps, and the probability that the next one is down.

    Returns two arrays (K, levels) over ladders and heights J + M = 0, 1, ...; a state that never
    jumps has rate 0, and counts as falling: the bottom does so at nbar = 0 alone.

    >>> rate, fall = walk_tables(np.array([0.5]), nbar=0.0)
    >>> print(rate, fall)
    [[0. 1.]] [[1. 1.]]
    """
    height = np.arange(round(2 * J[-1]) + 1.0)
    top = 2.0 * J[:, None]
    falls = (nbar + 1.0) * np.maximum(height * (top - height + 1.0), 0.0)
    rises = nbar * np.maximum((height + 1.0) * (top - height), 0.0)
    rate = falls + rises
    fall = np.divide(falls, rate, out=np.ones_like(rate), where=rate > 0.0)
    return rate, fall
