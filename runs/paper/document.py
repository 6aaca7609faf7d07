"""Brings docs/paper.md up to date: `python -m darkbattery.runs.paper.document RESULT PAGE`.

The tables stand in the page between marks, so that the text around them is written by hand and no
verdict is.
"""

import re
import shutil
import sys
from pathlib import Path

import pandas as pd

from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.paper.table import markdown, tally

TABLES = ("claims", "appendix", "two_spins")
_MARKED = r"(<!-- {name}: generated -->\n)(.*?)(<!-- {name}: end -->)"


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
    found = re.search(_MARKED.format(name="claims"), page.read_text(encoding="utf-8"), re.DOTALL)
    if found is None:
        raise InputError("page", str(page), "has no marks for the claims")
    rows = [line.strip("| ").split(" | ") for line in found[2].splitlines() if line[:2] == "| "]
    return {row[0]: row[-1] for row in rows[2:]}


def replaced(text: str, name: str, content: str) -> str:
    """`text` with other content between the marks of that name; refused without them."""
    pattern = re.compile(_MARKED.format(name=name), re.DOTALL)
    if not pattern.search(text):
        raise InputError("page", name, "has no such marks")
    return pattern.sub(lambda marks: marks[1] + content + marks[3], text)


if __name__ == "__main__":
    refresh(Path(sys.argv[1]), Path(sys.argv[2]))
