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

from darkbattery.nvmodel.eight import (
    EIGHT,
    column,
    filled,
    load,
    over,
    plus,
    room_for,
    store,
    store_first,
    times,
)
from darkbattery.nvmodel.kernelcache import KERNEL, UNCOUNTED
from darkbattery.nvmodel.streams import exp_clamped
from darkbattery.trajectories.jumps.photons.abreast import LANES, PIECE, Walks
from darkbattery.trajectories.reading.bonds import Bonds
from darkbattery.trajectories.space.angular import lowering_squared, rates_from_sums

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Small = NDArray[np.int32]

# in powers of e, of a double's 708
MOST_WAY = 300.0
MOST_DAMPING = 200.0
# The probability that a ladder so far behind ever leads again is below the square: weights of the
# conditional state are a martingale. It is dropped: two of eleven are left soon after a burst, and
# what it would have added is below the last digit of every sum.
GONE = 1e-25
SCALING = 8  # output times after which P is scaled again; at most `EIGHT`
MOST_IN_REGISTERS = 32  # ladders that are followed eight by eight
LOW = 1e-60  # of a squared norm: scaled at once


class Products(NamedTuple):
    """Factors of amplitudes relative to the highest ladder; rows of K ladders one after another.

    Eight ladders are read at once: those behind a row's last one meet a P of 0, and behind the last
    row there is room.

    Attributes
    ----------
    way : ndarray (starts, rows * K + EIGHT)
        |W| at M = J_t, J_t - 1, ..., with the starts' amplitudes.
    factors : ndarray ((rows + T) * K + EIGHT,)
        Of P: a_J(b)^2 of a jump up, for b = J_t, J_t - 1, ..., and the damping until each output
        time from the one before it.
    across : ndarray (rows * K + EIGHT,)
        Matrix elements of J_B^z between a ladder and the one below, with the sign of the two
        amplitudes, at M = J_t, J_t - 1, ...
    squares : ndarray (3, K)
        What the squares of amplitudes are summed with: g, J(J+1), g J(J+1).
    rows : int
    """

    way: Array
    factors: Array
    across: Array
    squares: Array
    rows: int


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
    pair = squares / np.where(squares[:, -1:] > 0.0, squares[:, -1:], 1.0)
    across = sign * coupling * np.sqrt(np.maximum((J - M) * (J + M), 0.0))
    return Products(
        np.pad(way.reshape(starts, -1), ((0, 0), (0, EIGHT))),
        np.pad(np.concatenate([pair, fade]).ravel(), (0, EIGHT)),
        np.pad(across.ravel(), (0, EIGHT)),
        np.array([diagonal, J * (J + 1.0), diagonal * J * (J + 1.0)]),
        bonds.rows,
    )


@njit(**KERNEL)
def _exponentials(logs: Array, out: Array) -> None:
    for r in range(logs.shape[0]):
        for k in range(logs.shape[1]):
            out[r, k] = exp_clamped(logs[r, k]) if logs[r, k] > -np.inf else 0.0


class Crossings(NamedTuple):
    """Where the records of runs side by side are, and room to follow a piece of each.

    Rows are those of `Products`, named by J_t - M; W = K + EIGHT, with zeros behind the ladders.

    Attributes
    ----------
    now : ndarray (LANES * W,)
        P, at any scale; 0 on ladders that are gone.
    place : ndarray of int64 (LANES, 9)
        Next output time, jumps up so far, the row and that of the start, the first ladder that
        counts and the one behind the last; the output time behind the list, its length, and the
        next event on it.
    burst : ndarray (LANES,)
        When M first was <= 0; infinity before.
    latest : ndarray of int64 (T,)
        Of the jumps in (tau_{i-1}, tau_i], as `_list_events` packs them; 0 between pieces.
    rows, ends : ndarray of int32 (LANES * T,)
        Of the output times: the row, and the place in the list of events.
    events : ndarray of int32 (LANES * (PIECE + T + 1),)
        Jumps up and output times in order, as rows of `Products.factors`.
    after : ndarray ((EIGHT + 1) * W,)
        P of one run before its next event, and after its next output times.
    work : ndarray (WORK,)
        Rows of eight numbers.
    """

    now: Array
    place: Counts
    burst: Array
    latest: Counts
    rows: Small
    ends: Small
    events: Small
    after: Array
    work: Array


TIME, UPS, ROW, START, FIRST, BEHIND, LISTED, COUNT, NEXT = range(9)
# rows of `Crossings.work`: eight output times by eight ladders, and sums over ladders
AMPLITUDES, ACROSS = 0, EIGHT * EIGHT
NORM, SUM_0, SUM_1, SUM_2, SUM_3, BEFORE, WORK = range(2 * ACROSS, 2 * ACROSS + 7 * EIGHT, EIGHT)
# what `Crossings.latest` packs: jumps up, from 1 on so that nothing is 0, above the row
UP = 1 << 32


def new_crossings(products: Products, n_times: int) -> Crossings:
    """Room for records at so many output times."""
    width = products.squares.shape[1] + EIGHT
    rows, ends = (np.zeros(LANES * n_times, dtype=np.int32) for _ in range(2))
    return Crossings(
        now=room_for(LANES * width),
        place=np.zeros((LANES, 9), dtype=np.int64),
        burst=np.zeros(LANES),
        latest=np.zeros(n_times, dtype=np.int64),
        rows=rows,
        ends=ends,
        events=np.zeros(LANES * (PIECE + n_times + 1), dtype=np.int32),
        after=room_for((EIGHT + 1) * width),
        work=room_for(WORK),
    )


@njit(**UNCOUNTED)
def start_crossings(lane: int, drawn: int, J: Array, m_starts: Array, q: Crossings) -> None:
    """Begin the record of a start and ladder, start * K + k."""
    now, place, K = q.now, q.place, J.size
    width, m_start = now.size // LANES, m_starts[drawn // K]
    for k in range(width):
        now[lane * width + k] = 1.0 if k < K else 0.0
    row = int(J[K - 1] - m_start + 0.5)
    place[lane, TIME], place[lane, UPS] = 0, 0
    place[lane, ROW], place[lane, START] = row, row
    place[lane, FIRST], place[lane, BEHIND] = 0, K
    place[lane, LISTED], place[lane, COUNT], place[lane, NEXT] = 0, 0, 0
    q.burst[lane] = np.inf if m_start > 0.0 else 0.0


@njit(**UNCOUNTED)
def _find_burst(lane: int, lowest: int, walks: Walks, q: Crossings) -> None:
    """When the total J^z is no longer positive, that is at heights up to `lowest`."""
    heights, jump_taus = walks.heights, walks.taus
    for j in range(walks.jumps[lane]):
        # unsigned: an index that might count from the end costs a comparison
        at = np.uint64(j * LANES + lane)
        if heights[at] <= lowest:
            q.burst[lane] = jump_taus[at]
            return


@njit(**UNCOUNTED)
def _list_events(
    lane: int, bottom: int, walks: Walks, taus: Array, table: Counts, q: Crossings
) -> Any:
    """List the jumps up of a lane's piece: the output time behind it, how many, and the row.

    No branch depends on what jumps do: half of them would be mispredicted. The last jump before an
    output time leaves how many jumps up there were in this piece, and the row; there is room for
    the output times in between. `bottom` is the row of J + M = 0.
    """
    latest, events = q.latest, q.events
    jump_taus, heights, cells = walks.taus, walks.heights, walks.cells
    before, place = q.place[lane, ROW], lane * (events.size // LANES) - q.place[lane, TIME]
    i, packed = q.place[lane, TIME], np.int64(UP)
    for j in range(walks.jumps[lane]):
        at = np.uint64(j * LANES + lane)
        tau, row = jump_taus[at], bottom - np.int64(heights[at])
        i = table[np.uint64(cells[at])]
        # a cell seldom holds two output times: the first step is no branch
        i += taus[np.uint64(i)] < tau
        while taus[np.uint64(i)] < tau:
            i += 1
        # written for every jump and kept for those up
        events[np.uint64(i + place)] = row
        up = row < before
        place += up
        packed += np.int64(up) << 32
        before = row
        latest[np.uint64(i)] = packed | row
    return i, (packed >> 32) - 1, before


@njit(**UNCOUNTED)
def _list_times(lane: int, behind: int, ups: int, pairs: int, T: int, q: Crossings) -> None:
    """Put the output times that are passed on the list, and note the row at each."""
    place, latest, rows, ends, events = q.place, q.latest, q.rows, q.ends, q.events
    first, base = place[lane, TIME], lane * (events.size // LANES)
    packed, to_lane = UP | place[lane, ROW], lane * T
    for n in range(first, behind):
        at = np.uint64(n)
        found = latest[at]
        packed = found if found != 0 else packed
        latest[at] = 0
        end = base + n - first + (packed >> 32) - 1
        rows[at + np.uint64(to_lane)] = packed & 0xFFFFFFFF
        ends[at + np.uint64(to_lane)] = end
        events[np.uint64(end)] = pairs + n
    if behind < T:
        latest[behind] = 0
    place[lane, NEXT], place[lane, LISTED] = base, behind
    place[lane, COUNT] = base + behind - first + ups


@njit(inline="always")
def _multiply(
    factors: Any, events: Any, begin: Any, end: Any, pairs: Any, K: Any, k: Any, after: Any
) -> Any:
    """P on the eight ladders from k on, from the first row of `after` through events to others."""
    width = K + EIGHT
    x, place = load(after, k), width + k
    for e in range(np.uint64(begin), np.uint64(end)):
        event = events[e]
        x = times(x, load(factors, event * K + k))
        # written after every event and kept after output times
        store(after, place, x)
        place += width * (event >= pairs)


@njit(**UNCOUNTED)
def _multiply_many(
    factors: Array,
    events: Small,
    begin: int,
    end: int,
    pairs: int,
    K: int,
    low: int,
    high: int,
    after: Array,
) -> None:
    """The same on the ladders from `low` to `high`, whose tables are beyond the caches."""
    source, place = np.int64(0), np.int64(K + EIGHT)
    for e in range(np.uint64(begin), np.uint64(end)):
        event = events[e]
        for k in range(low, high, EIGHT):  # each row is read through
            x = times(load(after, source + k), load(factors, event * K + k))
            store(after, place + k, x)
        source = place
        place += (K + EIGHT) * (event >= pairs)


# A call hands over each array's seven numbers: what is called for a few output times is no call.
@njit(inline="always")
def _multiply_all(
    factors: Any,
    events: Any,
    begin: Any,
    end: Any,
    pairs: Any,
    K: Any,
    low: Any,
    high: Any,
    after: Any,
) -> None:
    """The same on the ladders from `low` to `high`."""
    if high - low <= MOST_IN_REGISTERS:
        for k in range(low, high, EIGHT):
            _multiply(factors, events, begin, end, pairs, K, k, after)
    else:
        _multiply_many(factors, events, begin, end, pairs, K, low, high, after)


@njit(inline="always")
def _sum_up(
    i: Any, n: Any, k: Any, ladders: Any, way: Any, across: Any, squares: Any, q: Any
) -> Any:
    """Add the ladders from k on, eight at most, to the sums of n output times from i on."""
    after, work, rows, K = q.after, q.work, q.rows, squares.shape[1]
    for c in range(n):
        row = rows[np.uint64(i + c)] * K + k
        x = times(load(after, (c + 1) * (K + EIGHT) + k), load(way, row))
        store(work, AMPLITUDES + EIGHT * c, x)
        store(work, ACROSS + EIGHT * c, times(load(across, row), x))
    norm, s0, s1 = load(work, NORM), load(work, SUM_0), load(work, SUM_1)
    s2, s3, before = load(work, SUM_2), load(work, SUM_3), load(work, BEFORE)
    for r in range(ladders):
        at = np.uint64(k + r)
        x = column(work, AMPLITUDES + r)
        w = times(x, x)
        norm = plus(norm, w)
        s0 = plus(s0, times(filled(squares[0, at]), w))
        s1 = plus(s1, times(filled(squares[1, at]), w))
        s2 = plus(s2, times(filled(squares[2, at]), w))
        s3 = plus(s3, times(column(work, ACROSS + r), before))
        before = x
    store(work, NORM, norm)
    store(work, SUM_0, s0)
    store(work, SUM_1, s1)
    store(work, SUM_2, s2)
    store(work, SUM_3, s3)
    store(work, BEFORE, before)


@njit(**UNCOUNTED)
def _write_amplitudes(
    low: int, high: int, i: int, m: int, first_column: int, way: Array, q: Crossings, c: Array
) -> None:
    """Those of m output times from i on, whose ladders from `low` to `high` count."""
    after, rows, work, K = q.after, q.rows, q.work, c.shape[0]
    for r in range(m):
        scale, row = np.sqrt(1.0 / work[NORM + r]), rows[i + r] * K
        for k in range(K):
            x = after[(r + 1) * (K + EIGHT) + k] * way[row + k] * scale
            c[k, first_column + r] = x if low <= k < high else 0.0


@njit(inline="always")
def _follow_times(
    lane: Any, way: Any, products: Any, q: Any, first_column: Any, sums: Any, c: Any
) -> None:
    """Follow a lane's events to its next output times, and write what these see."""
    factors, across, squares = products.factors, products.across, products.squares
    now, place, rows, ends, events = q.now, q.place, q.rows, q.ends, q.events
    after, work, pairs, K = q.after, q.work, products.rows, squares.shape[1]
    i, behind, width = place[lane, TIME], place[lane, LISTED], K + EIGHT
    low, high = place[lane, FIRST], place[lane, BEHIND]
    own, of_times = lane * width, lane * (rows.size // LANES)
    # until P is scaled again: eight columns of one scale
    n = min(behind, (i + SCALING - 1) // SCALING * SCALING + 1) - i
    end = ends[np.uint64(of_times + i + n - 1)] + 1
    for at in range(NORM, WORK, EIGHT):
        store(work, at, filled(0.0))
    for k in range(low, high, EIGHT):
        store(after, k, load(now, own + k))
    _multiply_all(factors, events, place[lane, NEXT], end, pairs, K, low, high, after)
    for k in range(low, high, EIGHT):
        _sum_up(of_times + i, n, k, min(EIGHT, high - k), way, across, squares, q)
    m, scaled = n, (i + n - 1) % SCALING == 0
    for r in range(n - 1, -1, -1):
        if not LOW < work[NORM + r] < 1.0 / LOW:
            m, scaled = r + 1, True
    scale, at = over(filled(1.0), load(work, NORM)), first_column + i
    for o in range(4):
        one = times(load(work, SUM_0 + EIGHT * o), scale)
        store_first(sums, o * sums.shape[1] + at, one, m)
    if c.shape[1] > 0:
        _write_amplitudes(low, high, of_times + i, m, at, way, q, c)
    damping = np.sqrt(1.0 / work[NORM + m - 1]) if scaled else 1.0
    for k in range(low, high, EIGHT):
        store(now, own + k, times(load(after, m * width + k), filled(damping)))
    if scaled:
        row = rows[of_times + i + m - 1] * K
        for k in range(low, high):
            if not now[own + k] * way[row + k] > GONE:
                now[own + k] = 0.0
        while low + 1 < high and now[own + low] == 0.0:
            low += 1
        while low + 1 < high and now[own + high - 1] == 0.0:
            high -= 1
        place[lane, FIRST], place[lane, BEHIND] = low, high
    place[lane, TIME], place[lane, NEXT] = i + m, ends[of_times + i + m - 1] + 1


@njit(**UNCOUNTED)
def _follow_rest(lane: int, products: Products, q: Crossings) -> None:
    """Follow a lane's events behind the last output time that its list has."""
    now, place, after, K = q.now, q.place, q.after, products.squares.shape[1]
    begin, end, own, width = place[lane, NEXT], place[lane, COUNT], lane * (K + EIGHT), K + EIGHT
    low, high = place[lane, FIRST], place[lane, BEHIND]
    for k in range(low, high, EIGHT):
        store(after, k, load(now, own + k))
    _multiply_many(products.factors, q.events, begin, end, products.rows, K, low, high, after)
    for k in range(low, high, EIGHT):
        store(now, own + k, load(after, width + k))


@njit(**UNCOUNTED)
def list_piece_of_lane(
    lane: int,
    drawn: int,
    ended: bool,
    J: Array,
    walks: Walks,
    taus: Array,
    table: Counts,
    pairs: int,
    q: Crossings,
    first_column: int,
    M: Array,
    emitted: Array,
    absorbed: Array,
) -> None:
    """List the next jumps of a lane's record, and write what is counted at output times they pass.

    Parameters
    ----------
    drawn : int
        Index of start and ladder, start * K + k.
    table : ndarray
        Of `interval_table`.
    pairs : int
        Rows of `Products.factors` before those of output times.
    first_column : int
        Of the first output time.
    M, emitted, absorbed : ndarray (columns,)
    """
    place, rows, ends, T, top = q.place, q.rows, q.ends, taus.size, J[J.size - 1]
    own = J[drawn % J.size]
    if q.burst[lane] == np.inf:
        _find_burst(lane, int(np.floor(own)), walks, q)
    i, ups, row = _list_events(lane, int(top + own + 0.5), walks, taus, table, q)
    behind = T if ended else i
    _list_times(lane, behind, ups, pairs, T, q)
    first, before, start = place[lane, TIME], place[lane, UPS], place[lane, START]
    before += first - place[lane, NEXT]
    for i in range(np.uint64(first), np.uint64(behind)):
        at, of_lane = np.uint64(first_column) + i, np.uint64(lane * T) + i
        risen = before + np.int64(ends[of_lane]) - np.int64(i)
        M[at], absorbed[at] = top - rows[of_lane], risen
        emitted[at] = risen + rows[of_lane] - start
    place[lane, ROW], place[lane, UPS] = row, place[lane, UPS] + ups


@njit(**UNCOUNTED)
def follow_lists(
    lanes: int,
    drawn: Counts,
    products: Products,
    q: Crossings,
    first_column: int,
    sums: Array,
    c: Array,
) -> None:
    """Follow all lanes' lists, and write the states that their output times see.

    A few output times of each lane in turn: what waits in one is made up for by the next.

    Parameters
    ----------
    first_column : int
        Of lane 0; each has as many columns as output times.
    sums : ndarray (4, columns)
        Of the unit state: sums of its squares with `products.squares`, and across ladders.
    c : ndarray (K, columns), or (K, 0) where nobody asked
        Amplitudes of unit length, but for signs.
    """
    place, K, T, goes_on = q.place, products.squares.shape[1], q.latest.size, True
    while goes_on:
        goes_on = False
        for lane in range(lanes):
            if place[lane, TIME] < place[lane, LISTED]:
                way = products.way[drawn[lane] // K]
                _follow_times(lane, way, products, q, first_column + lane * T, sums, c)
                goes_on = True
    for lane in range(lanes):
        if place[lane, NEXT] < place[lane, COUNT]:
            _follow_rest(lane, products, q)
        place[lane, NEXT], place[lane, COUNT] = 0, 0


@njit(**KERNEL)
def means_of_sums(sums: Array, M: Array, nbar: float) -> None:
    """`conditional.expectations` in place of `sums`, those of `follow_products`."""
    for i in range(M.size):
        g, square = sums[0, i], M[i] * M[i]
        # a_J(M)^2 - M = J(J+1) - M^2
        sums[0, i], sums[1, i], sums[2, i], sums[3, i] = rates_from_sums(
            g, sums[2, i] - square * g, sums[1, i] - square, 2.0 * sums[3, i], M[i], nbar
        )
