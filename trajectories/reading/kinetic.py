r"""How reliable a run can be: what the number of jumps allows, kinetic uncertainty.

Scaling all rates by :math:`1+\theta` runs the same charging faster. A record, with all the jumps
that were in it, then has the Fisher information :math:`n_\mathrm{jumps}` about :math:`\theta`, the
mean number of jumps (Di Terlizzi and Baiesi, J. Phys. A 52, 02LT03 (2019), there of steady states;
of any start and time: Koyuk and Seifert, PRL 125, 260604 (2020)). By Cramer and Rao's inequality a
quantity F of the record scatters with

.. math:: \mathrm{Var}\,F\ge(\partial_\theta\langle F\rangle)^2/n_\mathrm{jumps}.

It holds where jumps are a Markov chain whose rates all scale: photons on ladders (J, M), the plain
model at any temperature. Of the emitted photons :math:`\partial_\theta\langle n\rangle` is t times
the emission rate, and F bounds the Fano factor. The conditional energy after n photons,
:math:`E(n,t)`, also changes between photons, whatever the rates: only what photons bring counts,

.. math:: \partial_\theta\langle E\rangle=t\sum_nP(n,t)\,\lambda(n,t)\,[E(n+1,t)-E(n,t)],

with the conditional emission rate :math:`\lambda`.
"""

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.observables import Needs, needing
from darkbattery.trajectories.reading.fluctuations import (
    LEAST_EMISSION,
    LEAST_PHOTONS,
    PhotonStates,
    ratio,
)

Array = NDArray[np.float64]

KINETIC = needing(Needs.JUMPS)
FANO_BOUND, RELIABILITY_BOUND = "fano_factor_bound", "energy_reliability_bound"


def fano_factor_bound(times: Array, rate: Array, emitted: Array, absorbed: Array) -> Array:
    """(t rate)^2 / [emitted (emitted + absorbed)], NaN before the first photons.

    >>> one = np.array([1.0])
    >>> fano_factor_bound(one, 0.5 * one, one, 0.0 * one)
    array([0.25])
    """
    known = emitted > LEAST_PHOTONS
    return np.where(known, ratio((times * rate) ** 2, emitted * (emitted + absorbed)), np.nan)


def reliability_bound(
    states: PhotonStates, probability: Array, taus: Array, n_charger: int
) -> Array:
    r"""At most so large is mean over standard deviation of the conditional energy, at :math:`T=0`.

    Parameters
    ----------
    probability : ndarray (photons + 1, T)
        Of n photons; 0 where `states` were not read.
    taus : ndarray (T,)
        In :math:`1/\gamma`.

    Returns
    -------
    ndarray (T,)
        NaN before the first photons and once the emission is over, as `fluctuations.g2_zero`: the
        bound says nothing there.
    """
    photons = np.arange(probability.shape[0], dtype=float) @ probability
    read = probability[1:] > 0.0
    brought = np.where(read, states.energy[1:] - states.energy[:-1], 0.0)
    emission = probability * states.emission
    slope = taus * (emission[:-1] * brought).sum(axis=0)
    bound = ratio((probability * states.energy).sum(axis=0) * np.sqrt(photons), np.abs(slope))
    lit = emission.sum(axis=0) > LEAST_EMISSION * n_charger
    return np.where(lit & (photons > LEAST_PHOTONS), bound, np.nan)
