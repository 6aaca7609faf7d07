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
noise before what it surrounds and half after it; that of T1 grows with v_z, whose value before the
step decides both halves: the noise is Ito's, and moves no mean.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.meanfield.classes.moments import System

Array = NDArray[np.float64]

# rows of the sums kept along with the state, over classes: sum f G beta, sum f G^2 v_z, sum f v_z
SUMS, INVERSION = 4, 3

# BLOCK runs are stepped at once, in the nearest cache: rows of so many numbers lie one after the
# other in a flat array, at distances that the compiler knows, so that it need not ask before a loop
# whether rows overlap; nor, of an index without a sign, whether it is negative.
BLOCK = 64
LANES = np.uint64(BLOCK)
# where rows begin: field, sums, three factors of a rotation, a class's noise along z, rate of
# leaving, inversion before the step, what has left, time of the burst, and all that is read
(
    FIELD_RE,
    FIELD_IM,
    SUM_RE,
    SUM_IM,
    SUM_Q,
    SUM_Z,
    SWING,
    BEND,
    KEPT,
    KICK,
    LEAVING_RATE,
    BEFORE,
    LEFT_SO_FAR,
    DELAY,
    READ,
) = (np.uint64(BLOCK * row) for row in range(15))
ROWS = 8  # that are read
STATE = BLOCK * (14 + ROWS)
# the vectors of a block are an array of their own, (M, 3, BLOCK) but flat
COMPONENT, CLASS = np.uint64(BLOCK), np.uint64(3 * BLOCK)


class Paths(NamedTuple):
    """State of as many runs as there are lanes: spins (3, M, lanes), field (2, lanes), sums."""

    spins: Array
    field: Array
    sums: Array


class Seen(NamedTuple):
    """What is noted on the way, each (lanes,): the integral of what left, the time of the burst."""

    left: Array
    delay: Array


class Step(NamedTuple):
    """The numbers of one step of length h that do not depend on the run."""

    h: float
    # of half a step of the field: its decay, what a constant push gives; the whole step's noise
    decay: complex
    force: complex
    field_noise: float
    # (2, M) across and along the quantisation axis: decay over half a step, and half of the noise
    decays: Array
    noises: Array
    share: Array
    coupling: Array
    detuning: Array
    ensemble: NDArray[np.int64]
    equilibrium: Array
    # classes in an order in which those that turn alike follow each other, and whether one is first
    order: NDArray[np.int64]
    leads: NDArray[np.bool_]
    total: float
    kappa: float
    eliminated: bool
    decoheres: bool
    relaxes: bool


class Pair(NamedTuple):
    """The numbers of two classes that turn alike, undetuned and without noise of their own."""

    share: tuple[float, float]
    coupling: float
    total: float
    kappa: float
    eliminated: bool


class Steps(NamedTuple):
    """Steps of one system, of different lengths: `one` of them, and what they differ in."""

    one: Step
    h: Array
    decay: NDArray[np.complex128]
    force: NDArray[np.complex128]
    field_noise: Array
    decays: Array
    noises: Array


@dataclass(frozen=True)
class Kinds:
    """What happens anywhere on the way: it decides which numbers a step draws.

    Attributes
    ----------
    decoheres, relaxes : bool
        Whether spins have noise of their own across and along the quantisation axis.
    shifted : bool
        Whether the lines of the two ensembles are moved apart.
    """

    decoheres: bool
    relaxes: bool
    shifted: bool = False


def kinds_of(system: System) -> Kinds:
    """Those of a system that nothing switches."""
    return Kinds(bool(system.decoherence.any()), bool(system.relaxation.any()))


def step_of(system: System, h: float, kinds: Kinds | None = None) -> Step:
    """Precompute a step of length h."""
    kinds = kinds or kinds_of(system)
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
    order, leads = _alike(system, kinds.shifted)
    rates = np.array([system.decoherence, relaxation])
    return Step(
        h=h,
        decay=complex(half_decay),
        force=complex(force),
        field_noise=float(np.sqrt(variance / 2.0)),
        decays=np.exp(-rates * h / 2.0),
        noises=0.5 * np.sqrt(_noise(rates, h) / system.number),
        share=system.share,
        coupling=system.scaled_coupling,
        detuning=system.detuning.copy(),  # a kernel's: those of a System cannot be written into
        ensemble=system.ensemble.copy(),
        equilibrium=equilibrium,
        order=order,
        leads=leads,
        total=system.total,
        kappa=system.kappa,
        eliminated=system.eliminated,
        decoheres=kinds.decoheres,
        relaxes=kinds.relaxes,
    )


def _alike(system: System, shifted: bool) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Classes ordered by coupling and detuning, and which differ in one from the class before.

    Where the lines are shifted, also by their ensemble.
    """
    ensembles = [system.ensemble.astype(float)] if shifted else []
    motion = np.array([*ensembles, system.detuning, system.coupling])
    order = np.lexsort(motion).astype(np.int64)
    changes = (np.diff(motion[:, order], axis=1) != 0.0).any(axis=0)
    return order, np.concatenate([[True], changes])


def steps_of(system: System, lengths: Array, kinds: Kinds) -> Steps:
    """A step of each length."""
    steps = [step_of(system, h, kinds) for h in lengths.tolist()]
    different = ("h", "decay", "force", "field_noise", "decays", "noises")
    return Steps(steps[0], *(np.array([getattr(s, name) for s in steps]) for name in different))


@njit(error_model="numpy")
def step_at(steps: Steps, i: int) -> Step:
    """Step i of the table."""
    one = steps.one
    return Step(
        steps.h[i],
        steps.decay[i],
        steps.force[i],
        steps.field_noise[i],
        steps.decays[i],
        steps.noises[i],
        one.share,
        one.coupling,
        one.detuning,
        one.ensemble,
        one.equilibrium,
        one.order,
        one.leads,
        one.total,
        one.kappa,
        one.eliminated,
        one.decoheres,
        one.relaxes,
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
