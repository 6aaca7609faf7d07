"""Averages at a resonator: the entry, and the methods in order."""

from collections.abc import Iterable

from numpy.typing import ArrayLike

from darkbattery.nvmodel.experiment import Model, experiment_of, to_be_solved
from darkbattery.nvmodel.method import Problem, able
from darkbattery.nvmodel.observables import Needs, needing, requested
from darkbattery.nvmodel.portlight import AT_PORT
from darkbattery.nvmodel.protocol import Stage
from darkbattery.nvmodel.solution import Solution
from darkbattery.nvmodel.spins import SILENT
from darkbattery.nvmodel.times import output_times
from darkbattery.trajectories.averages.cavity_irreps import (
    AVAILABLE,
    DRIVEN,
    OVER_IRREPS,
    WITH_COHERENCE,
)
from darkbattery.trajectories.averages.cavity_master import WITH_MODE
from darkbattery.trajectories.averages.speed_limits import LIMITS, refuse_turned, with_speed_limits
from darkbattery.trajectories.propagate.mode_stages import mixes_excitations
from darkbattery.trajectories.reading.derived import ENERGIES
from darkbattery.trajectories.reading.light import with_ports
from darkbattery.trajectories.space.cavity_space import refuse_many_spins, refuse_unequal_spins

LOST = needing(Needs.LOCAL)
OF_THE_MODE = needing(Needs.MEANS | Needs.FIELD)


def evolve_cavity(
    model: Model, times: ArrayLike, observables: Iterable[str] | None = None
) -> Solution:
    r"""Averages over the charging at a resonator, exact to about 1e-10, at any temperature.

    Spins all alike are followed on pairs of ladders of J (`trajectories.averages.cavity_master`);
    unequal couplings, detuned ensembles, noise of single spins, polarisations below 1 and a drive
    over the irreps of the ensembles (`trajectories.averages.cavity_irreps`).

    Parameters
    ----------
    model : Model
        Of ensembles without a line and a spread of couplings.
    times : array_like (T,)
        Strictly increasing, >= 0, in s.
    observables : iterable of str, optional
        Units as `meanfield.evolve` has them. Default: energies and photons, and with noise of
        single spins what they lost. On request ergotropies, variances, the log-negativity (battery
        against charger, the field traced out) and how emitted photons scatter.

    Returns
    -------
    Solution
        Deterministic. ``provenance["error_estimate"]``: what steps and photon numbers left out.

    Raises
    ------
    InputError
        For ensembles whose spins differ, and sizes beyond memory or patience.

    Examples
    --------
    >>> import math
    >>> from darkbattery.nvmodel import Resonator, ResonatorBattery, SpinEnsemble
    >>> resonator = Resonator(3e9, linewidth_fwhm_hz=1.0 / (2.0 * math.pi))
    >>> battery, charger = SpinEnsemble(2, coupling=1.0), SpinEnsemble(4, coupling=1.0)
    >>> model = ResonatorBattery(charger, resonator, battery)
    >>> print(evolve_cavity(model, [1.0, 50.0])["battery_energy"].round(6))
    [0.454662 0.561111]
    >>> noisy = ResonatorBattery(charger, resonator, SpinEnsemble(2, coupling=1.0, t1_s=50.0))
    >>> print(evolve_cavity(noisy, [1.0, 50.0])["battery_energy"].round(6))
    [0.45... 0.2...]
    """
    # before times and names are looked at
    refuse_unequal_spins(model)
    refuse_many_spins(model)
    t = output_times(times)
    problem = Problem(to_be_solved(model, t), t, asked(model, observables))
    return able(AT_RESONATOR, problem).solve(problem).of_model(model)


def asked(model: Model, observables: Iterable[str] | None) -> tuple[str, ...]:
    """The names that `evolve_cavity` computes: those asked for, or the cheap ones."""
    experiment = experiment_of(model)
    noises = [spins.noise for spins in experiment.ensembles]
    for step in experiment.protocol:
        if isinstance(step, Stage):
            noises += [step.battery_noise or SILENT, step.charger_noise or SILENT]
    noisy = not all(noise.silent for noise in noises)
    default = (*ENERGIES, *OF_THE_MODE, *(LOST if noisy else ()))
    driven = mixes_excitations(experiment)
    has = with_ports(model, WITH_COHERENCE, AT_PORT) if driven else with_ports(model, AVAILABLE)
    names = requested(observables, default, (*has, *LIMITS))
    refuse_turned(experiment, names)
    return names


AT_RESONATOR = with_speed_limits((WITH_MODE, OVER_IRREPS, DRIVEN))
"""How averages at a resonator are made, in order."""
