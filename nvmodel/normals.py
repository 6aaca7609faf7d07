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

from darkbattery.nvmodel.kernelcache import apart
from darkbattery.nvmodel.streams import (
    WORDS,
    Words,
    block_beginning,
    block_of_run,
    log_unit,
    run_product,
    unit,
)

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
    products = np.empty((2, out.shape[1]), dtype=np.uint64)
    set_runs(seed, first_run, products)
    for b in range(out.shape[0] // WORDS):
        four_rows(block_beginning(seed, domain, block + b), products, out, WORDS * b)


@njit(error_model="numpy")
def set_runs(seed: int, first_run: int, products: Words) -> None:
    """What `four_rows` takes of as many runs as `products` (2, lanes) has room for."""
    for lane in range(products.shape[1]):
        products[0, lane], products[1, lane] = run_product(seed, first_run + lane)


@njit(error_model="numpy")
def four_rows(beginning: tuple[Any, ...], products: Words, out: Array, row: int) -> None:
    """Those of one block of each run from `row` on: a loop of its own, for vector registers."""
    apart()
    for lane in range(out.shape[1]):
        a, b, c, d = block_of_run(beginning, products[0, lane], products[1, lane])
        out[row, lane], out[row + 1, lane] = _pair(a, b)
        out[row + 2, lane], out[row + 3, lane] = _pair(c, d)


@njit(inline="always")
def _pair(first: Any, second: Any) -> tuple[Any, Any]:
    radius = np.sqrt(-2.0 * log_unit(unit(first)))
    cosine, sine = on_circle(unit(second))
    return radius * cosine, radius * sine
