"""Brings docs/paper.md up to date.

The tables stand in the page between marks, so that the text around them is written by hand and no
verdict is.
"""

import shutil
from pathlib import Path

import pandas as pd

from darkbattery.runs.pages.marks import markdown, replaced, rows_of_page
from darkbattery.runs.studies.paper.table import tally

TABLES = ("claims", "appendix", "two_spins")


def refresh(result: Path, page: Path) -> None:
    """Put the tables of a result of `darkbattery paper` into `page`, its PNGs beside it."""
    text = page.read_text(encoding="utf-8")
    for name in TABLES:
        table = pd.read_parquet(result / f"{name}.parquet")
        content = markdown(table) + "\n"
        if name == "claims":
            content = f"{len(table)} claims; {tally(table)}.\n\n{content}"
        text = replaced(text, name, content)
    page.write_text(text, encoding="utf-8")
    figures = page.parent / "figures"
    figures.mkdir(exist_ok=True)
    for drawing in sorted((result / "figures").glob("*.png")):
        shutil.copyfile(drawing, figures / drawing.name)


def documented_verdicts(page: Path) -> dict[str, str]:
    """Verdict by claim, as `page` has them."""
    return {row[0]: row[-1] for row in rows_of_page(page, "claims")}
