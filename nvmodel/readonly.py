"""Arrays that nobody can write into: what is remembered, and what keys a memory."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray


def own_read_only(values: ArrayLike) -> NDArray[Any]:
    """A copy of its own that cannot be written into.

    >>> numbers = np.zeros(2)
    >>> kept = own_read_only(numbers)
    >>> numbers[0] = 1.0
    >>> kept, kept.flags.writeable
    (array([0., 0.]), False)
    """
    copy = np.array(values)
    copy.setflags(write=False)
    return copy
