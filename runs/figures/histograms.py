"""Histograms of single runs as they are drawn: bins with their shares, or single values."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Shares:
    """From the first bin that holds runs to the last: where it lies, and its share of all runs."""

    low: Array
    high: Array
    share: Array

    @property
    def are_values(self) -> bool:
        """Whether bins are single values, as numbers of photons are."""
        return bool(np.all(self.low == self.high))

    @property
    def middle(self) -> Array:
        """Of each bin."""
        return 0.5 * (self.low + self.high)

    @property
    def edges(self) -> Array:
        """One more than bins."""
        return np.append(self.low, self.high[-1])


def shares_of(rows: pd.DataFrame, low: str = "low", high: str = "high") -> Shares:
    """Bins of a distribution's rows; none where no run has the quantity.

    What lies above all bins is drawn at their end, and numbers of photons as such.

    >>> rows = pd.DataFrame({"low": [0.0, 1.0, 2.0], "high": [1.0, 2.0, np.inf]})
    >>> found = shares_of(rows.assign(weight=[0, 3, 1]))
    >>> found.edges, found.share, found.are_values
    (array([1., 2., 2.]), array([0.75, 0.25]), False)
    """
    weight = rows["weight"].to_numpy(dtype=float)
    held = np.flatnonzero(weight)
    here = slice(held[0], held[-1] + 1) if held.size else slice(0)
    begin, end = (rows[name].to_numpy(dtype=float)[here] for name in (low, high))
    end = np.where(np.isfinite(end), end, begin)
    if "quantity" in rows and rows["quantity"].str.contains("photons").all():
        # photons come whole: what lies from n to n + 1 is n
        end = np.where(end - begin == 1.0, begin, end)
    return Shares(begin, end, weight[here] / weight.sum())
