"""Devices by name or from a file of one's own, with the sequence that it may hold.

A sequence says what is switched at a device whose numbers have ranges. Its tables `[protocol.NAME]`
are those of `[model.protocol.NAME]` in a run definition, and so are `battery_detuning_hz` and
`charger_detuning_hz`. Ports are the device's, "port1" and "port2".
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tomli_w

from darkbattery.nvmodel import Port, Pulse, ResonatorBattery
from darkbattery.nvmodel.devices.datasheet import Device
from darkbattery.nvmodel.devices.measured import MEASURED, Measured
from darkbattery.nvmodel.devices.published import DEVICES, find_device, resonator_battery
from darkbattery.nvmodel.devices.sheets import device_of, sheet_of
from darkbattery.nvmodel.fields import Resonator
from darkbattery.nvmodel.lines.measured import Tabulated
from darkbattery.nvmodel.lines.voigt import Voigt
from darkbattery.nvmodel.protocol import Protocol
from darkbattery.nvmodel.refusal import InputError, known_name
from darkbattery.runs.definitions.datafiles import with_files, with_spin_files
from darkbattery.runs.definitions.models import (
    axis_of,
    map_of,
    nested,
    one_line,
    protocol_of,
    shifts_of,
)
from darkbattery.runs.definitions.schema import flattened
from darkbattery.runs.definitions.tomlfile import read_toml

# keys of a device file that say what is switched, and not what the device is
SEQUENCE = ("protocol", "battery_detuning_hz", "charger_detuning_hz")
PORTS = ("port1", "port2")
# what numbers of spins at microwave resonators lie between; outside a unit is likely to be wrong
LIKELY = {
    "frequency_hz": (1e8, 1e15),
    "linewidth_fwhm_hz": (1e3, 1e12),
    "spin_linewidth_fwhm_hz": (1e2, 1e10),
    "t2_s": (1e-9, 10.0),
    "t1_s": (1e-6, 1e6),
    "temperature_k": (1e-3, 500.0),
    "single_coupling_hz": (1e-4, 1e8),
    "collective_coupling_hz": (1e3, 1e9),
    "spins": (10.0, 1e18),
}


def device_named(field: str, name: str) -> Device:
    """A published device, or one from a TOML file; InputError, naming `field`, for neither."""
    if name in DEVICES:
        return find_device(name)
    path = Path(name)
    if not path.is_file():
        known_name(field, name, DEVICES)
    return device_from(read_toml(field, path), path)


def device_from(content: Mapping[str, Any], path: Path) -> Device:
    """The device of the content of the file `path`, with the files beside it that it names.

    Its tables line, hyperfine, axes and couplings are those of an ensemble in a run definition. A
    measured or Voigt line may have a `spin_linewidth_fwhm_hz` beside it, which stretches it;
    without one its width is its own. Its sequence is no part of the device.
    """
    content = {key: value for key, value in content.items() if key not in SEQUENCE}
    tables = {key: content[key] for key in MEASURED if key in content}
    given = with_spin_files("", tables, path.parent)
    rest = {key: value for key, value in content.items() if key not in MEASURED}
    line = None
    if "line" in given:
        found = one_line("line", _table("line", given["line"]))
        if isinstance(found, Tabulated | Voigt):
            line, width = found, _own("the line", found.fwhm_hz)
            rest.setdefault("spin_linewidth_fwhm_hz", width | {"convention": "FWHM"})
        else:
            rest = _with_numbers(rest, given["line"])
    axes = _table("axes", given.get("axes", {}))
    measured = Measured(
        line=line,
        hyperfine_hz=shifts_of(given["hyperfine"]) if "hyperfine" in given else (),
        axes=tuple(axis_of(f"axes.{x}", _table(f"axes.{x}", part)) for x, part in axes.items()),
        couplings=map_of("couplings", _table("couplings", given["couplings"]))
        if "couplings" in given
        else None,
    )
    return device_of(rest, path.stem, measured)


def _with_numbers(content: Mapping[str, Any], line: Mapping[str, Any]) -> dict[str, Any]:
    """A Gaussian, Lorentzian or q-Gaussian as the sheet's own quantities."""
    width = _own("the line", line["fwhm_hz"]) | {"convention": "FWHM"}
    found: dict[str, Any] = {"line_shape": line["shape"], "spin_linewidth_fwhm_hz": width}
    if "q" in line:
        found["q"] = _own("the line", line["q"]) | {"unit": "1"}
    for key in found:
        if key in content:
            raise InputError(key, content[key], "give it or line, not both")
    return {**content, **found}


def _own(source: str, value: Any) -> dict[str, Any]:
    return {"value": value, "unit": "Hz", "source": source, "status": "read"}


def _table(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(name, value, "must be a table")
    return value


def write_device(device: Device, path: Path) -> None:
    """The device's data sheet as TOML."""
    path.write_text(tomli_w.dumps(sheet_of(device)), encoding="utf-8")


def doubts(device: Device) -> list[str]:
    """What is missing, inconsistent or unlikely in a data sheet, one line each."""
    found = []
    for name, quantity in device.quantities.items():
        low, high = LIKELY.get(name, (0.0, math.inf))
        if not low <= quantity.converted <= high:
            found.append(
                f"{name} = {quantity.converted:.3g}: unlikely (expected {low:.3g} to {high:.3g}); "
                "is its unit right?"
            )
        sure = quantity.error is not None or quantity.range[0] < quantity.range[1]
        if not sure and quantity.status != "read":
            found.append(f"{name}: {quantity.status}, with neither an error nor a range")
        if quantity.source == "own":
            found.append(f"{name}: says no source")
    t1, t2 = device.t1_s.converted, device.t2_s.converted
    if t2 > 2.0 * t1:
        found.append(f"t2_s = {t2:.3g}: inconsistent, must be at most 2 T1 = {2.0 * t1:.3g}")
    width = 1.0 / (math.pi * t2)
    if width > device.spin_linewidth_fwhm_hz.converted:
        found.append(
            f"t2_s = {t2:.3g}: its line of {width:.3g} Hz is wider than the inhomogeneous one; "
            "is it T2*, which belongs into spin_linewidth_fwhm_hz?"
        )
    warm = Resonator(
        device.frequency_hz.converted,
        linewidth_fwhm_hz=device.linewidth_fwhm_hz.converted,
        temperature_k=device.temperature_k.converted,
    )
    thermal = 1.0 / (2.0 * warm.nbar + 1.0)
    if thermal > 0.5 and abs(device.polarisation.converted - thermal) > 0.1:
        found.append(
            f"polarisation = {device.polarisation.converted:.3g}: thermal would be {thermal:.3g}"
        )
    if device.port1_fwhm_hz is None:
        found.append("port1_fwhm_hz: not given, so that power at a port is all that is lost")
    return found


@dataclass(frozen=True)
class Sequence:
    """What is switched.

    Attributes
    ----------
    steps : dict
        Tables of stages and pulses by name, as a definition has them.
    battery_detuning_hz, charger_detuning_hz : float
        Before the first stage, and of stages that name none.
    """

    steps: Mapping[str, Any]
    battery_detuning_hz: float = 0.0
    charger_detuning_hz: float = 0.0


NO_SEQUENCE = Sequence({})


def sequence_from(content: Mapping[str, Any], device: Device, folder: Path) -> Sequence:
    """That of a device file's content, checked; empty where it has none."""
    given = {key: content[key] for key in SEQUENCE if key in content}
    if not given:
        return NO_SEQUENCE
    if "protocol" not in given:
        key = next(iter(given))
        raise InputError(key, given[key], "needs a sequence: tables [protocol.NAME]")
    try:
        return _checked(given, device, folder)
    except InputError as error:
        raise error.without("model") from None


def _checked(given: Mapping[str, Any], device: Device, folder: Path) -> Sequence:
    # a resonator's keys are those that are known beside it
    around = {**given, "resonator": {"frequency_hz": device.frequency_hz.converted}}
    tables = nested(flattened(with_files(around, folder)))
    detunings = (tables.get("battery_detuning_hz", 0.0), tables.get("charger_detuning_hz", 0.0))
    found = Sequence(tables["protocol"], *detunings)
    with_sequence(device, 1.0, found)
    return found


def with_sequence(device: Device, ratio: float, sequence: Sequence) -> ResonatorBattery:
    """Battery and charger of a device, `ratio` spins in the charger for one in the battery.

    With a sequence the resonator has the device's ports. The charger starts with the device's
    inversion; where a pulse of the sequence turns it, with the inversion downwards.
    """
    if not sequence.steps:
        return resonator_battery(device, ratio=ratio)
    model = resonator_battery(
        device,
        ratio=ratio,
        battery_detuning_hz=sequence.battery_detuning_hz,
        charger_detuning_hz=sequence.charger_detuning_hz,
    )
    resonator = replace(model.resonator, ports=_ports(device))
    protocol = protocol_of(sequence.steps, resonator)
    charger = model.charger
    if _turns_charger(protocol):
        charger = replace(charger, polarisation=-charger.polarisation)
    return replace(model, resonator=resonator, charger=charger, protocol=protocol)


def _ports(device: Device) -> tuple[Port, ...]:
    widths = {name: getattr(device, f"{name}_fwhm_hz") for name in PORTS}
    return tuple(Port(name, width.converted) for name, width in widths.items() if width is not None)


def _turns_charger(protocol: Protocol) -> bool:
    """Whether a pulse inverts or turns it."""
    return any(
        isinstance(step, Pulse) and math.sin(0.5 * step.rotate_charger) != 0.0 for step in protocol
    )
