r"""Steps of second order in the frame of each class: what turns and decays by itself is exact.

From a step's start on, with :math:`\epsilon_k=\exp(-\Gamma_k\tau-i\int D_k)` and
:math:`\psi=\exp(-\kappa\tau/2+iD_c\tau)`, let :math:`A_k=\psi\epsilon_k\tilde A_k` and
:math:`C_{kl}=\epsilon_k^*\epsilon_l\tilde C_{kl}` (Lawson 1967). The equations of
`meanfield.averages.equations` are then

.. math:: \dot{\tilde C}_{kl} = -ix_k^*y_l + iy_k^*x_l,\qquad x_k=G_kz_k/\epsilon_k,\quad
          y_k=A_k/\epsilon_k

so that no stage of a Runge-Kutta step needs a matrix of its own. The sums
:math:`\sum_lf_lG_lC_{lk}` of all its stages are those of C at its start, one product of matrices
since the frames are known beforehand, and of the vectors of the stages before; the new C is one
more product. A step of Dormand and Prince's order 8 takes a third of the time of one with matrices
at twelve stages, and is as long as the coupling to the field allows, not the largest detuning.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.meanfield.averages.equations import (
    LEFT,
    PHOTONS,
    SUPPLIED,
    Coefficients,
    Z,
    second_order,
    second_order_groups,
)
from darkbattery.meanfield.averages.frames import (
    FOUR,
    TURN,
    VECTORS,
    Errors,
    FrameSteps,
    Given,
    Tableau,
    circle,
    earlier,
)
from darkbattery.meanfield.averages.stepper import STAGES
from darkbattery.meanfield.averages.stretches import Stretch
from darkbattery.meanfield.classes.legs import Leg

Array = NDArray[np.float64]


class Room(NamedTuple):
    """What a step works in: C's two halves (M, M), and their changes; rows of x and y."""

    real: Array
    imag: Array
    more_real: Array
    more_imag: Array
    vectors: Array


class TurningSteps(FrameSteps):
    """Steps of the state of `second_order`.

    A's and n's errors are measured against the larger of both: with G alike in both equations they
    matter alike, while far from resonance n is smaller by another factor. No field is sent in.
    """

    def __init__(self, leg: Leg, stretch: Stretch, since: float) -> None:
        super().__init__(leg, stretch, since, second_order_groups(leg.system))
        M = leg.system.number.size
        one, two, three, four = np.empty((4, M, M))
        self._room = Room(one, two, three, four, np.empty((VECTORS * STAGES, M)))

    def slope(self, y: Array, p: Coefficients, out: Array) -> None:
        """The derivative."""
        second_order(y, p, out)

    def step(self, now: float, y: Array, h: float, turned: Array, new: Array) -> Errors:
        """One step."""
        return _step(y, h, turned, self.given, self._room, new)


@njit(cache=True, error_model="numpy")
def _step(y: Array, h: float, turned: Array, given: Given, room: Room, new: Array) -> Errors:
    """Fill `new`; both estimates of the error over h, of the group that has most.

    `turned` (2, STAGES): by what the lines of both ensembles have turned beside p's detunings.
    """
    p, ensemble, rule, floors, looked = given
    M, S = p.share.size, rule.nodes.size
    frames, sums = np.empty((S, VECTORS, M)), np.empty((2 * S, M))
    _frames(h, turned, ensemble, p, rule.nodes, frames, sums)
    _unpack(y[Z + 3 * M :], room.real, room.imag)
    of_real, of_imag = np.dot(sums, room.real), np.dot(sums, room.imag)
    # of vectors: the state without C, and the diagonal of C in its frame
    start, slopes = np.empty(Z + 4 * M), np.zeros((S, Z + 4 * M))
    # element by element: numba compiles much text for an array in a slice
    for i in range(Z + 3 * M):
        start[i] = y[i]
    for k in range(M):
        start[Z + 3 * M + k] = room.real[k, k]
    now, field = start.copy(), np.empty((2, M))
    room.vectors[: VECTORS * (FOUR + 1)] = 0.0
    for s in range(S):
        if s:
            until = max(s, FOUR + 1)
            now = start + np.dot(h * rule.inner[s, :until], slopes[:until])
        field[0] = of_real[s] + of_imag[S + s]
        field[1] = of_imag[s] - of_real[S + s]
        if s:
            _add_earlier(h, s, rule.inner, sums, room.vectors, field)
        at = rule.place[s]
        _stage(now, field, _psi(p, rule.nodes[s] * h), frames[s], p, at, room.vectors, slopes[at])
    # nodes[-1] is 1: its frame is the end's
    e5, e3 = _vectors_end(y, start, slopes, h, frames[S - 1], p, rule, floors, new)
    vectors = room.vectors[VECTORS * FOUR :]
    _turn_vectors(frames[S - 1], vectors)
    _changes(h, rule.weights[FOUR:], vectors, room)
    size = max(_pairs_end(frames[S - 1], room, new[Z + 3 * M :]), floors[3])
    c5, c3 = _pairs_error(rule.errors[:, FOUR:], vectors, looked)
    return max(e5, c5 / size), max(e3, c3 / size)


@njit(error_model="numpy")
def _frames(
    h: float,
    turned: Array,
    ensemble: NDArray[np.int64],
    p: Coefficients,
    nodes: Array,
    frames: Array,
    sums: Array,
) -> None:
    """eps and 1/eps of each stage, real and imaginary, and f G eps: all real rows come first."""
    S, M = nodes.size, ensemble.size
    for s in range(S):
        since = nodes[s] * h
        for k in range(M):
            frames[s, 2, k] = (p.detuning[k] * since + turned[ensemble[k], s]) * (1.0 / TURN)
        circle(frames[s, 2], frames[s, 0], frames[s, 1])
        shrink, rate = 1.0, 0.0
        for k in range(M):
            if p.decoherence[k] != rate:
                rate = p.decoherence[k]
                shrink = np.exp(-rate * since)
            cosine, sine, weight = frames[s, 0, k], frames[s, 1, k], p.share[k] * p.coupling[k]
            frames[s, 0, k], frames[s, 1, k] = shrink * cosine, -shrink * sine
            frames[s, 2, k], frames[s, 3, k] = cosine / shrink, sine / shrink
            sums[s, k], sums[S + s, k] = weight * frames[s, 0, k], weight * frames[s, 1, k]


@njit(error_model="numpy")
def _psi(p: Coefficients, since: float) -> complex:
    """The field's own decay and turn; 1 where it has no equation of its own."""
    if p.eliminated:
        return 1.0 + 0.0j
    return np.exp(complex(-0.5 * p.kappa * since, p.field_detuning * since))


@njit(error_model="numpy")
def _unpack(packed: Array, real: Array, imag: Array) -> None:
    """The rows k <= l of C as two whole matrices."""
    M, first = real.shape[0], 0
    half = packed.size // 2
    for k in range(M):
        for i in range(M - k):
            real[k, k + i], imag[k, k + i] = packed[first + i], packed[half + first + i]
        first += M - k
    for k in range(M):
        for i in range(k):
            real[k, i], imag[k, i] = real[i, k], -imag[i, k]


@njit(error_model="numpy")
def _add_earlier(h: float, s: int, inner: Array, sums: Array, vectors: Array, field: Array) -> None:
    r"""What the stages before s have added to C, in its sums with conj(f G eps) of stage s.

    Of stage j: :math:`-i\alpha^*y_k+i\beta^*x_k`, :math:`\alpha,\beta=\sum_lf_lG_l\epsilon_l
    (x_l,y_l)`.
    """
    begin, until = earlier(s)
    own, factor = np.empty((2, sums.shape[1])), np.empty((2, VECTORS * (until - begin)))
    own[0], own[1] = sums[s], sums[inner.shape[0] + s]
    rows = vectors[VECTORS * begin : VECTORS * until]
    seen = np.dot(rows, own.T)
    for j in range(until - begin):
        r, weight = VECTORS * j, h * inner[s, begin + j]
        a = complex(seen[r, 0] - seen[r + 1, 1], seen[r + 1, 0] + seen[r, 1]) * weight
        b = complex(seen[r + 2, 0] - seen[r + 3, 1], seen[r + 3, 0] + seen[r + 2, 1]) * weight
        factor[0, r], factor[0, r + 1] = b.imag, -b.real
        factor[0, r + 2], factor[0, r + 3] = -a.imag, a.real
        factor[1, r], factor[1, r + 1] = b.real, b.imag
        factor[1, r + 2], factor[1, r + 3] = -a.real, -a.imag
    field += np.dot(factor, rows)


@njit(error_model="numpy")
def _stage(
    now: Array,
    field: Array,
    psi: complex,
    frame: Array,
    p: Coefficients,
    s: int,
    vectors: Array,
    slope: Array,
) -> None:
    """x and y of a stage, and the slopes of all but C; `field` (2, M) are the sums of C."""
    M, r = p.share.size, VECTORS * s
    n = p.nbar / p.total if p.eliminated else now[PHOTONS]
    back = 1.0 / psi
    gain = left = supplied = 0.0
    for k in range(M):
        G, z = p.coupling[k], now[Z + k]
        eps, over = complex(frame[0, k], frame[1, k]), complex(frame[2, k], frame[3, k])
        seen = eps * complex(field[0, k], field[1, k])
        # one spin is not its own neighbour
        own = (eps.real * eps.real + eps.imag * eps.imag) * now[Z + 3 * M + k]
        alone = G * (0.5 * (1.0 + z) - own) / p.total
        push = complex(-seen.imag, seen.real + alone + G * n * z)
        if p.eliminated:
            A = 2.0 / p.kappa * push
            y = over * A
            left += 4.0 / p.kappa * p.share[k] * G * (seen.real + alone)
        else:
            y = psi * complex(now[Z + M + k], now[Z + 2 * M + k])
            A = eps * y
            rate = over * back * push
            slope[Z + M + k], slope[Z + 2 * M + k] = rate.real, rate.imag
        x = G * z * over
        vectors[r, k], vectors[r + 1, k] = x.real, x.imag
        vectors[r + 2, k], vectors[r + 3, k] = y.real, y.imag
        local = p.supply[k] - p.relaxation[k] * z
        gain += 2.0 * p.share[k] * G * A.imag
        supplied += 0.5 * p.share[k] * local
        slope[Z + k] = -4.0 * G * A.imag + local
        slope[Z + 3 * M + k] = 2.0 * (x.real * y.imag - x.imag * y.real)
    slope[SUPPLIED] = supplied
    slope[LEFT] = left if p.eliminated else p.kappa * n
    if not p.eliminated:
        slope[PHOTONS] = -p.kappa * (n - p.nbar / p.total) + gain


@njit(error_model="numpy")
def _vectors_end(
    y: Array,
    start: Array,
    slopes: Array,
    h: float,
    frame: Array,
    p: Coefficients,
    rule: Tableau,
    floors: Array,
    new: Array,
) -> tuple[float, float]:
    """All of the new state but C, and both errors of n and A, and of z."""
    M = p.share.size
    end, errors = start + np.dot(h * rule.weights, slopes), np.dot(rule.errors, slopes)
    for i in range(Z + M):
        new[i] = end[i]
    psi = _psi(p, h)
    largest = max(abs(y[PHOTONS]), abs(new[PHOTONS]))
    field = np.array([largest, abs(errors[0, PHOTONS]), abs(errors[1, PHOTONS])])
    spins = np.zeros(3)
    for k in range(M):
        whole = psi * complex(frame[0, k], frame[1, k])
        re, im = Z + M + k, Z + 2 * M + k
        A = whole * complex(end[re], end[im])
        new[re], new[im] = A.real, A.imag
        field[0] = max(field[0], abs(y[re]), abs(y[im]), abs(A.real), abs(A.imag))
        spins[0] = max(spins[0], abs(y[Z + k]), abs(end[Z + k]))
        for e in range(2):
            off = whole * complex(errors[e, re], errors[e, im])
            field[1 + e] = max(field[1 + e], abs(off.real), abs(off.imag))
            spins[1 + e] = max(spins[1 + e], abs(errors[e, Z + k]))
    of_field, of_spins = max(field[0], floors[2]), max(spins[0], floors[1])
    return (
        max(field[1] / of_field, spins[1] / of_spins),
        max(field[2] / of_field, spins[2] / of_spins),
    )


@njit(error_model="numpy")
def _turn_vectors(frame: Array, vectors: Array) -> None:
    """x and y of all stages times eps of the end: what they add to C there."""
    for r in range(0, vectors.shape[0], 2):
        for k in range(vectors.shape[1]):
            re, im = vectors[r, k], vectors[r + 1, k]
            vectors[r, k] = frame[0, k] * re - frame[1, k] * im
            vectors[r + 1, k] = frame[0, k] * im + frame[1, k] * re


@njit(error_model="numpy")
def _changes(h: float, weights: Array, vectors: Array, room: Room) -> None:
    r"""P = :math:`\sum_jb_jx_j^*y_j^T`, so that C changes by :math:`-iP+(-iP)^\dagger`.

    Into `more_real` Im P and into `more_imag` Re P.
    """
    S, M = weights.size, vectors.shape[1]
    left, first, second = np.empty((2 * S, M)), np.empty((2 * S, M)), np.empty((2 * S, M))
    for j in range(S):
        b, r = h * weights[j], VECTORS * j
        for k in range(M):
            left[2 * j, k], left[2 * j + 1, k] = vectors[r, k], vectors[r + 1, k]
            re, im = b * vectors[r + 2, k], b * vectors[r + 3, k]
            first[2 * j, k], first[2 * j + 1, k] = im, -re
            second[2 * j, k], second[2 * j + 1, k] = re, im
    np.dot(left.T, first, room.more_real)
    np.dot(left.T, second, room.more_imag)


@njit(error_model="numpy")
def _pairs_end(frame: Array, room: Room, packed: Array) -> float:
    """The rows k <= l of the new C; the largest component of the old and the new."""
    M, first, largest = room.real.shape[0], 0, 0.0
    half = packed.size // 2
    X, Y, R, S = room.real, room.imag, room.more_real, room.more_imag
    for k in range(M):
        ek_re, ek_im = frame[0, k], frame[1, k]
        for i in range(M - k):
            at = k + i
            turn_re = ek_re * frame[0, at] + ek_im * frame[1, at]
            turn_im = ek_re * frame[1, at] - ek_im * frame[0, at]
            re, im = X[k, at], Y[k, at]
            packed[first + i] = turn_re * re - turn_im * im + R[k, at] + R[at, k]
            packed[half + first + i] = turn_re * im + turn_im * re + S[at, k] - S[k, at]
        for i in range(M - k):
            largest = max(largest, abs(X[k, k + i]), abs(Y[k, k + i]))
            largest = max(largest, abs(packed[first + i]), abs(packed[half + first + i]))
        first += M - k
    return largest


@njit(error_model="numpy")
def _pairs_error(errors: Array, vectors: Array, looked: NDArray[np.int64]) -> tuple[float, float]:
    """Largest component of both errors of C over h, in the rows that are looked at."""
    rows, M = vectors.shape
    left = np.empty((looked.size, rows))
    for i in range(looked.size):
        for r in range(rows):
            left[i, r] = vectors[r, looked[i]]
    found, right = np.zeros(2), np.empty((rows, M))
    for e in range(2):
        for part in range(2):
            for j in range(rows // VECTORS):
                weight, r = errors[e, j], VECTORS * j
                for k in range(M):
                    if part:
                        right[r, k], right[r + 1, k] = -vectors[r + 2, k], -vectors[r + 3, k]
                        right[r + 2, k], right[r + 3, k] = vectors[r, k], vectors[r + 1, k]
                    else:
                        right[r, k], right[r + 1, k] = vectors[r + 3, k], -vectors[r + 2, k]
                        right[r + 2, k], right[r + 3, k] = -vectors[r + 1, k], vectors[r, k]
                right[r : r + VECTORS] *= weight
            off = np.dot(left, right)
            for i in range(looked.size):
                for k in range(M):
                    found[e] = max(found[e], abs(off[i, k]))
    return found[0], found[1]
