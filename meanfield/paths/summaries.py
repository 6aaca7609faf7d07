"""One line a run: what single runs differ in, for tables of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from darkbattery.meanfield.classes.moments import BATTERY, CHARGER, System
from darkbattery.meanfield.paths.readings import (
    BATTERY_ENERGY,
    CHARGER_ENERGY,
    LEAVING,
    LEFT,
    POWER,
)
from darkbattery.meanfield.paths.walk import Runs
from darkbattery.nvmodel.method import Summary
from darkbattery.nvmodel.runquantities import FORMS, Courses
from darkbattery.nvmodel.runstatistics import PHOTON_BINS, Ranges

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]


def summarise_runs(
    system: System, times: Array, first: int, found: Runs, summary: Summary
) -> pd.DataFrame:
    """A row for each of the runs first, first + 1, ...

    Columns: ``run``; ``final_energy`` per battery spin at the last time (per charger spin without a
    battery); ``emitted_photons`` until then, a real number here; ``burst_time``, when the inversion
    of all spins first is <= 0; ``peak_emission_time``, the output time at which most photons leave
    at once, and ``peak_emission_rate``, how many per time; with a battery ``time_to_25``,
    ``time_to_90_of_end`` and the like, the first output time at which its energy reaches a level
    (`nvmodel.Summary`). NaN: not until the last time.
    """
    import pandas as pd

    with_battery = system.size(BATTERY) > 0
    assert with_battery or system.size(CHARGER) > 0
    energy = found.rows[BATTERY_ENERGY if with_battery else CHARGER_ENERGY]
    columns = {
        "run": np.arange(first, first + found.delay.size),
        "final_energy": energy[-1],
        "emitted_photons": _emission(system) * found.rows[LEFT, -1],
        "burst_time": np.where(np.isfinite(found.delay), found.delay, np.nan),
        "peak_emission_time": times[found.rows[LEAVING].argmax(axis=0)],
        "peak_emission_rate": _emission(system) * found.rows[LEAVING].max(axis=0),
    }
    if with_battery:
        columns |= summary.charge_times(energy, times)
    return pd.DataFrame(columns)


def courses_of(system: System, found: Runs) -> Courses:
    """The courses of some runs: photons that left are real numbers here, and no J is known."""
    emitted = _emission(system) * found.rows[LEFT].T
    burst = np.where(np.isfinite(found.delay), found.delay, np.nan)
    unknown = np.full(burst.size, np.nan)
    energies, powers = found.rows[BATTERY_ENERGY].T, found.rows[POWER].T
    emission = _emission(system) * found.rows[LEAVING].T
    return Courses(energies, powers, emitted, emitted, burst, unknown, emission)


def _emission(system: System) -> float:
    """Of what the rows of `Runs` tell of what leaves, photons emitted."""
    return (system.nbar + 1.0) * system.total


def ranges_of(system: System, bounds: Array) -> Ranges:
    """What values of a run may be, where `bounds` are those of the rows of `Runs`.

    Bins of photons reach twice as far as all spins have excitations; the last one is open. Without
    a battery there are none.
    """
    lacking = ("absorbed_photons", "final_J") if system.size(BATTERY) else tuple(FORMS)
    width = float(np.ceil(2.0 * (system.total + 1.0) * (system.nbar + 1.0) / PHOTON_BINS))
    power, emission = float(bounds[POWER]), _emission(system) * float(bounds[LEAVING])
    return Ranges(np.zeros(0), power, width, lacking, whole_photons=False, emission=emission)
