"""DOP853 for the undriven Maxwell-Bloch equations, compiled whole: a burst in milliseconds.

The same method and the same control of errors by groups as `meanfield.averages.stepper.march`,
which calls a right-hand side from Python and takes any. A state is [left, supplied, Re alpha,
Im alpha, z, Re beta, Im beta], in the units of `meanfield.classes.moments`.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.integrate import DOP853

Array = NDArray[np.float64]

LEFT, SUPPLIED, FIELD, Z = 0, 1, 2, 4
STAGES = 12
A, B = np.ascontiguousarray(DOP853.A[:STAGES, :STAGES]), DOP853.B.copy()
E3, E5 = DOP853.E3.copy(), DOP853.E5.copy()
# some ten seconds with 200 classes
MOST_STEPS = 400_000


class Terms(NamedTuple):
    """The numbers of the equations, scaled.

    `real` and `imag` are what the parts of a class's coherence weigh in the field's equation.
    """

    real: Array
    imag: Array
    share: Array
    coupling: Array
    detuning: Array
    decoherence: Array
    relaxation: Array
    supply: Array
    kappa: float
    field_detuning: float
    floor: float


@njit(cache=True, error_model="numpy")
def steps(start: Array, times: Array, p: Terms, tolerance: float, states: Array) -> int:
    """Write the states at `times` into the rows of `states`; how many of them were reached."""
    n = start.size
    y, new, inner = start.copy(), np.empty(n), np.empty(n)
    stages = np.zeros((STAGES + 1, n))
    slope(y, p, stages[0])
    fastest = 0.5 * p.kappa + np.abs(p.detuning).max() + p.decoherence.max() + p.coupling.max()
    step, now, count = 0.01 / fastest, 0.0, 0
    for row in range(times.size):
        target = times[row]
        while now < target:
            count += 1
            if count > MOST_STEPS:
                return row
            left = target - now
            h = left / np.ceil(left / step) if left > step else left
            for s in range(1, STAGES):
                _moved(y, stages, A[s], s, h, inner)
                slope(inner, p, stages[s])
            _moved(y, stages, B, STAGES, h, new)
            slope(new, p, stages[STAGES])
            error = h * _error(stages, y, new, p.floor) / tolerance
            if not error <= 1.0:
                step = h * max(0.2, 0.9 * error**-0.125) if error < np.inf else 0.2 * h
                continue
            growth = min(6.0, 0.9 * max(error, 1e-12) ** -0.125)
            step = max(step, h * growth) if growth >= 1.0 else h * growth
            now = target if h == left else now + h
            y[:] = new
            stages[0] = stages[STAGES]
        states[row] = y
    return int(times.size)


@njit(cache=True, error_model="numpy")
def slope(y: Array, p: Terms, out: Array) -> None:
    """Write the time derivative of the state y into `out`."""
    M = p.coupling.size
    field_re, field_im = y[FIELD], y[FIELD + 1]
    z, re, im = y[Z : Z + M], y[Z + M : Z + 2 * M], y[Z + 2 * M :]
    z_out, re_out, im_out = out[Z : Z + M], out[Z + M : Z + 2 * M], out[Z + 2 * M :]
    sum_re = sum_im = supplied = 0.0
    for k in range(M):
        g, damping, turn = p.coupling[k], p.decoherence[k], p.detuning[k]
        local = p.supply[k] - p.relaxation[k] * z[k]
        sum_re += p.real[k] * re[k]
        sum_im += p.imag[k] * im[k]
        supplied += p.share[k] * local
        z_out[k] = -4.0 * g * (field_re * im[k] - field_im * re[k]) + local
        re_out[k] = -damping * re[k] + turn * im[k] - g * field_im * z[k]
        im_out[k] = -damping * im[k] - turn * re[k] + g * field_re * z[k]
    half = 0.5 * p.kappa
    out[LEFT] = p.kappa * (field_re * field_re + field_im * field_im)
    out[SUPPLIED] = 0.5 * supplied
    out[FIELD] = -half * field_re + p.field_detuning * field_im + sum_im
    out[FIELD + 1] = -half * field_im - p.field_detuning * field_re - sum_re


@njit(error_model="numpy")
def _moved(y: Array, stages: Array, weights: Array, count: int, h: float, out: Array) -> None:
    """y + h sum_s weights_s stages_s."""
    out[:] = y
    for s in range(count):
        w = h * weights[s]
        if w != 0.0:
            row = stages[s]
            for i in range(y.size):
                out[i] += w * row[i]


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
