"""What follows from the photons in a resonator and the energies: rates, power, joules.

Averages and single runs both have them, so that each is said once: a factor and a constant.
"""

from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Model, experiment_of

Array = NDArray[np.float64]


class Line(NamedTuple):
    """factor x + shift of the observable `of`."""

    of: str
    factor: float
    shift: float

    def at(self, x: Array) -> Array:
        """Its value where that observable is `x`."""
        return self.factor * x + self.shift


def in_light_and_joules(model: Model) -> dict[str, Line]:
    r"""Emission and absorption, output power and energies in joule.

    Photons n leave at :math:`\kappa(\bar n+1)n` and come at :math:`\kappa\bar n(n+1)`; the output
    carries their difference times :math:`\hbar\omega` (Gardiner and Collett 1985).

    >>> from darkbattery.nvmodel import Resonator, ResonatorBattery, SpinEnsemble
    >>> spins = SpinEnsemble(number=2, coupling=1.0)
    >>> cavity = Resonator(3e9, linewidth_fwhm_hz=1.0)
    >>> lines = in_light_and_joules(ResonatorBattery(spins, cavity, spins))
    >>> print(round(lines["emission_rate"].at(2.0), 6))  # 2 kappa
    12.566371
    """
    experiment = experiment_of(model)
    assert experiment.resonator is not None
    kappa, nbar = experiment.resonator.kappa, experiment.nbar
    quantum = scipy.constants.h * experiment.resonator.frequency_hz
    battery, charger = experiment.sizes
    return {
        "emission_rate": Line("photons", kappa * (nbar + 1.0), 0.0),
        "absorption_rate": Line("photons", kappa * nbar, kappa * nbar),
        "output_power": Line("photons", quantum * kappa, -quantum * kappa * nbar),
        "battery_energy_joule": Line("battery_energy", quantum * battery, 0.0),
        "charger_energy_joule": Line("charger_energy", quantum * charger, 0.0),
    }
