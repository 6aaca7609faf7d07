"""In which units a study has its times and rates: one place for tables, figures and reports."""

from dataclasses import dataclass

from darkbattery.nvmodel.observables import OBSERVABLES, OF, TIME_UNIT
from darkbattery.nvmodel.receiver import UNITS as RECEIVED
from darkbattery.nvmodel.runquantities import MEASURED_AS
from darkbattery.runs.definitions.definition import RunDefinition

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


def clock(definition: RunDefinition) -> Clock:
    """Seconds with a resonator, 1/omega without any decay; else 1/gamma, or the unit of gamma."""
    fields = dict(definition.model)
    names = {name.partition(".")[0] for name in fields}
    if "resonator" in names:
        return SECONDS
    if "dicke" in names:
        return MODE
    # gamma = 1 written out is still a time in 1/gamma
    return CHOSEN if any(value != 1.0 for value in fields.get("gamma", ())) else RATES


def unit_of(definition: RunDefinition, name: str) -> str:
    """Unit of an observable in a study."""
    if (received := name.split(OF)[0]) in RECEIVED:
        return RECEIVED[received]
    if name not in OBSERVABLES:
        return ""
    units, unit = clock(definition), OBSERVABLES[name].unit
    return units.time if unit == TIME_UNIT else unit.replace("γ", units.per)


def unit_of_asked(definition: RunDefinition, asked: str) -> str:
    """Unit of what single runs were asked, in words such as ``first_passage of 0.5``."""
    return unit_of(definition, MEASURED_AS.get(asked.split()[0], ""))
