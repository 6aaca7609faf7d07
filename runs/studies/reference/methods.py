"""The table of all methods in the docs.

Made by asking each method, size by size, what it offers and why it would not.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import constants

from darkbattery.meanfield import methods as semiclassical
from darkbattery.nvmodel.battery import CollectiveBattery
from darkbattery.nvmodel.detector import Detector
from darkbattery.nvmodel.dicke import DickeBattery
from darkbattery.nvmodel.ensemble import SpinEnsemble
from darkbattery.nvmodel.fields import Resonator
from darkbattery.nvmodel.method import Method, Problem, gives
from darkbattery.nvmodel.protocol import Pulse, Stage
from darkbattery.nvmodel.pulse import Drive
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.resonator import ResonatorBattery
from darkbattery.nvmodel.spins import LocalNoise
from darkbattery.runs.choice.choice import AT_RESONATOR, IN_RESERVOIR
from darkbattery.runs.definitions.models import Model
from darkbattery.trajectories.averages.dicke import CLOSED
from darkbattery.trajectories.jumps.filters.runs import STATE_FILTER
from darkbattery.trajectories.jumps.sampling import SAMPLE

RATIO, RUNS = 5, 1000
BURSTS = 20.0  # until when, in units of the time in which a burst grows e-fold
SECONDS = 1e-6  # at a resonator; of a closed one in 1/omega
OUTPUTS = 101
LARGEST = 10**17  # of a battery, with the charger's spins below `MOST_SPINS`
# one of each kind of observable
ASKED = {
    "energies, rates": "battery_energy",
    "ladder ergotropy": "ergotropy",
    "negativity": "log_negativity",
    "photon statistics": "fano_factor",
    "scatter of runs": "energy_variance_runs",
}
NOWHERE = "-"
NOISE = LocalNoise(dephasing=1.0)
SLOW = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=1e6)
# with half a thermal photon
WARMER = replace(SLOW, temperature_k=constants.h * SLOW.frequency_hz / constants.k / np.log(3.0))


@dataclass(frozen=True)
class Case:
    """Models of one kind by the battery's size."""

    words: str
    of_size: Callable[[int], Model]


def _in_reservoir(**fields: Any) -> Callable[[int], Model]:
    return lambda spins: CollectiveBattery(spins, RATIO * spins, **fields)


def _at_resonator(
    resonator: Resonator = SLOW, t2_s: float | None = None, **fields: Any
) -> Callable[[int], Model]:
    return lambda spins: ResonatorBattery(
        battery=SpinEnsemble(number=spins, coupling=1.0),
        charger=SpinEnsemble(number=RATIO * spins, coupling=1.0, t2_s=t2_s),
        resonator=resonator,
        **fields,
    )


RESERVOIR = Case("reservoir, nbar = 0", _in_reservoir())
WARM = Case("reservoir, nbar = 0.5", _in_reservoir(nbar=0.5))
TURNED = Case(
    "reservoir, pulses that rotate spins",
    _in_reservoir(protocol=(Pulse(rotate_charger=1.0), Stage(math.inf))),
)
NOISY = Case("noise of single spins", _in_reservoir(battery_noise=NOISE))
SEEN = (
    Case("reservoir, nbar = 0, homodyne", _in_reservoir(detector=Detector("homodyne"))),
    Case(
        "reservoir, nbar = 0, heterodyne, efficiency 0.5",
        _in_reservoir(detector=Detector("heterodyne", efficiency=0.5)),
    ),
    Case("reservoir, nbar = 0.5, efficiency 0.5", _in_reservoir(nbar=0.5, detector_efficiency=0.5)),
    Case(
        "noise of single spins, efficiency 0.5",
        _in_reservoir(battery_noise=NOISE, detector_efficiency=0.5),
    ),
    Case("reservoir, nbar = 0.5, homodyne", _in_reservoir(nbar=0.5, detector=Detector("homodyne"))),
    Case(
        "noise of single spins, homodyne",
        _in_reservoir(battery_noise=NOISE, detector=Detector("homodyne")),
    ),
)
CLOSED_ONE = Case("closed resonator (Dicke)", lambda spins: DickeBattery(spins, coupling=0.05))
RESONATOR = Case("resonator", _at_resonator())
DRIVEN = Case("driven resonator", _at_resonator(drive=Drive(amplitude=1e3, duration_s=1e-6)))
AT_MODE = (
    RESONATOR,
    Case("resonator, nbar = 0.5", _at_resonator(WARMER)),
    Case("resonator, noise of single spins", _at_resonator(t2_s=1e-6)),
    DRIVEN,
)
SEEN_AT_MODE = (
    Case("resonator, homodyne", _at_resonator(detector=Detector("homodyne"))),
    Case("resonator, efficiency 0.5", _at_resonator(detector=Detector(efficiency=0.5))),
)
KINDS = {"steady": "steady state", "evolve": "averages", "sample": "single runs"}


def methods_table() -> pd.DataFrame:
    """A row a method and kind of model: the largest battery for each kind of observable."""
    rows = [
        *(("quantum", one, case) for one in IN_RESERVOIR for case in (RESERVOIR, WARM, NOISY)),
        *(("quantum", one, TURNED) for one in IN_RESERVOIR),
        *(("quantum", one, case) for one in SAMPLE for case in SEEN),
        *(("quantum", one, case) for one in AT_RESONATOR for case in AT_MODE),
        *(("quantum", STATE_FILTER, case) for case in SEEN_AT_MODE),
        *(("quantum", one, CLOSED_ONE) for one in CLOSED),
        *(
            ("semiclassical", one, case)
            for one in semiclassical.METHODS
            for case in (RESERVOIR, WARM, RESONATOR, DRIVEN)
        ),
    ]
    found = []
    for engine, one, case in rows:
        sizes = {column: _up_to(one, case, name) for column, name in ASKED.items()}
        if set(sizes.values()) == {NOWHERE}:
            continue
        error = one.error if engine == "quantum" else "see [regimes](regimes.md)"
        row = {"gives": f"{KINDS[one.kind]}, {engine}", "method": one.name, "of": case.words}
        found.append(row | sizes | {"error": error})
    return pd.DataFrame(found)


def _up_to(method: Method, case: Case, name: str) -> str:
    """The largest power of ten of battery spins for which the method answers in minutes."""
    reached = 0
    spins = 1
    while spins <= LARGEST and _answers(method, case, spins, name):
        reached, spins = spins, 10 * spins
    if not reached:  # some begin where others end
        sizes = [10**k for k in range(18) if 10**k <= LARGEST]
        able = [size for size in sizes if _answers(method, case, size, name)]
        if not able:
            return NOWHERE
        first, last = (_power(size) for size in (able[0], able[-1]))
        return f"{first} to {last}"
    return _power(reached)


def _power(spins: int) -> str:
    return f"$10^{{{len(str(spins)) - 1}}}$"


def _answers(method: Method, case: Case, spins: int, name: str) -> bool:
    try:
        model = case.of_size(spins)
        until = BURSTS / model.burst_rate if model.reservoir and model.burst_rate else SECONDS
        times = np.linspace(0.0, until, OUTPUTS)
        if method.kind == "steady":
            times = np.array([np.inf])
        return gives(method, Problem(model, times, (name,), RUNS))
    except InputError:
        return False
