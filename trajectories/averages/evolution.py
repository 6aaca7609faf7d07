"""Exact averages: the entry, what it computes of which battery, and the methods in order."""

from collections.abc import Iterable

from numpy.typing import ArrayLike

from darkbattery.nvmodel.experiment import (
    Experiment,
    Model,
    experiment_of,
    in_a_reservoir,
    to_be_solved,
)
from darkbattery.nvmodel.method import (
    Method,
    Problem,
    able,
    never,
    offered,
    refused_for_size,
)
from darkbattery.nvmodel.observables import Needs, needing, requested
from darkbattery.nvmodel.portlight import AT_PORT
from darkbattery.nvmodel.protocol import Stage, rotates
from darkbattery.nvmodel.refusal import output_times
from darkbattery.nvmodel.solution import Solution
from darkbattery.nvmodel.spins import SILENT
from darkbattery.trajectories.averages.cavity_irreps import (
    DRIVEN,
    OVER_IRREPS,
    WITH_DRIVE,
    WITHOUT_DRIVE,
)
from darkbattery.trajectories.averages.cavity_master import WITH_MODE
from darkbattery.trajectories.averages.coherent_averages import AVAILABLE as WITH_COHERENCE
from darkbattery.trajectories.averages.coherent_averages import COHERENT
from darkbattery.trajectories.averages.collective_master import (
    AVAILABLE,
    CHAINS,
    FOR_REAL_SPINS,
    FROM_RECORDS,
    HEISENBERG,
    LOST,
    default_observables,
)
from darkbattery.trajectories.averages.counting import refuse_unknown_records
from darkbattery.trajectories.averages.dicke import evolve_dicke
from darkbattery.trajectories.averages.protocols import refuse_large_averages, timed_averages
from darkbattery.trajectories.averages.speed_limits import LIMITS, refuse_turned, with_speed_limits
from darkbattery.trajectories.propagate.mode_stages import mixes_excitations
from darkbattery.trajectories.reading.derived import CHEAP_OF_POPULATIONS, ENERGIES
from darkbattery.trajectories.reading.light import with_ports
from darkbattery.trajectories.space.angular import ladders_of
from darkbattery.trajectories.space.cavity_space import refuse_many_spins, refuse_unequal_spins

OF_THE_MODE = needing(Needs.MEANS | Needs.FIELD)


def evolve(
    battery: Model,
    times: ArrayLike,
    observables: Iterable[str] | None = None,
) -> Solution:
    r"""Averages over the charging, exact to about 1e-10, at any temperature.

    Energies and photon numbers of up to 1e16 spins, for R away from 1, come from the adjoint
    equation (`trajectories.averages.heisenberg`); `provenance` says which solver was used.
    Otherwise solves :math:`\dot\rho=\gamma(\bar n+1)D[J^-]\rho+\gamma\bar nD[J^+]\rho` (Quach and
    Munro 2020, Eq. (2); D the standard dissipator) in the coupled basis :math:`|J,M\rangle`, where
    it is a set of independent tridiagonal chains in M, one for each pair of ladders (J, J').

    A battery that leaves the paper's model (`CollectiveBattery.beyond_collective`: noise of single
    spins, a detuning, other starts, a protocol) is solved over the irreps of its ensembles, see
    `trajectories.averages.protocols`. `ergotropy` is then that of unitaries within each irrep of
    the battery, `ergotropy_total` that of all of its :math:`2^{N_B}`-dimensional space.

    At a resonator spins all alike are followed on pairs of ladders of J
    (`trajectories.averages.cavity_master`); unequal couplings, detuned ensembles, noise of single
    spins, polarisations below 1 and a drive over the irreps of the ensembles
    (`trajectories.averages.cavity_irreps`). The log-negativity is that of battery against charger,
    the field traced out.

    Parameters
    ----------
    battery : CollectiveBattery, ResonatorBattery, DickeBattery or Experiment
        In closed modes see `trajectories.averages.dicke`.
    times : array_like (T,)
        Strictly increasing, :math:`\ge0`, in units of :math:`1/\gamma`'s unit; with a resonator in
        s.
    observables : iterable of str, optional
        Names from `nvmodel.OBSERVABLES`. Default: energies, photons, ergotropies (these without
        where populations would take minutes). Log-negativity, variances and photon counting on
        request; what single runs know beyond the average (the daemonic ergotropy, variances over
        runs) is exact at :math:`\bar n=0` with every photon recorded, and refused otherwise.

    Returns
    -------
    Solution
        Deterministic. `distributions["populations"]` holds the battery's ladder populations
        where an ergotropy was computed, and `distributions["irreps"]` the probabilities of its
        irreps where there are several; `provenance["error_estimate"]` the estimated largest error
        of a matrix element.

    Raises
    ------
    InputError
        For bad times or names, times beyond the protocol's end, a system too large (with the number
        of unknowns and their memory), and at a resonator ensembles whose spins differ.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> solution = evolve(CollectiveBattery(n_battery=1, n_charger=1), [1.0, 20.0])
    >>> print(solution["battery_energy"].round(6))
    [0.099894 0.25    ]
    >>> from darkbattery.nvmodel import LocalNoise
    >>> dephased = CollectiveBattery(1, 1, battery_noise=LocalNoise(dephasing=1.0))
    >>> print(evolve(dephased, [1.0, 20.0])["battery_energy"].round(6))  # the dark state leaks
    [0.084898 0.003873]
    >>> import math
    >>> from darkbattery.nvmodel import Resonator, ResonatorBattery, SpinEnsemble
    >>> resonator = Resonator(3e9, linewidth_fwhm_hz=1.0 / (2.0 * math.pi))
    >>> battery, charger = SpinEnsemble(2, coupling=1.0), SpinEnsemble(4, coupling=1.0)
    >>> model = ResonatorBattery(charger, resonator, battery)
    >>> print(evolve(model, [1.0, 50.0])["battery_energy"].round(6))
    [0.454662 0.561111]
    >>> noisy = ResonatorBattery(charger, resonator, SpinEnsemble(2, coupling=1.0, t1_s=50.0))
    >>> print(evolve(noisy, [1.0, 50.0])["battery_energy"].round(6))
    [0.45... 0.2...]
    """
    experiment = experiment_of(battery)
    if experiment.modes is not None:
        return evolve_dicke(battery, times, observables)
    if experiment.resonator is not None:
        # before times and names are looked at
        refuse_unequal_spins(battery)
        refuse_many_spins(battery)
        t = output_times(times)
        problem = Problem(to_be_solved(battery, t), t, asked(battery, observables))
        return able(AT_RESONATOR, problem).solve(problem).of_model(battery)
    t = output_times(times)
    experiment = to_be_solved(in_a_reservoir(battery), t)
    problem = Problem(experiment, t, _asked(experiment, observables))
    return able(EVOLVE, problem).solve(problem).of_model(battery)


def asked(battery: Model, observables: Iterable[str] | None) -> tuple[str, ...]:
    """The names that `evolve` computes: those asked for, or the cheap ones; refused if unknown."""
    if experiment_of(battery).resonator is not None:
        return _asked_at_resonator(battery, observables)
    return _asked(in_a_reservoir(battery), observables)


def _asked_at_resonator(model: Model, observables: Iterable[str] | None) -> tuple[str, ...]:
    experiment = experiment_of(model)
    noises = [spins.noise for spins in experiment.ensembles]
    for step in experiment.protocol:
        if isinstance(step, Stage):
            noises += [step.battery_noise or SILENT, step.charger_noise or SILENT]
    noisy = not all(noise.silent for noise in noises)
    default = (*ENERGIES, *OF_THE_MODE, *(LOST if noisy else ()))
    driven = mixes_excitations(experiment)
    has = with_ports(model, WITH_DRIVE, AT_PORT) if driven else with_ports(model, WITHOUT_DRIVE)
    names = requested(observables, default, (*has, *LIMITS))
    refuse_turned(experiment, names)
    return names


def _asked(battery: Experiment, observables: Iterable[str] | None) -> tuple[str, ...]:
    if rotates(battery.protocol):
        default = (*ENERGIES, *CHEAP_OF_POPULATIONS, *LOST)
        names = requested(observables, default, (*WITH_COHERENCE, *LIMITS))
        refuse_turned(battery, names)
        return names
    if not battery.is_collective:
        default = (*ENERGIES, *CHEAP_OF_POPULATIONS, *LOST)
        return requested(observables, default, FOR_REAL_SPINS)
    ladders = ladders_of(battery.n_battery, battery.n_charger)
    names = requested(observables, default_observables(ladders), AVAILABLE)
    for name in names:
        if name in FROM_RECORDS:
            refuse_unknown_records(battery, name)
    return names


def available(battery: Experiment) -> tuple[str, ...]:
    """Names of the observables that `evolve` has for this battery.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> "daemonic_ergotropy" in available(CollectiveBattery(1, 5, nbar=0.5))
    False
    """
    return offered(EVOLVE, battery)


def _of_irreps(battery: Experiment) -> tuple[str, ...]:
    plain = battery.is_collective or rotates(battery.protocol)
    return () if plain else FOR_REAL_SPINS


IRREPS = Method(
    name="master equation over irreps",
    kind="evolve",
    offers=_of_irreps,
    why_not=refused_for_size(refuse_large_averages),
    work=never,
    solve=lambda problem: timed_averages(problem.model, problem.times, problem.names),
    error="1e-10",
)
EVOLVE = (HEISENBERG, *with_speed_limits((CHAINS, IRREPS, COHERENT)))
"""How averages in a reservoir are made, in order."""
AT_RESONATOR = with_speed_limits((WITH_MODE, OVER_IRREPS, DRIVEN))
"""How averages at a resonator are made, in order."""
