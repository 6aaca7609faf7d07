"""Published devices: spin ensembles at microwave resonators, a TOML file each beside this one.

Every number keeps the unit and the convention it has in its source, and says whether it was read
there ("read"), taken from another work ("secondary") or is "assumed", then with a range. "Recalled"
marks a number that is believed to stand in the paper named, but was not looked up there.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

from darkbattery.nvmodel.devices.datasheet import Device, Quantity, assumed, with_value
from darkbattery.nvmodel.devices.sheets import device_of
from darkbattery.nvmodel.devices.split import resonator_battery
from darkbattery.nvmodel.refusal import known_name

__all__ = [
    "DEVICES",
    "Device",
    "Quantity",
    "assumed",
    "find_device",
    "resonator_battery",
    "with_value",
]


def _read() -> dict[str, Device]:
    sheets = [f for f in files("darkbattery.nvmodel.devices").iterdir() if f.name.endswith(".toml")]
    found = {}
    for sheet in sorted(sheets, key=lambda file: file.name):
        name = sheet.name.removesuffix(".toml")
        found[name] = device_of(tomllib.loads(sheet.read_text(encoding="utf-8")), name)
    return found


DEVICES: Mapping[str, Device] = MappingProxyType(_read())


def find_device(name: str) -> Device:
    """The published device of that name; a misspelt one is refused with the nearest.

    >>> print(find_device("kersten2023").reference)
    W. Kersten et al., Phys. Rev. Lett. 131, 043601 (2023)
    """
    return DEVICES[known_name("device", name, DEVICES)]
