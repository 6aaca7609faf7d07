r"""What a perfect photon record tells of the battery, at :math:`T=0`: purities and entropies.

A run that has emitted n photons until t is in one pure state of sharp M, so that its battery has
no coherence between energies and is its populations :math:`p_b(n,t)`. With :math:`P(n,t)` the
probability of n and :math:`\bar p=\sum_nPp(n)` the average battery,

.. math:: \mathrm{tr}\rho_B^2=\sum_bp_b^2,\qquad S=-\sum_bp_b\log_2p_b,\qquad
          \chi=S(\bar p)-\sum_nP\,S(p(n))=\sum_nP\sum_bp_b(n)\log_2\frac{p_b(n)}{\bar p_b},

the last the Holevo quantity, a mean of relative entropies.
"""

import math

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.errors import Unseen
from darkbattery.trajectories.reading.conditional import Unravelling
from darkbattery.trajectories.reading.fluctuations import OF_STATES, OverRuns
from darkbattery.trajectories.reading.photonstates import populations_by_photons

Array = NDArray[np.float64]

PURITY, ENTROPY, GAIN = OF_STATES


def entropy_in_bits(p: Array) -> Array:
    r""":math:`-\sum p\log_2p` over the last axis.

    >>> entropy_in_bits(np.array([[0.5, 0.5], [1.0, 0.0]])).tolist()
    [1.0, 0.0]
    """
    return -_cross_entropy(p, p) + 0.0


def _cross_entropy(p: Array, of: Array) -> Array:
    r""":math:`\sum p\log_2q` over the last axis, where p holds anything."""
    return np.asarray((p * np.log2(np.where(of > 0.0, of, 1.0))).sum(axis=-1))


def information(
    names: tuple[str, ...],
    tables: Unravelling,
    taus: Array,
    over: OverRuns,
    unseen: Unseen | None = None,
) -> tuple[dict[str, Array], dict[str, Array | None]]:
    """Values and standard errors of those of `OF_STATES` that are in `names`.

    Without `unseen` there are no errors: `over` holds probabilities.
    """
    active = over.weight > 1e-20 if over.runs is None else over.weight > 0
    of_run = {name: np.zeros(active.shape) for name in OF_STATES}
    average = np.zeros((taus.size, tables.basis.n_battery + 1))
    for n, at, p in populations_by_photons(tables, taus, active):
        of_run[PURITY][n, at] = (p**2).sum(axis=1)
        of_run[ENTROPY][n, at] = entropy_in_bits(p)
        average[at] += over.weight[n, at, None] * p
    average /= over.runs or 1
    if GAIN in names:
        for n, at, p in populations_by_photons(tables, taus, active):
            told = -_cross_entropy(p, average[at]) - of_run[ENTROPY][n, at]
            of_run[GAIN][n, at] = np.maximum(told, 0.0)  # but for rounding
    asked = [name for name in OF_STATES if name in names]
    errors: dict[str, Array | None] = dict.fromkeys(asked)
    if unseen is not None:
        assert over.runs is not None
        spins = tables.basis.n_battery
        most = unseen_of_states(unseen, spins, math.log2(spins + 1.0), over.runs)
        errors |= {name: over.error(of_run[name], most[name]) for name in asked}
    return {name: over.mean(of_run[name]) for name in asked}, errors


def unseen_of_states(unseen: Unseen, spins: int, bits: float, runs: int) -> dict[str, Array]:
    r"""How far from the others a run may lie that was not seen, of each of `OF_STATES`.

    An event of probability q tells up to :math:`\log_2(1/q)`, which may be more than the `bits`
    that the battery's entropy has at most, and what none of `runs` has shown may have 1/runs.
    """
    # a run that differs by so much energy has moved so much of its populations
    moved = np.minimum(1.0, spins * unseen.ergotropy)
    return {PURITY: moved, ENTROPY: moved * bits, GAIN: moved * max(bits, math.log2(runs))}
