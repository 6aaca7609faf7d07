"""Output times: validated once, for every engine."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.refusal import InputError, is_real

# in whatever unit: no product of a rate, a time and squares of spin numbers overflows below these
MOST_TIME = 1e100
MOST_RATE = 1e100


def output_times(times: ArrayLike) -> NDArray[np.float64]:
    r"""`times` as a float array, refused unless :math:`0\le t\le10^{100}`, strictly increasing.

    >>> output_times([0, 0.5, 2])
    array([0. , 0.5, 2. ])
    >>> output_times([1.0, 0.5])
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: times[1] = 0.5: must be greater than ...
    """
    array = listed_numbers("times", times)
    if array.size == 0:
        raise InputError("times", times, "must be a list of at least one number")
    if array[0] >= 0.0 and array[-1] <= MOST_TIME and (array[1:] > array[:-1]).all():
        array.setflags(write=False)  # nothing to refuse; which of many is wrong is found below
        return array
    _refuse_first(~np.isfinite(array), array, "must be finite")
    _refuse_first(array < 0, array, "must be >= 0")
    _refuse_first(array > MOST_TIME, array, f"must be at most {MOST_TIME:g}")
    i = int(np.flatnonzero(np.diff(array) <= 0)[0]) + 1
    raise InputError(
        f"times[{i}]",
        float(array[i]),
        f"must be greater than the time before it ({float(array[i - 1])})",
    )


def listed_numbers(field: str, values: object) -> NDArray[np.float64]:
    """Return a list of numbers as an array, or refuse it.

    numpy by itself would take texts, booleans and masked values as well.

    >>> listed_numbers("waits", (1, 0.5))
    array([1. , 0.5])
    """
    allowed = "must be a list of numbers"
    if isinstance(values, (list, tuple)):
        for i, one in enumerate(values):
            if not is_real(one):
                raise InputError(f"{field}[{i}]", one, "must be a number")
    if np.ma.is_masked(values):
        raise InputError(field, values, f"{allowed}, none of them masked")
    try:
        given = np.asarray(values)
        of_numbers = given.dtype.kind in "iuf" or all(map(is_real, given.ravel()))
        if given.ndim != 1 or not of_numbers:
            raise InputError(field, values, allowed)
        return np.array(given, dtype=float)
    except (TypeError, ValueError, OverflowError) as error:  # ragged, or beyond all floats
        if isinstance(error, InputError):
            raise
        raise InputError(field, values, allowed) from None


def _refuse_first(bad: NDArray[Any], array: NDArray[Any], allowed: str) -> None:
    if bad.any():
        i = int(np.argmax(bad))
        raise InputError(f"times[{i}]", float(array[i]), allowed)
