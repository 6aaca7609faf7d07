"""Exact averages: the collective master equation, solved chain by chain; and all that leaves it."""

import math
from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.experiment import (
    Experiment,
    Model,
    experiment_of,
    in_a_reservoir,
    to_be_solved,
)
from darkbattery.nvmodel.method import (
    PATIENCE_SECONDS,
    Method,
    Problem,
    Work,
    able,
    never,
    offered,
    refused_by,
    refused_for_size,
)
from darkbattery.nvmodel.observables import Needs, needing, requested
from darkbattery.nvmodel.protocol import rotates
from darkbattery.nvmodel.refusal import refused_sizes
from darkbattery.nvmodel.solution import Distribution, Reading, Solution
from darkbattery.nvmodel.times import output_times
from darkbattery.trajectories.averages.cavity_averages import evolve_cavity
from darkbattery.trajectories.averages.coherent_averages import AVAILABLE as WITH_COHERENCE
from darkbattery.trajectories.averages.coherent_averages import COHERENT
from darkbattery.trajectories.averages.counting import (
    exact_fluctuations,
    records_follow,
    refuse_unknown_records,
)
from darkbattery.trajectories.averages.dicke import evolve_dicke
from darkbattery.trajectories.averages.few import averages_of_few, read_at_once, start_state
from darkbattery.trajectories.averages.heisenberg import chains_at, heisenberg_averages
from darkbattery.trajectories.averages.protocols import refuse_large_averages, timed_averages
from darkbattery.trajectories.averages.speed_limits import LIMITS, refuse_turned, with_speed_limits
from darkbattery.trajectories.propagate.chains import (
    Chains,
    pair_chains,
    photon_numbers,
    propagate,
    unknown_paces,
)
from darkbattery.trajectories.reading.conditional import unravelling
from darkbattery.trajectories.reading.derived import (
    CHEAP_OF_POPULATIONS,
    ENERGIES,
    FROM_ENERGY,
    FROM_ENTANGLEMENT,
    FROM_POPULATIONS,
    NEED_POPULATIONS,
    OF_RATES,
    derived,
)
from darkbattery.trajectories.reading.fluctuations import COUNTING, OVER_RUNS
from darkbattery.trajectories.reading.kinetic import (
    FANO_BOUND,
    KINETIC,
    RELIABILITY_BOUND,
    fano_factor_bound,
)
from darkbattery.trajectories.reading.photonstates import (
    log_negativity_from_photons,
    populations_from_photons,
)
from darkbattery.trajectories.reading.readout import (
    SUMS_OVER_M,
    entanglement,
    generator_on,
    linear_observables,
    means_of_sums,
    populations,
    refuse_large_blocks,
)
from darkbattery.trajectories.reading.speed import speeds
from darkbattery.trajectories.space.angular import (
    CoupledBasis,
    Ladders,
    basis_of,
    ladders_of,
)

Array = NDArray[np.float64]

LOST = needing(Needs.LOCAL)
FOR_REAL_SPINS = (
    *ENERGIES,
    *FROM_ENERGY,
    *FROM_POPULATIONS,
    *OF_RATES,
    *FROM_ENTANGLEMENT,
    *LOST,
    *LIMITS,
)
OF_THE_STATE = tuple(dict.fromkeys((*FOR_REAL_SPINS, *NEED_POPULATIONS, *needing(Needs.DETECTOR))))
AVAILABLE = (*OF_THE_STATE, *COUNTING, *OVER_RUNS, *KINETIC)
# of whom any is asked for is found of each small battery
_ENTANGLED, _FROM_LEVELS = frozenset(FROM_ENTANGLEMENT), frozenset(NEED_POPULATIONS)
_FROM_PAIRS, _FROM_RATES = _ENTANGLED | _FROM_LEVELS, frozenset(("entanglement_rate", *OF_RATES))
_FROM_RECORDS = frozenset((*OVER_RUNS, RELIABILITY_BOUND))
WITHOUT_RECORDS = tuple(n for n in AVAILABLE if n not in (*OVER_RUNS, RELIABILITY_BOUND))

# doubles held at once for the states at several output times (256 MB)
BATCH = 1 << 25
# above this many unknowns energies come from the adjoint equation, whose cost grows like log N
MANY_UNKNOWNS = 100_000
# of tables that are remembered: 16 of them hold 40 MB at most
FEW_UNKNOWNS = 30_000
# coherences of ladders that start smaller than this are left out, all together less than 1e-11
NEGLIGIBLE_COHERENCE = 1e-13
# unknowns of one state; six work arrays of this size are held (1.5 GB)
MOST_UNKNOWNS = 32_000_000
# above this many products the table of populations takes minutes: left to those who ask
CHEAP_POPULATIONS = 2_000_000_000
# what is measured of the cost, on one core
SWEEP_SECONDS = 60e-9  # of an unknown and a step
STEPS_BEFORE_OUTPUTS = 60  # from the fastest rate up to that of the outputs, about
THERMAL_SWEEP = 2.0  # a tridiagonal solve over a bidiagonal one
CHAIN_SWEEPS = 2e5  # a chain of the adjoint equation in unknowns times steps
OUTPUTS_PER_CHAIN = 200.0  # output times that take as long as the chain itself
EIGENVALUE_RATE = 1e9  # size cubed of dense matrices whose eigenvalues are found in a second


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

    Parameters
    ----------
    battery : CollectiveBattery, ResonatorBattery, DickeBattery or Experiment
        With a resonator see `trajectories.averages.cavity_averages`, in closed modes
        `trajectories.averages.dicke`.
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
        For bad times or names, times beyond the protocol's end, or a system too large (with the
        number of unknowns and their memory).

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
    """
    experiment = experiment_of(battery)
    if experiment.resonator is not None:
        return evolve_cavity(battery, times, observables)
    if experiment.modes is not None:
        return evolve_dicke(battery, times, observables)
    t = output_times(times)
    experiment = to_be_solved(in_a_reservoir(battery), t)
    problem = Problem(experiment, t, _asked(experiment, observables))
    return able(EVOLVE, problem).solve(problem).of_model(battery)


def asked(battery: Model, observables: Iterable[str] | None) -> tuple[str, ...]:
    """The names that `evolve` computes: those asked for, or the cheap ones; refused if unknown."""
    return _asked(in_a_reservoir(battery), observables)


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
        if name in _FROM_RECORDS:
            refuse_unknown_records(battery, name)
    return names


def _by_chains(problem: Problem) -> Solution:
    battery, t, names = problem.model, problem.times, problem.names
    ladder = not _FROM_LEVELS.isdisjoint(names)
    all_pairs = needs_all_pairs(battery, names)
    sizes = battery.n_battery, battery.n_charger
    ladders = ladders_of(*sizes)
    unknowns = unknowns_of(ladders, all_pairs)
    if read_at_once(problem, ladders, unknowns):
        return averages_of_few(problem, ladder)
    exact = exact_fluctuations(battery, t, names)
    few = unknowns <= FEW_UNKNOWNS
    tables = chain_tables if few else chain_tables.__wrapped__
    basis, chains, operators = tables(*sizes, battery.occupation, all_pairs)
    linear: list[dict[str, Array]] = []
    counted, found, emitted, moved, log_neg, log_neg_rate = [], [], [], [], [], []
    entangled = not _ENTANGLED.isdisjoint(names)
    error = 0.0
    for states, integrals, batch_error in state_batches(battery, basis, chains, t * battery.gamma):
        linear.append(means_of_sums(operators, states))
        counted.append(integrals)
        if not all_pairs and (ladder or entangled):
            emitted.append(states[:, :, : basis.n_ladders].sum(axis=2))
        elif ladder:
            found.append(populations(basis, chains, states))
        if set(OF_RATES) & set(names):
            change = np.array([generator_on(chains, state) for state in states])
            moved.append(populations(basis, chains, change, states))
        if entangled and all_pairs:
            value, rate = entanglement(basis, chains, states, "entanglement_rate" in names)
            log_neg.append(value)
            log_neg_rate.append(rate)
        error = max(error, batch_error)
        del states  # as in `state_batches`
    mean = {name: _joined([part[name] for part in linear]) for name in SUMS_OVER_M}
    photons = photon_numbers(_joined(counted), battery.occupation)
    values = _energies(battery, mean, photons)
    populated = np.concatenate(found) if found else None
    if emitted:
        probability = np.concatenate(emitted)[:, round(chains.M[0] - basis.m_start) :].T
        pure = unravelling(battery), t * battery.gamma, probability
        if ladder:
            populated = populations_from_photons(*pure)
        if entangled:
            values["log_negativity"] = log_negativity_from_photons(*pure)
    values |= exact.values
    energies = values["battery_energy"], values["charger_energy"]
    values |= derived(names, battery, *energies, populated, values["emitted_photons"])
    if FANO_BOUND in names:
        light = values["emission_rate"], values["emitted_photons"], values["absorbed_photons"]
        values[FANO_BOUND] = fano_factor_bound(t, *light)
    if moved and populated is not None:
        values |= speeds(populated, battery.gamma * np.concatenate(moved))
    values["local_loss"] = np.zeros(t.size)
    if log_neg:
        values["log_negativity"] = np.concatenate(log_neg)
        values["entanglement_rate"] = battery.gamma * np.concatenate(log_neg_rate)
    distributions = dict(exact.distributions)
    if populated is not None:
        distributions["populations"] = population_distribution(populated)
    reading = Reading(
        values={name: values[name] for name in names},
        distributions=distributions,
    )
    return Solution(t, reading, {"solver": "master equation", "error_estimate": error})


def _joined(parts: list[Array]) -> Array:
    """Of batches that follow each other in time, the last axis; one is as it is."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=-1)


@lru_cache(maxsize=16)
def chain_tables(
    n_battery: int, n_charger: int, nbar: float, all_pairs: bool
) -> tuple[CoupledBasis, Chains, Array]:
    """Ladders, rates and linear observables; remembered, for they take longer than a few steps.

    >>> basis, chains, operators = chain_tables(1, 5, 0.0, False)
    >>> basis.n_ladders, chains.loss.shape, operators.shape
    (2, (7, 3), (5, 7, 3))
    """
    basis = basis_of(n_battery, n_charger)
    chains = pair_chains(basis, nbar, basis.n_ladders if all_pairs else 1, NEGLIGIBLE_COHERENCE)
    return basis, chains, linear_observables(basis, chains, nbar)


def needs_all_pairs(battery: Experiment, names: tuple[str, ...]) -> bool:
    """Whether coherences between all pairs of ladders are followed, and not of neighbours alone.

    At T = 0 the blocks of M are pure, and populations and entanglement follow from the diagonal
    pairs; rates of change do not.
    """
    wanted = _FROM_PAIRS if battery.occupation > 0.0 else _FROM_RATES
    return not wanted.isdisjoint(names)


def available(battery: Experiment) -> tuple[str, ...]:
    """Names of the observables that `evolve` has for this battery.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> "daemonic_ergotropy" in available(CollectiveBattery(1, 5, nbar=0.5))
    False
    """
    return offered(EVOLVE, battery)


def _at_any_size(problem: Problem) -> Solution:
    battery, t, names = problem.model, problem.times, problem.names
    exact = exact_fluctuations(battery, t, names)
    found = heisenberg_averages(battery, t)
    values = {name: getattr(found, name) for name in names if hasattr(found, name)}
    values |= exact.values
    energies = found.battery_energy, found.charger_energy
    values |= derived(names, battery, *energies, None, found.emitted_photons)
    if FANO_BOUND in names:
        light = found.emission_rate, found.emitted_photons, found.absorbed_photons
        values[FANO_BOUND] = fano_factor_bound(t, *light)
    values["local_loss"] = np.zeros(t.size)
    provenance = {
        "solver": "Heisenberg equation on doubling grids",
        "error_estimate": found.error_estimate,
        "ladders": found.ladders,
    }
    reading = Reading({name: values[name] for name in names}, distributions=exact.distributions)
    return Solution(t, reading, provenance)


def population_distribution(ladder: Array) -> Distribution:
    """Ladder populations (T, N_B + 1) as a `Distribution` over the number of excitations."""
    excitations = np.arange(ladder.shape[1], dtype=float)
    return Distribution.of_values("battery excitations m_B + N_B/2", excitations, ladder)


def _energies(battery: Experiment, mean: dict[str, Array], photons: Array) -> dict[str, Array]:
    rest = mean["total_z"] - mean["battery_z"]
    return {
        "battery_energy": 0.5 + mean["battery_z"] / battery.n_battery,
        "charger_energy": 0.5 + rest / battery.n_charger,
        "power": battery.gamma * mean["battery_z_rate"] / battery.n_battery,
        "emission_rate": battery.gamma * mean["emission_rate"],
        "absorption_rate": battery.gamma * mean["absorption_rate"],
        "emitted_photons": photons[0],
        "absorbed_photons": photons[1],
    }


def state_batches(
    battery: Experiment, basis: CoupledBasis, chains: Chains, taus: Array
) -> Iterator[tuple[Array, Array, float]]:
    """States and integrals of the photons' weights at the output times.

    As many at once as memory allows.
    """
    weights = chains.photon_weights(basis, battery.occupation)
    slowest = 2.0 * battery.occupation + 1.0
    state, now = start_state(battery, basis, chains), 0.0
    photons = np.zeros((len(weights), 1))
    size, paces = max(1, BATCH // state.size), unknown_paces(chains)
    for first in range(0, taus.size, size):
        batch = taus[first : first + size]
        states, counts, error = propagate(chains, state, batch - now, weights, slowest, paces)
        counts += photons
        state, now, photons = states[-1].copy(), batch[-1], counts[:, -1:]
        yield states, counts, error
        del states  # before the next ones are made: memory holds one batch


def default_observables(ladders: Ladders) -> tuple[str, ...]:
    """What `evolve` gives unasked: with ergotropies where populations are cheap."""
    products = unknowns_of(ladders, all_pairs=True) * (ladders.n_battery + 1)
    return ENERGIES + (CHEAP_OF_POPULATIONS if products <= CHEAP_POPULATIONS else ())


def unknowns_of(ladders: Ladders, all_pairs: bool) -> float:
    """Elements of the density matrix that are followed."""
    K = ladders.number
    chains = K * (K + 1) // 2 if all_pairs else 2 * K - 1
    return chains * ladders.rows


def refuse_too_many_unknowns(battery: Experiment, ladders: Ladders, all_pairs: bool) -> None:
    """Refuse what memory cannot hold."""
    unknowns = unknowns_of(ladders, all_pairs)
    if unknowns > MOST_UNKNOWNS:
        raise refused_sizes(
            battery.sizes,
            f"need {unknowns:.2g} unknowns ({unknowns * 48e-9:.2g} GB), at most "
            f"{MOST_UNKNOWNS:.2g}; take fewer spins{' or energies only' if all_pairs else ''}",
        )


def _refuse_large_chains(problem: Problem) -> None:
    battery, names = problem.model, problem.names
    ladders = ladders_of(battery.n_battery, battery.n_charger)
    refuse_too_many_unknowns(battery, ladders, needs_all_pairs(battery, names))
    if not _ENTANGLED.isdisjoint(names):
        refuse_large_blocks(ladders)


def _chain_work(problem: Problem) -> Work:
    battery, names, outputs = problem.model, problem.names, problem.times.size
    ladders = ladders_of(battery.n_battery, battery.n_charger)
    unknowns = unknowns_of(ladders, needs_all_pairs(battery, names))
    held = 12.0 * unknowns + min(float(BATCH), outputs * unknowns)
    pace = THERMAL_SWEEP if battery.occupation > 0.0 else 1.0
    sweeps = unknowns * (outputs + STEPS_BEFORE_OUTPUTS) * pace
    return Work(SWEEP_SECONDS * sweeps, 8.0 * held, _table_seconds(ladders, names, outputs))


def _table_seconds(ladders: Ladders, names: tuple[str, ...], outputs: int) -> float:
    """Of populations and of the eigenvalues of a negativity, at most."""
    elements, size = unknowns_of(ladders, all_pairs=True), ladders.n_battery + 1.0
    seconds = 0.0
    if {*NEED_POPULATIONS, *COUNTING, *OVER_RUNS, RELIABILITY_BOUND} & set(names):
        products = elements * size if elements <= MOST_UNKNOWNS else math.inf
        seconds = PATIENCE_SECONDS * products / CHEAP_POPULATIONS
    if set(FROM_ENTANGLEMENT) & set(names):
        seconds = max(seconds, outputs * ladders.rows * size**3 / EIGENVALUE_RATE)
    return seconds


def _refuse_where_chains_are_few(problem: Problem) -> None:
    battery = problem.model
    sizes = (battery.n_battery, battery.n_charger)
    if unknowns_of(ladders_of(*sizes), all_pairs=False) <= MANY_UNKNOWNS:
        raise refused_sizes(sizes, "so few are quicker ladder by ladder")
    chains_at(battery, float(problem.times[-1]))


def _heisenberg_work(problem: Problem) -> Work:
    battery, outputs = problem.model, problem.times.size
    chains = chains_at(battery, float(problem.times[-1]))
    sweeps = chains * CHAIN_SWEEPS * (1.0 + outputs / OUTPUTS_PER_CHAIN)
    ladders = ladders_of(battery.n_battery, battery.n_charger)
    return Work(SWEEP_SECONDS * sweeps, 1e8, _table_seconds(ladders, problem.names, outputs))


def _of_chains(battery: Experiment) -> tuple[str, ...]:
    if not battery.is_collective:
        return ()
    return AVAILABLE if records_follow(battery) else WITHOUT_RECORDS


def _without_states(battery: Experiment) -> tuple[str, ...]:
    return _stateless(_of_chains(battery))


@lru_cache(maxsize=8)
def _stateless(names: tuple[str, ...]) -> tuple[str, ...]:
    states = {*NEED_POPULATIONS, *FROM_ENTANGLEMENT, *LIMITS}
    return tuple(name for name in names if name not in states)


def _of_irreps(battery: Experiment) -> tuple[str, ...]:
    plain = battery.is_collective or rotates(battery.protocol)
    return () if plain else FOR_REAL_SPINS


HEISENBERG = Method(
    name="Heisenberg equation on doubling grids",
    kind="evolve",
    offers=_without_states,
    why_not=refused_by(_refuse_where_chains_are_few),
    work=_heisenberg_work,
    solve=_at_any_size,
    error="1e-10",
)
CHAINS = Method(
    name="master equation",
    kind="evolve",
    offers=_of_chains,
    why_not=refused_by(_refuse_large_chains),
    work=_chain_work,
    solve=_by_chains,
    error="1e-10",
)
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
"""How averages are made, in order."""
