r"""Single runs with the mode over irreps: jumps of the field and of single spins.

Between jumps the amplitudes of a block, at sharp (j_B, j_C) and Q, obey

.. math:: \dot\psi = A\psi,\qquad A = -iH-\tfrac12\sum_cL_c^\dagger L_c,

and a jump comes when their norm has fallen to a uniform random number (Dalibard, Castin and
Moelmer 1992). The norm never rises, so that its root is found digit by digit on exact exponentials
of A over a span and its halves, quarters, ..., until the remainder is below `REMAINDER` of the
fastest rate; there the root is Newton's, on Taylor's polynomial of order `ORDER`, which is wrong by
less than 1e-17.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.kernelcache import INNER, KERNEL
from darkbattery.nvmodel.streams import JUMPS_OF_A_MODE, philox_block, unit
from darkbattery.trajectories.jumps.counts.sums import Sums, add_populations, add_run

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
Integers = NDArray[np.int64]

# what is read of a run, in the order in which `trajectories.jumps.resonator.cavity_jumps` reads it
BATTERY_ENERGY, CHARGER_ENERGY, POWER, PHOTONS, ABSORBED, EMITTED, LOCAL_LOSS = range(7)
QUANTITIES = 7

REMAINDER = 1e-3
ORDER = 5
NEWTON_STEPS = 4
NEAR = 1e-9  # of a span: what such a one is too long by, Taylor's polynomial takes back
SAME = 1e-13  # of a span: by so much those of one grid differ


class Tables(NamedTuple):
    """All that runs of a model read; blocks b, states i, channels c, sets of rates r.

    Attributes
    ----------
    span : float
        What the first exponential of a block is over, s.
    levels : int
        How many there are, each over half the span of the one before.
    powers : ndarray of complex
        Of block b under rates r from ``at[r, b]`` on: the exponentials row by row, then A.
    at, first, block, target : ndarray of int
        ``first`` (B + 1,) state of each block, ``block`` (states,); ``target`` (C, B) is where a
        channel leads, -1 where nowhere.
    source, amplitude : ndarray (C, states), (r, C, states)
        What a channel takes each state from, and with what factor.
    process : ndarray of int (C,)
        Places in `trajectories.PROCESSES`.
    excitations : ndarray of int
        What each process changes, by its place.
    start : ndarray (states,)
        Sums of probabilities.
    mb, mc, n : ndarray (states,)
    local : ndarray (r, states)
        d<J_B^z>/dt by noise of single spins.
    ends, rates : ndarray (stages,)
        When each stage ends, s, and its set of rates.
    offsets : ndarray of int
        Of the battery's `Irreps`; ``irrep`` (B,) numbers each block's, the longest is 0.
    """

    span: float
    levels: int
    powers: Complex
    at: Integers
    first: Integers
    block: Integers
    target: Integers
    source: Integers
    amplitude: Array
    process: Integers
    excitations: NDArray[np.int8]
    start: Array
    mb: Array
    mc: Array
    n: Array
    local: Array
    ends: Array
    rates: Integers
    offsets: Integers
    irrep: Integers
    n_battery: int
    n_charger: int


class Path(NamedTuple):
    """What is told of G runs, in columns of T output times each.

    Attributes
    ----------
    read : ndarray (QUANTITIES, G T)
    burst : ndarray (G,)
        The first output time at which the total J^z is <= 0 on average; infinity if at none.
    blocks : ndarray of int (G T,)
        Where each run is.
    states : ndarray of complex (G T, d)
        Normalised amplitudes, without columns where nobody asks.
    jump_times : ndarray, processes : ndarray of int8
        The record of the last run, as far as there is room.
    """

    read: Array
    burst: Array
    blocks: Integers
    states: Complex
    jump_times: Array
    processes: NDArray[np.int8]


def empty_path(columns: int, runs: int, largest: int = 0, jumps: int = 0) -> Path:
    """Room for so many runs; for states of `largest` amplitudes."""
    return Path(
        np.zeros((QUANTITIES, columns)),
        np.zeros(runs),
        np.zeros(columns, dtype=np.int64),
        np.zeros((columns, largest), dtype=np.complex128),
        np.zeros(jumps),
        np.zeros(jumps, dtype=np.int8),
    )


@njit(**INNER)
def _times(powers: Any, at: int, d: int, x: Any, y: Any) -> float:
    """y = the matrix that begins at `at`, times x; returns the norm of y."""
    norm = 0.0
    for i in range(d):
        value = 0.0j
        for j in range(d):
            value += powers[at + i * d + j] * x[j]
        y[i] = value
        norm += value.real * value.real + value.imag * value.imag
    return norm


@njit(**INNER)
def _taylor(powers: Any, at: int, d: int, step: float, x: Any, y: Any, room: Any) -> float:
    """y = x a short step on; returns its norm."""
    term, next_term = room[0], room[1]
    for i in range(d):
        y[i] = term[i] = x[i]
    for k in range(1, ORDER + 1):
        _times(powers, at, d, term, next_term)
        for i in range(d):
            term[i] = next_term[i] * (step / k)
            y[i] += term[i]
    norm = 0.0
    for i in range(d):
        norm += y[i].real * y[i].real + y[i].imag * y[i].imag
    return norm


@njit(**INNER)
def _falling(powers: Any, at: int, d: int, x: Any, room: Any) -> float:
    """Minus the change of the norm of x per second."""
    _times(powers, at, d, x, room[0])
    rate = 0.0
    for i in range(d):
        rate -= 2.0 * (x[i].real * room[0, i].real + x[i].imag * room[0, i].imag)
    return rate


@njit(**INNER)
def _advance(q: Tables, at: int, d: int, span: float, u: float, x: Any, room: Any) -> float:
    """x = the block's state `span` on, or at its jump before; returns how far it came.

    A jump: the norm is u, and what is returned is below `span`.
    """
    y, passed, step, jumped = room[2], 0.0, q.span, False
    generator = at + q.levels * d * d
    for level in range(q.levels):
        power = at + level * d * d
        while jumped or span - passed >= step * (1.0 - NEAR):
            if _times(q.powers, power, d, x, y) < u:
                jumped = True
                break
            for i in range(d):
                x[i] = y[i]
            passed += step
            if jumped:
                break  # in the other half, then
        step *= 0.5
    left = step * 2.0 if jumped else span - passed
    if not jumped and abs(left) <= SAME * q.span:
        return span
    if _taylor(q.powers, generator, d, left, x, y, room) >= u and not jumped:
        for i in range(d):
            x[i] = y[i]
        return span
    share = 0.0
    for _ in range(NEWTON_STEPS):
        norm = _taylor(q.powers, generator, d, share, x, y, room)
        rate = _falling(q.powers, generator, d, y, room)
        if rate <= 0.0:
            break
        share = min(max(share + (norm - u) / rate, min(left, 0.0)), max(left, 0.0))
    _taylor(q.powers, generator, d, share, x, y, room)
    for i in range(d):
        x[i] = y[i]
    # a jump at the very end is one, too
    return min(passed + share, np.nextafter(span, -1.0))


@njit(**INNER)
def _normalise(x: Any) -> None:
    norm = 0.0
    for i in range(x.size):
        norm += x[i].real * x[i].real + x[i].imag * x[i].imag
    for i in range(x.size):
        x[i] /= np.sqrt(norm)


@njit(**INNER)
def _jump(q: Tables, r: int, b: int, v: float, x: Any, room: Any) -> tuple[int, int]:
    """Draw a channel with v and let it happen to x; returns it and the new block, -1 if none."""
    total, first, chosen = 0.0, q.first[b], -1
    weights = room[0]
    for c in range(q.process.size):
        t, weight = q.target[c, b], 0.0
        if t >= 0:
            for i in range(q.first[t], q.first[t + 1]):
                s = q.source[c, i]
                if s >= 0:
                    z, f = x[s - first], q.amplitude[r, c, i]
                    weight += f * f * (z.real * z.real + z.imag * z.imag)
        weights[c] = weight
        total += weight
    left = v * total
    for c in range(q.process.size):
        if weights[c].real > 0.0:
            chosen = c
            left -= weights[c].real
            if left < 0.0:
                break
    if chosen < 0:  # what fell was rounding
        _normalise(x)
        return -1, b
    t, scale, y = q.target[chosen, b], 1.0 / np.sqrt(weights[chosen].real), room[2]
    for i in range(q.first[t], q.first[t + 1]):
        s = q.source[chosen, i]
        y[i - q.first[t]] = 0.0
        if s >= 0:
            y[i - q.first[t]] = scale * q.amplitude[r, chosen, i] * x[s - first]
    x[:] = 0.0
    for i in range(q.first[t + 1] - q.first[t]):
        x[i] = y[i]
    return chosen, t


@njit(**INNER)
def _read(q: Tables, r: int, b: int, x: Any, values: Array, column: int) -> None:
    """Energies, power and photons of the conditional state into a column of `values`."""
    first, d = q.first[b], q.first[b + 1] - q.first[b]
    generator = q.at[r, b] + q.levels * d * d
    norm, battery, charger, photons, change = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(d):
        weight = x[i].real * x[i].real + x[i].imag * x[i].imag
        norm += weight
        battery += weight * q.mb[first + i]
        charger += weight * q.mc[first + i]
        photons += weight * q.n[first + i]
        change += weight * q.local[r, first + i]
        moved = 0.0j
        for j in range(d):
            if j != i:
                moved += q.powers[generator + i * d + j] * x[j]
        change += 2.0 * q.mb[first + i] * (x[i].real * moved.real + x[i].imag * moved.imag)
    values[BATTERY_ENERGY, column] = 0.5 + battery / norm / q.n_battery
    values[CHARGER_ENERGY, column] = 0.5 + charger / norm / q.n_charger
    values[POWER, column] = change / norm / q.n_battery
    values[PHOTONS, column] = photons / norm


@njit(**INNER)
def _keep(q: Tables, b: int, x: Any, to: Any) -> None:
    """The normalised amplitudes into `to`."""
    norm, d = 0.0, q.first[b + 1] - q.first[b]
    for i in range(d):
        norm += x[i].real * x[i].real + x[i].imag * x[i].imag
    for i in range(d):
        to[i] = x[i] / np.sqrt(norm)


@njit(**INNER)
def _follow_run(
    seed: Any, run: int, place: int, times: Array, q: Tables, x: Any, room: Any, path: Path
) -> int:
    """One run until the last of `times`, the one at `place` of `path`; how many jumps it had."""
    T, jumps, drawn, burst, now, stage, i = times.size, 0, 0, np.inf, 0.0, 0, 0
    emitted, absorbed, lost = 0, 0, 0
    w0, w1, w2, _ = philox_block(seed, np.uint64(JUMPS_OF_A_MODE), run, 0)
    u, v = unit(w1), unit(w2)
    state, aim = 0, unit(w0)
    while state < q.start.size - 1 and q.start[state] < aim:
        state += 1
    b = q.block[state]
    x[:] = 0.0
    x[state - q.first[b]] = 1.0
    while i < T:
        r, d, stop = q.rates[stage], q.first[b + 1] - q.first[b], min(times[i], q.ends[stage])
        if stop > now:
            passed = _advance(q, q.at[r, b], d, stop - now, u, x, room)
            if passed < stop - now:
                now += passed
                c, b = _jump(q, r, b, v, x, room)
                if c >= 0:
                    process = q.process[c]
                    if jumps < path.jump_times.size:
                        path.jump_times[jumps], path.processes[jumps] = now, process
                    emitted += process == 0
                    absorbed += process == 1
                    lost -= q.excitations[process] if process > 1 else 0
                    jumps += 1
                drawn += 1
                w0, w1, _, _ = philox_block(seed, np.uint64(JUMPS_OF_A_MODE), run, drawn)
                u, v = unit(w0), unit(w1)
                continue
            now = stop
        if now >= q.ends[stage]:
            stage += 1
            continue
        column = place * T + i
        _read(q, r, b, x, path.read, column)
        path.read[EMITTED, column], path.read[ABSORBED, column] = emitted, absorbed
        path.read[LOCAL_LOSS, column] = lost
        path.blocks[column] = b
        if path.states.shape[1]:
            _keep(q, b, x, path.states[column])
        battery = q.n_battery * (path.read[BATTERY_ENERGY, column] - 0.5)
        if battery + q.n_charger * (path.read[CHARGER_ENERGY, column] - 0.5) <= 0.0:
            burst = min(burst, times[i])
        i += 1
    path.burst[place] = burst
    return jumps


@njit(**KERNEL)
def follow_over_irreps(seed: Any, first: int, times: Array, q: Tables, path: Path) -> int:
    """The runs first, first + 1, ... that `path` has room for; the jumps of the last one."""
    largest, jumps = max(np.max(q.first[1:] - q.first[:-1]), q.process.size), 0
    x, room = np.zeros(largest, dtype=np.complex128), np.zeros((3, largest), dtype=np.complex128)
    for place in range(path.burst.size):
        jumps = _follow_run(seed, first + place, place, times, q, x, room, path)
    return jumps


@njit(**KERNEL)
def add_over_irreps(first: int, times: Array, q: Tables, path: Path, sums: Sums) -> None:
    """Add the runs first, first + 1, ... of `path`; and their populations where states are."""
    T, p = times.size, np.zeros(q.n_battery + 1)
    for place in range(path.burst.size):
        add_run(path.read, place * T, path.burst[place], times, times, sums)
        if path.states.shape[1]:
            for i in range(T):
                column = place * T + i
                b = path.blocks[column]
                bottom = q.irrep[b]  # excitations of the irrep's lowest state
                p[:] = 0.0
                for s in range(q.first[b + 1] - q.first[b]):
                    z = path.states[column, s]
                    level = int(q.mb[q.first[b] + s] + 0.5 * q.n_battery + 0.5) - bottom
                    p[level] += z.real * z.real + z.imag * z.imag
                levels = q.n_battery - 2 * bottom + 1
                add_populations(
                    first + place, i, p, q.offsets[bottom], bottom, levels, q.n_battery, sums
                )
