r"""Homodyne and heterodyne records at T = 0, and what they leave of the ladder of photons.

With :math:`c|n-1\rangle=r_n|n\rangle` (`trajectories.jumps.diffusive.recordladder`) and a detector
of efficiency :math:`\eta`, the unnormalised state that a homodyne record Y leaves obeys

.. math:: dV=-\tfrac12\{c^\dagger c,V\}dt+cVc^\dagger dt \\
          {}+\sqrt\eta\,(cV+Vc^\dagger)\,dY,\\
          dY=\sqrt\eta\,\langle c+c^\dagger\rangle dt+dW

(Wiseman and Milburn 2010, sections 4.4 and 4.8, in the linear form of Goetsch and Graham 1994), a
heterodyne record Z the same with :math:`cV\,dZ^*+Vc^\dagger dZ`,
:math:`dZ^*=\sqrt\eta\,\langle c^\dagger\rangle dt+dW^*`, W complex, :math:`E|dW|^2=dt`. At
:math:`\eta=1` V stays pure.

A step of length h is taken from its middle: half of the decay, which is diagonal and exact, all
lowerings, half of the decay. With :math:`\tau` the time from the middle, :math:`y=\int dY` and
:math:`I=\int\tau\,dY`, a record lowers k times with the amplitude

.. math:: \tfrac1{k!}\mathrm{He}_k(y;qh)
          +\bigl(M_n+\tfrac{k-1}2\bigr)\,I\,\tfrac{y^{k-1}}{(k-1)!}\quad(k\le2),

He Hermite's polynomials of variance qh, q = 1 for homodyne and 0 for heterodyne: Ito and Taylor's
expansion of strong order 1.5 on a record (Kloeden and Platen 1992, section 10.4), to four
lowerings. What the detector misses, :math:`(1-\eta)cVc^\dagger dt`, commutes with the record's part
but for the decay. The record's own drift is expanded to :math:`h^2`, with its first integral: weak
order 2.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.kernelcache import INNER, KERNEL
from darkbattery.nvmodel.normals import fill_normals
from darkbattery.nvmodel.streams import DIFFUSIVE_RECORDS

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Made = TypeVar("Made")  # steps, however they are kept

REACH = 0.1  # of a step, times the largest rate that is probable
FINEST = 4  # times the steps are halved at most
ALLOWED = 5e-4  # of a run's conditional energy per spin, that its steps leave
PILOTS, PILOT_SEED = 8, 0  # runs on which that is looked at
ORDERS = 4  # lowerings of a record within a step that are kept


class Steps(NamedTuple):
    """`RecordLadder` as kernels take it; `bracket` is q."""

    h: Array
    at: Integers
    M: Array
    lowering: Array
    decay: Array
    shift: Array
    low: Integers
    high: Integers
    efficiency: float
    bracket: float


def noise_of(battery: Experiment, seed: int, first: int, runs: int, steps: int) -> NDArray[Any]:
    """Normals (steps, 2, runs): real for homodyne, complex of variance 1 for heterodyne."""
    assert battery.detector is not None
    numbers = 2 if battery.detector.kind == "homodyne" else 4
    rows = np.empty((-(-numbers * steps // 4) * 4, runs))
    fill_normals(np.uint64(seed), DIFFUSIVE_RECORDS, first, 0, rows)
    found = rows[: numbers * steps].reshape(steps, numbers, runs)
    if numbers == 2:
        return found
    return np.asarray((found[:, :2] + 1j * found[:, 2:]) * math.sqrt(0.5))


def joined(record: NDArray[Any], steps: Array) -> NDArray[Any]:
    """The record (S, 2, runs) of pairs of steps of equal lengths `steps` (S,)."""
    first, second = record[::2], record[1::2]
    half = 0.5 * steps[::2, None]
    integral = first[:, 1] + second[:, 1] + half * (second[:, 0] - first[:, 0])
    return np.stack([first[:, 0] + second[:, 0], integral], axis=1)


def short_enough(
    of_reach: Callable[[float], Made], error_of: Callable[[Made], float]
) -> tuple[Made, float]:
    """The longest steps that leave no more than `ALLOWED`, as far as `FINEST`, and what they leave.

    That is the root mean square, over `PILOTS` runs, of what halving all steps changes in the
    conditional energy per spin on one record; the largest over the output times. By a study's model
    and times alone, so that every rank has the same.
    """
    reach = REACH
    steps = of_reach(reach)
    error = error_of(steps)
    for _ in range(FINEST - 1):
        if error <= ALLOWED:
            break
        reach *= 0.5
        steps = of_reach(reach)
        error = error_of(steps)
    return steps, error


def record_powers(y: Any, integral: Any, q: float, root: float, factor: Any, steered: Any) -> None:
    """Amplitudes of k lowerings: `factor` (5, ...), and what times M_n + (k-1)/2 adds to two.

    `root` is that of the efficiency: each lowering that a record tells of has one.
    """
    x, v = root * y, root * root * q
    factor[0] = 1.0 + 0.0 * y
    factor[1] = x
    factor[2] = (x * x - v) / 2.0
    factor[3] = x * (x * x - 3.0 * v) / 6.0
    factor[4] = (x * x * (x * x - 6.0 * v) + 3.0 * v * v) / 24.0
    steered[1] = root * integral
    steered[2] = root * integral * x


def record_increment(
    sums: Any, first: Any, second: Any, h: float, q: float, efficiency: float
) -> tuple[Any, Any]:
    """The record's increment y in a step, and I, from two normals and the state's means.

    `sums` are <c>, the rate at which it would change by itself, <c^2>, <c+ c>: of one run, or of
    many.
    """
    root = np.sqrt(efficiency)
    c, turned, pairs, rate = sums[0], sums[1], sums[2], sums[3].real
    mean = root * (np.conj(c) + q * c)
    drift = root * (np.conj(turned) + q * turned)
    along = efficiency * (1.0 + q) * rate - (1.0 - q) * (mean * np.conj(mean)).real
    across = efficiency * (1.0 + q) * np.conj(pairs) - mean * mean
    width = np.sqrt(h)
    noise = width * first
    integral = h * width / np.sqrt(12.0) * second
    area = 0.5 * h * noise + integral
    y = mean * h + noise + along * area + across * np.conj(area) + 0.5 * drift * h * h
    return y, -integral


_powers = njit(**INNER)(record_powers)
_drawn = njit(**INNER)(record_increment)


@njit(**INNER)
def _of_step(s: Any, run: Any, noise: Any, record: Any, sums: Any, q: Steps) -> tuple[Any, Any]:
    """y and I of a run's step: drawn, and kept where the record has room, or as the record has."""
    if noise.shape[2] == 0:
        return record[s, 0, run], record[s, 1, run]
    y, integral = _drawn(sums, noise[s, 0, run], noise[s, 1, run], q.h[s], q.bracket, q.efficiency)
    if record.shape[2] > 0:
        record[s, 0, run], record[s, 1, run] = y, integral
    return y, integral


@njit(**INNER)
def _pure_means(u: Any, s: Any, q: Steps, sums: Any) -> float:
    """<c>, <J^z c>, <c^2>, <c+ c> of the state, and its squared length."""
    r, norm, nothing = q.lowering[s], 0.0, 0.0 * u[0]
    c, turned, pairs, rate = nothing, nothing, nothing, 0.0
    before, below = nothing, nothing
    for n in range(q.low[s], q.high[s] + 1):
        now = u[n]
        conjugate = np.conj(now)
        one, two = r[n] * before, r[n] * below
        size = (conjugate * now).real
        norm += size
        rate += r[n + 1] ** 2 * size
        c += conjugate * one
        turned += q.M[n] * conjugate * one
        pairs += conjugate * two
        before, below = now, one
    sums[0], sums[1], sums[2] = c / norm, turned / norm, pairs / norm
    sums[3] = rate / norm + nothing
    return norm


@njit(**INNER)
def _lowered(
    u: Any, s: Any, first: Any, last: Any, q: Steps, scale: float, factor: Any, steer: Any
) -> None:
    """A record's lowerings, whose `_powers` are given, on the elements first ... last of u."""
    shift, nothing = q.shift[s], 0.0 * u[0]
    one, two, three, before = nothing, nothing, nothing, nothing
    for n in range(first, last + 1):
        now, a = u[n], shift[n]
        four = a * three
        three = a * two
        two = a * one
        one = a * before
        found = factor[0] * now + (factor[1] + q.M[n] * steer[1]) * one
        found += (factor[2] + (q.M[n] + 0.5) * steer[2]) * two + factor[3] * three
        u[n] = scale * q.decay[s, n] * (found + factor[4] * four)
        before = now


@njit(**KERNEL)
def follow_pure(noise: Any, q: Steps, bands: Any, record: Any, window: Any) -> None:
    """Runs from their start to the last time, at efficiency 1.

    Parameters
    ----------
    noise : ndarray (S, 2, runs)
        Normals, real for homodyne, complex with E|x|^2 = 1 for heterodyne; of no runs where the
        record is given.
    bands : ndarray (runs, T, d, N + 1)
        Becomes V[n, n - d] at the output times, of trace 1.
    record : ndarray (S, 2, runs)
        y and I of every step: given, or written where it has room.
    window : ndarray (runs, T)
        Becomes the integral of the record since the output time before.
    """
    u = np.zeros(q.M.size, bands.dtype)
    factor, steer, sums = np.zeros(5, u.dtype), np.zeros(3, u.dtype), np.zeros(4, u.dtype)
    for run in range(bands.shape[0]):
        u[:] = 0.0
        u[0], s = 1.0, 0
        for i in range(q.at.size):
            window[run, i] = 0.0
            while s < q.at[i]:
                norm = _pure_means(u, s, q, sums)
                y, integral = _of_step(s, run, noise, record, sums, q)
                window[run, i] += y
                _powers(y, integral, q.bracket * q.h[s], 1.0, factor, steer)
                first, scale = max(q.low[s] - ORDERS, 0), 1.0 / np.sqrt(norm)
                _lowered(u, s, first, q.high[s + 1], q, scale, factor, steer)
                s += 1
            _keep_pure(u, q.low[s], q.high[s], bands[run, i])


@njit(**INNER)
def _keep_pure(u: Any, low: int, high: int, bands: Any) -> None:
    bands[:] = 0.0
    norm = 0.0
    for n in range(low, high + 1):
        norm += (np.conj(u[n]) * u[n]).real
    for d in range(bands.shape[0]):
        for n in range(low + d, high + 1):
            bands[d, n] = u[n] * np.conj(u[n - d]) / norm


# --- a detector that misses light: matrices


@njit(**INNER)
def _mixed_means(v: Any, s: Any, q: Steps, sums: Any) -> float:
    """The same of a matrix, and its trace."""
    r, norm, nothing = q.lowering[s], 0.0, 0.0 * v[0, 0]
    c, turned, pairs, rate = nothing, nothing, nothing, 0.0
    for n in range(q.low[s], q.high[s] + 1):
        size = v[n, n].real
        norm += size
        rate += r[n + 1] ** 2 * size
        if n > 0:
            c += r[n] * v[n - 1, n]
            turned += q.M[n] * r[n] * v[n - 1, n]
        if n > 1:
            pairs += r[n] * r[n - 1] * v[n - 2, n]
    sums[0], sums[1], sums[2] = c / norm, turned / norm, pairs / norm
    sums[3] = rate / norm + nothing
    return norm


@njit(**INNER)
def _missed(v: Any, s: Any, first: Any, last: Any, q: Steps) -> None:
    """Lowerings that nobody saw, (1 - efficiency) h of them in the mean times their rate."""
    a, missed = q.shift[s], (1.0 - q.efficiency) * q.h[s]
    for n in range(last, first, -1):
        one = missed * a[n]
        for m in range(first + 1, last + 1):
            v[n, m] += one * a[m] * v[n - 1, m - 1]
        if n - first > 1:
            two = 0.5 * missed * one * a[n - 1]
            for m in range(first + 2, last + 1):
                v[n, m] += two * a[m] * a[m - 1] * v[n - 2, m - 2]
            if n - first > 2:
                three = missed * two * a[n - 2] / 3.0
                for m in range(first + 3, last + 1):
                    v[n, m] += three * a[m] * a[m - 1] * a[m - 2] * v[n - 3, m - 3]


@njit(**INNER)
def _rows_lowered(
    v: Any, s: Any, first: Any, last: Any, q: Steps, scale: float, factor: Any, steer: Any
) -> None:
    """`_lowered` on all columns of a matrix at once: its loop runs along rows."""
    a = q.shift[s]
    for n in range(last, first - 1, -1):
        size = scale * q.decay[s, n]
        none = size * factor[0]
        size *= a[n]
        one = size * (factor[1] + q.M[n] * steer[1])
        size *= a[max(n - 1, 0)]
        two = size * (factor[2] + (q.M[n] + 0.5) * steer[2])
        size *= a[max(n - 2, 0)]
        three = size * factor[3]
        four = size * a[max(n - 3, 0)] * factor[4]
        # those below the first one are empty
        w, x, y, z = v[max(n - 1, 0)], v[max(n - 2, 0)], v[max(n - 3, 0)], v[max(n - 4, 0)]
        row = v[n]
        for m in range(first, last + 1):
            more = one * w[m] + two * x[m]
            row[m] = none * row[m] + (more + (three * y[m] + four * z[m]))


@njit(**KERNEL)
def follow_mixed(noise: Any, q: Steps, bands: Any, record: Any, window: Any) -> None:
    """The same as `follow_pure` at any efficiency, by matrices."""
    v = np.zeros((q.M.size, q.M.size), bands.dtype)
    factor, steer, sums = np.zeros(5, v.dtype), np.zeros(3, v.dtype), np.zeros(4, v.dtype)
    root = np.sqrt(q.efficiency)
    for run in range(bands.shape[0]):
        v[:] = 0.0
        v[0, 0], s = 1.0, 0
        for i in range(q.at.size):
            window[run, i] = 0.0
            while s < q.at[i]:
                norm = _mixed_means(v, s, q, sums)
                y, integral = _of_step(s, run, noise, record, sums, q)
                window[run, i] += y
                _powers(y, integral, q.bracket * q.h[s], root, factor, steer)
                mixed_step(v, s, q, 1.0 / norm, factor, steer)
                s += 1
            _keep_mixed(v, q.low[s], q.high[s], bands[run, i])


@njit(**INNER)
def mixed_step(v: Any, s: Any, q: Steps, scale: float, factor: Any, steer: Any) -> None:
    """One step K of a matrix on a record whose `_powers` are given; the result times `scale`.

    K V K+ is K (K V)+ as long as V is Hermitian.
    """
    first, last = max(q.low[s] - ORDERS, 0), q.high[s + 1]
    _missed(v, s, first, last, q)
    _rows_lowered(v, s, first, last, q, scale, factor, steer)
    for n in range(first, last + 1):
        for m in range(first, n):
            v[n, m], v[m, n] = np.conj(v[m, n]), np.conj(v[n, m])
        v[n, n] = np.conj(v[n, n])
    _rows_lowered(v, s, first, last, q, 1.0, factor, steer)


@njit(**INNER)
def _keep_mixed(v: Any, low: int, high: int, bands: Any) -> None:
    bands[:] = 0.0
    norm = 0.0
    for n in range(low, high + 1):
        norm += v[n, n].real
    for d in range(bands.shape[0]):
        for n in range(low + d, high + 1):
            bands[d, n] = v[n, n - d] / norm
