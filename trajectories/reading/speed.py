r"""Speed limits of charging: how much power a state allows that changes as fast as it does.

With :math:`p_k` the probability of k excitations in the battery, :math:`E=\sum_kkp_k`, and since
:math:`\sum_k\dot p_k=0` Cauchy and Schwarz give

.. math:: |\dot E|=\Big|\sum_k(k-E)\sqrt{p_k}\,\frac{\dot p_k}{\sqrt{p_k}}\Big|
          \le\sqrt{\mathrm{Var}\,H_B\;I_E},\qquad I_E=\sum_k\frac{\dot p_k^2}{p_k},

the bound of Garcia-Pintos et al., PRL 125, 040601 (2020); it holds for any dynamics, and is that of
Mandelstam and Tamm where they are unitary. :math:`I_E` is the Fisher information of the energies
about time. Hoelder's inequality gives the other, in the norms of Deffner and Lutz, PRL 111, 010402
(2013), :math:`|\dot E|=|\sum_k(k-N_B/2)\dot p_k|\le(N_B/2)\sum_k|\dot p_k|`.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# what probabilities are known to: of less probable levels the ratio of rate and probability is
# anything
LEAST_PROBABILITY = 1e-10


def speeds(populations: Array, rates: Array) -> dict[str, Array]:
    r"""Observables that follow from how fast probabilities of the stored energy change.

    ``power_bound`` as above over :math:`N_B`, ``power_bound_trace`` :math:`\frac12\sum|\dot p_k|`,
    ``statistical_speed`` :math:`\frac12\sqrt{I_E}`, ``population_speed``
    :math:`\max_k|\dot p_k|`.

    Levels less probable than 1e-10 are left out of variance and :math:`I_E`, and
    :math:`\sum|k-E||\dot p_k|` over them is added to the bound: never below the power, and where
    one level begins to fill that is the limit of the equation above.

    Parameters
    ----------
    populations, rates : ndarray (T, N_B + 1)
        :math:`p_k` and its time derivative, k = 0 ... N_B excitations.

    Examples
    --------
    One spin uses all that its speed allows; two may not.

    >>> speeds(np.array([[0.5, 0.5]]), np.array([[-0.2, 0.2]]))["power_bound"]
    array([0.2])
    >>> two = speeds(np.array([[0.25, 0.5, 0.25]]), np.array([[0.1, -0.2, 0.1]]))  # power 0
    >>> [float(value[0].round(6)) for value in two.values()]
    [0.141421, 0.2, 0.2, 0.2]
    >>> speeds(np.array([[1.0, 0.0]]), np.array([[-0.3, 0.3]]))["power_bound"]
    array([0.3])
    """
    levels = np.arange(populations.shape[1])
    distance = np.abs(levels - (populations @ levels)[:, None])
    known = populations >= LEAST_PROBABILITY
    p, change = np.where(known, populations, 1.0), np.abs(rates)
    variance = np.where(known, p * distance**2, 0.0).sum(axis=1)
    information = np.where(known, change**2 / p, 0.0).sum(axis=1)
    rest = np.where(known, 0.0, distance * change).sum(axis=1)
    return {
        "power_bound": (np.sqrt(variance * information) + rest) / (levels.size - 1),
        "power_bound_trace": 0.5 * change.sum(axis=1),
        "statistical_speed": 0.5 * np.sqrt(information),
        "population_speed": change.max(axis=1),
    }
