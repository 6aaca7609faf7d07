r"""Right-hand sides of the semiclassical moment equations.

Second order, in the sector that is invariant under a common phase of field and spins, with third
cumulants dropped (Henschel, Majer, Schmiedmayer and Ritsch 2010; Kirton and Keeling 2018):

.. math::
   \dot n &= -\kappa(n-\bar n) + 2\sum_k N_kg_k\,\mathrm{Im}A_k \\
   \dot z_k &= -4g_k\,\mathrm{Im}A_k - (z_k - z^{eq}_k)/T_1 \\
   \dot A_k &= [i(D_c-D_k)-\kappa/2-\Gamma_k]A_k + ig_knz_k \\
      &\quad + i\{g_k(1+z_k)/2+\textstyle\sum_l(N_l-\delta_{lk})g_lC_{lk}\} \\
   \dot C_{kl} &= [i(D_k-D_l)-\Gamma_k-\Gamma_l]C_{kl} - ig_kz_kA_l + ig_lz_lA_k^*

With the resonator eliminated the second line from below is solved for :math:`A_k` at
:math:`\dot A_k=0`, :math:`n=\bar n`, to leading order in :math:`1/\kappa`:
:math:`A_k=(2i/\kappa)\{\dots\}`. First order (Maxwell-Bloch):

.. math::
   \dot\alpha &= -(iD_c+\kappa/2)\alpha - i\textstyle\sum_kN_kg_k\beta_k - i\eta(t) \\
   \dot\beta_k &= -(iD_k+\Gamma_k)\beta_k + ig_k\alpha z_k \\
   \dot z_k &= -4g_k\,\mathrm{Im}(\alpha^*\beta_k) - (z_k-z^{eq}_k)/T_1
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.meanfield.averages.stepper import Group
from darkbattery.meanfield.classes.moments import System

Array = NDArray[np.float64]

# the two integrals, then the photon number, lead every state
LEFT, SUPPLIED, PHOTONS, Z = 0, 1, 2, 3


class Coefficients(NamedTuple):
    """`System` as the kernels take it, in scaled units."""

    share: Array
    coupling: Array
    detuning: Array
    decoherence: Array
    relaxation: Array
    supply: Array
    total: float
    kappa: float
    nbar: float
    field_detuning: float
    eliminated: bool


def coefficients(system: System) -> Coefficients:
    """The numbers of a `System` in the order the kernels want."""
    # kernels are compiled for arrays that can be written into, which those of a System cannot
    return Coefficients(
        system.share,
        system.scaled_coupling,
        system.detuning.copy(),
        system.decoherence.copy(),
        system.relaxation.copy(),
        system.supply.copy(),
        system.total,
        system.kappa,
        system.nbar,
        system.field_detuning,
        system.eliminated,
    )


def second_order_groups(system: System) -> list[Group]:
    """Groups of the state [left, supplied, n, z, Re A, Im A, Re C, Im C] with a scale each.

    A vacuum has n, A and C of order 1/N in these units; a ten-thousandth of it counts as nothing.
    """
    M, floor = system.number.size, 1e-4 / system.total
    a, c = Z + M, Z + 3 * M
    correlations = slice(c, c + M * (M + 1))
    return [
        (slice(PHOTONS, Z), floor),
        (slice(Z, a), 1e-4),
        (slice(a, c), floor),
        (correlations, floor),
    ]


def second_order_start(system: System) -> Array:
    r"""No correlations: z at its start, :math:`n=\bar n`."""
    M = system.number.size
    y = np.zeros(Z + 3 * M + M * (M + 1))
    y[PHOTONS] = system.nbar / system.total
    y[Z : Z + M] = system.start
    return y


@njit(cache=True, error_model="numpy")
def second_order(y: Array, p: Coefficients, out: Array) -> None:
    """Write the time derivative of the scaled state y into `out`."""
    M = p.share.size
    pairs = M * (M + 1) // 2
    z = y[Z : Z + M]
    real, imag = y[Z + 3 * M : Z + 3 * M + pairs], y[Z + 3 * M + pairs :]
    field = np.zeros((2, M))
    _collective_field(real, imag, p.share * p.coupling, field)
    n = p.nbar / p.total if p.eliminated else y[PHOTONS]
    a_real, a_imag = y[Z + M : Z + 2 * M].copy(), y[Z + 2 * M : Z + 3 * M].copy()
    for k in range(M):
        # one spin is not its own neighbour
        own = real[k * M - k * (k - 1) // 2]
        field[0, k] += p.coupling[k] * (0.5 * (1.0 + z[k]) - own) / p.total
    gain = left = supplied = 0.0
    for k in range(M):
        emitting = field[0, k]
        field[0, k] += p.coupling[k] * n * z[k]
        if p.eliminated:
            a_real[k] = -2.0 / p.kappa * field[1, k]
            a_imag[k] = 2.0 / p.kappa * field[0, k]
            left += 4.0 / p.kappa * p.share[k] * p.coupling[k] * emitting
        damping = 0.5 * p.kappa + p.decoherence[k]
        turning = p.field_detuning - p.detuning[k]
        local = p.supply[k] - p.relaxation[k] * z[k]
        gain += 2.0 * p.share[k] * p.coupling[k] * a_imag[k]
        supplied += 0.5 * p.share[k] * local
        out[Z + k] = -4.0 * p.coupling[k] * a_imag[k] + local
        out[Z + M + k] = -damping * a_real[k] - turning * a_imag[k] - field[1, k]
        out[Z + 2 * M + k] = -damping * a_imag[k] + turning * a_real[k] + field[0, k]
    out[SUPPLIED] = supplied
    if p.eliminated:
        out[LEFT], out[PHOTONS] = left, 0.0
        out[Z + M : Z + 3 * M] = 0.0
    else:
        out[LEFT] = p.kappa * n
        out[PHOTONS] = -p.kappa * (n - p.nbar / p.total) + gain
    _pairs(real, imag, p, p.coupling * z, a_real, a_imag, out[Z + 3 * M :])


@njit(cache=True, error_model="numpy")
def _collective_field(real: Array, imag: Array, weight: Array, field: Array) -> None:
    """field_k += sum_l weight_l C_lk, from the rows k <= l of C."""
    M = weight.size
    first = 0
    for k in range(M):
        field[0, k] += weight[k] * real[first]
        row = slice(first + 1, first + M - k)
        w = weight[k + 1 :]
        _scaled_row(real[row], weight[k], field[0, k + 1 :])
        _scaled_row(imag[row], weight[k], field[1, k + 1 :])
        field[0, k] += _dot(w, real[row])
        field[1, k] -= _dot(w, imag[row])
        first += M - k


@njit(error_model="numpy")
def _scaled_row(row: Array, factor: float, out: Array) -> None:
    for i in range(row.size):
        out[i] += factor * row[i]


@njit(error_model="numpy")
def _dot(one: Array, two: Array) -> float:
    """Sum of products in four interleaved sums, which do not wait for each other."""
    a = b = c = d = 0.0
    whole = one.size // 4 * 4
    for i in range(0, whole, 4):
        a += one[i] * two[i]
        b += one[i + 1] * two[i + 1]
        c += one[i + 2] * two[i + 2]
        d += one[i + 3] * two[i + 3]
    for i in range(whole, one.size):
        a += one[i] * two[i]
    return (a + b) + (c + d)


@njit(cache=True, error_model="numpy")
def _pairs(
    real: Array, imag: Array, p: Coefficients, u: Array, a_real: Array, a_imag: Array, out: Array
) -> None:
    """Derivative of C row by row, with u = G z; each row is one contiguous stretch."""
    M, first = u.size, 0
    for k in range(M):
        last = first + M - k
        re, im = real[first:last], imag[first:last]
        turn, damp = p.detuning[k:], p.decoherence[k:]
        out_re, out_im = out[first:last], out[real.size + first : real.size + last]
        _pair_row_real(re, im, turn, damp, u[k:], a_imag[k:], out_re)
        _pair_row_imag(re, im, turn, damp, u[k:], a_real[k:], out_im)
        first = last


@njit(error_model="numpy")
def _pair_row_real(
    re: Array, im: Array, turn: Array, damp: Array, u: Array, a_imag: Array, out: Array
) -> None:
    """Re C'_kl for l = k, k + 1, ...; element 0 of every argument is k's own."""
    turn_k, damp_k, u_k, a_k = turn[0], damp[0], u[0], a_imag[0]
    for i in range(re.size):
        change = -(damp_k + damp[i]) * re[i] - (turn_k - turn[i]) * im[i]
        out[i] = change + u_k * a_imag[i] + u[i] * a_k


@njit(error_model="numpy")
def _pair_row_imag(
    re: Array, im: Array, turn: Array, damp: Array, u: Array, a_real: Array, out: Array
) -> None:
    """Im C'_kl for l = k, k + 1, ..."""
    turn_k, damp_k, u_k, a_k = turn[0], damp[0], u[0], a_real[0]
    for i in range(re.size):
        change = -(damp_k + damp[i]) * im[i] + (turn_k - turn[i]) * re[i]
        out[i] = change - u_k * a_real[i] + u[i] * a_k


def first_order_groups(system: System) -> list[Group]:
    r"""Groups of the state [left, supplied, (unused), z, Re b, Im b, Re alpha, Im alpha].

    A field of one photon is :math:`\alpha=1/\sqrt N` in these units.
    """
    M, floor = system.number.size, 1e-4 / np.sqrt(system.total)
    a = Z + 3 * M
    return [(slice(Z, Z + M), 1e-4), (slice(Z + M, a), floor), (slice(a, a + 2), floor)]


def first_order_start(system: System) -> Array:
    """No field, no coherence."""
    M = system.number.size
    y = np.zeros(Z + 3 * M + 2)
    y[Z : Z + M] = system.start
    return y


@njit(cache=True, error_model="numpy")
def first_order(y: Array, drive: complex, p: Coefficients, out: Array) -> None:
    r"""The derivative of the scaled mean fields, into `out`; `drive` is :math:`\eta/\sqrt N`."""
    M = p.share.size
    z = y[Z : Z + M]
    b_real, b_imag = y[Z + M : Z + 2 * M], y[Z + 2 * M : Z + 3 * M]
    a_real, a_imag = y[Z + 3 * M], y[Z + 3 * M + 1]
    s_real = s_imag = 0.0
    for k in range(M):
        s_real += p.share[k] * p.coupling[k] * b_real[k]
        s_imag += p.share[k] * p.coupling[k] * b_imag[k]
    if p.eliminated:
        a_real = 2.0 / p.kappa * (s_imag + drive.imag)
        a_imag = -2.0 / p.kappa * (s_real + drive.real)
    supplied = 2.0 * (drive.imag * a_real - drive.real * a_imag)
    for k in range(M):
        local = p.supply[k] - p.relaxation[k] * z[k]
        supplied += 0.5 * p.share[k] * local
        out[Z + k] = -4.0 * p.coupling[k] * (a_real * b_imag[k] - a_imag * b_real[k]) + local
        out[Z + M + k] = (
            -p.decoherence[k] * b_real[k]
            + p.detuning[k] * b_imag[k]
            - p.coupling[k] * a_imag * z[k]
        )
        out[Z + 2 * M + k] = (
            -p.decoherence[k] * b_imag[k]
            - p.detuning[k] * b_real[k]
            + p.coupling[k] * a_real * z[k]
        )
    out[SUPPLIED], out[PHOTONS] = supplied, 0.0
    out[LEFT] = p.kappa * (a_real * a_real + a_imag * a_imag)
    if p.eliminated:
        out[Z + 3 * M] = out[Z + 3 * M + 1] = 0.0
    else:
        half = 0.5 * p.kappa
        out[Z + 3 * M] = -half * a_real + p.field_detuning * a_imag + s_imag + drive.imag
        out[Z + 3 * M + 1] = -half * a_imag - p.field_detuning * a_real - s_real - drive.real
