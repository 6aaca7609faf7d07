"""The table of all observables in the docs.

Made from `nvmodel.observables` and from what each method says that it has for a few models, so that
the page cannot say anything else.
"""

from collections.abc import Mapping
from dataclasses import replace

import pandas as pd

from darkbattery.meanfield import methods
from darkbattery.nvmodel.battery import CollectiveBattery
from darkbattery.nvmodel.detector import Detector
from darkbattery.nvmodel.ensemble import SpinEnsemble
from darkbattery.nvmodel.fields import Port, Resonator
from darkbattery.nvmodel.method import Kind, Method, offered
from darkbattery.nvmodel.observables import OBSERVABLES, OF, Needs, row_of
from darkbattery.nvmodel.pulse import Drive
from darkbattery.nvmodel.resonator import ResonatorBattery
from darkbattery.nvmodel.spins import LocalNoise
from darkbattery.runs.choice.choice import quantum_methods
from darkbattery.runs.definitions.models import Model

PLAIN = CollectiveBattery(10, 50)
RESONATOR = ResonatorBattery(
    battery=SpinEnsemble(number=10, coupling=1.0),
    charger=SpinEnsemble(number=50, coupling=1.0),
    resonator=Resonator(3e9, linewidth_fwhm_hz=1e6, temperature_k=0.025, ports=(Port("out", 5e5),)),
)
# how the page calls what sets each apart from PLAIN
BEYOND: dict[str, Model] = {
    "warm": CollectiveBattery(10, 50, nbar=0.5),
    "noisy": CollectiveBattery(10, 50, battery_noise=LocalNoise(dephasing=1.0)),
    "missed": CollectiveBattery(10, 50, detector_efficiency=0.5),
    "homodyne": CollectiveBattery(10, 50, detector=Detector("homodyne")),
    "large": CollectiveBattery(10**9, 5 * 10**9),
    "resonator": RESONATOR,
    "driven": replace(RESONATOR, drive=Drive(amplitude=1.0, duration_s=1e-6)),
}
DRIVEN = "driven"  # said only where it differs from a resonator
CASES = ("warm", "noisy", "missed", "homodyne", "large", "resonator")
NOT_NOISY = tuple(case for case in CASES if case != "noisy")
QUANTUM: dict[Kind, tuple[str, ...]] = {
    "steady": NOT_NOISY,
    "evolve": (*CASES, DRIVEN),
    "sample": CASES,
}
SEMICLASSICAL = {
    "semiclassical evolve": methods.SECOND_ORDER,
    "delay average": methods.DELAY_AVERAGE,
    "semiclassical sample": methods.TRUNCATED_WIGNER,
}
SPELT = {"J": "joule", "W": "watt", "√W": "root of watt"}  # which are not letters of a formula
EVERYWHERE, NOWHERE = "yes", "-"
PORT = f"{OF}PORT"  # behind the name of what is told port by port


def observables_table() -> pd.DataFrame:
    """A row an observable: name, symbol, unit, definition, and where each method has it."""
    quantum = {kind: _offers(kind, cases) for kind, cases in QUANTUM.items()}
    semiclassical = {
        column: {"reservoir": _rows_of(one, PLAIN), "resonator": _rows_of(one, RESONATOR)}
        for column, one in SEMICLASSICAL.items()
    }
    rows = []
    for name, one in OBSERVABLES.items():
        row = {
            "name": f"`{name}{PORT if Needs.PORT in one.needs else ''}`",
            "symbol": one.symbol,
            "unit": SPELT.get(one.unit, one.unit),
            "definition": one.definition,
        }
        row |= {method: _except(name, offers) for method, offers in quantum.items()}
        row |= {method: _only(name, offers) for method, offers in semiclassical.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def _rows_of(method: Method, model: Model) -> set[str]:
    return {row_of(name) for name in method.offers(model)}


def _offers(kind: Kind, cases: tuple[str, ...]) -> dict[str, set[str]]:
    models: dict[str, Model] = {"": PLAIN} | {case: BEYOND[case] for case in cases}
    return {
        case: set(offered(quantum_methods(model, kind), model)) for case, model in models.items()
    }


def _except(name: str, offers: Mapping[str, set[str]]) -> str:
    """Where a method has an observable that it has for the plain model, such as ``not warm``."""
    if DRIVEN in offers and (name in offers[DRIVEN]) == (name in offers["resonator"]):
        offers = {case: names for case, names in offers.items() if case != DRIVEN}
    missing = [case for case, names in offers.items() if name not in names]
    if len(missing) == len(offers):
        return NOWHERE
    if "" in missing:
        return "only " + ", ".join(case for case in offers if case not in missing)
    return "not " + ", ".join(missing) if missing else EVERYWHERE


def _only(name: str, offers: Mapping[str, set[str]]) -> str:
    having = [case for case, names in offers.items() if name in names]
    return EVERYWHERE if len(having) == len(offers) else having[0] if having else NOWHERE
