r"""Gaussian numbers of run i: Box and Muller's transform of its counter-based stream.

Normals 2j and 2j + 1 of a run come from words 2j and 2j + 1, u and v, of its stream:
:math:`\sqrt{-2\ln u}\,(\cos2\pi v,\sin2\pi v)` (Box and Muller 1958). Sine and cosine are written
out in IEEE operations, like the logarithm, so that the bits do not depend on a machine's library
and vector units can run them: runs lie side by side in the last axis of every array.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.streams import WORDS, Words, log_unit, philox_block, unit

Array = NDArray[np.float64]

HALF_PI = 1.5707963267948966


@njit(inline="always")
def on_circle(turn: Any) -> tuple[Any, Any]:
    """cos and sin of 2 pi `turn`, 0 <= turn <= 1, to 8 ulp of 1.

    From the power series at a quarter of the angle less pi, x in [-pi/4, pi/4], doubled twice.
    """
    x = (turn - 0.5) * HALF_PI
    s = x * x
    # in pairs: short chains of dependent operations
    s2 = s * s
    s4 = s2 * s2
    low = (1.0 - s * (1.0 / 6)) + s2 * (1.0 / 120 - s * (1.0 / 5040))
    last = 1.0 / 6227020800 - s * (1.0 / 1307674368000)
    high = (1.0 / 362880 - s * (1.0 / 39916800)) + s2 * last
    sine = x * (low + s4 * high)
    low = (1.0 - s * 0.5) + s2 * (1.0 / 24 - s * (1.0 / 720))
    last = 1.0 / 479001600 - s * (1.0 / 87178291200)
    high = (1.0 / 40320 - s * (1.0 / 3628800)) + s2 * last
    cosine = low + s4 * (high + s4 * (1.0 / 20922789888000))
    second, first = 2.0 * sine * cosine, 1.0 - 2.0 * sine * sine
    return 2.0 * second * second - 1.0, -2.0 * second * first


@njit(cache=True, error_model="numpy")
def fill_normals(seed: int, domain: int, first_run: int, block: int, out: Array) -> None:
    """Fill `out` (a multiple of 4, lanes) with normals: lane l holds those of run first_run + l.

    They are numbers 4 block, 4 block + 1, ... of each run's stream in a domain of
    `nvmodel.streams`.
    """
    words = np.empty((WORDS, out.shape[1]), dtype=np.uint64)
    for b in range(out.shape[0] // WORDS):
        for lane in range(out.shape[1]):
            one = philox_block(seed, domain, first_run + lane, block + b)
            words[0, lane], words[1, lane], words[2, lane], words[3, lane] = one
        _to_normals(words, 0, out, WORDS * b)
        _to_normals(words, 2, out, WORDS * b + 2)


@njit(error_model="numpy")
def _to_normals(words: Words, first: int, out: Array, row: int) -> None:
    """Two rows of normals from two of words, in a loop of its own: it runs in vector registers."""
    for lane in range(out.shape[1]):
        radius = np.sqrt(-2.0 * log_unit(unit(words[first, lane])))
        cosine, sine = on_circle(unit(words[first + 1, lane]))
        out[row, lane] = radius * cosine
        out[row + 1, lane] = radius * sine
