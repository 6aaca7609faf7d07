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

# of s: below lies nothing but rounding
LEAST = 1e-17


@dataclass
class Regrowth:
    """Follows a state of moments step by step.

    Attributes
    ----------
    correlations : tuple of slice
        Where photons and correlations stand in it; none of a state without noise.
    peak, fall : float
        The largest s so far, and the largest s_peak/s.
    gain : float
        By how much errors were multiplied at most, at least 1.

    Examples
    --------
    >>> seen = Regrowth((slice(2, None),))
    >>> for photons in (1e-6, 0.5, 1e-5, 0.4):
    ...     seen.follow(np.array([0.0, 0.0, photons]))
    >>> round(seen.gain)
    20000
    """

    correlations: tuple[slice, ...]
    peak: float = LEAST
    fall: float = 1.0
    gain: float = 1.0

    def follow(self, y: NDArray[np.float64]) -> None:
        """Take one more state."""
        now = self._size(y)
        self.peak = max(self.peak, now)
        self.fall = max(self.fall, self.peak / now)
        self.gain = max(self.gain, self.fall * min(now, 1.0))

    def goes_on(
        self,
        correlations: tuple[slice, ...],
        before: NDArray[np.float64],
        after: NDArray[np.float64],
    ) -> None:
        """The same moments are written down in another way from here on: `before` as `after`.

        >>> seen = Regrowth((slice(0, 1),), peak=0.5)
        >>> seen.goes_on((slice(1, 2),), np.array([0.01]), np.array([0.0, 0.02]))
        >>> print(seen.peak)
        1.0
        """
        size, self.correlations = self._size(before), correlations
        self.peak *= self._size(after) / size

    def _size(self, y: NDArray[np.float64]) -> float:
        """s of a state."""
        now = LEAST
        for part in self.correlations:
            now = max(now, float(y[part].max()), -float(y[part].min()))
        return now
