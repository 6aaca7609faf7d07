"""What studies measure by: rows of tables, power laws, tops of curves."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from darkbattery.nvmodel.numbers import with_error

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PowerLaw:
    """y = c x^exponent by least squares of the logarithms, with the exponent's standard error."""

    exponent: float
    error: float

    def __str__(self) -> str:
        return with_error(self.exponent, max(self.error, 1e-4))


def power_law(x: ArrayLike, y: ArrayLike) -> PowerLaw:
    """Fit of a power law.

    >>> str(power_law([1, 2, 4], [3, 6, 12]))
    '1.00000(10)'
    """
    fit = stats.linregress(np.log(np.asarray(x, float)), np.log(np.asarray(y, float)))
    return PowerLaw(float(fit.slope), float(fit.stderr))


def parabola_top(x: Array, y: Array) -> tuple[float, float]:
    """Place and height of the top of the parabola through three points, or nearest to more.

    Where they do not bend down, the highest of them itself.

    >>> x = np.array([0.0, 1.0, 3.0])
    >>> place, height = parabola_top(x, 5.0 - (x - 1.2) ** 2)
    >>> round(place, 9), round(height, 9)
    (1.2, 5.0)
    """
    at = int(np.argmax(y))
    curvature, slope, height = np.polyfit(x - x[at], y, 2)
    if curvature >= 0.0:
        return float(x[at]), float(y[at])
    return float(x[at] - slope / (2 * curvature)), float(height - slope**2 / 4 / curvature)


def where(table: pd.DataFrame, **fields: Any) -> pd.DataFrame:
    """The rows of a table whose columns have these values."""
    for field, value in fields.items():
        table = table[table[field] == value]
    return table
