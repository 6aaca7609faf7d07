"""What follows from the photons in a resonator and the energies: rates, power, joules, ports.

Averages and single runs both have them, so that each is said once: a factor and a constant.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Model, experiment_of
from darkbattery.nvmodel.observables import Needs, needing
from darkbattery.nvmodel.portlight import OF_PHOTONS, at_ports, of_ports

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


def with_ports(
    model: Model, names: tuple[str, ...], rows: Iterable[str] = OF_PHOTONS
) -> tuple[str, ...]:
    """Names of observables, and those of `rows` at each port of the model's resonator."""
    resonator = experiment_of(model).resonator
    assert resonator is not None
    return names + at_ports(resonator.rates.items(), rows)


def rows_of_runs(model: Model) -> tuple[str, ...]:
    """What single runs have at a port: of emitted less absorbed photons no error is known."""
    if experiment_of(model).nbar == 0.0:
        return OF_PHOTONS
    return needing(Needs.PORT, without=Needs.PHASE | Needs.HISTORY)


def at_the_ports(model: Model, whole: Mapping[str, Array]) -> dict[str, Array]:
    """What leaves by each port of the model's resonator, as `nvmodel.portlight.of_ports` has it."""
    resonator = experiment_of(model).resonator
    assert resonator is not None
    quantum = scipy.constants.h * resonator.frequency_hz
    return of_ports(resonator.rates.items(), resonator.kappa, quantum, whole)
