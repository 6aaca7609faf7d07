"""Data sheets as TOML: a table for each quantity, read into a `Device` and written from one."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from darkbattery.nvmodel.devices.datasheet import QUANTITIES, Covariance, Device, Quantity
from darkbattery.nvmodel.devices.measured import MEASURED, NOTHING, Measured
from darkbattery.nvmodel.refusal import InputError, finite_number, known_name, within

TEXTS = ("name", "title", "reference", "line_shape", "note")
_ENTRIES = tuple(field.name for field in fields(Quantity))
# other ways to give a quantity, which the reader turns into the field's own
_OTHER = ("quality_factor", "nv_density", "volume", "filling")
_KEYS = (*TEXTS, *MEASURED, "hyperfine_lines", "covariance", *QUANTITIES, *_OTHER)
# spins in a cubic millimetre, and in a part per million of diamond's 1.76e20 atoms in one
_DENSITIES = {"1/mm3": 1.0, "1/cm3": 1e-3, "ppm": 1.76e14}
_VOLUMES = {"mm3": 1.0, "cm3": 1e3, "um3": 1e-9}


def is_sheet(content: Mapping[str, Any]) -> bool:
    """Whether a TOML file's content is a data sheet, and no run definition.

    >>> is_sheet({"model": {}}), is_sheet({"line_shape": "gaussian"})
    (False, True)
    """
    keys = (*QUANTITIES, "line_shape", "line")
    return "model" not in content and any(key in content for key in keys)


def device_of(content: Mapping[str, Any], name: str, measured: Measured = NOTHING) -> Device:
    """The device of a TOML file's content; `name` where it has none.

    `measured` is what its tables line, hyperfine, axes and couplings hold, which may name files and
    are read elsewhere.

    A resonator may be given by ``quality_factor`` (convention "loaded" or "internal") instead of
    ``linewidth_fwhm_hz``, its ports by ``convention = "coefficient"`` (width over internal width),
    the spins by ``nv_density`` (1/mm3, 1/cm3 or ppm), ``volume`` (mm3, cm3, um3) and ``filling``.

    Raises
    ------
    InputError
        For an unknown key, and for what `Quantity` and `Device` refuse; names the field.
    """
    for key in content:
        known_name("device", key, _KEYS)
        if key in MEASURED:
            raise InputError(key, content[key], "must be in a file: other files may belong to it")
    tables = {key: _table(key, content[key]) for key in content if key in (*QUANTITIES, *_OTHER)}
    coefficients = _pop_coefficients(tables)
    if "quality_factor" in tables:
        tables["linewidth_fwhm_hz"] = _from_quality(tables, coefficients)
    if tables.keys() & {"nv_density", "volume", "filling"}:
        tables["spins"] = _from_density(tables)
    found = {key: _quantity(key, table) for key, table in tables.items()}
    if coefficients:
        _add_ports(found, coefficients)
    texts = {key: str(content[key]) for key in TEXTS if key in content}
    texts = {"name": name, "title": name, "reference": "own device"} | texts
    missing = [key for key in _NEEDED if key not in found]
    if missing:
        wanted = "missing; each must be a table with value, unit, source and status"
        raise InputError(", ".join(missing), None, wanted)
    if measured.shape:
        if "line_shape" in texts:
            raise InputError("line_shape", texts["line_shape"], "give it or line, not both")
        texts["line_shape"] = measured.shape
    if "line_shape" not in texts:
        text = "must be gaussian, lorentzian or q-gaussian, or give line"
        raise InputError("line_shape", None, text)
    return Device(
        **texts,  # type: ignore[arg-type]
        **found,  # type: ignore[arg-type]
        hyperfine_lines=content.get("hyperfine_lines", 1),
        covariance=_covariance(content.get("covariance")),
        measured=measured,
    )


_NEEDED = tuple(
    field.name for field in fields(Device) if field.name in QUANTITIES and field.default is not None
)


def sheet_of(device: Device) -> dict[str, Any]:
    """What a TOML file of the device holds, in its published units and conventions.

    >>> from darkbattery.nvmodel.devices.published import find_device
    >>> sheet = sheet_of(find_device("putz2014"))
    >>> sheet["linewidth_fwhm_hz"]["convention"], device_of(sheet, "x") == find_device("putz2014")
    ('HWHM', True)
    """
    found: dict[str, Any] = {key: getattr(device, key) for key in TEXTS if getattr(device, key)}
    if device.measured.shape:
        del found["line_shape"]
    found |= device.measured.tables
    if device.hyperfine_lines > 1:
        found["hyperfine_lines"] = device.hyperfine_lines
    for name, quantity in device.quantities.items():
        entries = {key: getattr(quantity, key) for key in _ENTRIES}
        found[name] = {key: value for key, value in entries.items() if value is not None}
    if device.covariance is not None:
        rows = [list(row) for row in device.covariance.matrix]
        found["covariance"] = {"fields": list(device.covariance.fields), "matrix": rows}
    return found


def _table(key: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise InputError(key, value, "must be a table with value, unit, source and status")
    for entry in value:
        known_name(key, entry, _ENTRIES)
    if "value" not in value:
        raise InputError(f"{key}.value", None, "must be a number")
    return dict(value)


def _quantity(key: str, table: dict[str, Any]) -> Quantity:
    convention = "all" if key == "spins" else "plain"
    defaults = {"unit": "1", "convention": convention, "source": "own", "status": "read"}
    with within(key):
        return Quantity(**(defaults | table))


def _from_quality(tables: dict[str, Any], coefficients: dict[str, Any]) -> dict[str, Any]:
    table = tables.pop("quality_factor")
    if "linewidth_fwhm_hz" in tables:
        raise InputError("quality_factor", table["value"], "give it or linewidth_fwhm_hz")
    which = table.pop("convention", None)
    if which not in ("loaded", "internal"):
        raise InputError("quality_factor.convention", which, "must be loaded or internal")
    if "frequency_hz" not in tables:
        raise InputError("quality_factor", table["value"], "needs frequency_hz")
    frequency = _quantity("frequency_hz", tables["frequency_hz"]).converted
    loaded = 1.0
    if which == "internal":
        if any(name in tables for name in ("port1_fwhm_hz", "port2_fwhm_hz")):
            raise InputError("quality_factor", which, 'needs ports by convention = "coefficient"')
        loaded += sum(x["value"] for x in coefficients.values())
    turned = {"value": "value", "low": "high", "high": "low"}
    width = {
        new: loaded * frequency / finite_number("quality_factor", table.pop(old), 0.0, True)
        for new, old in turned.items()
        if old in table
    }
    if "error" in table:
        width["error"] = width["value"] * table.pop("error") * width["value"] / frequency / loaded
    table.pop("unit", None)
    return (
        {"source": "own", "status": "read"} | table | width | {"unit": "Hz", "convention": "FWHM"}
    )


def _pop_coefficients(tables: dict[str, Any]) -> dict[str, Any]:
    names = [name for name in ("port1_fwhm_hz", "port2_fwhm_hz") if name in tables]
    return {n: tables.pop(n) for n in names if tables[n].get("convention") == "coefficient"}


def _add_ports(found: dict[str, Quantity], coefficients: dict[str, Any]) -> None:
    """Port i has beta_i/(1 + sum beta) of what the other ports do not take of the loaded width."""
    width = found["linewidth_fwhm_hz"].converted
    width -= sum(found[name].converted for name in found if name.startswith("port"))
    total = 1.0 + sum(finite_number(k, x["value"], 0.0) for k, x in coefficients.items())
    for name, table in coefficients.items():
        ratio = width / total
        scaled = {k: table[k] * ratio for k in ("value", "low", "high", "error") if k in table}
        rest = {key: table[key] for key in ("source", "status") if key in table}
        found[name] = _quantity(name, rest | scaled | {"unit": "Hz", "convention": "FWHM"})


def _from_density(tables: dict[str, Any]) -> dict[str, Any]:
    if "spins" in tables:
        raise InputError("spins", tables["spins"]["value"], "give it or nv_density and volume")
    product, source, spread = 1.0, [], 0.0
    for key, units in (("nv_density", _DENSITIES), ("volume", _VOLUMES), ("filling", {"1": 1.0})):
        if key not in tables:
            if key == "filling":
                continue
            raise InputError(key, None, "must be given: spins = density x volume x filling")
        table = tables.pop(key)
        unit = table.get("unit", "1")
        if unit not in units:
            raise InputError(f"{key}.unit", unit, f"must be {', '.join(units)}")
        value = finite_number(f"{key}.value", table["value"], least=0.0, exclusive=True)
        product *= value * units[unit]
        spread += (table.get("error", 0.0) / value) ** 2
        source.append(f"{key}: {table.get('source', 'own')}")
    error = {"error": product * spread**0.5} if spread else {}
    return {"value": product, "unit": "1", "convention": "all", "source": "; ".join(source)} | error


def _covariance(value: object) -> Covariance | None:
    if value is None:
        return None
    if not isinstance(value, dict) or value.keys() != {"fields", "matrix"}:
        raise InputError("covariance", value, "must be a table with fields and matrix")
    try:
        rows = tuple(tuple(float(x) for x in row) for row in value["matrix"])
        names = tuple(str(name) for name in value["fields"])
    except (TypeError, ValueError):
        raise InputError("covariance.matrix", value["matrix"], "must be rows of numbers") from None
    return Covariance(names, rows)


def with_fit(
    device: Device, values: Mapping[str, float], covariance: Covariance, source: str
) -> Device:
    """The device with fitted values (in the units of their names) and how their errors go together.

    Each fitted quantity carries its own error too, and the status "read".
    """
    found: dict[str, Any] = {}
    for i, name in enumerate(covariance.fields):
        old = device.quantities[name]
        spread = covariance.matrix[i][i] ** 0.5
        published = values[name] / old.factor
        found[name] = replace(
            old, value=published, error=published * spread, low=None, high=None, source=source,
            status="read",
        )  # fmt: skip
    return replace(device, covariance=covariance, **found)
