"""The map of errors that comes with the package, and what it lets one expect."""

from dataclasses import dataclass
from functools import cache
from importlib import resources

import pandas as pd

MAP = "errors.csv"


@dataclass(frozen=True)
class Expected:
    """The error to expect of a method, and where that was measured."""

    error: float
    spins: int
    covered: bool


@cache
def read_map() -> pd.DataFrame:
    """The map that comes with the package."""
    with resources.as_file(resources.files("runs.regimes") / MAP) as path:
        return pd.read_csv(path)


def expected_error(
    table: pd.DataFrame, method: str, observable: str, spins: int, ratio: float, nbar: float
) -> Expected | None:
    """What the study found at the largest size not above this one, the worst of its R and nbar.

    `covered` is false where R or nbar lie outside what was studied, or the size below: the number
    is then a guide only. None for an observable that was not studied.
    """
    part = table[(table["method"] == method) & (table["observable"] == observable)]
    part = part[part["largest"].notna()]
    if not len(part):
        return None
    inside = (
        part["ratio"].min() <= ratio <= part["ratio"].max()
        and part["nbar"].min() <= nbar <= part["nbar"].max()
    )
    worst, at = 0.0, 0
    for _, curve in part.groupby(["ratio", "nbar"]):
        ordered = curve.sort_values("spins")
        below = ordered[ordered["spins"] <= spins]
        inside &= len(below) > 0
        row = (below if len(below) else ordered.head(1)).iloc[-1]
        if row["largest"] >= worst:
            worst, at = float(row["largest"]), int(row["spins"])
    return Expected(worst, at, bool(inside))
