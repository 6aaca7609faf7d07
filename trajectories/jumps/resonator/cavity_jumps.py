r"""Single runs with the mode: every ladder follows the record of the one that was drawn.

J is drawn first, with p_J. Between photons the drawn ladder's amplitudes over n obey

.. math:: \dot c_n = h_{n-1}c_{n-1}-h_nc_{n+1}
          -\tfrac\kappa2[(\bar n+1)n+\bar n(n+1)]c_n-iD_cnc_n,

and a photon comes when their norm has fallen to a uniform random number (Dalibard, Castin and
Moelmer 1992). Taylor's series of a step is summed until what is left out is below `TERM` by the
largest row sum of the generator, and the photon's time is found on its polynomial by Newton's
method. The other ladders take the same steps and photons: together they are the conditional state.

How likely the record is on another ladder, over how likely on the drawn one, is a martingale: once
below `FORGOTTEN` its mean stays there, and that of the amplitude below the root, 1e-10. So such a
ladder is left out.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.streams import JUMPS_OF_A_MODE, philox_block, unit
from darkbattery.trajectories.jumps.resonator.vectors import FOUR, LANES, add_four

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# what is read of a run, in this order: energy, light and emitted photons stand where
# `trajectories.jumps.counts.sums` looks for them, photons in the mode in place of the emission
BATTERY_ENERGY, CHARGER_ENERGY, POWER, PHOTONS, ABSORBED, EMITTED = range(6)
QUANTITIES = 6

# of a step, times the largest rate: longer ones take fewer terms in all, but lose digits to e^8
LONGEST = 8.0
MOST_TERMS = 60
TERM = 1e-12  # of amplitudes of order 1: left out by a step at most
FORGOTTEN = 1e-20  # weight of a ladder, to the drawn one's, below which it is left out
NEWTON_STEPS = 60
ROOT = 1e-7  # of a step: Newton's next one would be about its square


OUTER: dict[str, Any] = {"cache": True, "error_model": "numpy", "_nrt": False}
INNER: dict[str, Any] = {**OUTER, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
# sums of many products need no order
READ = {**INNER, "fastmath": {"reassoc", "contract", "nsz"}}


class Mode(NamedTuple):
    """Rates and ladders as the kernel takes them.

    `amplitude` (K,) at the start; `cumulative` (K,) and `field` (n,) are sums of probabilities;
    `loss` (n,) is half the rate of photons, and i times the detuning, which alone is `turn`: real
    where there is none.
    """

    J: Array
    amplitude: Array
    cumulative: Array
    field: Array
    diagonal: Array
    coupling: Array
    m_start: float
    g: float
    kappa: float
    nbar: float
    n_battery: int
    n_charger: int
    loss: Any
    turn: Any


class State(NamedTuple):
    """The conditional state: the ladders that are kept, one behind the other, from element 1 on.

    Each is filled up with zeros to whole vectors of `LANES`.

    Attributes
    ----------
    c, before, x, y : ndarray (elements,)
        Amplitudes, and room.
    up, loss, turn : ndarray (elements,)
        What couples an element to the next, and its decay and turning.
    own, across, photons : ndarray (elements,)
        J_B^z of an element, twice that between it and the same n of the next ladder, and n.
    at, levels : ndarray of int (K,)
        Where each ladder begins, and its photon numbers 0, 1, ...; no levels once left out.
    weight : ndarray (K,)
    terms : ndarray (n, MOST_TERMS)
        Of the drawn ladder's series.
    of_drawn : ndarray (n,)
    """

    c: Any
    before: Any
    x: Any
    y: Any
    up: Array
    loss: Any
    turn: Any
    own: Array
    across: Array
    photons: Array
    at: Integers
    levels: Integers
    weight: Array
    terms: Any
    of_drawn: Any


def empty_state(mode: Mode) -> State:
    """Room for one run after the other."""
    K, size = mode.J.size, mode.field.size
    S, kind = K * (size + LANES) + LANES, mode.loss.dtype
    c, before, x, y, loss, turn = (np.zeros(S, kind) for _ in range(6))
    up, own, across, photons = (np.zeros(S) for _ in range(4))
    numbers = np.zeros(K, dtype=np.int64), np.zeros(K, dtype=np.int64), np.zeros(K)
    series = np.zeros((size, MOST_TERMS), kind), np.zeros(size, kind)
    return State(c, before, x, y, up, loss, turn, own, across, photons, *numbers, *series)


@njit(inline="always")
def _room(levels: Any) -> Any:
    """Elements that a ladder takes: whole vectors."""
    return (levels + LANES - 1) & ~(LANES - 1)


@njit(inline="always")
def _size(x: Any) -> Any:
    return x.real * x.real + x.imag * x.imag


@njit(**INNER)
def _lay_out(mode: Mode, state: State, Q: float) -> tuple[int, float]:
    """All tables at Q, for the ladders that have levels; the state's end and the largest rate."""
    K, end, largest = mode.J.size, 1, 0.0
    for k in range(K):
        levels, J, before = state.levels[k], mode.J[k], 0.0
        linked = k + 1 < K and levels > 0 and state.levels[k + 1] > 0
        above = mode.J[k + 1] if linked else 0.0
        state.at[k] = end
        for n in range(levels):
            i, M, h = end + n, Q - n, 0.0
            if n + 1 < levels:
                h = mode.g * np.sqrt((n + 1.0) * max((J + M) * (J - M + 1.0), 0.0))
            state.up[i], state.loss[i], state.turn[i] = h, mode.loss[n], mode.turn[n]
            state.own[i], state.photons[i], state.across[i] = mode.diagonal[k] * M, n, 0.0
            if linked:
                root = np.sqrt(max(above * above - M * M, 0.0))
                state.across[i] = 2.0 * mode.coupling[k + 1] * root
            largest = max(largest, before + h + abs(mode.loss[n]))
            before = h
        after = end + _room(levels)
        for i in range(end + levels, after):
            state.up[i], state.loss[i], state.turn[i] = 0.0, 0.0 * mode.loss[0], 0.0 * mode.loss[0]
            state.own[i], state.across[i], state.photons[i] = 0.0, 0.0, 0.0
        end = after
    return end, largest


@njit(**INNER)
def _terms_for(reach: float) -> int:
    """Terms of the exponential series of norm `reach` that leave out less than `TERM`."""
    left, count = 1.0, 1
    while count < MOST_TERMS and (left > TERM or count <= reach):
        left *= reach / count
        count += 1
    return count


ONE = np.uint64(1)


@njit(**INNER)
def _advance(state: State, end: int, step: float, count: int) -> None:
    """All ladders from `before` one step on, into c."""
    up, loss, c, x, y, last = state.up, state.loss, state.c, state.x, state.y, np.uint64(end)
    for i in range(ONE, last):
        x[i] = c[i] = state.before[i]
    for j in range(1, count):
        factor = step / j
        at: Any = ONE
        while at < last:
            add_four(up, loss, x, y, c, at, ONE, factor)
            at += FOUR
        x, y = y, x


@njit(**INNER)
def _norm(x: Any, at: int, levels: int) -> float:
    norm = 0.0
    for i in range(at, at + levels):
        norm += _size(x[i])
    return norm


@njit(**INNER)
def _series(state: State, at: int, levels: int, step: float, count: int) -> None:
    """The drawn ladder's terms (n, j) of a step, in powers of the share of it."""
    up, loss, terms = state.up, state.loss, state.terms
    for n in range(levels):
        terms[n, 0] = state.before[at + n]
    for j in range(1, count):
        factor, below = step / j, 0.0 * terms[0, 0]
        for n in range(levels):
            term = below - loss[at + n] * terms[n, j - 1]
            if n + 1 < levels:
                term -= up[at + n] * terms[n + 1, j - 1]
            terms[n, j] = factor * term
            below = up[at + n] * terms[n, j - 1]


@njit(**INNER)
def _at_share(terms: Any, count: int, share: float, levels: int, x: Any) -> float:
    """x = the drawn ladder at a share of the step; returns its norm."""
    norm = 0.0
    for n in range(levels):
        value = terms[n, count - 1]
        for j in range(count - 2, -1, -1):
            value = value * share + terms[n, j]
        x[n] = value
        norm += _size(value)
    return norm


@njit(**INNER)
def _leaving(mode: Mode, x: Any, levels: int) -> tuple[float, float]:
    """Rates of emission and absorption of the drawn ladder, times its norm."""
    emission, absorption, most = 0.0, 0.0, mode.field.size - 1
    for n in range(levels):
        emission += n * _size(x[n])
        absorption += (n + 1.0) * _size(x[n]) if n < most else 0.0
    return mode.kappa * (mode.nbar + 1.0) * emission, mode.kappa * mode.nbar * absorption


@njit(**INNER)
def _share_of_photon(
    mode: Mode, state: State, levels: int, count: int, step: float, share: float, level: float
) -> float:
    """Share of the step at which the norm has fallen to `level`; the first guess is `share`.

    Newton's method, kept between both ends: the norm falls at the rate of photons.
    """
    low, high, x = 0.0, 1.0, state.of_drawn
    for _ in range(NEWTON_STEPS):
        norm = _at_share(state.terms, count, share, levels, x)
        if norm > level:
            low = share
        else:
            high = share
        emission, absorption = _leaving(mode, x, levels)
        slope = step * (emission + absorption)
        nearer = share + (norm - level) / slope if slope > 0.0 else 0.5 * (low + high)
        if abs(nearer - share) < ROOT:
            return min(max(nearer, low), high)
        share = nearer if low < nearer < high else 0.5 * (low + high)
    return share


@njit(**INNER)
def _take_photon(mode: Mode, state: State, drawn: int, Q: float, emitted: bool) -> None:
    """a or its adjoint on all ladders, those left out that weigh nothing; Q is the new one."""
    c, x, K, size, end = state.c, state.before, mode.J.size, mode.field.size, 1
    for k in range(K):
        old, at = state.levels[k], state.at[k]
        levels = min(size, int(Q + mode.J[k] + 1.25)) if old > 0 else 0
        state.weight[k], state.at[k], state.levels[k] = 0.0, end, max(levels, 0)
        for n in range(levels):
            i, value = end + n, 0.0 * c[0]
            if emitted and n + 1 < old:
                value = np.sqrt(n + 1.0) * c[at + n + 1]
            elif not emitted and 0 < n <= old:
                value = np.sqrt(float(n)) * c[at + n - 1]
            x[i] = value
            state.weight[k] += _size(value)
        end += max(levels, 0)
    _forget(mode, state, drawn, x)


@njit(**INNER)
def _forget(mode: Mode, state: State, drawn: int, source: Any) -> None:
    """c = the ladders of `source` that weigh enough, one behind the other; the drawn norm is 1."""
    weight, end = state.weight, 1
    least, scale = FORGOTTEN * weight[drawn], 1.0 / np.sqrt(weight[drawn])
    for k in range(mode.J.size):
        if weight[k] < least or weight[k] == 0.0:
            state.levels[k] = 0
        levels = state.levels[k]
        for n in range(levels):
            state.c[end + n] = scale * source[state.at[k] + n]
        for i in range(end + levels, end + _room(levels)):
            state.c[i] = 0.0 * scale
        end += _room(levels)


@njit(**READ)
def _read(mode: Mode, state: State, end: int, Q: float, values: Array, i: int) -> None:
    """Energies, power and photons of the conditional state into column i of `values`."""
    c, moved, up, turn, last = state.c, state.x, state.up, state.turn, np.uint64(end)
    total, photons, z, change = 0.0, 0.0, 0.0, 0.0
    for e in range(ONE, last):
        moved[e] = up[e - ONE] * c[e - ONE] - up[e] * c[e + ONE] - turn[e] * c[e]
        w = _size(c[e])
        total += w
        photons += state.photons[e] * w
        z += state.own[e] * w
        change += 2.0 * state.own[e] * (np.conj(c[e]) * moved[e]).real
    for k in range(mode.J.size - 1):
        if state.levels[k] == 0 or state.levels[k + 1] == 0:
            continue
        first, apart = np.uint64(state.at[k]), np.uint64(state.at[k + 1] - state.at[k])
        for e in range(first, first + np.uint64(state.levels[k])):
            f, other = state.across[e], e + apart
            z += f * (np.conj(c[e]) * c[other]).real
            both = np.conj(c[e]) * moved[other] + np.conj(moved[e]) * c[other]
            change += f * both.real
    photons, z, change = photons / total, z / total, change / total
    values[BATTERY_ENERGY, i] = 0.5 + z / mode.n_battery
    values[CHARGER_ENERGY, i] = 0.5 + (Q - photons - z) / mode.n_charger
    values[POWER, i] = change / mode.n_battery
    values[PHOTONS, i] = photons


class Path(NamedTuple):
    """What is told of G runs, in columns of T output times each.

    Attributes
    ----------
    read : ndarray (QUANTITIES, G T)
    burst : ndarray (G,)
        The first output time at which the total J^z is <= 0 on average; infinity if at none.
    drawn : ndarray of int (G,)
        Ladders.
    coefficients : ndarray (M, K, N_B + 1)
        Of Clebsch and Gordan, M falling from the highest that there is.
    populations : ndarray (G T, N_B + 1)
        Of the battery's excitations; without columns where nobody asks, as the next two.
    states : ndarray (G T, K, n)
        Conditional amplitudes, normalised.
    Q : ndarray (G T,)
    jump_times : ndarray, directions : ndarray of int8
        The photons of the last run, as many as there is room for.
    """

    read: Array
    burst: Array
    drawn: Integers
    coefficients: Array
    populations: Array
    states: Any
    Q: Array
    jump_times: Array
    directions: NDArray[np.int8]


def empty_path(
    mode: Mode, columns: int, runs: int, coefficients: Array, states: bool = False, jumps: int = 0
) -> Path:
    """Room for so many runs; for populations where there are coefficients."""
    K, size = mode.J.size, mode.field.size
    kept = columns if states else 0
    return Path(
        np.zeros((QUANTITIES, columns)),
        np.zeros(runs),
        np.zeros(runs, dtype=np.int64),
        coefficients,
        np.zeros((columns if coefficients.shape[0] else 0, coefficients.shape[2])),
        np.zeros((kept, K, size), dtype=mode.loss.dtype),
        np.zeros(kept),
        np.zeros(jumps),
        np.zeros(jumps, dtype=np.int8),
    )


@njit(**INNER)
def _begin(mode: Mode, state: State, drawn: int, held: int) -> None:
    """All ladders with `held` photons, those left out that weigh nothing beside the drawn one."""
    end, Q = 1, mode.m_start + held
    for k in range(mode.J.size):
        state.at[k] = end
        state.levels[k] = levels = min(mode.field.size, int(Q + mode.J[k] + 1.25))
        state.weight[k] = mode.amplitude[k] ** 2
        for n in range(levels):
            state.before[end + n] = mode.amplitude[k] if n == held else 0.0
        end += levels
    _forget(mode, state, drawn, state.before)


@njit(**INNER)
def _keep_state(mode: Mode, state: State, to: Any) -> None:
    """The normalised amplitudes into `to` (K, n)."""
    to[:] = 0.0
    total = 0.0
    for k in range(mode.J.size):
        total += _norm(state.c, state.at[k], state.levels[k])
    scale = 1.0 / np.sqrt(total)
    for k in range(mode.J.size):
        for n in range(state.levels[k]):
            to[k, n] = scale * state.c[state.at[k] + n]


@njit(**INNER)
def _populate(mode: Mode, state: State, top: int, coefficients: Array, p: Array) -> None:
    """Populations p (N_B + 1) of the battery: at sharp Q it has no coherence between levels.

    `top` is the place of M = Q in `coefficients`.
    """
    p[:] = 0.0
    total, most = 0.0, 0
    for k in range(mode.J.size):
        most = max(most, state.levels[k])
    for n in range(most):
        of_m = coefficients[top + n]
        for m in range(p.size):
            amplitude = 0.0 * state.c[0]
            for k in range(mode.J.size):
                if n < state.levels[k]:
                    amplitude += of_m[k, m] * state.c[state.at[k] + n]
            p[m] += _size(amplitude)
            total += _size(amplitude)
    for m in range(p.size):
        p[m] /= total


@njit(**INNER)
def _follow_run(
    seed: Any, run: int, place: int, times: Array, mode: Mode, state: State, path: Path
) -> int:
    """One run until the last of `times`, the one at `place` of `path`; how many photons it had."""
    T, K, block, burst = times.size, mode.J.size, 0, np.inf
    w0, w1, w2, w3 = philox_block(seed, np.uint64(JUMPS_OF_A_MODE), run, block)
    u, d = unit(w2), unit(w3)
    k = min(_first_above(mode.cumulative, unit(w0)), K - 1)
    held = min(_first_above(mode.field, unit(w1)), mode.field.size - 1)
    Q, now, emitted, norm = mode.m_start + held, 0.0, 0, 1.0
    path.drawn[place] = k
    _begin(mode, state, k, held)
    end, rate = _lay_out(mode, state, Q)
    for i in range(T):
        while now < times[i]:
            step = min(times[i] - now, LONGEST / max(rate, 1e-300))
            arrives = step == times[i] - now
            count, at, levels = _terms_for(rate * step), state.at[k], state.levels[k]
            for e in range(1, end):
                state.before[e] = state.c[e]
            _advance(state, end, step, count)
            after = _norm(state.c, at, levels)
            if after >= u:
                now, norm = times[i] if arrives else now + step, after
                continue
            share = 0.5
            if after > 0.0:
                share = min(max(np.log(norm / u) / np.log(norm / after), 0.0), 1.0)
            _series(state, at, levels, step, count)
            share = _share_of_photon(mode, state, levels, count, step, share, u)
            _advance(state, end, share * step, _terms_for(rate * step * share))
            now += share * step
            emission, absorption = _leaving(mode, state.of_drawn, levels)
            is_emitted = d * (emission + absorption) < emission
            if block < path.jump_times.size:
                path.jump_times[block] = now
                path.directions[block] = -1 if is_emitted else 1
            emitted += is_emitted
            block += 1
            Q += -1.0 if is_emitted else 1.0
            _take_photon(mode, state, k, Q, is_emitted)
            end, rate = _lay_out(mode, state, Q)
            norm = 1.0
            w0, w1, w2, w3 = philox_block(seed, np.uint64(JUMPS_OF_A_MODE), run, block)
            u, d = unit(w0), unit(w1)
        column = place * T + i
        if path.populations.shape[0]:
            top = int(mode.m_start + mode.field.size - 1 - Q + 0.5)
            _populate(mode, state, top, path.coefficients, path.populations[column])
        if path.states.shape[0]:
            _keep_state(mode, state, path.states[column])
            path.Q[column] = Q
        _read(mode, state, end, Q, path.read, column)
        if Q - path.read[PHOTONS, column] <= 0.0:
            burst = min(burst, times[i])
        path.read[EMITTED, column], path.read[ABSORBED, column] = emitted, block - emitted
    path.burst[place] = burst
    return block


@njit(**INNER)
def _first_above(rising: Array, x: float) -> int:
    """The first place whose value is not below x; behind the last one if there is none."""
    low, high = 0, rising.size
    while low < high:
        middle = (low + high) // 2
        if rising[middle] < x:
            low = middle + 1
        else:
            high = middle
    return low


@njit(**OUTER)
def follow_runs(seed: Any, first: int, times: Array, mode: Mode, state: State, path: Path) -> int:
    """The runs first, first + 1, ... that `path` has room for; the photons of the last one."""
    block = 0
    for place in range(path.drawn.size):
        block = _follow_run(seed, first + place, place, times, mode, state, path)
    return block
