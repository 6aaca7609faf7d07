r"""Shapes of pulses that last for a given time: envelopes over :math:`s\in[0,T]`, largest value 1.

With :math:`u=2s/T-1` from -1 to 1,

* square: 1,
* sech: :math:`\mathrm{sech}(\beta u)`, 0.01 at both ends (Silver, Joseph and Hoult 1985),
* wurst: :math:`1-|\sin(\pi u/2)|^{20}` (Kupce and Freeman 1995),
* samples: straight between values at equal distances, over the largest magnitude.

A chirp by :math:`c` hertz over the pulse is a frequency :math:`\tfrac c2u`, of a sech pulse
:math:`\tfrac c2\tanh(\beta u)/\tanh\beta`; its phase is 0 in the middle.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]

BETA = math.acosh(100.0)
WURST_POWER = 20
# pieces of a pulse that no integrator's step leaps over
PIECES = 16
MOST_PIECES = 256


def envelope(shape: str, samples: Sequence[complex], u: ArrayLike) -> Complex:
    """The envelope at u in [-1, 1]; 0 outside.

    >>> print(envelope("wurst", (), [-1.0, 0.0, 0.5, 2.0]).real.round(4))
    [0.    1.    0.999 0.   ]
    """
    at = np.asarray(u, dtype=float)
    inside = np.abs(at) <= 1.0
    if shape == "sech":
        found = 1.0 / np.cosh(BETA * np.clip(at, -1.0, 1.0))
    elif shape == "wurst":
        found = 1.0 - np.abs(np.sin(0.5 * math.pi * np.clip(at, -1.0, 1.0))) ** WURST_POWER
    elif shape == "samples":
        values = np.asarray(samples, dtype=complex)
        values = values / np.abs(values).max()
        found = np.interp(at, np.linspace(-1.0, 1.0, values.size), values)
    else:
        found = np.ones(at.shape)
    return np.asarray(np.where(inside, found, 0.0), dtype=np.complex128)


def chirp_phase(shape: str, chirp: float, duration: float, u: ArrayLike) -> Array:
    """What a chirp by `chirp` (rad/s over the pulse) has turned since its middle, rad.

    >>> print(chirp_phase("square", 4.0, 2.0, [-1.0, 0.0, 1.0]))
    [1. 0. 1.]
    """
    at = np.asarray(u, dtype=float)
    if shape == "sech":
        # ln cosh without overflow
        turned = np.logaddexp(BETA * at, -BETA * at) - math.log(2.0)
        return np.asarray(0.25 * chirp * duration * turned / (BETA * math.tanh(BETA)))
    return np.asarray(0.125 * chirp * duration * at * at) * 1.0


def pieces_of(samples: int) -> int:
    """Into how many equal pieces a pulse is cut for integrators.

    >>> [pieces_of(samples) for samples in (0, 41, 10_001)]
    [16, 40, 256]
    """
    return min(max(samples - 1, PIECES), MOST_PIECES)
