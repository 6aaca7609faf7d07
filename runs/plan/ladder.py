"""Ergotropy over the battery's ladder, where the state lies on it and its populations fit."""

import math

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery, ResonatorBattery
from darkbattery.nvmodel.refusal import InputError


def ladder_ergotropy(model: ResonatorBattery) -> float:
    """Per spin, of the dark states in which charging ends; NaN where it is not defined.

    It is defined where the spins stay symmetric, that is where the resonator can be eliminated, and
    told where the N_B + 1 populations fit (see `trajectories.steady_state`). For very many spins at
    R > 1 it tends to the energy itself: few levels near the top are populated, and a unitary may
    shift them all to the bottom.

    >>> from darkbattery.nvmodel import Resonator, SpinEnsemble
    >>> spins = SpinEnsemble(number=10, coupling=1.0)
    >>> cavity = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=1e6)
    >>> model = ResonatorBattery(SpinEnsemble(number=50, coupling=1.0), cavity, spins)
    >>> print(round(ladder_ergotropy(model), 3))
    0.898
    """
    try:
        return _steady(model.eliminate_resonator())
    except InputError:
        return math.nan


def perfect_ladder_ergotropy(model: ResonatorBattery) -> float:
    """The same of equal spins without decoherence at any resonator at zero temperature.

    The resonator conserves J, so that the dark states and their weights are those of the shared
    reservoir, whatever kappa.
    """
    assert model.battery is not None
    if model.nbar > 1e-6 or model.battery.coupling != model.charger.coupling:
        return ladder_ergotropy(model)
    return _steady(CollectiveBattery(model.battery.number, model.charger.number))


def _steady(battery: CollectiveBattery) -> float:
    found = trajectories.steady_state(battery)
    return float(found["ergotropy"][0]) if "ergotropy" in found.values else math.nan
