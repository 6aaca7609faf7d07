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

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.kernelcache import INNER, KERNEL
from darkbattery.nvmodel.refusal import refused_sizes
from darkbattery.nvmodel.streams import (
    QUANTUM_JUMPS,
    WORDS,
    Words,
    fill_words,
    log_unit,
    philox_block,
    to_exponential,
    unit,
)
from darkbattery.trajectories.jumps.counts.lengths import (
    refuse_endless,
    refuse_jumps,
    thermal_photons,
)
from darkbattery.trajectories.reading.bonds import END_BONDS, Steps
from darkbattery.trajectories.space.angular import coupled_basis

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

MOST_SINGLE_JUMPS = 10_000_000  # rungs of a ladder that are taken one by one
MOST_RUNGS = 1 << 53  # of a ladder: heights and halves of them are exact in double precision
MOST_TABLE = 64_000_000  # doubles of the tables of bonds, amplitudes and populations: 512 MB
MOST_LISTED = 1_000_000_000  # spins whose photons can be followed one by one: takes seconds a run
BATCH = 64  # random numbers made at once: four vectors deep, and they stay in the nearest cache
ROUND = 16  # a shorter batch is a multiple of this
TURN = 32  # jumps made at once at T > 0: what is made beyond the last one is lost
CELLS_PER_TIME = 4  # of the table that finds the output interval of a jump
PIECE = 4096  # jumps of a record held at once: they stay in the nearest cache


def made_in_groups(battery: Experiment) -> bool:
    """Whether ladders have so many rungs that `sample` draws jumps in groups.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> made_in_groups(CollectiveBattery(10**15, 5 * 10**15))
    True
    """
    rungs = abs(battery.n_charger - battery.n_battery)  # and some for the higher ladders
    return rungs > MOST_SINGLE_JUMPS and battery.detector_efficiency == 1.0


def refuse_unlisted(battery: Experiment) -> None:
    """Refuse what is followed photon by photon for too many of them."""
    if sum(battery.sizes) > MOST_LISTED:
        raise refused_sizes(
            battery.sizes,
            f"every photon is followed: at most {MOST_LISTED:.0e} spins in all",
        )


def refuse_too_large(battery: Experiment, times: Array) -> None:
    """Refuse collective runs that memory or time forbids."""
    spins = battery.n_battery + battery.n_charger
    sizes = (battery.n_battery, battery.n_charger)
    if battery.detector_efficiency < 1.0:
        refuse_unlisted(battery)
    basis = coupled_basis(*sizes)
    if 2.0 * basis.J[-1] + 1.0 > MOST_RUNGS:
        raise refused_sizes(
            sizes,
            f"single runs take N_C - N_B up to about {MOST_RUNGS:.1e}: heights stay exact",
        )
    K = basis.n_ladders
    rows = times.size
    if battery.occupation > 0.0:
        rows = max(rows, min(spins + 1, 2 * END_BONDS * K))
    if K * rows > MOST_TABLE:
        raise refused_sizes(
            sizes,
            f"single runs over {K} ladders need a table of {K * rows * 8e-9:.2g} GB, at most "
            f"{MOST_TABLE * 8e-9:.2g}; take R further from 1, fewer spins or fewer times",
        )
    if made_in_groups(battery):
        # what the start emits comes in groups
        refuse_jumps(thermal_photons(battery, float(times[-1])), times)
    else:
        refuse_endless(battery, times)


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
def decay_waits(seed: Any, run: Any, made: Any, above: Any, below: Any, room: Any) -> Any:
    """T = 0: waits for the photons made, made + 1, ... of a run; returns how many.

    `above` and `below` are J + M and J - M of the start. Place 0 of a run, and places beyond its
    last photon, hold nothing.
    """
    words, waits = room.words, room.waits
    count = min(BATCH, (round(above) - made) // ROUND * ROUND + ROUND)
    fill_words(seed, QUANTUM_JUMPS, run, made // WORDS, words, count)
    to_exponential(words, count, waits)
    for j in range(count):
        waits[j] /= ((above + 1.0 - made) - j) * ((below + made) + j)
    return count


class Starts(NamedTuple):
    """What a run's start and ladder are drawn from.

    Attributes
    ----------
    cumulative : ndarray (starts * K,)
        Probabilities of all pairs up to each; the pair of start s and ladder k is s * K + k.
    J : ndarray (K,)
    m_starts : ndarray (starts,)
        M at the start; one at T = 0.
    """

    cumulative: Array
    J: Array
    m_starts: Array


class WaitRoom(NamedTuple):
    """Room for a batch of random numbers at T = 0, and the waits made of them."""

    words: Words
    waits: Array


@njit(inline="always")
def start_decay(seed: Any, run: Any, starts: Any) -> Any:
    """T = 0: the ladder of a run, and J + M and J - M of its start on it."""
    m_start = starts.m_starts[0]
    k = draw_ladder(unit(philox_block(seed, QUANTUM_JUMPS, run, 0)[0]), starts.cumulative)
    return k, starts.J[k] + m_start, starts.J[k] - m_start


@njit(inline="always")
def arrivals(seed: Any, run: Any, made: Any, tau: Any, above: Any, below: Any, room: Any) -> Any:
    """T = 0: when the photons made, made + 1, ... of a run came, into the waits of `room`.

    `tau` is when the one before them came. Place 0 of a run holds its start.

    Returns
    -------
    made : int
        How many numbers were used.
    end : int
        How many of them are of photons that the ladder has.
    """
    count = decay_waits(seed, run, made, above, below, room)
    waits = room.waits
    if made == 0:
        waits[0] = 0.0  # that number drew the ladder
    end = min(count, round(above) + 1 - made)
    for j in range(end):
        tau += waits[j]
        waits[j] = tau
    return count, end


@njit(**INNER)
def photon_numbers(
    seed: int, run: int, starts: Starts, taus: Array, mark: int, room: WaitRoom, numbers: Counts
) -> tuple[int, float]:
    """T = 0: one run's number of photons at each output time, into `numbers` (T,).

    Nothing is stored of the photons between, so that a run of any size needs no memory.

    Returns
    -------
    ladder : int
    marked : float
        When photon number `mark` came: 0 for mark <= 0, infinity if not before the last time.
    """
    k, above, below = start_decay(seed, run, starts)
    photons, waits = round(above), room.waits
    marked = np.inf if mark > 0 else 0.0
    made, tau, i = 0, 0.0, 0
    while made <= photons and i < taus.size:
        count, end = arrivals(seed, run, made, tau, above, below, room)
        tau = waits[end - 1]
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
def photon_times(seed: int, run: int, starts: Starts, last: float) -> tuple[int, Array]:
    """T = 0: the ladder of one run, and when its photons came, up to `last`."""
    waits = np.empty(BATCH)
    room = WaitRoom(np.empty(BATCH, dtype=np.uint64), waits)
    k, above, below = start_decay(seed, run, starts)
    photons = round(above)
    times = np.empty(photons)
    made, tau = 0, 0.0
    while made <= photons:
        count, end = arrivals(seed, run, made, tau, above, below, room)
        for j in range(1 if made == 0 else 0, end):
            tau = waits[j]
            if tau > last:
                return k, times[: made + j - 1]
            times[made + j - 1] = tau
        made += count
    return k, times


class Turn(NamedTuple):
    """Room for jumps that are made at once."""

    words: Words
    uniforms: Array
    below: Array  # squares of the two bonds at each jump's height
    above: Array
    rises: Steps
    waits: Array


class Walker(NamedTuple):
    """A walk at T > 0 that is made in pieces; see `start_walk` and `walk`."""

    clock: Array  # (1,): tau of the last jump
    place: Counts  # (4,): height J + M, ladder, next block of random numbers, whether ended
    turn: Turn
    jump_taus: Array  # (pieces of) the record
    directions: Steps


HEIGHT, LADDER, BLOCK, ENDED = range(4)


def new_walker(piece: int = PIECE) -> Walker:
    """Room for a walk in pieces of so many jumps, rounded up to whole turns."""
    piece = -(-piece // TURN) * TURN
    return Walker(
        clock=np.zeros(1),
        place=np.zeros(4, dtype=np.int64),
        turn=Turn(
            words=np.empty(TURN, dtype=np.uint64),
            uniforms=np.empty(TURN),
            below=np.empty(TURN),
            above=np.empty(TURN),
            rises=np.empty(TURN, dtype=np.int8),
            waits=np.empty(TURN),
        ),
        jump_taus=np.empty(piece),
        directions=np.empty(piece, dtype=np.int8),
    )


@njit(inline="always")
def start_walk(seed: int, run: int, starts: Starts, walker: Walker) -> int:
    """Draw start and ladder, whose index start * K + k is returned."""
    first = philox_block(seed, QUANTUM_JUMPS, run, 0)
    drawn, J = draw_ladder(unit(first[0]), starts.cumulative), starts.J
    start, k = drawn // J.size, drawn % J.size
    walker.clock[0] = 0.0
    walker.place[HEIGHT] = int(J[k] + starts.m_starts[start] + 0.5)
    walker.place[LADDER] = k
    walker.place[BLOCK] = 1
    walker.place[ENDED] = 0
    return drawn


@njit(**INNER)
def _directions(turn: Turn, nbar: float, height: int, top: int) -> None:
    """The next jumps from a height J + M on the ladder 2J = `top`: up, or down.

    With s(h) = h (2J - h + 1), the square of the bond below h, a jump falls with probability
    (nbar+1) s(h) / [(nbar+1) s(h) + nbar s(h+1)]. Both squares after either jump are at hand
    before it is decided, since second differences of s are -2: the next jump waits for a
    comparison and a choice only.
    """
    words, uniforms, rises = turn.words, turn.uniforms, turn.rises
    below, above, warm = turn.below, turn.above, nbar + 1.0
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
def _waits(turn: Turn, nbar: float) -> None:
    """Waits for those jumps, in loops that run in vector registers; `below` becomes the rates.

    u < p has made a jump fall, so u/p is uniform and independent of the direction; (1 - u)/(1 - p)
    is, where it rises.
    """
    uniforms, rises, waits = turn.uniforms, turn.rises, turn.waits
    below, above, warm = turn.below, turn.above, nbar + 1.0
    # two loops, so that neither waits for the other's divisions
    for j in range(TURN):
        falling, rising = warm * below[j], nbar * above[j]
        rate, up = falling + rising, rises[j] != 0
        u = (1.0 - uniforms[j] if up else uniforms[j]) * rate / (rising if up else falling)
        # rounding can reach 1; NaN, where the rate is 0, makes an infinite wait
        below[j], waits[j] = rate, u if u < 1.0 else 1.0 - 2.0**-53
    for j in range(TURN):
        waits[j] = -log_unit(waits[j]) / below[j]


@njit(**KERNEL)
def walk(seed: int, run: int, J: Array, nbar: float, tau_last: float, walker: Walker) -> int:
    """T > 0: the next jumps of one run, as many as the walker's arrays hold; returns how many.

    The walk has ended, at tau_last, when ``walker.place[ENDED]`` says so.
    """
    place, turn, rises, waits = walker.place, walker.turn, walker.turn.rises, walker.turn.waits
    jump_taus, directions = walker.jump_taus, walker.directions
    tau, height, block, jumps = walker.clock[0], place[HEIGHT], place[BLOCK], 0
    top = int(2.0 * J[place[LADDER]])
    while jumps < jump_taus.size:
        fill_words(seed, QUANTUM_JUMPS, run, block, turn.words, TURN)
        block += TURN // WORDS
        _directions(turn, nbar, height, top)
        _waits(turn, nbar)
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


@njit(**KERNEL)
def emission_times(
    seed: int, run: int, starts: Starts, nbar: float, last: float, walker: Walker
) -> Array:
    """When the photons of one run came, up to `last`, at any temperature."""
    if nbar == 0.0:
        return photon_times(seed, run, starts, last)[1]
    jump_taus, directions, place = walker.jump_taus, walker.directions, walker.place
    times, emitted = np.empty(jump_taus.size), 0
    start_walk(seed, run, starts, walker)
    while place[ENDED] == 0:
        jumps = walk(seed, run, starts.J, nbar, last, walker)
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


def whole_record(
    seed: Any, run: int, starts: Starts, nbar: float, last: float
) -> tuple[Array, Steps]:
    """All jumps of one run until `last`: when, and -1 for a photon emitted, +1 absorbed."""
    if nbar == 0.0:
        taus = photon_times(seed, run, starts, last)[1]
        return taus, np.full(taus.size, -1, dtype=np.int8)
    walker = new_walker()
    start_walk(seed, run, starts, walker)
    pieces = []
    while walker.place[ENDED] == 0:
        jumps = walk(seed, run, starts.J, nbar, last, walker)
        pieces.append((walker.jump_taus[:jumps].copy(), walker.directions[:jumps].copy()))
    return np.concatenate([p[0] for p in pieces]), np.concatenate([p[1] for p in pieces])


def start_of_walk(seed: Any, run: int, starts: Starts, nbar: float) -> float:
    """M of the start of one run."""
    if nbar == 0.0:
        return float(starts.m_starts[0])
    walker = new_walker(1)
    start_walk(seed, run, starts, walker)
    return float(walker.place[HEIGHT] - starts.J[walker.place[LADDER]])
