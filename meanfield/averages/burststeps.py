"""DOP853 for the undriven Maxwell-Bloch equations, compiled whole: a burst in milliseconds.

The same method and the same control of errors by groups as `meanfield.averages.stepper.Explicit`,
which calls a right-hand side from Python and takes any. Outputs are read from the method's own
interpolant of order 7 (Hairer, Norsett and Wanner 1993, section II.6): steps are as long as the
tolerance allows, however close to each other the outputs are. A state is [left, supplied, Re alpha,
Im alpha, z, Re beta, Im beta], in the units of `meanfield.classes.moments`.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.integrate import DOP853

Array = NDArray[np.float64]

LEFT, SUPPLIED, FIELD, Z = 0, 1, 2, 4
# slopes of a step: those that make it, its end's, and those of the interpolant alone
STAGES, DENSE = 12, 16
A, B = np.ascontiguousarray(DOP853.A[:STAGES, :STAGES]), DOP853.B.copy()
E3, E5 = DOP853.E3.copy(), DOP853.E5.copy()
A_EXTRA, D = np.ascontiguousarray(DOP853.A_EXTRA), np.ascontiguousarray(DOP853.D)
TERMS = 7  # of the interpolant
# some ten seconds with 200 classes
MOST_STEPS = 400_000
# sums may be added up in any order, which makes them several times faster
SUMS = {"reassoc", "contract"}


class Terms(NamedTuple):
    """The numbers of the equations, scaled.

    `real` and `imag` are what the parts of a class's coherence weigh in the field's equation,
    `lost` its inversion in the excitations that T1 takes, of which it brings `supplied`.
    """

    real: Array
    imag: Array
    lost: Array
    coupling: Array
    detuning: Array
    decoherence: Array
    relaxation: Array
    supply: Array
    supplied: float
    kappa: float
    field_detuning: float
    floor: float
    relaxes: bool


@njit(cache=True, error_model="numpy")
def steps(start: Array, times: Array, p: Terms, tolerance: float, states: Array) -> int:
    """Write the states at `times` into the rows of `states`; how many of them were reached."""
    n = start.size
    y, new, inner = start.copy(), np.empty(n), np.empty(n)
    stages, dense = np.zeros((DENSE, n)), np.empty((TERMS, n))
    slope(y, p, stages[0])
    fastest = 0.5 * p.kappa + np.abs(p.detuning).max() + p.decoherence.max() + p.coupling.max()
    step, now, count, row = 0.01 / fastest, 0.0, 0, 0
    while row < times.size and times[row] <= now:
        _copy(y, states[row])
        row += 1
    while row < times.size:
        count += 1
        if count > MOST_STEPS:
            return row
        h = min(step, times[-1] - now)
        for s in range(1, STAGES):
            _moved(y, stages, A[s], s, h, inner)
            slope(inner, p, stages[s])
        _moved(y, stages, B, STAGES, h, new)
        slope(new, p, stages[STAGES])
        error = h * _error(stages, y, new, p.floor) / tolerance
        if not error <= 1.0:
            step = h * max(0.2, 0.9 * error**-0.125) if error < np.inf else 0.2 * h
            continue
        # the last step is as short as the last time has it
        end = times[-1] if h < step else now + h
        if times[row] <= end:
            _interpolant(y, new, p, h, stages, inner, dense)
            while row < times.size and times[row] <= end:
                _interpolated(y, dense, (times[row] - now) / h, states[row])
                row += 1
        step, now = h * min(6.0, 0.9 * max(error, 1e-12) ** -0.125), end
        _copy(new, y)
        _copy(stages[STAGES], stages[0])
    return row


@njit(cache=True, error_model="numpy")
def slope(y: Array, p: Terms, out: Array) -> None:
    """Write the time derivative of the state y into `out`."""
    M = p.coupling.size
    g, damping, turn = p.coupling, p.decoherence, p.detuning
    field_re, field_im = y[FIELD], y[FIELD + 1]
    z, re, im = y[Z : Z + M], y[Z + M : Z + 2 * M], y[Z + 2 * M :]
    z_out, re_out, im_out = out[Z : Z + M], out[Z + M : Z + 2 * M], out[Z + 2 * M :]
    # a loop for each row of the state: a compiler makes vectors of these
    for k in range(M):
        re_out[k] = turn[k] * im[k] - damping[k] * re[k] - g[k] * field_im * z[k]
    for k in range(M):
        im_out[k] = g[k] * field_re * z[k] - damping[k] * im[k] - turn[k] * re[k]
    for k in range(M):
        z_out[k] = -4.0 * g[k] * (field_re * im[k] - field_im * re[k])
    if p.relaxes:
        for k in range(M):
            z_out[k] += p.supply[k] - p.relaxation[k] * z[k]
    half = 0.5 * p.kappa
    out[LEFT] = p.kappa * (field_re * field_re + field_im * field_im)
    out[SUPPLIED] = 0.5 * (p.supplied - _dot(p.lost, z)) if p.relaxes else 0.0
    out[FIELD] = -half * field_re + p.field_detuning * field_im + _dot(p.imag, im)
    out[FIELD + 1] = -half * field_im - p.field_detuning * field_re - _dot(p.real, re)


@njit(error_model="numpy", fastmath=SUMS)
def _dot(a: Array, b: Array) -> float:
    total = 0.0
    for k in range(a.size):
        total += a[k] * b[k]
    return total


@njit(error_model="numpy")
def _copy(of: Array, to: Array) -> None:
    """A loop: an array into a slice is compiled with the text of its refusal, for seconds."""
    for i in range(of.size):
        to[i] = of[i]


@njit(error_model="numpy")
def _moved(y: Array, stages: Array, weights: Array, count: int, h: float, out: Array) -> None:
    """y + h sum_s weights_s stages_s, four stages at a time: each reads and writes memory once."""
    weight, which, m = np.zeros(DENSE), np.zeros(DENSE, np.int64), 0
    for s in range(count):
        if weights[s] != 0.0:
            weight[m], which[m] = h * weights[s], s
            m += 1
    _copy(y, out)
    for k in range(0, m, 4):
        a, b, c, d = weight[k], weight[k + 1], weight[k + 2], weight[k + 3]
        of_a, of_b = stages[which[k]], stages[which[k + 1]]
        of_c, of_d = stages[which[k + 2]], stages[which[k + 3]]
        for i in range(y.size):
            out[i] += a * of_a[i] + b * of_b[i] + c * of_c[i] + d * of_d[i]


@njit(error_model="numpy")
def _interpolant(
    y: Array, new: Array, p: Terms, h: float, stages: Array, inner: Array, dense: Array
) -> None:
    """Write the interpolant's terms of an accepted step into `dense`, and the slopes it needs."""
    for s in range(STAGES + 1, DENSE):
        _moved(y, stages, A_EXTRA[s - STAGES - 1], s, h, inner)
        slope(inner, p, stages[s])
    for i in range(y.size):
        rise, first = new[i] - y[i], h * stages[0, i]
        dense[0, i], dense[1, i] = rise, first - rise
        dense[2, i] = 2.0 * rise - h * stages[STAGES, i] - first
    inner[:] = 0.0
    for term in range(D.shape[0]):
        _moved(inner, stages, D[term], DENSE, h, dense[TERMS - D.shape[0] + term])


@njit(error_model="numpy")
def _interpolated(y: Array, dense: Array, x: float, out: Array) -> None:
    """The state at the share x of the step: y + x(d0 + (1-x)(d1 + x(d2 + (1-x)(d3 + ...))))."""
    w = 1.0 - x
    for i in range(y.size):
        inner = dense[4, i] + w * (dense[5, i] + x * dense[6, i])
        inner = dense[1, i] + x * (dense[2, i] + w * (dense[3, i] + x * inner))
        out[i] = y[i] + x * (dense[0, i] + w * inner)


@njit(error_model="numpy")
def _error(stages: Array, old: Array, new: Array, floor: float) -> float:
    """Error of the step over its length: field, inversions, coherences, each by its largest."""
    M = (old.size - Z) // 3
    fifth, third = np.zeros(old.size), np.zeros(old.size)
    for s in range(STAGES + 1):
        row = stages[s]
        if E5[s] != 0.0 or E3[s] != 0.0:
            for i in range(FIELD, old.size):
                fifth[i] += E5[s] * row[i]
                third[i] += E3[s] * row[i]
    e5 = e3 = 0.0
    first, scale = FIELD, floor
    for last in (Z, Z + M, old.size):
        if first == Z:
            scale = 1e-4
        a = b = 0.0
        for i in range(first, last):
            scale = max(scale, abs(old[i]), abs(new[i]))
            a, b = max(a, abs(fifth[i])), max(b, abs(third[i]))
            if not (abs(fifth[i]) < np.inf and abs(third[i]) < np.inf):
                return np.inf
        e5, e3 = max(e5, a / scale), max(e3, b / scale)
        first, scale = last, floor
    if e5 == 0.0 and e3 == 0.0:
        return 0.0
    return float(e5 * (e5 / np.hypot(e5, 0.1 * e3)))
