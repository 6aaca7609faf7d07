r"""Evolution without a jump where no basis makes it simple: Taylor's series, with its error known.

With detuning between battery and charger the generator G of `trajectories.jumps.spins.nojump` is
not normal. :math:`e^{-Gt/2}` is summed to an order m that leaves out less than
:math:`x^{m+1}/(m+1)!=2\cdot10^{-18}`, :math:`x=\|G-\text{mean}\|\,t/2`: 24 for x = 2, 64 for
x = 13. Large terms of what decays are rounded, and damped, as the slowest part of the state is; of
what turns they would cancel, so that a step turns by 2 at most.

The squared norm falls throughout. A step is as long as it would take to reach a uniform random
number at the rate of now, and half as long again. Where it is reached, which is when the next jump
comes, is read from the same series, by value and slope.

Over J half the generator is :math:`R-sZ`, with R real and diagonal, :math:`Z=J_B^z` real and
tridiagonal, and a number s, whose imaginary part is the detuning. Real and imaginary parts stand
apart, eight numbers in a register.
"""

import math
from typing import Any

import numpy as np
from numba import njit

from darkbattery.nvmodel.eight import (
    EIGHT,
    filled,
    load,
    plus,
    shifted_down,
    shifted_up,
    store,
    times,
    total,
)
from darkbattery.trajectories.jumps.counts.lengths import LONGEST_STEP, LONGEST_TURN
from darkbattery.trajectories.jumps.spins.local_noise import (
    EDGE,
    INNER,
    KERNEL,
    LOW,
    SIZE,
    TWO_M,
    Array,
    Roots,
    State,
    battery_z,
    ladder_range,
    settle,
)
from darkbattery.trajectories.jumps.spins.nojump import ORDERS, Frame, Generator, clock, tilt

# half the norm of the generator times a step, by order / EIGHT - 1
REACHES = np.array(
    [(2e-18 * math.factorial(m + 1)) ** (1.0 / (m + 1)) for m in range(EIGHT, ORDERS + 1, EIGHT)]
)
LONGER = 1.5  # a step over the wait at the present rate, which mostly falls
LEAST_REACH = REACHES[1]  # of a step that nothing ends: shorter ones save little
CLOSE = 1e-8  # of a step: Newton's next error is the square, times some tens


@njit(**KERNEL)
def series_until(
    g: Generator, state: State, frame: Frame, dt: float, budget: float, table: Roots
) -> tuple[float, float]:
    """Evolve until dt, or until the squared norm has fallen to `budget`, and normalise.

    Returns the time that passed, and what is left of the budget, relative to the new norm: 1 or
    more where a jump is due.
    """
    low, n = ladder_range(state.at, table)
    series, matrix = frame.series, frame.matrix
    mean, size, turns, slope = _half_generator(g, state, low, n, matrix, table)
    blocks = (n + EIGHT - 1) // EIGHT
    _begin(state, low, n, blocks, series)
    unit = g.turn / (2.0 * g.detuning) if g.detuning != 0.0 else g.turn  # in the amplitudes' type
    passed, longest = 0.0, LONGEST_STEP / size if size > 0.0 else np.inf
    if turns * longest > LONGEST_TURN:
        longest = LONGEST_TURN / turns
    norm, slope_now = _slope(series, EIGHT, matrix, blocks, slope)
    while True:
        rate = 2.0 * mean - slope_now / norm
        aim = np.log(budget)
        wait = -LONGER * aim / rate if rate > 0.0 else np.inf
        if wait * size < LEAST_REACH:
            wait = LEAST_REACH / size if size > 0.0 else np.inf
        step = min(dt - passed, longest, wait)
        orders = _orders(size * step)
        _coefficients(series, matrix, blocks, slope, step, orders)
        place = _sum_series(series, blocks, orders, 1.0)
        norm, slope_now = _slope(series, place, matrix, blocks, slope)
        decay = 2.0 * mean * step
        left = np.log(norm) - decay - aim
        if left <= 0.0:
            fall = slope_now / norm * step - decay
            part = _crossing(
                series, matrix, blocks, slope, orders, step, decay, aim, rate, left, fall
            )
            place = _sum_series(series, blocks, orders, part)
            norm, _ = _slope(series, place, matrix, blocks, slope)
            _end(state, low, n, blocks, series, place, norm, unit)
            return passed + part * step, 1.0
        passed += step
        budget = np.exp(-left)
        if passed >= dt:
            _end(state, low, n, blocks, series, place, norm, unit)
            return dt, budget
        scale = filled(1.0 / np.sqrt(norm))
        for b in range(0, 2 * blocks * EIGHT, EIGHT):
            store(series, EIGHT + b, times(load(series, place + b), scale))
        slope_now, norm = slope_now / norm, 1.0


@njit(**INNER)
def _half_generator(
    g: Generator, state: State, low: int, n: int, matrix: Array, table: Roots
) -> Any:
    """-(G/2 - mean) = R - s Z into the rows of `matrix`.

    Returns mean decay, bounds on the norm and on that of the part that only turns, and s. Rows of
    whole registers, zeros behind the n-th: R, Z on the diagonal, and beside it, from J - 1 to J,
    with one more.
    """
    at, wide = state.at, (n + EIGHT - 1) // EIGHT * EIGHT
    M, z, across = 0.5 * at[TWO_M], state.real[0, :n], state.real[1, : n + 1]
    battery_z(at, table, low, z, across)
    slope = 0.5 * (tilt(g, 0) - tilt(g, 1) + g.turn)
    constant = clock(g) + tilt(g, 1) * M + g.gamma * M
    scale, half = g.gamma * (2.0 * g.nbar + 1.0), 0.5 * table.half
    least, most = np.inf, -np.inf
    for k in range(wide + EIGHT):
        matrix[2 * wide + k] = across[k] if 0 < k < n else 0.0
    for k in range(wide):
        matrix[k], matrix[wide + k] = 0.0, 0.0
    for k in range(n):
        J = low + k + half
        decay = 0.5 * (scale * ((J - M) * (J + M) + J) + constant)
        matrix[k], matrix[wide + k] = -decay, z[k]
        decay += slope.real * z[k]
        least, most = min(least, decay), max(most, decay)
    mean, size, turns = 0.5 * (least + most), 0.0, 0.0
    for k in range(n):
        matrix[k] += mean
        beside = abs(matrix[2 * wide + k]) + abs(matrix[2 * wide + k + 1])
        turn = abs(slope.imag) * (abs(z[k]) + beside)
        turns = max(turns, turn)
        size = max(size, abs(matrix[k] - slope.real * z[k]) + abs(slope.real) * beside + turn)
    return mean, size, turns, slope


@njit(inline="always")
def _begin(state: Any, low: Any, n: Any, blocks: Any, series: Any) -> None:
    """The state as the first row of the series."""
    wide, first = blocks * EIGHT, state.at[LOW] - low
    last = first + state.at[SIZE]
    for k in range(wide):
        inside = first <= k < last
        amplitude = state.c[EDGE + k - first] if inside else 0.0 * state.c[0]
        series[EIGHT + k], series[EIGHT + wide + k] = amplitude.real, amplitude.imag


@njit(inline="always")
def _end(
    state: Any, low: Any, n: Any, blocks: Any, series: Any, place: Any, norm: Any, unit: Any
) -> None:
    """Make a row of the series the state; `unit` is i, or 0 where all amplitudes are real."""
    out, wide = state.scratch[0], blocks * EIGHT
    for k in range(n):
        out[EDGE + k] = series[place + k] + unit * series[place + wide + k]
    settle(state, low, n, out, norm)


@njit(inline="always")
def _orders(reach: Any) -> Any:
    """To which order the series is summed."""
    i = 0
    while i < REACHES.size - 1 and REACHES[i] < reach:
        i += 1
    return EIGHT * (i + 1)


@njit(inline="always")
def _beside(series: Any, at: Any, matrix: Any, wide: Any, b: Any) -> Any:
    """Z times eight amplitudes; those next to a part meet a zero of Z."""
    x = load(series, at)
    found = times(load(matrix, wide + b), x)
    below = shifted_up(load(series, at - EIGHT), x)
    found = plus(found, times(load(matrix, 2 * wide + b), below))
    above = shifted_down(x, load(series, at + EIGHT))
    return plus(found, times(load(matrix, 2 * wide + b + 1), above))


@njit(inline="always")
def _coefficients(
    series: Any, matrix: Any, blocks: Any, slope: Any, step: Any, orders: Any
) -> None:
    """Rows 1, 2, ... of the series from row 0: Taylor's coefficients, in units of the step."""
    wide = blocks * EIGHT
    for m in range(1, orders + 1):
        scale = step / m
        own, real, imag = filled(scale), filled(-scale * slope.real), filled(scale * slope.imag)
        back = filled(-scale * slope.imag)
        source = EIGHT + (m - 1) * 2 * wide
        for b in range(0, wide, EIGHT):
            at = source + b
            R = times(load(matrix, b), own)
            x, y = load(series, at), load(series, at + wide)
            z_x = _beside(series, at, matrix, wide, b)
            z_y = _beside(series, at + wide, matrix, wide, b)
            x = plus(times(R, x), plus(times(real, z_x), times(imag, z_y)))
            y = plus(times(R, y), plus(times(real, z_y), times(back, z_x)))
            store(series, at + 2 * wide, x)
            store(series, at + 3 * wide, y)


@njit(inline="always")
def _sum_series(series: Any, blocks: Any, orders: Any, x: Any) -> Any:
    """The series at x, behind its last row; the place. Even and odd orders apart: two chains."""
    wide = blocks * EIGHT
    place, row = EIGHT + (ORDERS + 1) * 2 * wide, 2 * wide
    square, factor = filled(x * x), filled(x)
    for b in range(0, 2 * wide, EIGHT):
        at = EIGHT + orders * row + b
        even, odd = load(series, at), load(series, at - row)
        for _ in range(orders // 2 - 1):
            at -= 2 * row
            even = plus(times(even, square), load(series, at))
            odd = plus(times(odd, square), load(series, at - row))
        even = plus(times(even, square), load(series, at - 2 * row))
        store(series, place + b, plus(even, times(odd, factor)))
    return place


@njit(inline="always")
def _slope(series: Any, place: Any, matrix: Any, blocks: Any, slope: Any) -> Any:
    """Squared norm of a row, and what R - s Z changes of it in a unit of time."""
    wide, real = blocks * EIGHT, filled(-slope.real)
    norm, change = filled(0.0), filled(0.0)
    for b in range(0, wide, EIGHT):
        x, y = load(series, place + b), load(series, place + wide + b)
        w = plus(times(x, x), times(y, y))
        norm, change = plus(norm, w), plus(change, times(load(matrix, b), w))
        if slope.real != 0.0:
            z_x = times(x, _beside(series, place + b, matrix, wide, b))
            z_y = times(y, _beside(series, place + wide + b, matrix, wide, b))
            change = plus(change, times(real, plus(z_x, z_y)))
    return total(norm), 2.0 * total(change)


@njit(**INNER)
def _crossing(
    series: Array,
    matrix: Array,
    blocks: int,
    slope: complex,
    orders: int,
    step: float,
    decay: float,
    aim: float,
    rate: float,
    at_high: float,
    fall: float,
) -> float:
    """Where in (0, 1) the logarithm of the squared norm, which falls, equals `aim`.

    It is -aim above it at 0, where it falls at `rate` a unit of time, and `at_high` at 1, where it
    changes by `fall` a step. The next trial is the cubic through both ends and their slopes, read
    the other way round; bracketed throughout.
    """
    low, high, at_low = 0.0, 1.0, -aim
    if not at_low > 0.0:
        return 0.0
    slope_low, slope_high = -rate * step, fall
    for _ in range(100):
        if at_high >= 0.0 or high - low < 1e-15:
            break
        x = _inverse_cubic(low, high, at_low, at_high, slope_low, slope_high)
        if not low < x < high:
            x = 0.5 * (low + high)
        place = _sum_series(series, blocks, orders, x)
        norm, change = _slope(series, place, matrix, blocks, slope)
        value, change = np.log(norm) - decay * x - aim, change / norm * step - decay
        newton = value / change
        if abs(newton) < CLOSE:
            return min(max(x - newton, low), high)
        if value > 0.0:
            low, at_low, slope_low = x, value, change
        else:
            high, at_high, slope_high = x, value, change
    return high


@njit(inline="always")
def _inverse_cubic(low: Any, high: Any, at_low: Any, at_high: Any, down: Any, up: Any) -> Any:
    """Where the cubic x(f) through both ends, with the slopes 1/f', has f = 0."""
    span = at_high - at_low
    s = -at_low / span
    secant = high - low
    first, second = span / down - secant, secant - span / up
    return low + s * secant + s * (1.0 - s) * ((1.0 - s) * first + s * second)
