r"""Second order with a phase: mean fields, mean Bloch vectors, and all covariances.

Where a field is sent in or spins are turned by less than half a circle the state has a phase, and
all second moments are needed. With the field :math:`a/\sqrt N`, of means :math:`p+iq`, and the
Bloch vectors :math:`b_k=(x,y,z)_k` of single spins, :math:`\sigma^-=(x-iy)/2`, the Heisenberg
equations are products of one field and one spin each:

.. math:: \dot b_k = J_k b_k + (0,0,\dot z^{eq}_k),\qquad
          J_k=\begin{pmatrix}-\Gamma_k&-D_k&-2G_kq\\ D_k&-\Gamma_k&-2G_kp\\
          2G_kq&2G_kp&-1/T_1\end{pmatrix}

With third cumulants zero, f_k (2 x 3) the covariances of field and spin, c_kl (3 x 3) those of two
distinct spins, :math:`\varphi` (2 x 2) the field's beyond vacuum, and :math:`U_k=\partial\dot
b_k/\partial(p,q)`,

.. math::
   \dot c_{kl} &= J_kc_{kl} + c_{kl}J_l^T + U_kf_l + (U_lf_k)^T \\
   \dot f_k &= Lf_k + f_kJ_k^T + (\varphi+\tfrac1{4N})U_k^T
               - \tfrac12\begin{pmatrix}S^y_k\\ S^x_k\end{pmatrix},\qquad
   S^a_k = \sum_l f_lG_l\,c_{la,k} + \frac{G_k}N(\delta_a - b^a_kb_k - c_{ka,k})

where the last term is the spin's own (squares of Pauli operators are 1), and :math:`L` is the
field's loss and detuning. Symmetric products of operators follow the classical rules, so that
nothing else enters; without mean fields these are the equations of
`meanfield.averages.equations`. Some 4.5 M^2 numbers stand against M^2 there.
"""

from itertools import pairwise

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.meanfield.averages.equations import LEFT, PHOTONS, SUPPLIED, Coefficients, Z
from darkbattery.meanfield.averages.pulses import of_each, rotated
from darkbattery.meanfield.averages.stepper import Group
from darkbattery.meanfield.classes.moments import System
from darkbattery.nvmodel.protocol import Pulse

Array = NDArray[np.float64]

# of the state: two integrals, p and q, Bloch vectors (3, M), f (2, 3, M), three of phi, and c as
# nine rows of pairs k <= l
FIELD, SPINS = 2, 4
PAIRINGS = 9


def parts(classes: int) -> tuple[slice, slice, slice, slice]:
    """Where Bloch vectors, f, phi and c stand in the state.

    >>> parts(2)
    (slice(4, 10, None), slice(10, 22, None), slice(22, 25, None), slice(25, 52, None))
    """
    ends = np.cumsum([SPINS, 3 * classes, 6 * classes, 3, PAIRINGS * classes * (classes + 1) // 2])
    b, f, phi, c = (slice(int(one), int(two)) for one, two in pairwise(ends))
    return b, f, phi, c


def phased_groups(system: System) -> list[Group]:
    """Groups of the state with a scale each; vacuum and single spins are of order 1/N."""
    b, f, phi, c = parts(system.number.size)
    floor = 1e-4 / system.total
    field = (slice(FIELD, SPINS), 1e-4 / np.sqrt(system.total))
    return [field, (b, 1e-4), (f, floor), (phi, floor), (c, floor)]


def phased_start(system: System) -> Array:
    r"""No correlations, no coherence; the field thermal."""
    b, _, phi, c = parts(system.number.size)
    y = np.zeros(c.stop)
    y[b].reshape(3, -1)[2] = system.start
    y[phi] = np.array([1.0, 0.0, 1.0]) * 0.5 * system.nbar / system.total
    return y


def phased_from(system: System, y: Array) -> Array:
    r"""The state of `meanfield.averages.equations.second_order`, as one whose phase can begin.

    No phase is favoured: with :math:`\langle a\sigma^-\rangle=\langle\sigma^-\sigma^-\rangle=0`,
    :math:`\langle px\rangle=-\langle qy\rangle=\mathrm{Re}A`, :math:`\langle py\rangle=
    \langle qx\rangle=-\mathrm{Im}A`, :math:`\langle x_kx_l\rangle=\langle y_ky_l\rangle=
    2\mathrm{Re}C_{kl}`, :math:`\langle y_kx_l\rangle=-\langle x_ky_l\rangle=2\mathrm{Im}C_{kl}`.
    """
    M = system.number.size
    b, f, phi, c = parts(M)
    new = np.zeros(c.stop)
    new[[LEFT, SUPPLIED]] = y[[LEFT, SUPPLIED]]
    new[b].reshape(3, M)[2] = y[Z : Z + M]
    new[phi] = np.array([0.5, 0.0, 0.5]) * y[PHOTONS]
    real, imag = y[Z + M : Z + 3 * M].reshape(2, M)
    field = new[f].reshape(2, 3, M)
    field[0, 0], field[1, 1], field[0, 1], field[1, 0] = real, -real, -imag, -imag
    real, imag = 2.0 * y[Z + 3 * M :].reshape(2, -1)
    pairs = new[c].reshape(3, 3, -1)
    pairs[0, 0], pairs[1, 1], pairs[1, 0], pairs[0, 1] = real, real, imag, -imag
    return new


@njit(cache=True, error_model="numpy")
def phased(y: Array, drive: complex, p: Coefficients, out: Array) -> None:
    r"""The derivative of the scaled state, into `out`; `drive` is :math:`\eta/\sqrt N`."""
    M = p.share.size
    pairs = M * (M + 1) // 2
    b = y[SPINS : SPINS + 3 * M].reshape(3, M)
    f = y[SPINS + 3 * M : SPINS + 9 * M].copy().reshape(2, 3, M)
    phi = y[SPINS + 9 * M : SPINS + 9 * M + 3]
    c = y[SPINS + 9 * M + 3 :].reshape(9, pairs)
    db = out[SPINS : SPINS + 3 * M].reshape(3, M)
    df = out[SPINS + 3 * M : SPINS + 9 * M].reshape(2, 3, M)
    weight = p.share * p.coupling
    # S (2, 3, M): of x and y of all spins with each component of one
    S = np.zeros((2, 3, M))
    _collected(c, weight, S)
    vacuum = 0.25 / p.total
    mx, my = 0.5 * np.dot(weight, b[0]), 0.5 * np.dot(weight, b[1])
    re, im = y[FIELD], y[FIELD + 1]
    if p.eliminated:
        re = 2.0 / p.kappa * (drive.imag - my)
        im = -2.0 / p.kappa * (drive.real + mx)
    emitting = mx * mx + my * my
    for k in range(M):
        own, first = p.coupling[k] / p.total, k * M - k * (k - 1) // 2
        for a in range(2):
            for e in range(3):
                same = 1.0 if a == e else 0.0
                S[a, e, k] += own * (same - b[a, k] * b[e, k] - c[3 * a + e, first])
        emitting += weight[k] * (0.25 * (S[0, 0, k] + S[1, 1, k]) + 0.5 * own * b[2, k])
    thermal = 0.5 * p.nbar / p.total
    pp = thermal if p.eliminated else phi[0]
    pq = 0.0 if p.eliminated else phi[1]
    qq = thermal if p.eliminated else phi[2]
    pp, qq = pp + vacuum, qq + vacuum
    J, U = np.empty((3, 3, M)), np.zeros((3, 2, M))
    _turning(b, re, im, p, J, U)
    _spins(b, f, S, J, U, (pp, pq, qq), p, db, df)
    supplied = 2.0 * (drive.imag * re - drive.real * im)
    for k in range(M):
        supplied += 0.5 * p.share[k] * (p.supply[k] - p.relaxation[k] * b[2, k])
    out[SUPPLIED] = supplied
    if p.eliminated:
        out[LEFT] = 4.0 / p.kappa * emitting
        out[FIELD] = out[FIELD + 1] = 0.0
        for i in range(3):
            out[SPINS + 9 * M + i] = 0.0
    else:
        to_pp, to_qq = np.dot(weight, f[0, 1]), np.dot(weight, f[1, 0])
        to_pq = 0.5 * (np.dot(weight, f[1, 1]) + np.dot(weight, f[0, 0]))
        field_slopes(complex(re, im), phi, (mx, my), (to_pp, to_pq, to_qq), drive, p, out)
    _pairs(c, J, U, f, out[SPINS + 9 * M + 3 :].reshape(9, pairs))


@njit(error_model="numpy")
def field_slopes(
    field: complex,
    phi: Array,
    spins: tuple[float, float],
    pushed: tuple[float, float, float],
    drive: complex,
    p: Coefficients,
    out: Array,
) -> None:
    """Derivatives of what has left, of the mean field and of phi, of a field of its own.

    `spins` are half the sums of f G x and f G y over the classes, `pushed` those of covariances
    that feed pp, pq and qq of phi.
    """
    re, im, (mx, my), at = field.real, field.imag, spins, SPINS + 9 * p.share.size
    half, turn, thermal = 0.5 * p.kappa, p.field_detuning, 0.5 * p.nbar / p.total
    out[LEFT] = p.kappa * (re * re + im * im + phi[0] + phi[2])
    out[FIELD] = -half * re + turn * im - my + drive.imag
    out[FIELD + 1] = -half * im - turn * re - mx - drive.real
    out[at] = -p.kappa * (phi[0] - thermal) + 2.0 * turn * phi[1] - pushed[0]
    out[at + 1] = -p.kappa * phi[1] + turn * (phi[2] - phi[0]) - pushed[1]
    out[at + 2] = -p.kappa * (phi[2] - thermal) - 2.0 * turn * phi[1] - pushed[2]


@njit(error_model="numpy")
def _spins(
    b: Array,
    f: Array,
    S: Array,
    J: Array,
    U: Array,
    phi: tuple[float, float, float],
    p: Coefficients,
    db: Array,
    df: Array,
) -> None:
    """Derivatives of Bloch vectors and of f; f itself where the field is eliminated."""
    (pp, pq, qq), half = phi, 0.5 * p.kappa
    for k in range(p.share.size):
        G = 2.0 * p.coupling[k]
        x, v, z = b[0, k], b[1, k], b[2, k]
        for e in range(3):
            into_p = pp * U[e, 0, k] + pq * U[e, 1, k] - 0.5 * S[1, e, k]
            into_q = pq * U[e, 0, k] + qq * U[e, 1, k] - 0.5 * S[0, e, k]
            if p.eliminated:
                f[0, e, k], f[1, e, k] = into_p / half, into_q / half
                df[0, e, k] = df[1, e, k] = 0.0
                continue
            for d in range(3):
                into_p += J[e, d, k] * f[0, d, k]
                into_q += J[e, d, k] * f[1, d, k]
            df[0, e, k] = into_p - half * f[0, e, k] + p.field_detuning * f[1, e, k]
            df[1, e, k] = into_q - half * f[1, e, k] - p.field_detuning * f[0, e, k]
        for e in range(3):
            db[e, k] = J[e, 0, k] * x + J[e, 1, k] * v + J[e, 2, k] * z
        db[0, k] -= G * f[1, 2, k]
        db[1, k] -= G * f[0, 2, k]
        db[2, k] += G * (f[0, 1, k] + f[1, 0, k]) + p.supply[k]


@njit(error_model="numpy")
def _turning(b: Array, re: float, im: float, p: Coefficients, J: Array, U: Array) -> None:
    """J_k and U_k of every class, in the mean field re + i im."""
    for k in range(p.share.size):
        G = 2.0 * p.coupling[k]
        J[0, 0, k], J[0, 1, k], J[0, 2, k] = -p.decoherence[k], -p.detuning[k], -G * im
        J[1, 0, k], J[1, 1, k], J[1, 2, k] = p.detuning[k], -p.decoherence[k], -G * re
        J[2, 0, k], J[2, 1, k], J[2, 2, k] = G * im, G * re, -p.relaxation[k]
        U[0, 1, k], U[1, 0, k] = -G * b[2, k], -G * b[2, k]
        U[2, 0, k], U[2, 1, k] = G * b[1, k], G * b[0, k]


@njit(error_model="numpy")
def _collected(c: Array, weight: Array, S: Array) -> None:
    """S[a, e, k] += sum_l weight_l c[a of l, e of k], from the rows k <= l of c."""
    M, first = weight.size, 0
    for k in range(M):
        for a in range(2):
            for e in range(3):
                # k's first index: c[3 i + j, kl] is of i of k and j of l
                row = c[3 * e + a, first : first + M - k]
                total = 0.0
                for i in range(row.size):
                    total += weight[k + i] * row[i]
                S[a, e, k] += total
                row = c[3 * a + e, first + 1 : first + M - k]
                w, into = weight[k], S[a, e, k + 1 :]
                for i in range(row.size):
                    into[i] += w * row[i]
        first += M - k


@njit(error_model="numpy")
def _pairs(c: Array, J: Array, U: Array, f: Array, out: Array) -> None:
    """Derivative of c row by row and component by component."""
    M, first = J.shape[2], 0
    for k in range(M):
        r = slice(first, first + M - k)
        for a in range(3):
            for e in range(3):
                _pair_row(
                    c[e, r], c[3 + e, r], c[6 + e, r], J[a, 0, k], J[a, 1, k], J[a, 2, k],
                    f[0, e, k:], f[1, e, k:], U[a, 0, k], U[a, 1, k],
                    c[3 * a, r], c[3 * a + 1, r], c[3 * a + 2, r],
                    J[e, 0, k:], J[e, 1, k:], J[e, 2, k:],
                    f[0, a, k], f[1, a, k], U[e, 0, k:], U[e, 1, k:], out[3 * a + e, r],
                )  # fmt: skip
        first += M - k


@njit(error_model="numpy")
def _pair_row(
    x: Array, y: Array, z: Array, jx: float, jy: float, jz: float,
    f: Array, g: Array, u: float, v: float,
    p: Array, q: Array, r: Array, Jx: Array, Jy: Array, Jz: Array,
    of: float, og: float, U: Array, V: Array, out: Array,
) -> None:  # fmt: skip
    """One component of one spin with those of all later ones: both turn, and the field pushes both.

    In one pass, so that each array is read once. Arguments stand alone: in tuples the compiler does
    not see that arrays are apart.
    """
    for i in range(out.size):
        one = jx * x[i] + jy * y[i] + jz * z[i] + u * f[i] + v * g[i]
        one += Jx[i] * p[i] + Jy[i] * q[i] + Jz[i] * r[i]
        out[i] = one + (U[i] * of + V[i] * og)


def phased_after(pulse: Pulse, system: System, y: Array) -> Array:
    """The state after a pulse: every Bloch vector is mapped, and with it all covariances."""
    M, y = system.number.size, y.copy()
    b, f, _, c = parts(M)
    R = _map(pulse, system)
    before = y[b].reshape(3, M).copy()
    y[b] = np.einsum("adk,dk->ak", R, before).ravel()
    y[f] = np.einsum("adk,idk->iak", R, y[f].reshape(2, 3, M)).ravel()
    k, el = np.triu_indices(M)
    pairs = y[c].reshape(3, 3, -1)
    y[c] = np.einsum("adp,bep,dep->abp", R[:, :, k], R[:, :, el], pairs, optimize=True).ravel()
    if pulse.rotates:
        y[SUPPLIED] += 0.5 * system.share @ (y[b].reshape(3, M)[2] - before[2])
    return y


def _map(pulse: Pulse, system: System) -> Array:
    """What a pulse makes of each class' Bloch vector (3, 3, M)."""
    M = system.number.size
    if pulse.dephases:
        kept = 1.0 - of_each(system, pulse.dephase_battery, pulse.dephase_charger)
        return np.eye(3)[:, :, None] * np.array([kept, kept, np.ones(M)])[:, None]
    axes = np.broadcast_to(np.eye(3)[:, None, :], (3, M, 3))
    return np.moveaxis(rotated(pulse, system, axes), 1, 2)


def pairs_of(system: System, y: Array) -> NDArray[np.complex128]:
    """<sigma^+_k sigma^-_l> of distinct spins (M, M), means included."""
    M = system.number.size
    c = parts(M)[3]
    rows = y[c].reshape(3, 3, -1)
    upper = np.triu_indices(M)
    found = np.zeros((M, M), dtype=complex)
    one = 0.25 * (rows[0, 0] + rows[1, 1] + 1j * (rows[1, 0] - rows[0, 1]))
    found[upper] = one
    found.T[upper] = one.conj()
    down = coherences(system, y)
    return found + np.outer(down.conj(), down)


def coherences(system: System, y: Array) -> NDArray[np.complex128]:
    """<sigma^-> of each class (M,)."""
    x, v, _ = y[parts(system.number.size)[0]].reshape(3, -1)
    return np.asarray(0.5 * (x - 1j * v))


def photons_of(system: System, y: Array) -> float:
    """Over N, what is not vacuum."""
    _, _, phi, _ = parts(system.number.size)
    return float(y[FIELD] ** 2 + y[FIELD + 1] ** 2 + y[phi][0] + y[phi][2])
