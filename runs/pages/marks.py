"""Pages of the docs whose tables are generated: between marks, so that text around them is typed.

A mark is a comment, ``<!-- name: generated -->``, its end ``<!-- name: end -->``.
"""

import math
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.pages.typeset import typeset

_MARKED = r"(<!-- {name}: generated -->\n)(.*?)(<!-- {name}: end -->)"


def marked(text: str, name: str) -> str:
    """What stands between the marks of that name in a page; refused without them."""
    return _found(text, name)[2]


def replaced(text: str, name: str, content: str) -> str:
    """`text` with other content between the marks of that name; refused without them."""
    marks = _found(text, name)
    return text[: marks.start(2)] + content + text[marks.end(2) :]


def fill(page: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """Put each table between its marks; InputError where the page has none."""
    text = page.read_text(encoding="utf-8")
    for name, table in tables.items():
        marked(text, name)  # refused before a table is set
        text = replaced(text, name, markdown(table) + "\n")
    page.write_text(text, encoding="utf-8")


def rows_of_page(page: Path, name: str) -> list[list[str]]:
    """The cells of a table of the page, without its header."""
    lines = marked(page.read_text(encoding="utf-8"), name).splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line[:1] == "|"]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def _found(text: str, name: str) -> re.Match[str]:
    marks = re.search(_MARKED.format(name=name), text, re.DOTALL)
    if marks is None:
        raise InputError("page", name, "has no such marks")
    return marks


def markdown(table: pd.DataFrame) -> str:
    """The table as Markdown, with its notation set as mathematics.

    >>> print(markdown(pd.DataFrame({"a": ["x|y"], "N_B": ["z"]})))
    | a | $N_B$ |
    | --- | --- |
    | x\\|y | z |
    """
    lines = [_row(table.columns), "|" + " --- |" * len(table.columns)]
    return "\n".join(lines + [_row(map(cell, row)) for row in table.itertuples(index=False)])


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(typeset(cell).replace("|", r"\|") for cell in cells) + " |"


def cell(value: object) -> str:
    """A value of a table in a page."""
    # below 1e-9 a number read from a long evolution is rounding
    if isinstance(value, float):
        return f"{value if abs(value) > 1e-9 else 0.0:.6g}"
    return str(value)


def shown(value: float) -> str:
    """Four digits."""
    return f"{value:.4g}"


def with_error(value: float, error: float) -> str:
    """Value and error, the error as two digits in units of the value's last.

    >>> with_error(0.123456, 0.00123), with_error(12.34, 1.23), with_error(2.5, 0.0)
    ('0.1235(12)', '12.3(1.2)', '2.5')
    """
    if math.isnan(value):
        return "-"
    if not error > 0.0:
        return f"{value:.4g}"
    places = max(0, 1 - math.floor(math.log10(error)))
    digits = f"{error:.{places}f}"
    return f"{value:.{places}f}({digits if error >= 1.0 else digits.replace('.', '').lstrip('0')})"
