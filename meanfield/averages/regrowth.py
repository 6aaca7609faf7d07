r"""How far errors of the integrator outgrow the seed of a burst: an estimate made on the way.

A burst grows from correlations of 1/N. In a resonator of little loss they come back to it: the
spins return to full inversion, and the next burst grows from what is left, to which every step has
added its error. With s the largest correlation (photons included, per spin), errors of
:math:`\epsilon` times its peak before are, relative to it, :math:`\epsilon\,s_{peak}/s_{min}`
at the return, and grow with it from there on. Linear in :math:`\epsilon`, the error at a later
time is

.. math:: \epsilon\,\max_{t_1<t}\frac{s_{peak}(t_1)}{s(t_1)}\,s(t)

Where no correlation falls and comes back, it is the error of a step.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkbattery.meanfield.averages.equations import PHOTONS, Z

# of s: below lies nothing but rounding
LEAST = 1e-17


@dataclass
class Regrowth:
    """Follows the state of second order (`meanfield.averages.equations`) step by step.

    Attributes
    ----------
    classes : int
    peak, fall : float
        The largest s so far, and the largest s_peak/s.
    gain : float
        By how much errors were multiplied at most, at least 1.

    Examples
    --------
    >>> seen = Regrowth(classes=1)
    >>> state = np.zeros(Z + 5)
    >>> for photons in (1e-6, 0.5, 1e-5, 0.4):
    ...     state[PHOTONS] = photons
    ...     seen.follow(state)
    >>> round(seen.gain)
    20000
    """

    classes: int
    peak: float = LEAST
    fall: float = 1.0
    gain: float = 1.0

    def follow(self, y: NDArray[np.float64]) -> None:
        """Take one more state."""
        pairs = y[Z + 3 * self.classes :]
        now = max(float(y[PHOTONS]), float(pairs.max()), -float(pairs.min()), LEAST)
        self.peak = max(self.peak, now)
        self.fall = max(self.fall, self.peak / now)
        self.gain = max(self.gain, self.fall * min(now, 1.0))
