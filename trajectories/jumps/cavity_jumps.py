r"""Single runs with the mode: every ladder follows the record of the one that was drawn.

J is drawn first, with p_J. Between photons the drawn ladder's amplitudes over n obey

.. math:: \dot c_n = h_{n-1}c_{n-1}-h_nc_{n+1}
          -\tfrac\kappa2[(\bar n+1)n+\bar n(n+1)]c_n-iD_cnc_n,

and a photon comes when their norm has fallen to a uniform random number (Dalibard, Castin and
Moelmer 1992). Taylor's series is summed until its terms are below 1e-16, in steps so short that no
digits are lost, and the photon's time is found on its polynomial by Newton's method. The other
ladders take the same steps and photons: together they are the conditional state.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.streams import JUMPS_OF_A_MODE, philox_block, unit
from darkbattery.nvmodel.sums import add_row

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

# what is read of a conditional state, in this order
BATTERY_ENERGY, CHARGER_ENERGY, POWER, PHOTONS, EMITTED, ABSORBED = range(6)
QUANTITIES = 6

LONGEST = 2.0  # of a step, times the largest rate: terms reach e^2
MOST_TERMS = 60
TERM = 1e-17  # of amplitudes of order 1
FORGOTTEN = 1e-26  # weight of a ladder, to the drawn one's, below which it is left out
NEWTON_STEPS = 80
ROOT = 1e-14  # of a step


class Mode(NamedTuple):
    """Rates and ladders as the kernel takes them; `amplitude` at the start, `field` cumulative."""

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
    detuning: float
    n_battery: int
    n_charger: int


@njit(inline="always")
def _size(x: Any) -> Any:
    return x.real * x.real + x.imag * x.imag


@njit(error_model="numpy")
def _set_rates(mode: Mode, Q: float, h: Array) -> float:
    """Couplings h (K, n) of all ladders at Q; returns the largest rate."""
    most, largest = h.shape[1] - 1, 0.0
    for k in range(h.shape[0]):
        J = mode.J[k]
        for n in range(most + 1):
            M = Q - n
            h[k, n] = 0.0
            if n < most and M - 1.0 >= -J - 0.25 and M <= J + 0.25:
                h[k, n] = mode.g * np.sqrt((n + 1.0) * max((J + M) * (J - M + 1.0), 0.0))
                largest = max(largest, h[k, n])
    top = min(float(most), Q + mode.J[-1])
    lost = 0.5 * mode.kappa * ((mode.nbar + 1.0) * top + mode.nbar * (top + 1.0))
    return 2.0 * largest + lost + abs(mode.detuning) * top


@njit(error_model="numpy")
def _derivative(loss: Any, h: Array, x: Any, y: Any) -> None:
    """y = A x of one ladder (n,); `loss` (n,) with the detuning as its imaginary part."""
    last = x.size - 1
    if last == 0:
        y[0] = -loss[0] * x[0]
        return
    y[0] = -loss[0] * x[0] - h[0] * x[1]
    for n in range(1, last):
        y[n] = h[n - 1] * x[n - 1] - h[n] * x[n + 1] - loss[n] * x[n]
    y[last] = h[last - 1] * x[last - 1] - loss[last] * x[last]


@njit(error_model="numpy")
def _levels(mode: Mode, k: int, Q: float) -> int:
    """Photon numbers 0, 1, ... that ladder k has at Q."""
    return max(1, min(mode.field.size, int(Q + mode.J[k] + 1.25)))


@njit(error_model="numpy")
def _series(loss: Any, h: Array, x: Any, step: float, terms: Any) -> int:
    """Terms (j, n) of the series of a step, in powers of the share of it; how many."""
    size = x.size
    terms[0, :size] = x
    for j in range(1, MOST_TERMS):
        _derivative(loss, h, terms[j - 1, :size], terms[j, :size])
        largest = 0.0
        for n in range(size):
            terms[j, n] *= step / j
            largest = max(largest, _size(terms[j, n]))
        if largest < TERM * TERM:
            return j + 1
    return MOST_TERMS


@njit(error_model="numpy")
def _at(terms: Any, count: int, share: float, x: Any) -> float:
    """x = the series at a share of the step; returns its norm."""
    norm = 0.0
    for n in range(x.size):
        value = terms[count - 1, n]
        for j in range(count - 2, -1, -1):
            value = value * share + terms[j, n]
        x[n] = value
        norm += _size(value)
    return norm


@njit(error_model="numpy")
def _leaving(mode: Mode, x: Any) -> tuple[float, float]:
    """Rates of emission and absorption of one ladder, times its norm."""
    emission, absorption = 0.0, 0.0
    for n in range(x.size):
        emission += n * _size(x[n])
        absorption += (n + 1.0) * _size(x[n]) if n < mode.field.size - 1 else 0.0
    return mode.kappa * (mode.nbar + 1.0) * emission, mode.kappa * mode.nbar * absorption


@njit(error_model="numpy")
def _share_of_photon(
    mode: Mode, terms: Any, count: int, step: float, level: float, x: Any
) -> float:
    """Share of the step at which the norm has fallen to `level`; x is left there.

    Newton's method, kept between both ends: the norm falls at the rate of photons.
    """
    low, high, share = 0.0, 1.0, 0.5
    for _ in range(NEWTON_STEPS):
        norm = _at(terms, count, share, x)
        if norm > level:
            low = share
        else:
            high = share
        emission, absorption = _leaving(mode, x)
        slope = step * (emission + absorption)
        nearer = share + (norm - level) / slope if slope > 0.0 else 0.5 * (low + high)
        if not low < nearer < high:
            nearer = 0.5 * (low + high)
        if abs(nearer - share) < ROOT:
            break
        share = nearer
    return share


@njit(error_model="numpy")
def _take_photon(c: Any, emitted: bool) -> None:
    """a or its adjoint on all ladders (K, n)."""
    most = c.shape[1] - 1
    for k in range(c.shape[0]):
        if emitted:
            for n in range(most):
                c[k, n] = np.sqrt(n + 1.0) * c[k, n + 1]
            c[k, most] = 0.0
        else:
            for n in range(most, 0, -1):
                c[k, n] = np.sqrt(float(n)) * c[k, n - 1]
            c[k, 0] = 0.0


@njit(error_model="numpy")
def _read(
    mode: Mode, turn: Any, Q: float, h: Array, c: Any, moved: Any, values: Array, i: int
) -> None:
    """Energies, power and photons of the conditional state into column i of `values`."""
    K = c.shape[0]
    weight, photons, z, change = 0.0, 0.0, 0.0, 0.0
    for k in range(K):
        J, levels = mode.J[k], _levels(mode, k, Q)
        _derivative(turn, h[k], c[k, :levels], moved[:levels])
        for n in range(levels):
            M, w = Q - n, _size(c[k, n])
            weight += w
            photons += n * w
            up = mode.diagonal[k] * M * c[k, n]
            if k > 0:
                up += mode.coupling[k] * np.sqrt(max(J * J - M * M, 0.0)) * c[k - 1, n]
            if k < K - 1:
                above = mode.J[k + 1]
                f = mode.coupling[k + 1] * np.sqrt(max(above * above - M * M, 0.0))
                up += f * c[k + 1, n]
            z += (np.conj(c[k, n]) * up).real
            change += 2.0 * (np.conj(up) * moved[n]).real
    photons, z, change = photons / weight, z / weight, change / weight
    values[BATTERY_ENERGY, i] = 0.5 + z / mode.n_battery
    values[CHARGER_ENERGY, i] = 0.5 + (Q - photons - z) / mode.n_charger
    values[POWER, i] = change / mode.n_battery
    values[PHOTONS, i] = photons


@njit(cache=True, error_model="numpy")
def follow_runs(
    seed: Any,
    first: int,
    runs: int,
    times: Array,
    mode: Mode,
    scale: Array,
    total: Counts,
    low: Counts,
    high: Counts,
    clipped: Counts,
    energy: Counts,
    photons: Counts,
    photon_width: float,
    ladders: Counts,
    followed: Array,
    loss: Any,
    turn: Any,
    c: Any,
    terms: Any,
    x: Any,
) -> None:
    """Add the runs first ... first + runs - 1 to the sums; `followed` (quantities, T) is the last.

    `loss` (n,) is half the rate of photons, and i times the detuning, which alone is `turn`; c
    (K, n), terms (MOST_TERMS, n) and x (n,) are room: real where there is no detuning.
    """
    K, size, T = mode.J.size, mode.field.size, times.size
    h, kept = np.zeros((K, size)), np.ones(K, dtype=np.bool_)
    for run in range(first, first + runs):
        block = 0
        w0, w1, w2, w3 = philox_block(seed, np.uint64(JUMPS_OF_A_MODE), run, block)
        a, b, u, d = unit(w0), unit(w1), unit(w2), unit(w3)
        k = min(np.searchsorted(mode.cumulative, a), K - 1)
        held = min(np.searchsorted(mode.field, b), size - 1)
        ladders[k] += 1
        c[:] = 0.0
        kept[:] = True
        for other in range(K):
            c[other, held] = mode.amplitude[other] / abs(mode.amplitude[k])
        Q, now, emitted, absorbed = mode.m_start + held, 0.0, 0.0, 0.0
        rate = _set_rates(mode, Q, h)
        for i in range(T):
            while now < times[i]:
                step = min(times[i] - now, LONGEST / max(rate, 1e-300))
                arrives = step == times[i] - now
                levels = _levels(mode, k, Q)
                count = _series(loss, h[k], c[k, :levels], step, terms)
                share = 1.0
                photon = _at(terms, count, 1.0, x[:levels]) < u
                if photon:
                    share = _share_of_photon(mode, terms, count, step, u, x[:levels])
                c[k, :levels] = x[:levels]
                for other in range(K):
                    if other != k and kept[other]:
                        levels = _levels(mode, other, Q)
                        own = c[other, :levels]
                        count = _series(loss, h[other], own, share * step, terms)
                        _at(terms, count, 1.0, own)
                now = times[i] if arrives and not photon else now + share * step
                if photon:
                    emission, absorption = _leaving(mode, c[k])
                    is_emitted = d * (emission + absorption) < emission
                    _take_photon(c, is_emitted)
                    emitted, absorbed = emitted + is_emitted, absorbed + (not is_emitted)
                    Q += -1.0 if is_emitted else 1.0
                    norm = 0.0
                    for n in range(size):
                        norm += _size(c[k, n])
                    for other in range(K):
                        weight = 0.0
                        for n in range(size):
                            c[other, n] /= np.sqrt(norm)
                            weight += _size(c[other, n])
                        kept[other] = weight >= FORGOTTEN
                        if not kept[other]:
                            c[other, :] = 0.0
                    rate = _set_rates(mode, Q, h)
                    block += 1
                    w0, w1, w2, w3 = philox_block(seed, np.uint64(JUMPS_OF_A_MODE), run, block)
                    u, d = unit(w0), unit(w1)
            _read(mode, turn, Q, h, c, x, followed, i)
            followed[EMITTED, i], followed[ABSORBED, i] = emitted, absorbed
        for o in range(QUANTITIES):
            clipped[o] += add_row(followed[o], scale[o], total[o], low[o], high[o])
        bins = energy.shape[1]
        for i in range(T):
            energy[i, min(max(int(followed[BATTERY_ENERGY, i] * bins), 0), bins - 1)] += 1
        photons[min(int(emitted / photon_width), photons.size - 1)] += 1
