"""The modal single run of a burst by the cheapest equations that hold: what a plan solves."""

from dataclasses import replace

from numpy.typing import ArrayLike

from darkbattery.meanfield.averages.burst import classical_burst, is_classical, seed_of
from darkbattery.meanfield.averages.cumulants import evolve
from darkbattery.meanfield.averages.linear import growth_rate, refined
from darkbattery.meanfield.classes.division import divide_as_product
from darkbattery.meanfield.classes.jointclasses import in_classes
from darkbattery.meanfield.classes.moments import System, bandwidth, is_broadened, system_of
from darkbattery.nvmodel.experiment import Model, experiment_of
from darkbattery.nvmodel.refusal import InputError, output_times
from darkbattery.nvmodel.solution import Solution

# classes that are tried until the growth rate is as large as the line's to such a share
ROUGH, RESOLVED = (20, 40, 80, 160), 0.02


def modal_run(
    model: Model, times: ArrayLike, classes: int, growth: float | None = None
) -> Solution:
    """All averages over the modal run, as the classical run that it is or at second order.

    Parameters
    ----------
    model : Experiment or ResonatorBattery
        Without a drive.
    times : array_like (T,)
        s.
    classes : int
        Of each line, or more where its growth would not be resolved; where the run is classical,
        for each of several couplings.
    growth : float, optional
        `growth_rate` of the model, where it is known.

    Examples
    --------
    >>> from darkbattery.nvmodel.devices.published import find_device, resonator_battery
    >>> model = resonator_battery(find_device("kersten2026"), ratio=5.0)
    >>> found = modal_run(model, [0.0, 7e-6], classes=64)
    >>> print(found["battery_energy"].round(3), found.provenance["solver"][:13])
    [0.005 0.148] Maxwell-Bloch
    """
    growth = growth_rate(model) if growth is None else growth
    lines = _resolved_lines(model, growth)
    if lines is not None and is_classical(lines[1], output_times(times)[-1]):
        system = product_system(model, max(classes, lines[0]))
        found = classical_burst(system, times, seed_of(system, growth))
        if found is not None:
            return found
    return evolve(system_of(model, classes), times)


def product_system(model: Model, classes: int) -> System:
    """The model in classes of its lines times classes of its couplings (`divide_as_product`)."""
    experiment = experiment_of(model)
    charger, battery = experiment.charger, experiment.battery
    if charger is None or not is_broadened(experiment):
        return system_of(experiment, 1)
    width = bandwidth(experiment)
    parts = None if battery is None else divide_as_product(battery, classes, width)
    return in_classes(experiment, divide_as_product(charger, classes, width), parts)


def _resolved_lines(model: Model, growth: float) -> tuple[int, System] | None:
    """Classes of the lines close enough to each other for the growth, and how many.

    None where none are, or nothing grows.
    """
    if growth <= 0.0:
        return None
    if not is_broadened(model):
        return 1, _of_lines(model, 1)
    for classes in ROUGH:
        try:
            found = _of_lines(model, classes)
        except InputError:  # fewer spins than classes
            return None
        if abs(refined(growth, found) - growth) < RESOLVED * growth:
            return classes, found
    return None


def _of_lines(model: Model, classes: int) -> System:
    """Classes of the lines alone: couplings enter the linear equations by their mean square."""
    experiment = experiment_of(model)
    charger, battery = (
        None if spins is None else spins.equally_coupled()
        for spins in (experiment.charger, experiment.battery)
    )
    return system_of(replace(experiment, charger=charger, battery=battery), classes)
