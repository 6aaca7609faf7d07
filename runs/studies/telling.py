"""How studies tell what they found: tables in files and on screen, figures beside a page."""

import shutil
from pathlib import Path
from textwrap import wrap

import pandas as pd

from darkbattery.runs.pages.marks import cell
from darkbattery.runs.terminal.tables import Fitted


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
