"""CSV files of measurements: a line of headings with units in brackets, then rows of numbers."""

import csv
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.refusal import InputError

Array = NDArray[np.float64]

FREQUENCIES = {"hz": 1.0, "khz": 1e3, "mhz": 1e6, "ghz": 1e9}
TIMES = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
MICRO_SIGN, GREEK_MU = "\u00b5", "\u03bc"  # look the same; both are written
MOST_BYTES = 1 << 26
# a heading: a name, and a unit in brackets
_HEADING = re.compile(r"^\s*(.*?)\s*(?:[\[(]([^\])]*)[\])])?\s*$")


@dataclass(frozen=True, eq=False)
class CsvTable:
    """What a file holds.

    Attributes
    ----------
    name : str
        Of the file.
    headings : tuple of str
        As they stand there.
    columns : ndarray (rows, columns)
    """

    name: str
    headings: tuple[str, ...]
    columns: Array

    @property
    def names(self) -> tuple[str, ...]:
        """Of the columns, in small letters and without units."""
        return tuple(_parted(heading)[0] for heading in self.headings)

    def unit(self, name: str) -> str:
        """Of a column, as it stands there; the Greek letter of micro as the sign for it."""
        return _parted(self.headings[self.names.index(name)])[1]

    def column(self, name: str, units: Mapping[str, float] | None = None) -> Array:
        """A column; with `units` in the first of them, refused where its heading has none."""
        i = self.names.index(name)
        found: Array = self.columns[:, i]
        if units is None:
            return found
        unit = self.unit(name)
        if unit.lower() not in units:
            allowed = f"its heading must carry a unit: {', '.join(units)}"
            raise InputError(f"{self.name}: {self.headings[i]}", unit or None, allowed)
        return found * units[unit.lower()]


def read_csv(field: str, path: Path) -> CsvTable:
    """The table in a file; lines that begin with # are skipped.

    Raises
    ------
    InputError
        Naming `field` where it cannot be read, and the column where a cell holds no number.
    """
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(field, str(path), f"is larger than {MOST_BYTES >> 20} MB")
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(field, str(path), "no such file") from None
    except (OSError, UnicodeDecodeError):
        raise InputError(field, str(path), "cannot be read as text") from None
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) < 2:
        raise InputError(field, str(path), "must have a line of headings and rows of numbers")
    try:
        first, *rows = csv.reader(lines)
    except csv.Error:  # a cell of more than 131,072 letters
        raise InputError(field, str(path), "cannot be read as rows of cells") from None
    headings = tuple(cell.strip() for cell in first)
    return CsvTable(path.name, headings, _numbers(path, headings, rows))


def _parted(heading: str) -> tuple[str, str]:
    found = _HEADING.match(heading)
    assert found is not None
    name = found.group(1).lower().strip("|").replace("|", "")
    return name, (found.group(2) or "").strip().replace(GREEK_MU, MICRO_SIGN)


def _numbers(path: Path, headings: tuple[str, ...], rows: list[list[str]]) -> Array:
    found = np.empty((len(rows), len(headings)))
    for i, row in enumerate(rows):
        # "0,5,1,0" of decimal commas would be read as other numbers
        if beyond := ",".join(row[len(headings) :]).strip(" \t,"):
            allowed = f"row {i + 1} must have a cell for each heading, {len(headings)}"
            raise InputError(
                f"{path.name}: beyond {headings[-1]}", beyond, f"{allowed}, and no more"
            )
        for j, heading in enumerate(headings):
            cell = row[j].strip() if j < len(row) else ""
            try:
                found[i, j] = math.nan if "_" in cell else float(cell)  # Python takes 1_0 for 10
            except ValueError:
                found[i, j] = math.nan
            if not math.isfinite(found[i, j]):
                allowed = f"row {i + 1} must hold a number: there may be no gaps"
                raise InputError(f"{path.name}: {heading}", cell, allowed)
    return found
