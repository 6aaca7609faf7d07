"""The engine's equations with joint classes of frequency and coupling.

`evolve` and `sample` divide an ensemble by themselves, into equal weights; they take a `System` as
well, and `with_classes` makes one of any classes, such as those of
`nvmodel.lines.classes.joint_classes`.
"""

from dataclasses import replace

import numpy as np

from darkbattery.meanfield.classes.moments import BATTERY, CHARGER, System, system_of
from darkbattery.nvmodel.experiment import Model, experiment_of
from darkbattery.nvmodel.lines.classes import Classes
from darkbattery.nvmodel.refusal import InputError


def with_classes(model: Model, charger: Classes, battery: Classes | None = None) -> System:
    """The model's equations with these classes in place of its lines and coupling spreads.

    Parameters
    ----------
    model : Experiment or ResonatorBattery
        Its ensembles' lines and coupling spreads are ignored: the classes stand for them.
    charger, battery : Classes
        `battery` is needed where the model has one.

    Raises
    ------
    InputError
        Where a class would hold less than one spin, or `battery` and the model do not match.

    Examples
    --------
    >>> from darkbattery import meanfield
    >>> from darkbattery.nvmodel import Resonator, ResonatorBattery, SpinEnsemble
    >>> from darkbattery.nvmodel.lines.classes import coupling_quadrature, joint_classes
    >>> cavity = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=14e6)
    >>> spins = SpinEnsemble(number=10**12, coupling=40.0)
    >>> classes = joint_classes(None, couplings=coupling_quadrature(0.3, 4))
    >>> system = with_classes(ResonatorBattery(spins, cavity), classes)
    >>> print(system.number.size, f"{meanfield.growth_rate(system):.4g}")
    4 2.366e+07
    """
    found = in_classes(model, charger, battery)
    if found.number.min() < 1.0:
        sizes = [part.weights.size for part in (battery, charger) if part is not None]
        raise InputError("classes", sizes, "leave a class with less than one spin: take fewer")
    return found


def in_classes(model: Model, charger: Classes, battery: Classes | None = None) -> System:
    """`with_classes` for equations without correlations of single spins.

    There a class may hold less than one: its size is a weight of the field's equation.
    """
    experiment = experiment_of(model)
    if (battery is None) != (experiment.battery is None):
        raise InputError("battery", battery, "needs classes where the model has a battery")
    charger_spins, battery_spins = experiment.charger, experiment.battery
    plain = replace(
        experiment,
        charger=None if charger_spins is None else charger_spins.made_alike(),
        battery=None if battery_spins is None else battery_spins.made_alike(),
    )
    found = system_of(plain, 1)
    chosen = {CHARGER: charger} | ({} if battery is None else {BATTERY: battery})
    classes = [chosen[int(which)] for which in found.ensemble]
    sizes = [part.weights.size for part in classes]
    number = np.repeat(found.number, sizes) * np.concatenate([c.weights for c in classes])
    return replace(
        found,
        number=number,
        coupling=np.repeat(found.coupling, sizes) * np.concatenate([c.couplings for c in classes]),
        detuning=np.repeat(found.detuning, sizes) + np.concatenate([c.detunings for c in classes]),
        decoherence=np.repeat(found.decoherence, sizes),
        relaxation=np.repeat(found.relaxation, sizes),
        supply=np.repeat(found.supply, sizes),
        start=np.repeat(found.start, sizes),
        ensemble=np.repeat(found.ensemble, sizes),
    )
