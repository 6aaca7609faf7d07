r"""Steps of second order with a phase in a frame of each class that the mean field turns.

As `meanfield.averages.turningsteps`, for the moments of `meanfield.averages.covariances`: with
:math:`\dot R_k=J_kR_k`, 1 at a step's start, and :math:`c_{kl}=R_k\tilde c_{kl}R_l^T`,

.. math:: \dot{\tilde c}_{kl} = \sum_{i=p,q} u_{ik}g_{il}^T + g_{ik}u_{il}^T,\qquad
          u_{ik}=R_k^{-1}U_{ik},\quad g_{ik}=R_k^{-1}f_{ik}

again has no more than a few vectors a stage. R is Z times what the mean field makes of it, where Z
is the turn by the detuning and the decay by T2 and T1, exact; Bloch vectors and f are followed in
the frame of Z.
"""

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.meanfield.averages.covariances import (
    FIELD,
    SPINS,
    field_slopes,
    phased,
    phased_groups,
)
from darkbattery.meanfield.averages.equations import LEFT, SUPPLIED, Coefficients
from darkbattery.meanfield.averages.frames import (
    FOUR,
    TURN,
    VECTORS,
    Errors,
    FrameSteps,
    Given,
    circle,
    earlier,
)
from darkbattery.meanfield.averages.phasedpairs import (
    OWN,
    PhasedRoom,
    changes,
    own_of,
    pairs_end,
    pairs_error,
    turn_vectors,
    unpack,
)
from darkbattery.meanfield.averages.stepper import STAGES
from darkbattery.meanfield.averages.stretches import Stretch
from darkbattery.meanfield.classes.legs import Leg

Array = NDArray[np.float64]
Amplitudes = NDArray[np.complex128]


class PhasedSteps(FrameSteps):
    """Steps of the state of `phased`.

    Errors of f and phi are measured against the larger of both.
    """

    def __init__(self, leg: Leg, stretch: Stretch, since: float) -> None:
        super().__init__(leg, stretch, since, phased_groups(leg.system))
        M = leg.system.number.size
        one, two, three = np.empty((3, 3 * M, 3 * M))
        self._room = PhasedRoom(one, two, three, np.empty((VECTORS * STAGES, 3 * M)))
        self._field, self._since, self._root = stretch.field, since, math.sqrt(leg.system.total)

    def _drive(self, now: float) -> complex:
        return self._field(self._since + now) / self._root

    def slope(self, y: Array, p: Coefficients, out: Array) -> None:
        """The derivative."""
        phased(y, self._drive(0.0), p, out)

    def step(self, now: float, y: Array, h: float, turned: Array, new: Array) -> Errors:
        """One step."""
        after = (self.given.rule.nodes * h).tolist()
        drive = np.array([self._drive(now + one) for one in after], dtype=complex)
        return _step(y, h, turned, drive, self.given, self._room, new)


@njit(cache=True, error_model="numpy")
def _step(
    y: Array,
    h: float,
    turned: Array,
    drive: Amplitudes,
    given: Given,
    room: PhasedRoom,
    new: Array,
) -> Errors:
    """Fill `new`; both estimates of the error over h, of the group that has most."""
    p, ensemble, rule, floors, looked = given
    M, S = p.share.size, rule.nodes.size
    c_at = SPINS + 9 * M + 3
    unpack(y[c_at:].reshape(9, -1), room.c)
    start, slopes = np.zeros(c_at + 15 * M), np.zeros((S, c_at + 15 * M))
    # element by element: numba compiles much text for an array in a slice
    for i in range(c_at):
        start[i] = y[i]
    R = start[c_at : c_at + 9 * M].reshape(3, 3, M)
    R[0, 0], R[1, 1], R[2, 2] = 1.0, 1.0, 1.0
    own_of(room.c, start[c_at + 9 * M :].reshape(6, M))
    now, sums = start.copy(), np.empty((2, 3 * M))
    Z, whole, back = np.empty((4, M)), np.empty((3, 3, M)), np.empty((3, 3, M))
    room.vectors[: VECTORS * (FOUR + 1)] = 0.0
    for s in range(S):
        if s:
            until = max(s, FOUR + 1)
            now = start + np.dot(h * rule.inner[s, :until], slopes[:until])
        at = rule.place[s]
        _frame(rule.nodes[s] * h, turned[:, s], ensemble, p, Z)
        _whole(now[c_at : c_at + 9 * M].reshape(3, 3, M), Z, whole, back)
        for a in range(2):
            for d in range(3):
                for k in range(M):
                    sums[a, d * M + k] = p.share[k] * p.coupling[k] * whole[a, d, k]
        field = np.dot(sums, room.c)
        if s:
            _add_earlier(h, s, rule.inner, sums, room.vectors, field)
        _stage(
            now, field.reshape(2, 3, M), drive[s], Z, whole, back, p,
            room.vectors[VECTORS * at : VECTORS * (at + 1)], slopes[at],
        )  # fmt: skip
    # nodes[-1] is 1: its Z is the end's
    now = start + np.dot(h * rule.weights, slopes)
    errors = np.dot(rule.errors, slopes)
    _whole(now[c_at : c_at + 9 * M].reshape(3, 3, M), Z, whole, back)
    e5, e3 = _vectors_end(y, now, errors, Z, M, floors, new)
    vectors = room.vectors[VECTORS * FOUR :]
    turn_vectors(whole, vectors)
    changes(h, rule.weights[FOUR:], vectors, room)
    size = max(pairs_end(whole, room, new[c_at:].reshape(9, -1)), floors[4])
    c5, c3 = pairs_error(rule.errors[:, FOUR:], vectors, looked, M)
    return max(e5, c5 / size), max(e3, c3 / size)


@njit(error_model="numpy")
def _frame(
    since: float, turned: Array, ensemble: NDArray[np.int64], p: Coefficients, Z: Array
) -> None:
    """Cosine and sine of the turn, and the decays of x, y and of z, of each class."""
    for k in range(ensemble.size):
        Z[2, k] = (p.detuning[k] * since + turned[ensemble[k]]) * (1.0 / TURN)
    circle(Z[2], Z[0], Z[1])
    across, along, one, two = 0.0, 0.0, 1.0, 1.0
    for k in range(ensemble.size):
        if p.decoherence[k] != across:
            across = p.decoherence[k]
            one = np.exp(-across * since)
        if p.relaxation[k] != along:
            along = p.relaxation[k]
            two = np.exp(-along * since)
        Z[2, k], Z[3, k] = one, two


@njit(error_model="numpy")
def _whole(R: Array, Z: Array, whole: Array, back: Array) -> None:
    """Z R of each class, and its inverse."""
    for k in range(Z.shape[1]):
        cosine, sine, across, along = Z[0, k], Z[1, k], Z[2, k], Z[3, k]
        for d in range(3):
            whole[0, d, k] = across * (cosine * R[0, d, k] - sine * R[1, d, k])
            whole[1, d, k] = across * (sine * R[0, d, k] + cosine * R[1, d, k])
            whole[2, d, k] = along * R[2, d, k]
        for a in range(3):
            b, c = (a + 1) % 3, (a + 2) % 3
            for d in range(3):
                e, f = (d + 1) % 3, (d + 2) % 3
                # cofactors, transposed
                back[d, a, k] = whole[b, e, k] * whole[c, f, k] - whole[b, f, k] * whole[c, e, k]
        over = 1.0 / (
            whole[0, 0, k] * back[0, 0, k]
            + whole[0, 1, k] * back[1, 0, k]
            + whole[0, 2, k] * back[2, 0, k]
        )
        for a in range(3):
            for d in range(3):
                back[a, d, k] *= over


@njit(error_model="numpy")
def _add_earlier(h: float, s: int, inner: Array, sums: Array, vectors: Array, field: Array) -> None:
    """What the stages before s have added to c, in its product with `sums` (2, 3M)."""
    begin, until = earlier(s)
    rows = vectors[VECTORS * begin : VECTORS * until]
    seen, factor = np.dot(rows, sums.T), np.empty((2, rows.shape[0]))
    for j in range(until - begin):
        weight = h * inner[s, begin + j]
        for i in range(2):
            u, g = VECTORS * j + i, VECTORS * j + 2 + i
            for a in range(2):
                factor[a, u], factor[a, g] = weight * seen[g, a], weight * seen[u, a]
    field += np.dot(factor, rows)


@njit(error_model="numpy")
def _stage(
    now: Array,
    field: Array,
    drive: complex,
    Z: Array,
    whole: Array,
    back: Array,
    p: Coefficients,
    vectors: Array,
    slope: Array,
) -> None:
    """u and g of a stage, and the slopes of all but c; `field` (2, 3, M) are its sums in the frame.

    The equations are those of `phased`.
    """
    M = p.share.size
    c_at = SPINS + 9 * M + 3
    b_in = now[SPINS : SPINS + 3 * M].reshape(3, M)
    f_in = now[SPINS + 3 * M : SPINS + 9 * M].reshape(2, 3, M)
    phi = now[SPINS + 9 * M : c_at]
    own_c = now[c_at + 9 * M :].reshape(6, M)
    db = slope[SPINS : SPINS + 3 * M].reshape(3, M)
    df = slope[SPINS + 3 * M : SPINS + 9 * M].reshape(2, 3, M)
    dR = slope[c_at : c_at + 9 * M].reshape(3, 3, M)
    d_own = slope[c_at + 9 * M :].reshape(6, M)
    b, f = np.empty((3, M)), np.empty((2, 3, M))
    _out_of(Z, b_in, b)
    mx = my = 0.0
    for k in range(M):
        mx += 0.5 * p.share[k] * p.coupling[k] * b[0, k]
        my += 0.5 * p.share[k] * p.coupling[k] * b[1, k]
    re, im = now[FIELD], now[FIELD + 1]
    if p.eliminated:
        re = 2.0 / p.kappa * (drive.imag - my)
        im = -2.0 / p.kappa * (drive.real + mx)
    else:
        _out_of(Z, f_in[0], f[0])
        _out_of(Z, f_in[1], f[1])
    thermal, vacuum, half = 0.5 * p.nbar / p.total, 0.25 / p.total, 0.5 * p.kappa
    pp = (thermal if p.eliminated else phi[0]) + vacuum
    pq = 0.0 if p.eliminated else phi[1]
    qq = (thermal if p.eliminated else phi[2]) + vacuum
    emitting, supplied = mx * mx + my * my, 2.0 * (drive.imag * re - drive.real * im)
    to_pp = to_qq = to_pq = 0.0
    own, S, U = np.empty((3, 3)), np.empty((2, 3)), np.zeros((3, 2))
    for k in range(M):
        G, weight, alone = 2.0 * p.coupling[k], p.share[k] * p.coupling[k], p.coupling[k] / p.total
        x, v, z = b[0, k], b[1, k], b[2, k]
        _own_block(own_c, whole, k, own)
        _seen(b, field, whole, own, k, alone, S)
        emitting += weight * (0.25 * (S[0, 0] + S[1, 1]) + 0.5 * alone * z)
        U[0, 1], U[1, 0], U[2, 0], U[2, 1] = -G * z, -G * z, G * v, G * x
        for e in range(3):
            into_p = pp * U[e, 0] + pq * U[e, 1] - 0.5 * S[1, e]
            into_q = pq * U[e, 0] + qq * U[e, 1] - 0.5 * S[0, e]
            if p.eliminated:
                f[0, e, k], f[1, e, k] = into_p / half, into_q / half
                df[0, e, k] = df[1, e, k] = 0.0
            else:
                turn = p.field_detuning
                df[0, e, k] = into_p - half * f[0, e, k] + turn * f[1, e, k]
                df[1, e, k] = into_q - half * f[1, e, k] - turn * f[0, e, k]
        if not p.eliminated:
            for i in range(2):
                df[i, 0, k] -= G * im * f[i, 2, k]
                df[i, 1, k] -= G * re * f[i, 2, k]
                df[i, 2, k] += G * (im * f[i, 0, k] + re * f[i, 1, k])
        db[0, k] = -G * (im * z + f[1, 2, k])
        db[1, k] = -G * (re * z + f[0, 2, k])
        db[2, k] = G * (im * x + re * v + f[0, 1, k] + f[1, 0, k]) + p.supply[k]
        supplied += 0.5 * p.share[k] * (p.supply[k] - p.relaxation[k] * z)
        to_pp += weight * f[0, 1, k]
        to_qq += weight * f[1, 0, k]
        to_pq += 0.5 * weight * (f[1, 1, k] + f[0, 0, k])
        for d in range(3):
            dR[0, d, k] = -G * im * whole[2, d, k]
            dR[1, d, k] = -G * re * whole[2, d, k]
            dR[2, d, k] = G * (im * whole[0, d, k] + re * whole[1, d, k])
        _pushes(back, U, f, k, vectors)
        _own_pushed(vectors, k, d_own)
    _into(Z, db)
    for d in range(3):
        _into(Z, dR[:, d])
    slope[SUPPLIED] = supplied
    if p.eliminated:
        slope[LEFT] = 4.0 / p.kappa * emitting
        return
    _into(Z, df[0])
    _into(Z, df[1])
    field_slopes(complex(re, im), phi, (mx, my), (to_pp, to_pq, to_qq), drive, p, slope)


@njit(error_model="numpy")
def _own_block(own_c: Array, whole: Array, k: int, own: Array) -> None:
    """c of class k with itself (3, 3), out of the frame; only the rows of x and y are used."""
    for a in range(2):
        for e in range(3):
            found = 0.0
            for n in range(6):
                i, j = OWN[n]
                turned = whole[a, i, k] * whole[e, j, k]
                if i != j:
                    turned += whole[a, j, k] * whole[e, i, k]
                found += own_c[n, k] * turned
            own[a, e] = found


@njit(inline="always")
def _seen(b: Array, field: Array, whole: Array, own: Array, k: int, alone: float, S: Array) -> None:
    """S of class k (2, 3), from the sums of all in the frame and from its spins by themselves."""
    for a in range(2):
        for e in range(3):
            same = 1.0 if a == e else 0.0
            S[a, e] = alone * (same - b[a, k] * b[e, k] - own[a, e])
            for d in range(3):
                S[a, e] += whole[e, d, k] * field[a, d, k]


@njit(inline="always")
def _pushes(back: Array, U: Array, f: Array, k: int, vectors: Array) -> None:
    """u and g of class k: U and f taken into the frame."""
    M = back.shape[2]
    for d in range(3):
        for i in range(2):
            u = g = 0.0
            for e in range(3):
                u += back[d, e, k] * U[e, i]
                g += back[d, e, k] * f[i, e, k]
            vectors[i, d * M + k], vectors[2 + i, d * M + k] = u, g


@njit(inline="always")
def _own_pushed(vectors: Array, k: int, slope: Array) -> None:
    """The derivative of c of class k with itself, six numbers of u g^T and its transpose."""
    M = slope.shape[1]
    for n in range(6):
        a, e = OWN[n]
        slope[n, k] = (
            vectors[0, a * M + k] * vectors[2, e * M + k]
            + vectors[2, a * M + k] * vectors[0, e * M + k]
            + vectors[1, a * M + k] * vectors[3, e * M + k]
            + vectors[3, a * M + k] * vectors[1, e * M + k]
        )


@njit(error_model="numpy")
def _out_of(Z: Array, inside: Array, out: Array) -> None:
    """Z times vectors (3, M)."""
    for k in range(Z.shape[1]):
        x, v = inside[0, k], inside[1, k]
        out[0, k] = Z[2, k] * (Z[0, k] * x - Z[1, k] * v)
        out[1, k] = Z[2, k] * (Z[1, k] * x + Z[0, k] * v)
        out[2, k] = Z[3, k] * inside[2, k]


@njit(error_model="numpy")
def _into(Z: Array, vectors: Array) -> None:
    """The inverse of Z times vectors (3, M), in place."""
    for k in range(Z.shape[1]):
        x, v = vectors[0, k] / Z[2, k], vectors[1, k] / Z[2, k]
        vectors[0, k], vectors[1, k] = Z[0, k] * x + Z[1, k] * v, Z[0, k] * v - Z[1, k] * x
        vectors[2, k] /= Z[3, k]


@njit(error_model="numpy")
def _vectors_end(
    y: Array, end: Array, errors: Array, Z: Array, M: int, floors: Array, new: Array
) -> tuple[float, float]:
    """All of the new state but c, and both errors of it and of R."""
    c_at = SPINS + 9 * M + 3
    for i in range(c_at):
        new[i] = end[i]
    off = errors[:, :c_at].copy()
    for first in (SPINS, SPINS + 3 * M, SPINS + 6 * M):
        part = slice(first, first + 3 * M)
        _out_of(Z, end[part].reshape(3, M), new[part].reshape(3, M))
        for e in range(2):
            _out_of(Z, errors[e, part].copy().reshape(3, M), off[e, part].reshape(3, M))
    found = np.zeros(2)
    # the mean field, Bloch vectors, f and phi together
    begin, stop, floor = (FIELD, SPINS, SPINS + 3 * M), (SPINS, SPINS + 3 * M, c_at), floors[:3]
    for group in range(3):
        size = floor[group]
        for i in range(begin[group], stop[group]):
            size = max(size, abs(y[i]), abs(new[i]))
        for e in range(2):
            for i in range(begin[group], stop[group]):
                found[e] = max(found[e], abs(off[e, i]) / size)
    for e in range(2):
        for i in range(c_at, c_at + 9 * M):
            found[e] = max(found[e], abs(errors[e, i]))
    return found[0], found[1]
