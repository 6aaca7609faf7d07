r"""How a hole in a line fills again by flip-flops of spins with their neighbours, as a law.

.. math:: p(t) = \bar p-(\bar p-p_0)\,e^{-\sqrt{t/T_r}} = \bar p-(\bar p-p_0)\int_0^\infty
          \varrho(R)e^{-Rt}dR

the sum over spins that each flip at a rate R of their own, for their surroundings differ; R is
distributed as :math:`1/(2T_rZ^2)` with Z standard normal (a Levy distribution, whose Laplace
transform that is). Kersten et al. 2026 measured the law, with 11.6 us.
"""

import numpy as np
import scipy
from numpy.typing import NDArray

Array = NDArray[np.float64]

# rates are followed from here to there in units of 1/T_r; the law is met to 5e-3 of a hole
SLOWEST, FASTEST, RATES = 0.03, 5000.0, 10


def flip_rates(refill_s: float) -> tuple[Array, Array]:
    """Rates (1/s) that stand for all, and the share of the spins that has each.

    >>> rates, share = flip_rates(1e-5)
    >>> print(round(float(share @ np.exp(-rates * 1e-5)), 2), round(np.exp(-1.0), 2))
    0.37 0.37
    """
    edges = np.geomspace(SLOWEST, FASTEST, RATES + 1)
    below = scipy.special.erfc(0.5 / np.sqrt(edges[1:-1]))
    share = np.diff(np.concatenate([[0.0], below, [1.0]]))
    return np.sqrt(edges[1:] * edges[:-1]) / refill_s, share
