"""Files that a definition names: read where it is read, so that results hold all that was run."""

import csv
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel import FieldMap, InputError, StepResponse, Tabulated
from darkbattery.nvmodel.refusal import within

Array = NDArray[np.float64]

FREQUENCIES = {"hz": 1.0, "khz": 1e3, "mhz": 1e6, "ghz": 1e9}
TIMES = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
MICRO_SIGN, GREEK_MU = "\u00b5", "\u03bc"  # look the same; both are written
MOST_BYTES = 1 << 26
# a heading: a name, and a unit in brackets
_HEADING = re.compile(r"^\s*(.*?)\s*(?:[\[(]([^\])]*)[\])])?\s*$")
EVEN = 1e-3  # of a step: times as instruments write them are rounded


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


def with_files(model: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The [model] table with the content of the files that it names.

    Parameters
    ----------
    folder : Path
        Where relative names count from: the definition's.

    Raises
    ------
    InputError
        For a file that cannot be read, a column that is missing or has no unit, and numbers that
        make no line or map.
    """
    found = dict(model)
    for name in ("battery", "charger"):
        spins = found.get(name)
        if not isinstance(spins, Mapping):
            continue
        found[name] = with_spin_files(f"model.{name}.", spins, folder)
    if isinstance(drive := found.get("drive"), Mapping):
        found["drive"] = _with_samples("model.drive", drive, folder)
    if isinstance(steps := found.get("protocol"), Mapping):
        units = TIMES if "resonator" in found else None
        found["protocol"] = {name: _step(name, step, folder, units) for name, step in steps.items()}
    return found


def with_spin_files(prefix: str, spins: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The same for the table of an ensemble; `prefix` stands before its keys in refusals."""
    found = dict(spins)
    for key, read in READERS.items():
        table = found.get(key)
        if isinstance(table, Mapping) and "file" in table:
            found[key] = _with_file(prefix + key, table, folder, read)
    return found


def _step(name: str, step: Any, folder: Path, units: Mapping[str, float] | None) -> Any:
    """A stage with what its files hold; `units` are those that a response's times may have."""
    if not isinstance(step, Mapping):
        return step
    path, found = f"model.protocol.{name}", dict(step)
    if isinstance(drives := step.get("drives"), Mapping):
        found["drives"] = {
            one: _with_samples(f"{path}.drives.{one}", d, folder) for one, d in drives.items()
        }
    if isinstance(rise := step.get("rise"), Mapping) and "file" in rise:
        found["rise"] = _with_file(f"{path}.rise", rise, folder, partial(_response, units))
    return found


def _with_samples(name: str, drive: Any, folder: Path) -> Any:
    if not (isinstance(drive, Mapping) and "file" in drive):
        return drive
    return _with_file(name, drive, folder, _samples)


def _with_file(
    name: str, table: Mapping[str, Any], folder: Path, read: Callable[[CsvTable], dict[str, Any]]
) -> dict[str, Any]:
    value = table["file"]
    if not isinstance(value, str):
        raise InputError(f"{name}.file", value, "must be the name of one CSV file")
    content = read(read_csv(f"{name}.file", folder / value))
    rest = {key: one for key, one in table.items() if key != "file"}
    for key in content:
        if key in rest:
            raise InputError(f"{name}.{key}", rest[key], "give it or a file, not both")
    return rest | content


def _spectrum(table: CsvTable) -> dict[str, Any]:
    _refuse_missing(table, ("frequency", "weight"))
    frequencies = table.column("frequency", FREQUENCIES).tolist()
    weights = table.column("weight").tolist()
    with within(table.name):
        Tabulated(frequencies, weights)
    return {"frequencies_hz": frequencies, "weights": weights}


def _field_map(table: CsvTable) -> dict[str, Any]:
    _refuse_missing(table, ("coupling", "weight"))
    couplings, weights = (table.column(name).tolist() for name in ("coupling", "weight"))
    with within(table.name):
        FieldMap(couplings, weights)
    return {"values": couplings, "weights": weights}


def _samples(table: CsvTable) -> dict[str, Any]:
    _refuse_missing(table, ("time", "i", "q"))
    times = table.column("time", TIMES)
    steps = np.diff(times)
    if steps.size == 0:
        raise InputError(f"{table.name}: time", times.size, "must be two rows or more")
    # from the first row on, the first that is not where equal steps would have it
    uneven = np.abs(steps - steps[0]) > EVEN * abs(steps[0])
    if (steps <= 0.0).any() or uneven.any():
        place = int(np.argmax((steps <= 0.0) | uneven)) + 1
        text = f"row {place + 1} must follow in a step like the first, rising"
        raise InputError(f"{table.name}: time", f"{times[place]:g} s", text)
    return {
        "shape": "samples",
        "duration_s": float(times[-1] - times[0]),
        "in_phase": table.column("i").tolist(),
        "quadrature": table.column("q").tolist(),
    }


def _response(units: Mapping[str, float] | None, table: CsvTable) -> dict[str, Any]:
    _refuse_missing(table, ("time", "response"))
    if units is None and (unit := table.unit("time")):
        raise InputError(
            f"{table.name}: time", unit, "must have no unit: it is the definition's own"
        )
    times, response = table.column("time", units).tolist(), table.column("response").tolist()
    with within(table.name):
        StepResponse(times, response)
    return {"times": times, "response": response}


def _refuse_missing(table: CsvTable, names: tuple[str, ...]) -> None:
    for name in names:
        if name not in table.names:
            text = f"must have the columns {' and '.join(names)}"
            raise InputError(table.name, list(table.headings), text)


READERS: dict[str, Callable[[CsvTable], dict[str, Any]]] = {
    "line": _spectrum,
    "couplings": _field_map,
}
