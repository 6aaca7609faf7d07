"""The sequence that a device file may hold: what is switched at a device whose numbers have ranges.

Its tables `[protocol.NAME]` are those of `[model.protocol.NAME]` in a run definition, and so are
`battery_detuning_hz` and `charger_detuning_hz`. Ports are the device's, "port1" and "port2".
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from darkbattery.nvmodel import Port, Pulse, ResonatorBattery
from darkbattery.nvmodel.devices.datasheet import Device
from darkbattery.nvmodel.devices.published import resonator_battery
from darkbattery.nvmodel.protocol import Protocol
from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.definitions.datafiles import with_files
from darkbattery.runs.definitions.devicefile import SEQUENCE
from darkbattery.runs.definitions.models import flattened, nested, protocol_of

PORTS = ("port1", "port2")


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
