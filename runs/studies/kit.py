"""What studies share: rows of tables, power laws, tops of curves; tables in files, on screen."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from darkbattery.nvmodel.numbers import with_error
from darkbattery.runs.pages.marks import cell
from darkbattery.runs.terminal.tables import Fitted

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


def copy_figures(folder: Path, page: Path) -> None:
    """The PNGs of a folder beside a page."""
    figures = page.parent / "figures"
    figures.mkdir(exist_ok=True)
    for drawing in sorted(folder.glob("*.png")):
        shutil.copyfile(drawing, figures / drawing.name)


def rich_numbers(table: pd.DataFrame, title: str, fixed: int = 1) -> Fitted:
    """A table of numbers for a terminal; its first columns say what a row is of."""
    columns = [
        (_broken(str(name)), [cell(value) for value in table[name]]) for name in table.columns
    ]
    return Fitted(columns[:fixed], [[column] for column in columns[fixed:]], heading=title)


def _broken(heading: str) -> str:
    """A heading in lines of about ten letters."""
    kept = heading.replace(" = ", "\u00a0=\u00a0")  # what an equation says is not torn apart
    return "\n".join(wrap(kept, 12, break_long_words=False)).replace("\u00a0", " ")


def save_table(table: pd.DataFrame, folder: Path, name: str) -> None:
    """Write a table as Parquet and CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / f"{name}.parquet", index=False)
    table.to_csv(folder / f"{name}.csv", index=False)
