r"""Paths of the truncated Wigner method: one step, for many runs side by side.

Each class is one classical spin, v_k = 2 J_k/N_k, its transverse part :math:`\beta_k=S^-_k/N_k =
(v_x-iv_y)/2`; the field is scaled, alpha/sqrt(N). With :math:`G_k=g_k\sqrt N` (Stratonovich)

.. math::
   d\alpha &= -(iD_c+\kappa/2)\alpha\,dt - i\textstyle\sum_kf_kG_k\beta_k\,dt - i\eta\,dt + d\xi,
   \qquad \langle|d\xi|^2\rangle=\kappa(\bar n+\tfrac12)dt/N \\
   dv_k &= (2\,\mathrm{Re}\,b_k,\,-2\,\mathrm{Im}\,b_k,\,D_k)\times v_k\,dt + \text{local},
   \qquad b_k=G_k\alpha

(Polkovnikov 2010; Schachenmayer, Pikovski and Rey 2015; Huber, Rey and Rabl 2022). Local
decoherence shortens v_x, v_y at Gamma with noise of variance 2 Gamma dt/N_k each, T1 pulls v_z with
noise of variance 2[1 - z_eq v_z]dt/(T1 N_k). Without a resonator
:math:`\alpha\,dt=-(2i/\kappa)\sum f_kG_k\beta_k\,dt+dw`, <|dw|^2> = (4/kappa)(nbar+1/2)dt/N.

A step is symmetric, of second order in the drift and in additive noise: half a step of the field
with its exact decay, a rotation of every spin, half a step of the field. Rotations are exact to
1e-5 of the angle and keep the length to rounding. A decay over a step with noise puts half of the
noise before what it surrounds and half after it.
"""

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from meanfield.moments import System

Array = NDArray[np.float64]

# rows of the sums kept along with the state, over classes: sum f G beta, sum f G^2 v_z, sum f v_z
S_REAL, S_IMAG, Q, INVERSION = 0, 1, 2, 3
SUMS = 4


class Paths(NamedTuple):
    """State of as many runs as there are lanes: spins (3, M, lanes), field (2, lanes), sums."""

    spins: Array
    field: Array
    sums: Array


class Step(NamedTuple):
    """The numbers of one step of length h that do not depend on the run."""

    h: float
    share: Array
    coupling: Array
    detuning: Array
    # factors of half a step of the field, and its noise
    decay_real: float
    decay_imag: float
    force_real: float
    force_imag: float
    field_noise: float
    # per class: decay over half a step and noise, across and along the quantisation axis
    across: Array
    across_noise: Array
    along: Array
    along_noise: Array
    equilibrium: Array
    kappa: float
    eliminated: bool
    decoheres: bool
    relaxes: bool


def step_of(system: System, h: float) -> Step:
    """Precompute a step of length h."""
    half_decay = np.exp(-(0.5 * system.kappa + 1j * system.field_detuning) * 0.5 * h)
    rate = 0.5 * system.kappa + 1j * system.field_detuning
    force = 0.5 * h if rate == 0.0 else (1.0 - half_decay) / rate
    if system.eliminated:
        variance = 4.0 / system.kappa * (system.nbar + 0.5) * h / system.total
    else:
        variance = _noise(system.kappa / 2.0, h).item() * (system.nbar + 0.5) / system.total
    relaxation = system.relaxation
    equilibrium = np.divide(
        system.supply, relaxation, np.zeros_like(relaxation), where=relaxation > 0
    )
    return Step(
        h=h,
        share=system.share,
        coupling=system.scaled_coupling,
        detuning=system.detuning,
        decay_real=float(half_decay.real),
        decay_imag=float(half_decay.imag),
        force_real=float(np.real(force)),
        force_imag=float(np.imag(force)),
        field_noise=float(np.sqrt(variance / 2.0)),
        across=np.exp(-system.decoherence * h / 2.0),
        across_noise=np.sqrt(_noise(system.decoherence, h) / system.number),
        along=np.exp(-relaxation * h / 2.0),
        along_noise=np.sqrt(_noise(relaxation, h) / system.number),
        equilibrium=equilibrium,
        kappa=system.kappa,
        eliminated=system.eliminated,
        decoheres=bool(system.decoherence.any()),
        relaxes=bool(relaxation.any()),
    )


def _noise(rate: NDArray[np.float64] | float, h: float) -> Array:
    """Variance of a noise put in half before and half after a step, for variance 1 at rest.

    The first half decays by e = exp(-rate h/2) before the second comes, so that a share (1+e)^2/4
    of the variance is left, which must make up for what a step loses, 1 - e^4.
    """
    half = np.exp(-0.5 * np.asarray(rate) * h)
    return -np.expm1(-2.0 * np.asarray(rate) * h) / (0.25 * (1.0 + half) ** 2)


def normals_per_step(step: Step) -> int:
    """How many normals a step takes, an even number: field, then classes across, then along."""
    M = step.share.size
    used = 2 + 2 * M * step.decoheres + M * step.relaxes
    return used + used % 2


@njit(cache=True, error_model="numpy")
def collect(paths: Paths, p: Step) -> None:
    """Set the sums to those of the spins."""
    paths.sums[:] = 0.0
    for k in range(p.share.size):
        f, g = p.share[k], p.coupling[k]
        for lane in range(paths.field.shape[1]):
            paths.sums[S_REAL, lane] += 0.5 * f * g * paths.spins[0, k, lane]
            paths.sums[S_IMAG, lane] -= 0.5 * f * g * paths.spins[1, k, lane]
            paths.sums[Q, lane] += f * g * g * paths.spins[2, k, lane]
            paths.sums[INVERSION, lane] += f * paths.spins[2, k, lane]


@njit(cache=True, error_model="numpy")
def advance(paths: Paths, p: Step, drive: float, noise: Array) -> None:
    """One step of all lanes; `drive` = eta/sqrt(N) amid the step, `noise` (normals, lanes)."""
    if p.eliminated:
        _follow(paths, p, noise)
    else:
        _half_field(paths, p, drive, noise)
    row = 2
    for k in range(p.share.size):
        _local(paths.spins[:, k], p, k, noise, row)
        _rotate(paths.spins[:, k], paths.field, p.coupling[k], p.detuning[k], p.h)
        _local(paths.spins[:, k], p, k, noise, row)
        row += 2 * p.decoheres
    collect(paths, p)
    if not p.eliminated:
        _half_field(paths, p, drive, noise)


@njit(error_model="numpy")
def _half_field(paths: Paths, p: Step, drive: float, noise: Array) -> None:
    """Half a step of alpha under constant spins, and half of the step's noise."""
    field, sums = paths.field, paths.sums
    for lane in range(field.shape[1]):
        # -i (s + eta)
        push_real, push_imag = sums[S_IMAG, lane], -(sums[S_REAL, lane] + drive)
        re, im = field[0, lane], field[1, lane]
        field[0, lane] = (
            p.decay_real * re
            - p.decay_imag * im
            + p.force_real * push_real
            - p.force_imag * push_imag
            + 0.5 * p.field_noise * noise[0, lane]
        )
        field[1, lane] = (
            p.decay_real * im
            + p.decay_imag * re
            + p.force_real * push_imag
            + p.force_imag * push_real
            + 0.5 * p.field_noise * noise[1, lane]
        )


@njit(error_model="numpy")
def _follow(paths: Paths, p: Step, noise: Array) -> None:
    """The eliminated field, averaged over the step with the spins taken to its middle."""
    field, sums, h = paths.field, paths.sums, p.h
    c = 2.0 / p.kappa
    for lane in range(field.shape[1]):
        w_real, w_imag = p.field_noise * noise[0, lane], p.field_noise * noise[1, lane]
        s_real, s_imag, q = sums[S_REAL, lane], sums[S_IMAG, lane], sums[Q, lane]
        a_real = c * h * s_imag + w_real
        a_imag = -c * h * s_real + w_imag
        # d s = i a sum f G^2 v_z
        s_real -= 0.5 * a_imag * q
        s_imag += 0.5 * a_real * q
        field[0, lane] = (c * h * s_imag + w_real) / h
        field[1, lane] = (-c * h * s_real + w_imag) / h


@njit(error_model="numpy")
def _local(spin: Array, p: Step, k: int, noise: Array, row: int) -> None:
    """Half of the step's local decay, and half of its noise, for one class."""
    if p.decoheres:
        f, amplitude = p.across[k], 0.5 * p.across_noise[k]
        for lane in range(spin.shape[1]):
            spin[0, lane] = f * spin[0, lane] + amplitude * noise[row, lane]
            spin[1, lane] = f * spin[1, lane] + amplitude * noise[row + 1, lane]
    if p.relaxes:
        f, amplitude, rest = p.along[k], 0.5 * p.along_noise[k], p.equilibrium[k]
        line = 2 + 2 * p.share.size * p.decoheres + k
        for lane in range(spin.shape[1]):
            spread = np.sqrt(max(0.0, 1.0 - rest * spin[2, lane]))
            spin[2, lane] = (
                rest + f * (spin[2, lane] - rest) + amplitude * spread * noise[line, lane]
            )


@njit(error_model="numpy")
def _rotate(spin: Array, field: Array, coupling: float, detuning: float, h: float) -> None:
    """Turn by (2 Re b, -2 Im b, D) h, as a quaternion from tan x = x(945-105xx+x^4)/(...)."""
    for lane in range(spin.shape[1]):
        wx = h * coupling * field[0, lane]
        wy = -h * coupling * field[1, lane]
        wz = 0.5 * h * detuning
        s = wx * wx + wy * wy + wz * wz
        scalar = 945.0 - s * (420.0 - 15.0 * s)
        vector = 945.0 - s * (105.0 - s)
        wx *= vector
        wy *= vector
        wz *= vector
        factor = 2.0 / (scalar * scalar + vector * vector * s)
        x, y, z = spin[0, lane], spin[1, lane], spin[2, lane]
        cx, cy, cz = wy * z - wz * y, wz * x - wx * z, wx * y - wy * x
        spin[0, lane] = x + factor * (scalar * cx + wy * cz - wz * cy)
        spin[1, lane] = y + factor * (scalar * cy + wz * cx - wx * cz)
        spin[2, lane] = z + factor * (scalar * cz + wx * cy - wy * cx)
