"""Output times: validated once, for every engine."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nvmodel.refusal import InputError


def output_times(times: ArrayLike) -> NDArray[np.float64]:
    """Return `times` as a float array, refused unless finite, >= 0 and strictly increasing.

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
