"""Files that a definition names: read where it is read, so that results hold all that was run."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from darkbattery.nvmodel import FieldMap, InputError, StepResponse, Tabulated
from darkbattery.nvmodel.refusal import within
from darkbattery.runs.definitions.csvtable import FREQUENCIES, TIMES, CsvTable, read_csv

EVEN = 1e-3  # of a step: times as instruments write them are rounded


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
