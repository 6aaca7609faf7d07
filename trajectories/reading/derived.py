"""Which observables are read from what of a state, and those that follow from a few of them."""

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.efficiency import charging_efficiency
from darkbattery.nvmodel.ergotropy import local_ergotropy
from darkbattery.nvmodel.experiment import Model, experiment_of
from darkbattery.nvmodel.observables import ELSEWHERE, OBSERVABLES, Needs, needing
from darkbattery.nvmodel.unitaries import works_of

Array = NDArray[np.float64]

_OF_MEANS = needing(Needs.MEANS, without=ELSEWHERE)
ENERGIES = tuple(name for name in _OF_MEANS if OBSERVABLES[name].unasked)
"""Means of operators and what follows from them: every method has these, cheaply."""
FROM_ENERGY = tuple(name for name in _OF_MEANS if not OBSERVABLES[name].unasked)
"""What every method has as well, on request: here it is ergotropy_local, all spins being alike."""
LINEAR = (
    "battery_energy",
    "charger_energy",
    "power",
    "emission_rate",
    "absorption_rate",
    "emitted_photons",
    "absorbed_photons",
)
"""Those of them that are linear in the state, in the order in which kernels keep their sums."""
FROM_POPULATIONS = needing(
    Needs.POPULATIONS, without=Needs.RECORD | Needs.SQUARES | Needs.RATES | Needs.COHERENCE
)
"""What every method has that knows the battery's populations."""
CHEAP_OF_POPULATIONS = tuple(name for name in FROM_POPULATIONS if OBSERVABLES[name].unasked)
OF_RATES = needing(Needs.RATES, without=Needs.HISTORY)
NEED_POPULATIONS = needing(
    Needs.POPULATIONS, without=Needs.RECORD | Needs.COHERENCE | Needs.HISTORY
)
FROM_ENTANGLEMENT = needing(Needs.PAIRS, without=Needs.FIELD)


def derived(
    names: tuple[str, ...],
    battery: Model,
    battery_energy: Array,
    charger_energy: Array,
    found: Array | None,
    emitted: Array | None = None,
) -> dict[str, Array]:
    """The observables among `names` that follow from energies, populations, photons alone."""
    values = {}
    if "charging_efficiency" in names:
        one = experiment_of(battery)
        energies = battery_energy, charger_energy
        values["charging_efficiency"] = charging_efficiency(
            one.sizes, one.start_energies, *energies
        )
    if "open_work" in names:
        values["open_work"] = battery_energy - battery.thermal_energy
    if "recorded_photons" in names and emitted is not None:
        values["recorded_photons"] = battery.detector_efficiency * emitted
    for name in ("ergotropy_local", "ergotropy_rotation"):
        if name in names:
            values[name] = local_ergotropy(battery_energy)
    if found is not None:
        values |= {name: of(found) for name, of in works_of().items() if name in names}
        if "energy_variance" in names:
            levels = np.arange(found.shape[-1]) / battery.n_battery
            spread = (levels - battery_energy[:, None]) ** 2
            values["energy_variance"] = np.asarray((found * spread).sum(axis=-1))
    return values
