"""What a claim of the paper is, and what a measurement of it gives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from darkbattery.runs.definitions.definition import RunDefinition
from darkbattery.runs.studies.kit import where

Array = NDArray[np.float64]

# what a number of the master equation's solver is known to; closed forms are far better
SOLVER = 1e-9


@dataclass(frozen=True, eq=False)
class Evidence:
    """Tables by name: one row a point (and time), a column for each model field and observable.

    Attributes
    ----------
    tables : mapping of str to DataFrame
        By the definition's name without its folder, or a `PeakTable`'s.
    definitions : mapping of str to RunDefinition
    """

    tables: Mapping[str, pd.DataFrame]
    definitions: Mapping[str, RunDefinition]

    def rows(self, name: str, **fields: Any) -> pd.DataFrame:
        """The rows of table `name` whose columns have these values."""
        return where(self.tables[name], **fields)

    def over(self, column: str, name: str, **fields: Any) -> pd.DataFrame:
        """The same rows in the order of a column."""
        return self.rows(name, **fields).sort_values(column)

    def curves(self, column: str, name: str, by: str) -> list[pd.DataFrame]:
        """Table `name` over a column, once for each value of the field `by`."""
        return [part.sort_values(column) for _, part in self.rows(name).groupby(by)]


class Verdict(StrEnum):
    """What the numbers say about a statement."""

    HOLDS = "holds"
    LIMITED = "holds within limits"
    FAILS = "does not hold"
    LEFT = "not yet measured"


@dataclass(frozen=True)
class Measured:
    """The numbers found, in words, and the verdict they give."""

    numbers: str
    verdict: Verdict


@dataclass(frozen=True)
class Claim:
    """One statement of the paper.

    Attributes
    ----------
    name : str
        Short and unique.
    place : str
        Where it stands.
    statement : str
        What is said, in our words.
    criterion : str
        The tolerance or the statistical statement the verdict follows from; where it has two
        parts, "limits:" says what is left when the statement does not hold as it stands.
    measure : callable
        A pure function of the evidence.
    """

    name: str
    place: str
    statement: str
    criterion: str
    measure: Callable[[Evidence], Measured]


def judged(holds: bool, within_limits: bool = False) -> Verdict:
    """The verdict of a statement as it stands, and of what is left of it within limits.

    >>> str(judged(False, within_limits=True))
    'holds within limits'
    """
    if holds:
        return Verdict.HOLDS
    return Verdict.LIMITED if within_limits else Verdict.FAILS


def smallest_step(values: ArrayLike) -> float:
    """The least increase from one value to the next: positive if they rise strictly."""
    return float(np.diff(np.asarray(values, dtype=float)).min())


def straight(x: pd.Series, y: pd.Series) -> tuple[float, float, float]:
    """Least-squares line: slope, offset, and the largest distance from it over the range of y."""
    slope, offset = np.polyfit(x, y, 1)
    off = np.abs(np.polyval((slope, offset), x) - y).max()
    return slope, offset, off / np.ptp(y)


def listed(values: Sequence[float] | Array, digits: int = 4) -> str:
    """Numbers as text.

    >>> listed([0.25, 1.0])
    '0.25, 1'
    """
    return ", ".join(f"{value:.{digits}g}" for value in values)
