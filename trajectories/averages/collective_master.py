r"""Averages of the paper's model: the collective master equation, chain by chain.

.. math:: \dot\rho=\gamma(\bar n+1)D[J^-]\rho+\gamma\bar nD[J^+]\rho

(Quach and Munro 2020, Eq. (2); D the standard dissipator) is in the coupled basis
:math:`|J,M\rangle` a set of independent tridiagonal chains in M, one for each pair of ladders
(J, J'). Few spins are read by one kernel (`trajectories.averages.few`); beyond the sizes that
memory holds energies come from the adjoint equation (`trajectories.averages.heisenberg`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import (
    Experiment,
)
from darkbattery.nvmodel.method import (
    PATIENCE_SECONDS,
    Method,
    Problem,
    Work,
    refused_by,
)
from darkbattery.nvmodel.observables import Needs, needing
from darkbattery.nvmodel.refusal import refused_sizes
from darkbattery.nvmodel.solution import Reading, Solution
from darkbattery.trajectories.averages.counting import (
    exact_fluctuations,
    records_follow,
)
from darkbattery.trajectories.averages.few import averages_of_few, read_at_once
from darkbattery.trajectories.averages.heisenberg import chains_at, heisenberg_averages
from darkbattery.trajectories.averages.speed_limits import LIMITS
from darkbattery.trajectories.propagate.chains import (
    BATCH,
    Chains,
    pair_chains,
    photon_numbers,
    state_batches,
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
    over_excitations,
    speeds,
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
FROM_RECORDS = frozenset((*OVER_RUNS, RELIABILITY_BOUND))
WITHOUT_RECORDS = tuple(name for name in AVAILABLE if name not in FROM_RECORDS)

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


def _by_chains(problem: Problem) -> Solution:
    battery, t, names = problem.model, problem.times, problem.names
    ladder = not _FROM_LEVELS.isdisjoint(names)
    all_pairs = needs_all_pairs(battery, names)
    unknowns = unknowns_of(ladders_of(*battery.sizes), all_pairs)
    if read_at_once(problem, ladders_of(*battery.sizes), unknowns):
        return averages_of_few(problem, ladder)
    exact = exact_fluctuations(battery, t, names)
    tables = chain_tables if unknowns <= FEW_UNKNOWNS else chain_tables.__wrapped__
    basis, chains, operators = tables(*battery.sizes, battery.occupation, all_pairs)
    found = _read_along(problem, basis, chains, operators, all_pairs)
    photons = photon_numbers(_joined(found.integrals), battery.occupation)
    values = _energies(battery, _means(found.sums), photons)
    populated = np.concatenate(found.populations) if found.populations else None
    if found.emitted:
        probability = np.concatenate(found.emitted)[:, round(chains.M[0] - basis.m_start) :].T
        pure = unravelling(battery), t * battery.gamma, probability
        if ladder:
            populated = populations_from_photons(*pure)
        if not _ENTANGLED.isdisjoint(names):
            values["log_negativity"] = log_negativity_from_photons(*pure)
    values |= _followed(problem, values, exact.values, populated)
    if found.moved and populated is not None:
        values |= speeds(populated, battery.gamma * np.concatenate(found.moved))
    if found.negativity:
        negativity, rate = _joined(found.negativity)
        values |= {"log_negativity": negativity, "entanglement_rate": battery.gamma * rate}
    distributions = dict(exact.distributions)
    if populated is not None:
        distributions["populations"] = over_excitations(populated)
    reading = Reading({name: values[name] for name in names}, distributions=distributions)
    return Solution(t, reading, {"solver": "master equation", "error_estimate": found.error})


@dataclass(eq=False)
class _Along:
    """What is read from states on the way, batch by batch; empty what nobody asks for.

    `sums` and `integrals` give energies and photons, `emitted` (T, rows) the probabilities of M,
    `moved` the rates of change of the populations, `negativity` (2, T) itself and its rate.
    """

    sums: list[dict[str, Array]] = field(default_factory=list)
    integrals: list[Array] = field(default_factory=list)
    populations: list[Array] = field(default_factory=list)
    emitted: list[Array] = field(default_factory=list)
    moved: list[Array] = field(default_factory=list)
    negativity: list[Array] = field(default_factory=list)
    error: float = 0.0


def _read_along(
    problem: Problem, basis: CoupledBasis, chains: Chains, operators: Array, all_pairs: bool
) -> _Along:
    battery, names, found = problem.model, problem.names, _Along()
    ladder, entangled = (not of.isdisjoint(names) for of in (_FROM_LEVELS, _ENTANGLED))
    taus = problem.times * battery.gamma
    for states, integrals, error in state_batches(battery, basis, chains, taus):
        found.sums.append(means_of_sums(operators, states))
        found.integrals.append(integrals)
        if not all_pairs and (ladder or entangled):
            found.emitted.append(states[:, :, : basis.n_ladders].sum(axis=2))
        elif ladder:
            found.populations.append(populations(basis, chains, states))
        if set(OF_RATES) & set(names):
            change = np.array([generator_on(chains, state) for state in states])
            found.moved.append(populations(basis, chains, change, states))
        if entangled and all_pairs:
            both = entanglement(basis, chains, states, "entanglement_rate" in names)
            found.negativity.append(np.array(both))
        found.error = max(found.error, error)
        del states  # as in `state_batches`
    return found


def _means(sums: list[dict[str, Array]]) -> dict[str, Array]:
    return {name: _joined([part[name] for part in sums]) for name in SUMS_OVER_M}


def _followed(
    problem: Problem,
    values: Mapping[str, Array],
    exact: Mapping[str, Array],
    populated: Array | None,
) -> dict[str, Array]:
    """What follows from energies, photons and populations, beside what counting says."""
    found = {**values, **exact, "local_loss": np.zeros(problem.times.size)}
    energies = found["battery_energy"], found["charger_energy"]
    found |= derived(problem.names, problem.model, *energies, populated, found["emitted_photons"])
    if FANO_BOUND in problem.names:
        light = (found[name] for name in ("emission_rate", "emitted_photons", "absorbed_photons"))
        found[FANO_BOUND] = fano_factor_bound(problem.times, *light)
    return found


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


def _at_any_size(problem: Problem) -> Solution:
    battery, t, names = problem.model, problem.times, problem.names
    exact = exact_fluctuations(battery, t, names)
    found = heisenberg_averages(battery, t)
    values = _followed(problem, vars(found), exact.values, None)
    provenance = {
        "solver": "Heisenberg equation on doubling grids",
        "error_estimate": found.error_estimate,
        "ladders": found.ladders,
    }
    reading = Reading({name: values[name] for name in names}, distributions=exact.distributions)
    return Solution(t, reading, provenance)


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
