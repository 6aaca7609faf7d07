"""Ensembles at a resonator from the fields of a definition: lines, couplings, axes."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from darkbattery.nvmodel import (
    FieldMap,
    Gaussian,
    Lorentzian,
    Multiplet,
    QGaussian,
    SpinEnsemble,
    Subensemble,
    Tabulated,
    Voigt,
)
from darkbattery.nvmodel.lines.measured import checked_values
from darkbattery.nvmodel.lines.shapes import LineShape
from darkbattery.nvmodel.nv.hyperfine import hyperfine_shifts, split_line
from darkbattery.nvmodel.refusal import InputError, finite_number, known_name, within
from darkbattery.runs.definitions.schema import LINES

KINDS: tuple[type[Any], ...] = (Gaussian, Lorentzian, QGaussian, Voigt)
SHAPES = dict(zip(LINES, KINDS, strict=True))
MEASURED = ("frequencies_hz", "weights")


def built(name: str, kind: type[Any], fields: Mapping[str, Any]) -> Any:
    """An instance, its refusals with the table's name before the field's.

    >>> built("model.charger.line", Gaussian, {"fwhm_hz": 1e6})
    Gaussian(fwhm_hz=1000000.0)
    """
    known = [field.name for field in dataclasses.fields(kind)]
    for key in fields:
        if key not in known:
            known_name(f"{name}.{key}", key, known)
    try:
        with within(name):
            return kind(**fields)
    except TypeError:
        needed = [one for one in known if one not in fields]
        raise InputError(name, sorted(fields), f"fields are missing, of {needed}") from None


def spins_of(name: str, fields: Mapping[str, Any] | None) -> SpinEnsemble | None:
    """The ensemble of a table `model.NAME`; None without one."""
    if fields is None:
        return None
    given, path = dict(fields), f"model.{name}"
    couplings, axes = given.pop("couplings", None), given.pop("axes", {})
    coupling = finite_number(
        f"{path}.coupling_hz", given.pop("coupling_hz", None), least=0.0, exclusive=True
    )
    given["coupling"] = 2.0 * math.pi * coupling
    given["line"] = _line(path, given.pop("line", None), given.pop("hyperfine", None))
    if couplings is not None:
        given |= _couplings(path, given, couplings)
    given["axes"] = tuple(axis_of(f"{path}.axes.{one}", part) for one, part in axes.items())
    ensemble: SpinEnsemble = built(path, SpinEnsemble, given)
    return ensemble


def _line(path: str, fields: Mapping[str, Any] | None, hyperfine: Any) -> LineShape | None:
    line = None if fields is None else one_line(f"{path}.line", fields)
    if hyperfine is None:
        return line
    if line is None:
        raise InputError(f"{path}.hyperfine", hyperfine, "needs a line: give it a shape first")
    with within(path):
        found: Multiplet = split_line(line, shifts_of(hyperfine))
    return found


def shifts_of(hyperfine: Any) -> tuple[float, ...]:
    """Shifts of an isotope's lines, or those of a list, Hz.

    >>> shifts_of("15N"), shifts_of([-1e6, 1e6])
    ((-1515000.0, 1515000.0), (-1000000.0, 1000000.0))
    """
    if isinstance(hyperfine, str):
        return hyperfine_shifts(hyperfine)
    shifts = checked_values("hyperfine", hyperfine, -math.inf)
    if not shifts or len(set(shifts)) < len(shifts):
        raise InputError("hyperfine", hyperfine, "must be shifts (Hz), each once")
    return shifts


def one_line(name: str, fields: Mapping[str, Any]) -> LineShape:
    """The line of a table that has a shape or what was measured, without its hyperfine copies."""
    measured = [key for key in MEASURED if key in fields]
    if measured and "shape" in fields:
        raise InputError(f"{name}.shape", fields["shape"], "give a shape or what was measured")
    if measured:
        spectrum: LineShape = built(name, Tabulated, fields)
        return spectrum
    shape = known_name(f"{name}.shape", fields.get("shape"), LINES)
    rest = {key: value for key, value in fields.items() if key != "shape"}
    line: LineShape = built(name, SHAPES[shape], rest)
    return line


def map_of(name: str, fields: Mapping[str, Any]) -> FieldMap:
    """The map of a table with `values` and `weights`."""
    if "spread" in fields:
        raise InputError(f"{name}.spread", fields["spread"], "give a spread or a map, not both")
    rest = dict(fields)
    rest["couplings"] = rest.pop("values", ())
    found: FieldMap = built(name, FieldMap, rest)
    return found


def _couplings(path: str, given: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """A spread or a map, as `SpinEnsemble` takes them."""
    if "coupling_spread" in given:
        text = "give it or couplings, not both"
        raise InputError(f"{path}.coupling_spread", given["coupling_spread"], text)
    name, rest = f"{path}.couplings", dict(fields)
    if "values" not in rest and "weights" not in rest:
        with within(name):
            spread = finite_number("spread", rest.get("spread"), least=0.0)
        return {"coupling_spread": spread}
    return {"couplings": map_of(name, rest)}


def axis_of(name: str, fields: Mapping[str, Any]) -> Subensemble:
    """An axis of a table with share, shift_hz and coupling."""
    given = dict(fields)
    if "shift_hz" in given:
        given["offset_hz"] = given.pop("shift_hz")
    axis: Subensemble = built(name, Subensemble, given)
    return axis
