"""In which units a study has its times and rates: one place for tables, figures and reports."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from darkbattery.nvmodel.numbers import PREFIXES
from darkbattery.nvmodel.observables import OBSERVABLES, OF, TIME_UNIT
from darkbattery.nvmodel.receiver import UNITS as RECEIVED
from darkbattery.nvmodel.runquantities import MEASURED_AS

# fields of a definition's model with their values
Fields = Iterable[tuple[str, tuple[Any, ...]]]

OWN = "[t]"
OWN_NOTE = "[t]: the definition's own unit of time, in which gamma is given"


@dataclass(frozen=True)
class Clock:
    """Unit of times, what is per time in it, and the axis of time (in TeX where it needs to be)."""

    time: str
    per: str
    axis: str


SECONDS = Clock("s", "/s", "t (s)")
MODE = Clock("1/ω", "ω", r"$\omega t$")  # of a closed battery
RATES = Clock(TIME_UNIT, "γ", r"$\gamma t$")
CHOSEN = Clock(OWN, f"/{OWN}", f"t ({OWN})")


def clock(model: Fields) -> Clock:
    """Seconds with a resonator, 1/omega without any decay; else 1/gamma, or the unit of gamma."""
    fields = dict(model)
    names = {name.partition(".")[0] for name in fields}
    if "resonator" in names:
        return SECONDS
    if "dicke" in names:
        return MODE
    # gamma = 1 written out is still a time in 1/gamma
    return CHOSEN if any(value != 1.0 for value in fields.get("gamma", ())) else RATES


def unit_of(model: Fields, name: str) -> str:
    """Unit of an observable in a study of `model`."""
    if (received := name.split(OF)[0]) in RECEIVED:
        return RECEIVED[received]
    if name not in OBSERVABLES:
        return ""
    units, unit = clock(model), OBSERVABLES[name].unit
    return units.time if unit == TIME_UNIT else unit.replace("γ", units.per)


def unit_of_asked(model: Fields, asked: str) -> str:
    """Unit of what single runs were asked, in words such as ``first_passage of 0.5``."""
    return unit_of(model, MEASURED_AS.get(asked.split()[0], ""))


def prefixed(largest: float, unit: str) -> tuple[float, str]:
    """Factor and unit in which `largest` (in s, J, W or a rate /s) is a number from 1 to 1000.

    >>> prefixed(4.3e-6, "s")
    (1000000.0, 'µs')
    >>> prefixed(0.7, "ħω")
    (1.0, 'ħω')
    >>> prefixed(2.5e6, "/s")
    (1e-06, 'MHz')
    >>> prefixed(1e23, "/s")  # beyond all prefixes
    (1.0, 'Hz')
    """
    if unit == "/s":
        unit = "Hz"
    if unit not in ("s", "J", "W", "Hz") or not 0.0 < largest < np.inf:
        return 1.0, unit
    power = int(3 * np.floor(np.log10(largest) / 3.0 + 1e-9))
    if power not in PREFIXES:
        return 1.0, unit  # as nvmodel.numbers.with_unit writes it
    return float(f"1e{-power}"), PREFIXES[power] + unit


def symbol(name: str, unit: str) -> str:
    """Label of an axis of an observable."""
    shown = OBSERVABLES[name].symbol
    return shown if unit in ("1", "") else f"{shown}  ({unit})"
