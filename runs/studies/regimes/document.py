"""Brings docs/regimes.md and the map up to date.

The tables stand in the page between marks; the map of errors in `meanfield/` is replaced by
the result's.
"""

import shutil
from pathlib import Path

import pandas as pd

from darkbattery import meanfield
from darkbattery.meanfield.expected import MAP
from darkbattery.runs.pages.marks import fill
from darkbattery.runs.studies.regimes.command import FIGURES, TABLES


def refresh(result: Path, page: Path, package: Path = Path(meanfield.__file__).parent) -> None:
    """Put the tables of a result of `darkbattery regimes` into `page`, its PNGs beside it."""
    tables = sorted((result / TABLES).glob("*.parquet"))
    fill(page, {path.stem: pd.read_parquet(path) for path in tables})
    figures = page.parent / "figures"
    figures.mkdir(exist_ok=True)
    for drawing in sorted((result / FIGURES).glob("*.png")):
        shutil.copyfile(drawing, figures / drawing.name)
    shutil.copyfile(result / MAP, package / MAP)
