"""Output times: validated once, for every engine."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nvmodel.refusal import InputError

# in whatever unit: no product of a rate, a time and squares of spin numbers overflows below these
MOST_TIME = 1e100
MOST_RATE = 1e100


def output_times(times: ArrayLike) -> NDArray[np.float64]:
    """Return `times` as a float array, refused unless 0 <= t <= 1e100, strictly increasing.

    >>> output_times([0, 0.5, 2])
    array([0. , 0.5, 2. ])
    >>> output_times([1.0, 0.5])
    Traceback (most recent call last):
        ...
    nvmodel.refusal.InputError: times[1] = 0.5: must be greater than the time before it (1.0)
    """
    try:
        array = np.array(times, dtype=float)
    except (TypeError, ValueError):
        raise InputError("times", times, "must be a list of numbers") from None
    if array.ndim != 1 or array.size == 0:
        raise InputError("times", times, "must be a one-dimensional list of at least one number")
    _refuse_first(~np.isfinite(array), array, "must be finite")
    _refuse_first(array < 0, array, "must be >= 0")
    _refuse_first(array > MOST_TIME, array, f"must be at most {MOST_TIME:g}")
    falls = np.flatnonzero(np.diff(array) <= 0)
    if falls.size:
        i = int(falls[0]) + 1
        raise InputError(
            f"times[{i}]",
            float(array[i]),
            f"must be greater than the time before it ({float(array[i - 1])})",
        )
    array.setflags(write=False)
    return array


def _refuse_first(bad: NDArray[Any], array: NDArray[Any], allowed: str) -> None:
    if bad.any():
        i = int(np.argmax(bad))
        raise InputError(f"times[{i}]", float(array[i]), allowed)
