"""Single runs made and followed: photon numbers and conditional states at the output times.

Runs are followed in small groups, one column for each output time of each run, so that what is read
of a state runs in long loops. Each stage is a kernel of its own, which compiles when it is first
asked for; a run's columns do not depend on who is beside it.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.kernelcache import INNER, KERNEL
from darkbattery.trajectories.jumps.counts.summaries import Batch, Told
from darkbattery.trajectories.jumps.photons.abreast import (
    LANES,
    Walks,
    new_walks,
    next_piece,
    start_walks,
)
from darkbattery.trajectories.jumps.photons.crossings import (
    TIME,
    Crossings,
    Products,
    follow_lists,
    list_piece_of_lane,
    means_of_sums,
    new_crossings,
    products_of,
    start_crossings,
)
from darkbattery.trajectories.jumps.photons.groups import Groups, new_groups, walk_in_groups
from darkbattery.trajectories.jumps.photons.walks import (
    BATCH,
    ENDED,
    PIECE,
    Starts,
    WaitRoom,
    Walker,
    interval_table,
    made_in_groups,
    new_walker,
    photon_numbers,
    start_walk,
    walk,
)
from darkbattery.trajectories.reading.bonds import (
    Bonds,
    Trail,
    add_ways,
    follow_piece,
    new_trail,
    read_trail,
)
from darkbattery.trajectories.reading.conditional import (
    BATTERY_Z,
    BATTERY_Z_RATE,
    EMISSION,
    GROUP_NUMBERS,
    MOST_GROUP,
    Unravelling,
    expectations,
    normalise_amplitudes,
)

Array = NDArray[np.float64]
Counts = NDArray[np.int64]


class Tables(NamedTuple):
    """`Unravelling` and the model's numbers, as a kernel takes them."""

    n_battery: float
    n_charger: float
    nbar: float
    starts: Starts
    bonds: Bonds
    damping: Array
    diagonal: Array
    coupling: Array
    sign: Array
    in_groups: bool


def kernel_tables(tables: Unravelling, battery: Experiment) -> Tables:
    """The tables of a battery in a kernel's form."""
    basis = tables.basis
    return Tables(
        float(battery.n_battery),
        float(battery.n_charger),
        tables.nbar,
        Starts(tables.cumulative, tables.bonds.J, tables.bonds.m_starts),
        tables.bonds,
        tables.damping,
        basis.diagonal,
        basis.coupling,
        tables.relative_sign,
        made_in_groups(battery),
    )


class Path(NamedTuple):
    """Room for a group of G runs: how they are made and followed, and what is read at G T columns.

    Attributes
    ----------
    burst : ndarray (G,)
        When the total J^z first was <= 0, infinity if it was not before the last time.
    drawn : ndarray of int64 (G,)
        Index of start and ladder.
    M : ndarray (G T,)
    quantities : ndarray (7, G T)
        For what is summed over runs; `emitted` and `absorbed` are its last two rows.
    emitted, absorbed : ndarray (G T,)
    logs, amplitudes : ndarray (K, G T)
    work : ndarray (2, G T)
    counted : ndarray of int64 (G, K, 2)
        Of `normalise_amplitudes`.
    means : ndarray (4, G T)
        Of `expectations`.
    table : ndarray of int64
        Of `interval_table`.
    walker : Walker or None
    trail : Trail or None
        Where logarithms of amplitudes are followed.
    products : Products or None
    walks : Walks or None
    crossings : Crossings or None
        Where the amplitudes themselves are.
    groups : Groups or None
        Where jumps are made in groups.
    """

    burst: Array
    drawn: Counts
    M: Array
    quantities: Array
    emitted: Array
    absorbed: Array
    logs: Array
    amplitudes: Array
    work: Array
    counted: Counts
    means: Array
    table: Counts
    walker: Walker | None
    trail: Trail | None
    products: Products | None
    walks: Walks | None
    crossings: Crossings | None
    groups: Groups | None


def room_for_path(
    q: Tables, taus: Array, runs: int, products: Products | None, states: bool
) -> Path:
    """Arrays to follow so many runs at output times gamma t, with amplitudes if `states`."""
    K, columns = q.damping.size, runs * taus.size
    by_logs = q.in_groups or (q.nbar > 0.0 and products is None)
    quantities = np.zeros((7, columns))
    return Path(
        burst=np.empty(runs),
        drawn=np.empty(runs, dtype=np.int64),
        M=np.empty(columns),
        quantities=quantities,
        emitted=quantities[5],
        absorbed=quantities[6],
        logs=np.empty((K, 0 if products else columns)),
        amplitudes=np.zeros((K, columns if states or products is None else 0)),
        work=np.empty((2, columns)),
        counted=np.zeros((runs, K, 2), dtype=np.int64),
        means=np.empty((4, columns)),
        table=interval_table(taus),
        walker=new_walker() if by_logs and not q.in_groups else None,
        trail=new_trail(K, taus.size, PIECE) if by_logs else None,
        products=products,
        walks=new_walks() if products else None,
        crossings=new_crossings(products, taus.size) if products else None,
        groups=new_groups() if q.in_groups else None,
    )


def as_products(q: Tables, taus: Array) -> Products | None:
    """Tables of runs whose amplitudes are followed as products; None where they are not."""
    if q.nbar == 0.0 or q.in_groups:
        return None
    return products_of(q.bonds, q.damping, q.diagonal, q.coupling, q.sign, taus)


def groups_of_runs(
    q: Tables, taus: Array, first: int, runs: int, states: bool = False
) -> Iterator[tuple[int, Path]]:
    """First run of each group and its room; the group has as many runs as ``path.burst``."""
    products = as_products(q, taus)
    of_ladders = q.damping.size if states or products is None else 0
    size = GROUP_NUMBERS // ((12 + of_ladders) * taus.size)
    size = max(1, min(size, MOST_GROUP, runs))
    path = room_for_path(q, taus, size, products, states)
    for start in range(first, first + runs - size + 1, size):
        yield start, path
    if rest := runs % size:
        yield first + runs - rest, room_for_path(q, taus, rest, products, states)


def follow(seed: Any, first: int, taus: Array, q: Tables, path: Path) -> None:
    """Make the runs from `first` on that `path` has room for, and read them, into `path`."""
    bonds = q.bonds
    start = seed, first, q.nbar, q.starts.cumulative
    found = path.burst, path.drawn, path.M, path.emitted, path.absorbed
    if path.products is not None:
        ladders, states = (bonds.J, bonds.m_starts), (path.means, path.amplitudes)
        made = path.products, path.walks, path.crossings
        _follow_products(*start, *ladders, taus, path.table, *made, *found, *states)
        means_of_sums(path.means, path.M, q.nbar)
        return
    if q.in_groups:
        _follow_groups(*start, bonds, taus, path.table, path.groups, path.trail, *found, path.logs)
    elif path.trail is not None:
        _follow_logs(*start, bonds, taus, path.table, path.walker, path.trail, *found, path.logs)
    else:
        _follow_decays(seed, first, q.starts, taus, path.burst, path.drawn, path.emitted)
        np.subtract(float(bonds.m_starts[0]), path.emitted, out=path.M)
        add_ways(bonds, 0, path.M, path.logs)
    c, counted = path.amplitudes, path.counted
    normalise_amplitudes(path.logs, q.damping, taus, c, path.work, counted)
    expectations(c, path.M, bonds.J, q.diagonal, q.coupling, q.sign, q.nbar, counted, path.means)


def add_rows(start: int, path: Path, battery: Experiment, J: Array, rows: Told) -> None:
    """Add the runs start, start + 1, ... that were followed into `path`."""
    spins = float(battery.n_battery)
    energies = 0.5 + path.means[BATTERY_Z] / spins
    powers = path.means[BATTERY_Z_RATE] * battery.gamma / spins
    photons, ladders = (path.emitted, path.absorbed), J[path.drawn % J.size]
    light = path.means[EMISSION], photons
    rows.add(Batch(start, energies, powers, *light, path.burst, ladders))


@njit(**KERNEL)
def _follow_decays(
    seed: int, first: int, starts: Starts, taus: Array, burst: Array, drawn: Counts, emitted: Array
) -> None:
    room = WaitRoom(np.empty(BATCH, dtype=np.uint64), np.empty(BATCH))
    numbers, halfway = np.empty(taus.size, dtype=np.int64), int(np.ceil(starts.m_starts[0]))
    for r in range(burst.size):
        run = first + r
        drawn[r], burst[r] = photon_numbers(seed, run, starts, taus, halfway, room, numbers)
        for i in range(taus.size):
            emitted[r * taus.size + i] = numbers[i]


@njit(**INNER)
def follow_lanes(
    seed: int,
    first: int,
    begin: int,
    lanes: int,
    nbar: float,
    cumulative: Array,
    J: Array,
    m_starts: Array,
    taus: Array,
    table: Counts,
    products: Products,
    walks: Walks,
    crossings: Crossings,
    burst: Array,
    drawn: Counts,
    M: Array,
    emitted: Array,
    absorbed: Array,
    sums: Array,
    amplitudes: Array,
) -> None:
    """Make and follow the runs from first + begin on that go abreast, into places from `begin`."""
    T = taus.size
    start_walks(seed, first + begin, lanes, cumulative, J, m_starts, walks)
    for r in range(lanes):
        drawn[begin + r] = walks.drawn[r]
        start_crossings(r, walks.drawn[r], J, m_starts, crossings)
    goes_on = True
    while goes_on:
        goes_on = next_piece(seed, nbar, taus[T - 1], float(table.size - 1), walks)
        for r in range(lanes):
            if crossings.place[r, TIME] < T:
                list_piece_of_lane(
                    r,
                    walks.drawn[r],
                    walks.goes_on[r] == 0,
                    J,
                    walks,
                    taus,
                    table,
                    products.rows,
                    crossings,
                    (begin + r) * T,
                    M,
                    emitted,
                    absorbed,
                )
        follow_lists(lanes, walks.drawn, products, crossings, begin * T, sums, amplitudes)
    for r in range(lanes):
        burst[begin + r] = crossings.burst[r]


@njit(**KERNEL)
def _follow_products(
    seed: int,
    first: int,
    nbar: float,
    cumulative: Array,
    J: Array,
    m_starts: Array,
    taus: Array,
    table: Counts,
    products: Products,
    walks: Walks,
    crossings: Crossings,
    burst: Array,
    drawn: Counts,
    M: Array,
    emitted: Array,
    absorbed: Array,
    sums: Array,
    amplitudes: Array,
) -> None:
    for begin in range(0, burst.size, LANES):
        follow_lanes(
            seed,
            first,
            begin,
            min(LANES, burst.size - begin),
            nbar,
            cumulative,
            J,
            m_starts,
            taus,
            table,
            products,
            walks,
            crossings,
            burst,
            drawn,
            M,
            emitted,
            absorbed,
            sums,
            amplitudes,
        )


@njit(**KERNEL)
def _follow_logs(
    seed: int,
    first: int,
    nbar: float,
    cumulative: Array,
    bonds: Bonds,
    taus: Array,
    table: Counts,
    walker: Walker,
    trail: Trail,
    burst: Array,
    drawn: Counts,
    M: Array,
    emitted: Array,
    absorbed: Array,
    logs: Array,
) -> None:
    K, T, J, m_starts = logs.shape[0], taus.size, bonds.J, bonds.m_starts
    ended, jump_taus, directions = walker.place, walker.jump_taus, walker.directions
    own, counted = np.empty((K, T)), np.empty((3, T))
    for r in range(burst.size):
        drawn[r] = start_walk(seed, first + r, Starts(cumulative, J, m_starts), walker)
        start = drawn[r] // K
        trail.place[0], trail.burst[0] = 0, np.inf if m_starts[start] > 0.0 else 0.0
        while ended[ENDED] == 0:
            jumps = walk(seed, first + r, J, nbar, taus[T - 1], walker)
            follow_piece(jump_taus, directions, jumps, taus, table, bonds, start, trail)
        burst[r] = read_trail(bonds, start, trail, counted[0], counted[1], counted[2], own)
        _copy_run(r, counted, own, M, emitted, absorbed, logs)


@njit(**INNER)
def _copy_run(
    r: int, counted: Array, own: Array, M: Array, emitted: Array, absorbed: Array, logs: Array
) -> None:
    K, T = own.shape
    for i in range(T):
        M[r * T + i], emitted[r * T + i] = counted[0, i], counted[1, i]
        absorbed[r * T + i] = counted[2, i]
    for k in range(K):
        for i in range(T):
            logs[k, r * T + i] = own[k, i]


# a kernel of its own: drawing groups takes four seconds to compile, which other runs are spared
@njit(**KERNEL)
def _follow_groups(
    seed: int,
    first: int,
    nbar: float,
    cumulative: Array,
    bonds: Bonds,
    taus: Array,
    table: Counts,
    groups: Groups,
    trail: Trail,
    burst: Array,
    drawn: Counts,
    M: Array,
    emitted: Array,
    absorbed: Array,
    logs: Array,
) -> None:
    K, T = logs.shape[0], taus.size
    own, counted = np.empty((K, T)), np.empty((3, T))
    for r in range(burst.size):
        drawn[r] = walk_in_groups(
            seed, first + r, taus, cumulative, nbar, table, bonds, groups, trail
        )
        start = drawn[r] // K
        burst[r] = read_trail(bonds, start, trail, counted[0], counted[1], counted[2], own)
        _copy_run(r, counted, own, M, emitted, absorbed, logs)
