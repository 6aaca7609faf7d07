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

from functools import lru_cache
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


# every batch of runs takes the few lengths of one plan again
@lru_cache(maxsize=64)
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
        _add(paths.spins[0, k], paths.spins[1, k], paths.spins[2, k], paths.sums, p, k)


@njit(cache=True, error_model="numpy")
def advance(paths: Paths, p: Step, drive: float, noise: Array) -> None:
    """One step of all lanes; `drive` = eta/sqrt(N) amid the step, `noise` (normals, lanes)."""
    if p.eliminated:
        _follow(paths.field[0], paths.field[1], paths.sums, p, noise[0], noise[1])
    else:
        _half_field(paths.field[0], paths.field[1], paths.sums, p, drive, noise[0], noise[1])
    M, row = p.share.size, 2
    last = row + 2 * M * p.decoheres
    paths.sums[:] = 0.0
    for k in range(M):
        # arrays of one axis, whose elements are known to be neighbours: vector units need that
        x, y, z = paths.spins[0, k], paths.spins[1, k], paths.spins[2, k]
        if p.decoheres:
            _across(x, y, p.across[k], 0.5 * p.across_noise[k], noise[row], noise[row + 1])
        if p.relaxes:
            _along(z, p.along[k], 0.5 * p.along_noise[k], p.equilibrium[k], noise[last + k])
        _rotate(x, y, z, paths.field[0], paths.field[1], p.coupling[k], p.detuning[k], p.h)
        if p.decoheres:
            _across(x, y, p.across[k], 0.5 * p.across_noise[k], noise[row], noise[row + 1])
            row += 2
        if p.relaxes:
            _along(z, p.along[k], 0.5 * p.along_noise[k], p.equilibrium[k], noise[last + k])
        _add(x, y, z, paths.sums, p, k)
    if not p.eliminated:
        _half_field(paths.field[0], paths.field[1], paths.sums, p, drive, noise[0], noise[1])


@njit(error_model="numpy")
def _add(x: Array, y: Array, z: Array, sums: Array, p: Step, k: int) -> None:
    """Add one class to the sums."""
    f, g = p.share[k], p.coupling[k]
    s_real, s_imag, q, inversion = sums[S_REAL], sums[S_IMAG], sums[Q], sums[INVERSION]
    for lane in range(x.size):
        s_real[lane] += 0.5 * f * g * x[lane]
        s_imag[lane] -= 0.5 * f * g * y[lane]
        q[lane] += f * g * g * z[lane]
        inversion[lane] += f * z[lane]


@njit(error_model="numpy")
def _half_field(
    re: Array, im: Array, sums: Array, p: Step, drive: float, noise_re: Array, noise_im: Array
) -> None:
    """Half a step of alpha under constant spins, and half of the step's noise."""
    s_real, s_imag = sums[S_REAL], sums[S_IMAG]
    dr, di, fr, fi = p.decay_real, p.decay_imag, p.force_real, p.force_imag
    amplitude = 0.5 * p.field_noise
    for lane in range(re.size):
        # -i (s + eta)
        push_re, push_im = s_imag[lane], -(s_real[lane] + drive)
        a, b = re[lane], im[lane]
        re[lane] = dr * a - di * b + fr * push_re - fi * push_im + amplitude * noise_re[lane]
        im[lane] = dr * b + di * a + fr * push_im + fi * push_re + amplitude * noise_im[lane]


@njit(error_model="numpy")
def _follow(re: Array, im: Array, sums: Array, p: Step, noise_re: Array, noise_im: Array) -> None:
    """The eliminated field, averaged over the step with the spins taken to its middle."""
    sum_real, sum_imag, q = sums[S_REAL], sums[S_IMAG], sums[Q]
    c, h, amplitude = 2.0 / p.kappa, p.h, p.field_noise
    for lane in range(re.size):
        w_re, w_im = amplitude * noise_re[lane], amplitude * noise_im[lane]
        a_re = c * h * sum_imag[lane] + w_re
        a_im = -c * h * sum_real[lane] + w_im
        # d s = i a sum f G^2 v_z, half of it
        middle_re = sum_real[lane] - 0.5 * a_im * q[lane]
        middle_im = sum_imag[lane] + 0.5 * a_re * q[lane]
        re[lane] = c * middle_im + w_re / h
        im[lane] = -c * middle_re + w_im / h


@njit(error_model="numpy")
def _across(
    x: Array, y: Array, factor: float, amplitude: float, noise_x: Array, noise_y: Array
) -> None:
    """Half of a step's decay of the transverse spin, and half of its noise."""
    for lane in range(x.size):
        x[lane] = factor * x[lane] + amplitude * noise_x[lane]
        y[lane] = factor * y[lane] + amplitude * noise_y[lane]


@njit(error_model="numpy")
def _along(z: Array, factor: float, amplitude: float, rest: float, noise: Array) -> None:
    """Half of a step's relaxation towards `rest`, and half of its noise."""
    for lane in range(z.size):
        spread = np.sqrt(max(0.0, 1.0 - rest * z[lane]))
        z[lane] = rest + factor * (z[lane] - rest) + amplitude * spread * noise[lane]


@njit(error_model="numpy")
def _rotate(
    x: Array, y: Array, z: Array, re: Array, im: Array, coupling: float, detuning: float, h: float
) -> None:
    """Turn by (2 Re b, -2 Im b, D) h, as a quaternion from tan t = t(945-105tt+t^4)/(...)."""
    wz0, gh = 0.5 * h * detuning, h * coupling
    for lane in range(x.size):
        wx, wy = gh * re[lane], -gh * im[lane]
        s = wx * wx + wy * wy + wz0 * wz0
        scalar = 945.0 - s * (420.0 - 15.0 * s)
        vector = 945.0 - s * (105.0 - s)
        wx, wy, wz = wx * vector, wy * vector, wz0 * vector
        factor = 2.0 / (scalar * scalar + vector * vector * s)
        a, b, c = x[lane], y[lane], z[lane]
        cx, cy, cz = wy * c - wz * b, wz * a - wx * c, wx * b - wy * a
        x[lane] = a + factor * (scalar * cx + wy * cz - wz * cy)
        y[lane] = b + factor * (scalar * cy + wz * cx - wx * cz)
        z[lane] = c + factor * (scalar * cz + wx * cy - wy * cx)
