r"""The jump records of single runs: walks on one ladder, drawn without a search for jump times.

Collective noise conserves J, so a run draws its ladder once, with probability p_J; the photons are
then those of a classical walk on that ladder with rates :math:`(\bar n+1)a_J(M)^2` down and
:math:`\bar n\,a_J(M+1)^2` up (in units of gamma). The law of the whole record is the same as when
the waiting times are drawn from the superposition of ladders, because the no-jump evolution and the
jumps never mix them (Dalibard, Castin and Moelmer 1992; Gillespie 1977). What the observer of the
record knows is then computed from the record alone, never from the drawn J.

Number 0 of a run's stream draws the ladder. At T = 0 number n is the wait for photon n; above, each
number from 4 on makes one jump: first its direction, and what is left of the number its wait.
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
    log_unit,
    philox_block,
    to_exponential,
    unit,
)

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Steps = NDArray[np.int8]

BATCH = 64  # random numbers made at once: four vectors deep, and they stay in the nearest cache
ROUND = 16  # a shorter batch is a multiple of this
TURN = 32  # jumps made at once at T > 0: what is made beyond the last one is lost
CELLS_PER_TIME = 4  # of the table that finds the output interval of a jump
PIECE = 4096  # jumps of a record held at once: they stay in the nearest cache
FEW_PHOTONS = 1.0  # photons an output time below which photons are counted one by one

# no wrapper for Python around kernels that only kernels call
KERNEL: dict[str, Any] = {"cache": True, "error_model": "numpy"}
INNER: dict[str, Any] = {"error_model": "numpy", "no_cpython_wrapper": True}


@njit(inline="always")
def draw_ladder(u: Any, cumulative: Any) -> Any:
    """The ladder k in which the cumulative probability reaches u."""
    k = 0
    while k < cumulative.size - 1 and u > cumulative[k]:
        k += 1
    return k


def interval_table(taus: Array) -> Counts:
    """For equal cells of [0, tau_last]: the first output time not before the cell's start.

    >>> interval_table(np.array([0.0, 3.0, 4.0]))
    array([0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 2])
    """
    cells = CELLS_PER_TIME * taus.size
    starts = taus[-1] * np.arange(cells + 1) / cells
    return np.asarray(np.minimum(np.searchsorted(taus, starts), taus.size - 1))


@njit(inline="always")
def decay_waits(
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


@njit(**INNER)
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
        count = decay_waits(seed, run, made, above, below, words, waits)
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


@njit(**KERNEL)
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
            count = decay_waits(seed, run, made, above, below, words, waits)
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


@njit(**KERNEL)
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


class Walker(NamedTuple):
    """A walk at T > 0 that is made in pieces; see `start_walk` and `walk`."""

    clock: Array  # (1,): tau of the last jump
    place: Counts  # (4,): height J + M, ladder, next block of random numbers, whether ended
    words: Words  # a turn's
    uniforms: Array
    below: Array  # squares of the two bonds at each jump's height
    above: Array
    rises: Steps
    waits: Array
    jump_taus: Array  # (pieces of) the record
    directions: Steps


HEIGHT, LADDER, BLOCK, ENDED = range(4)


def new_walker(piece: int = PIECE) -> Walker:
    """Room for a walk in pieces of so many jumps, rounded up to whole turns."""
    piece = -(-piece // TURN) * TURN
    return Walker(
        clock=np.zeros(1),
        place=np.zeros(4, dtype=np.int64),
        words=np.empty(TURN, dtype=np.uint64),
        uniforms=np.empty(TURN),
        below=np.empty(TURN),
        above=np.empty(TURN),
        rises=np.empty(TURN, dtype=np.int8),
        waits=np.empty(TURN),
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
    walker.place[BLOCK] = 1
    walker.place[ENDED] = 0
    return drawn


@njit(**INNER)
def _directions(
    words: Words,
    nbar: float,
    height: int,
    top: int,
    uniforms: Array,
    below: Array,
    above: Array,
    rises: Steps,
) -> None:
    """The next jumps from a height J + M on the ladder 2J = `top`: up, or down.

    With s(h) = h (2J - h + 1), the square of the bond below h, a jump falls with probability
    (nbar+1) s(h) / [(nbar+1) s(h) + nbar s(h+1)]. Both squares after either jump are at hand
    before it is decided, since second differences of s are -2: the next jump waits for a
    comparison and a choice only.
    """
    warm = nbar + 1.0
    for j in range(TURN):
        uniforms[j] = unit(words[j])
        below[j] = uniforms[j] * nbar
        above[j] = (1.0 - uniforms[j]) * warm
    a = np.float64(height) * np.float64(top - height + 1)
    b = np.float64(height + 1) * np.float64(top - height)
    for j in range(TURN):
        falling, rising = above[j], below[j]
        below[j], above[j] = a, b
        lower, higher = (a + a - 2.0) - b, (b + b - 2.0) - a
        up = rising * b >= falling * a
        rises[j] = up
        a, b = (b if up else lower), (higher if up else a)


@njit(**INNER)
def _waits(
    uniforms: Array, nbar: float, below: Array, above: Array, rises: Steps, waits: Array
) -> None:
    """Waits for those jumps; a loop of its own, so that it runs in vector registers.

    u < p has made a jump fall, so u/p is uniform and independent of the direction; (1 - u)/(1 - p)
    is, where it rises.
    """
    warm = nbar + 1.0
    for j in range(TURN):
        falling, rising = warm * below[j], nbar * above[j]
        rate, up = falling + rising, rises[j] != 0
        u = (1.0 - uniforms[j] if up else uniforms[j]) * rate / (rising if up else falling)
        # rounding can reach 1; NaN, where the rate is 0, makes an infinite wait
        u = u if u < 1.0 else 1.0 - 2.0**-53
        waits[j] = -log_unit(u) / rate


@njit(**KERNEL)
def walk(seed: int, run: int, J: Array, nbar: float, tau_last: float, walker: Walker) -> int:
    """T > 0: the next jumps of one run, as many as the walker's arrays hold; returns how many.

    The walk has ended, at tau_last, when ``walker.place[ENDED]`` says so.
    """
    place, words, uniforms, rises = walker.place, walker.words, walker.uniforms, walker.rises
    below, above, waits = walker.below, walker.above, walker.waits
    jump_taus, directions = walker.jump_taus, walker.directions
    tau, height, block, jumps = walker.clock[0], place[HEIGHT], place[BLOCK], 0
    top = int(2.0 * J[place[LADDER]])
    while jumps < jump_taus.size:
        fill_words(seed, QUANTUM_JUMPS, run, block, words, TURN)
        block += TURN // WORDS
        _directions(words, nbar, height, top, uniforms, below, above, rises)
        _waits(uniforms, nbar, below, above, rises, waits)
        for j in range(TURN):
            tau += waits[j]
            if not tau <= tau_last:
                place[ENDED] = 1
                return jumps
            step = 2 * rises[j] - 1
            jump_taus[jumps] = tau
            directions[jumps] = step
            height += step
            jumps += 1
    walker.clock[0] = tau
    place[HEIGHT], place[BLOCK] = height, block
    return jumps
