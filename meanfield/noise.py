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

from nvmodel.streams import TRUNCATED_WIGNER, WORDS, fill_uniform, log_unit

Array = NDArray[np.float64]

HALF_PI = 1.5707963267948966


@njit(inline="always")
def on_circle(turn: Any) -> tuple[Any, Any]:
    """cos and sin of 2 pi `turn`, 0 <= turn <= 1, to 2 ulp of 1."""
    quarter = np.floor(4.0 * turn + 0.5)
    x = (4.0 * turn - quarter) * HALF_PI  # in [-pi/4, pi/4], the difference is exact
    s = x * x
    sine = 1.0 - s / 210.0
    sine = 1.0 - s * sine * (1.0 / 156)
    sine = 1.0 - s * sine * (1.0 / 110)
    sine = 1.0 - s * sine * (1.0 / 72)
    sine = 1.0 - s * sine * (1.0 / 42)
    sine = 1.0 - s * sine * (1.0 / 20)
    sine = x * (1.0 - s * sine * (1.0 / 6))
    cosine = 1.0 - s / 240.0
    cosine = 1.0 - s * cosine * (1.0 / 182)
    cosine = 1.0 - s * cosine * (1.0 / 132)
    cosine = 1.0 - s * cosine * (1.0 / 90)
    cosine = 1.0 - s * cosine * (1.0 / 56)
    cosine = 1.0 - s * cosine * (1.0 / 30)
    cosine = 1.0 - s * cosine * (1.0 / 12)
    cosine = 1.0 - s * cosine * 0.5
    sideways = quarter == 1.0 or quarter == 3.0
    first = sine if sideways else cosine
    second = cosine if sideways else sine
    first = -first if quarter == 1.0 or quarter == 2.0 else first
    second = -second if quarter == 2.0 or quarter == 3.0 else second
    return first, second


@njit(cache=True, error_model="numpy")
def fill_normals(seed: int, first_run: int, block: int, out: Array) -> None:
    """Fill `out` (a multiple of 4, lanes) with normals: lane l holds those of run first_run + l.

    They are numbers 4 block, 4 block + 1, ... of each run's stream.
    """
    words = np.empty(WORDS)
    for b in range(out.shape[0] // WORDS):
        for lane in range(out.shape[1]):
            fill_uniform(seed, TRUNCATED_WIGNER, first_run + lane, block + b, words)
            for w in range(WORDS):
                out[WORDS * b + w, lane] = words[w]
    for j in range(0, out.shape[0], 2):
        for lane in range(out.shape[1]):
            radius = np.sqrt(-2.0 * log_unit(out[j, lane]))
            cosine, sine = on_circle(out[j + 1, lane])
            out[j, lane] = radius * cosine
            out[j + 1, lane] = radius * sine
