r"""Speed limits of charging: how much power a state allows that changes as fast as it does.

With :math:`p_k` the probability of k excitations in the battery, :math:`E=\sum_kkp_k`, and since
:math:`\sum_k\dot p_k=0` Cauchy and Schwarz give

.. math:: |\dot E|=\Big|\sum_k(k-E)\sqrt{p_k}\,\frac{\dot p_k}{\sqrt{p_k}}\Big|
          \le\sqrt{\mathrm{Var}\,H_B\;I_E},\qquad I_E=\sum_k\frac{\dot p_k^2}{p_k},

the bound of Garcia-Pintos et al., PRL 125, 040601 (2020); it holds for any dynamics, and is that of
Mandelstam and Tamm where they are unitary. :math:`I_E` is the Fisher information of the energies
about time.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# what probabilities are known to: of less probable levels the ratio of rate and probability is
# anything
LEAST_PROBABILITY = 1e-10


def power_bound(populations: Array, rates: Array) -> Array:
    r""":math:`\sqrt{\mathrm{Var}\,H_B\,I_E}/N_B` in :math:`\hbar\omega` times the unit of `rates`.

    Levels less probable than 1e-10 are left out of both sums, and
    :math:`\sum|k-E||\dot p_k|` over them is added: never below the power, and where one level
    begins to fill that is the limit of the equation above.

    Parameters
    ----------
    populations, rates : ndarray (T, N_B + 1)
        :math:`p_k` and its time derivative, k = 0 ... N_B excitations.

    Examples
    --------
    One spin uses all that its speed allows; two may not.

    >>> power_bound(np.array([[0.5, 0.5]]), np.array([[-0.2, 0.2]]))
    array([0.2])
    >>> power_bound(np.array([[0.25, 0.5, 0.25]]), np.array([[0.1, -0.2, 0.1]]))  # power 0
    array([0.14142136])
    >>> power_bound(np.array([[1.0, 0.0]]), np.array([[-0.3, 0.3]]))
    array([0.3])
    """
    levels = np.arange(populations.shape[1])
    distance = np.abs(levels - (populations @ levels)[:, None])
    known = populations >= LEAST_PROBABILITY
    p, speed = np.where(known, populations, 1.0), np.abs(rates)
    variance = np.where(known, p * distance**2, 0.0).sum(axis=1)
    information = np.where(known, speed**2 / p, 0.0).sum(axis=1)
    rest = np.where(known, 0.0, distance * speed).sum(axis=1)
    return (np.sqrt(variance * information) + rest) / (levels.size - 1)
