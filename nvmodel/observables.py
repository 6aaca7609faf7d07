"""Every observable once: its name, symbol, unit and definition, and what it takes to know it."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from darkbattery.nvmodel.batteryobservables import OF_BATTERY
from darkbattery.nvmodel.lightobservables import OF_LIGHT
from darkbattery.nvmodel.observable import ELSEWHERE, NOTHING, OF, TIME_UNIT, Needs, Observable
from darkbattery.nvmodel.refusal import InputError, known_name
from darkbattery.nvmodel.runobservables import OF_RUNS

__all__ = [
    "ELSEWHERE",
    "OBSERVABLES",
    "OF",
    "OWN_TIME_UNIT",
    "TIME_UNIT",
    "Needs",
    "Observable",
    "Observables",
    "in_words",
    "known_observable",
    "needing",
    "requested",
    "row_of",
    "unit_of",
]

OWN_TIME_UNIT = "unit of t"  # of times where gamma is the user's
_RATES = {"s": "/s", "1/ω": "ω", OWN_TIME_UNIT: f"/{OWN_TIME_UNIT}"}  # of what is per time


class Observables(Mapping[str, Observable]):
    """All observables by name, and those at a port by name and port: ``port_power of out``.

    >>> "port_power of out" in OBSERVABLES, "power of out" in OBSERVABLES
    (True, False)
    """

    def __init__(self, rows: Iterable[Observable]) -> None:
        self._rows = {one.name: one for one in rows}

    def __getitem__(self, name: str) -> Observable:
        if name in self._rows:
            return self._rows[name]
        row, of, port = name.partition(OF)
        found = self._rows[row]
        if not (of and port and Needs.PORT in found.needs):
            raise KeyError(name)
        return found.at_port(port)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


OBSERVABLES = Observables((*OF_BATTERY, *OF_LIGHT, *OF_RUNS))
"""All observables by name."""


def known_observable(field: str, name: object) -> str:
    """Return `name` if it is that of a quantity; refuse it otherwise, also where its port lacks.

    >>> known_observable("observables", "port_power")
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: ... must name a port, such as 'port_power of out'
    """
    if isinstance(name, str) and name in OBSERVABLES:
        if Needs.PORT in OBSERVABLES[name].needs and OF not in name:
            raise InputError(field, name, f"must name a port, such as {name + OF + 'out'!r}")
        return name
    return known_name(field, name, OBSERVABLES)


def row_of(name: str) -> str:
    """The row of the table that a name belongs to: without its port.

    >>> row_of("port_power of out"), row_of("power")
    ('port_power', 'power')
    """
    return name.partition(OF)[0]


def needing(needs: Needs, without: Needs = NOTHING) -> tuple[str, ...]:
    """Names of the observables that need all of `needs` and nothing of `without`.

    Those at a port are left out unless `needs` has it: they are there port by port.

    >>> needing(Needs.PAIRS, without=Needs.FIELD)
    ('log_negativity', 'entanglement_rate')
    """
    without |= Needs.PORT & ~needs
    return tuple(
        name for name, one in OBSERVABLES.items() if needs in one.needs and not one.needs & without
    )


def in_words(name: str) -> str:
    """How people call an observable.

    >>> in_words("battery_energy"), in_words("ergotropy_local")
    ('battery energy', 'local ergotropy')
    """
    return OBSERVABLES[name].words if name in OBSERVABLES else name.replace("_", " ")


def unit_of(name: str, time_unit: str = TIME_UNIT) -> str:
    """Unit of an observable where times are in `time_unit`; empty for a pure number.

    >>> unit_of("power"), unit_of("power", "s"), unit_of("emitted_photons")
    ('ħωγ', 'ħω/s', '')
    """
    unit = OBSERVABLES[name].unit if name in OBSERVABLES else ""
    if unit == TIME_UNIT:
        return time_unit
    return "" if unit == "1" else unit.replace("γ", _RATES.get(time_unit, "γ"))


def requested(
    observables: Iterable[str] | None,
    default: Iterable[str],
    available: Iterable[str],
    reasons: Mapping[str, str] = MappingProxyType({}),
) -> tuple[str, ...]:
    """Names to compute: `default` for None, else those asked for, each known and available.

    `reasons` say why some are not available.

    >>> requested(["power"], default=["battery_energy"], available=["battery_energy", "power"])
    ('power',)
    """
    if observables is None:
        return tuple(default)
    if isinstance(observables, str) or not isinstance(observables, Iterable):
        raise InputError("observables", observables, "must be a list of names")
    try:
        given = tuple(observables)
    except TypeError:  # an array of no dimensions calls itself iterable
        raise InputError("observables", observables, "must be a list of names") from None
    names = tuple(known_observable("observables", name) for name in given)
    for name in names:
        if name not in available:
            why = "not available here"
            if Needs.COHERENCE in OBSERVABLES[name].needs:
                why = "only where a drive makes coherence between the battery's energies"
            if Needs.PORT in OBSERVABLES[name].needs:
                why = "only at a named port of the model's resonator"
            if {Needs.PORT, Needs.HISTORY} <= set(OBSERVABLES[name].needs):
                why += ", by quantum single runs at T = 0 alone"
            if Needs.PHASE in OBSERVABLES[name].needs:
                why += " whose field has a phase: in averages where a drive or a rotation makes one"
            why = reasons.get(name, why)
            raise InputError("observables", name, f"{why}; available: {', '.join(available)}")
    if not names:
        raise InputError("observables", [], "must name at least one observable")
    return tuple(dict.fromkeys(names))
