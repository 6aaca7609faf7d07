r"""Where charging ends: closed-form steady states at any temperature and any size.

Each ladder J keeps its weight :math:`p_J` for ever and ends in equilibrium with the reservoir, at
:math:`T=0` in the dark state :math:`|J,-J\rangle`. No linear system is solved: the steady state is
not unique, and the dark states make it depend on the start.
"""

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.battery import CollectiveBattery
from darkbattery.nvmodel.experiment import (
    Experiment,
    Model,
    experiment_of,
    of_the_reservoir,
    only_on_ladders,
    to_be_solved,
)
from darkbattery.nvmodel.method import Method, Problem, Work, able, refused_by
from darkbattery.nvmodel.observables import ELSEWHERE, OBSERVABLES, Needs, needing, requested
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.resonator import ResonatorBattery
from darkbattery.nvmodel.solution import Distribution, Reading, Solution
from darkbattery.trajectories.propagate.chains import pair_chains
from darkbattery.trajectories.reading.derived import (
    CHEAP_OF_POPULATIONS,
    FROM_ENERGY,
    FROM_ENTANGLEMENT,
    FROM_POPULATIONS,
    derived,
    over_excitations,
)
from darkbattery.trajectories.reading.endstates import (
    EMISSION,
    light_in_the_end,
    scatter_in_the_end,
)
from darkbattery.trajectories.reading.fluctuations import OVER_RUNS
from darkbattery.trajectories.reading.readout import entanglement, populations, refuse_large_blocks
from darkbattery.trajectories.space.angular import (
    CoupledBasis,
    Ladders,
    coupled_basis,
    ladders_of,
    starts,
)
from darkbattery.trajectories.space.cavity_space import refuse_what_mixes_ladders

Array = NDArray[np.float64]

# nothing flows any more, and what was counted since the start has no end
ENERGIES = tuple(
    name
    for name in needing(Needs.MEANS, without=(ELSEWHERE | Needs.HISTORY) & ~Needs.END)
    if OBSERVABLES[name].unasked and not OBSERVABLES[name].per_time
)
SCATTER = (*needing(Needs.POPULATIONS | Needs.SQUARES, without=Needs.RECORD), *OVER_RUNS)
NEGATIVITY = tuple(name for name in FROM_ENTANGLEMENT if not OBSERVABLES[name].per_time)
FROM_STATES = (*FROM_POPULATIONS, *NEGATIVITY, *SCATTER, *EMISSION)
AVAILABLE = (*ENERGIES, *FROM_ENERGY, *FROM_STATES)
# with a resonator: its light and what a record tells are others
OTHERS = {*OVER_RUNS, *EMISSION}
WITH_MODE = tuple(name for name in AVAILABLE if name not in OTHERS)

# products in the table of populations: above the first it is left to those who ask (a second),
# above the other it is refused (minutes)
CHEAP_POPULATIONS = 100_000_000
MOST_POPULATIONS = 20_000_000_000
SECONDS, PRODUCT_SECONDS = 0.01, 1e-8  # of one core: without a table, and of a product in one
# what has no weights p_J that last: its end is found in time
NO_CLOSED_FORM = "no other end is known in closed form; evolve (or meanfield.evolve) until late"
MOST_EXPONENT = 750.0  # ln(1 + 1/nbar) of the least nbar that a double holds


def steady_state(battery: Model, observables: Iterable[str] | None = None) -> Solution:
    r"""The state that charging ends in, as a `Solution` with the one time infinity.

    Per ladder :math:`J=|N_C-N_B|/2+k`, with n the smaller and N the larger number of spins and
    :math:`D=N-n`, the dark state :math:`|J,-J\rangle` holds

    .. math:: &\frac{(n-k)(D+k+1)}{D+2k+2}\ \text{(smaller ensemble)}, \\
              &\frac{(n-k)(k+1)}{D+2k+2}\ \text{(larger ensemble)}

    excitations: sums of positive terms, exact to rounding at any N. At :math:`T>0` the ladder's
    mean excitation above the bottom, :math:`\bar n-(2J+1)/[((\bar n+1)/\bar n)^{2J+1}-1]`, is
    shared by :math:`\langle J_B^z\rangle = g_J\langle M\rangle`.

    Parameters
    ----------
    battery : CollectiveBattery, ResonatorBattery or Experiment
        At a resonator that loses photons each ladder ends as in a reservoir with the same
        :math:`\bar n`, whatever :math:`\kappa` is: :math:`e^{-b(M+n)}`, :math:`b=\ln(1+1/\bar n)`,
        commutes with H and is in equilibrium with the losses. Up to :math:`10^{16}` spins for
        :math:`R\ge1.1` (or :math:`\le1/1.1`), :math:`10^6` for any R; beyond, as long as the
        ladders needed stay below 2e7.
    observables : iterable of str, optional
        Default: energies, capacity, open work, local ergotropy; the other ergotropies where
        populations fit. On request ``log_negativity``, the light still emitted, and how single
        runs scatter in the end (with every photon recorded).

    Returns
    -------
    Solution
        `distributions` holds ``dark_state``, the weights :math:`p_J` over J, and ``populations``.

    Examples
    --------
    >>> steady = steady_state(CollectiveBattery(n_battery=1, n_charger=10**15))
    >>> float(1 - steady["battery_energy"][0])  # 1 - (N_C/(N_C + 1))^2
    1.99...e-15
    """
    if experiment_of(battery).resonator is not None:
        names = asked_at_resonator(battery, observables)
        return steady_state(in_reservoir(battery), names).of_model(battery)
    own = of_the_reservoir(battery)
    names = asked(own, observables)
    experiment = to_be_solved(own, [math.inf])
    problem = Problem(experiment, np.array([math.inf]), names)
    return able(STEADY, problem).solve(problem).of_model(battery)


def asked(battery: Experiment, observables: Iterable[str] | None) -> tuple[str, ...]:
    """The names that `steady_state` computes: those asked for, or the cheap ones."""
    known = available(battery)
    ladders = ladders_of(battery.n_battery, battery.n_charger)
    cheap = population_products(battery, ladders) <= CHEAP_POPULATIONS
    return requested(observables, ENERGIES + (CHEAP_OF_POPULATIONS if cheap else ()), known)


def asked_at_resonator(model: Model, observables: Iterable[str] | None) -> tuple[str, ...]:
    """The same with a resonator."""
    default = [name for name in asked(in_reservoir(model), None) if name in WITH_MODE]
    return requested(observables, default, WITH_MODE)


def in_reservoir(model: Model) -> Experiment:
    """The battery that ends as this one does, the field traced out; refused where none does.

    >>> from darkbattery.nvmodel import Resonator, SpinEnsemble
    >>> spins = SpinEnsemble(number=2, coupling=1.0)
    >>> in_reservoir(ResonatorBattery(spins, Resonator(3e9, linewidth_fwhm_hz=1.0), spins)).sizes
    (2, 2)
    """
    refuse_what_mixes_ladders(model, NO_CLOSED_FORM)
    experiment = experiment_of(model)
    assert experiment.resonator is not None
    if experiment.resonator.kappa == 0.0:
        raise InputError("linewidth_fwhm_hz", 0.0, "must be > 0: without loss nothing ends")
    return CollectiveBattery(*experiment.sizes, experiment.nbar).experiment


def _in_closed_form(problem: Problem) -> Solution:
    battery, names = problem.model, problem.names
    basis = coupled_basis(battery.n_battery, battery.n_charger)
    weight = _ladder_probabilities(battery, basis)
    battery_energy, charger_energy = _energies(battery, basis, weight)
    values = {
        "battery_energy": np.array([battery_energy]),
        "charger_energy": np.array([charger_energy]),
        "capacity": np.array([battery.n_battery * battery_energy]),
    }
    distributions = {}
    if weight.size <= 1_000_000:
        distributions["dark_state"] = Distribution.of_values("J of the ladder", basis.J, weight)
    ladder = None
    if set(FROM_STATES) & set(names):
        chains = pair_chains(basis, battery.occupation, furthest=0)
        state = weight * _equilibrium(basis, chains.M, battery.occupation)
        _add_single_runs(battery, basis, chains.M, state / weight.sum(), names, values)
        ladder = populations(basis, chains, state[None])
        distributions["populations"] = over_excitations(ladder)
        if "log_negativity" in names:
            values["log_negativity"] = entanglement(basis, chains, state[None], False)[0]
    values |= derived(names, battery, values["battery_energy"], values["charger_energy"], ladder)
    reading = Reading({name: values[name] for name in names}, distributions=distributions)
    return Solution([np.inf], reading, {"solver": CLOSED_FORM.name})


def available(battery: Experiment) -> tuple[str, ...]:
    """Names of the observables that `steady_state` has for this battery; InputError if none.

    >>> "daemonic_ergotropy" in available(CollectiveBattery(1, 5, detector_efficiency=0.5))
    False
    """
    # averages do not depend on who looks
    only_on_ladders(battery, "the steady state")
    to_be_solved(battery, [math.inf])  # a protocol that ends has none
    perfect = battery.counts_every_photon
    return tuple(name for name in AVAILABLE if perfect or name not in OVER_RUNS)


def _add_single_runs(
    battery: Experiment,
    basis: CoupledBasis,
    M: Array,
    weight: Array,
    names: tuple[str, ...],
    values: dict[str, Array],
) -> None:
    found: dict[str, float] = {}
    if set(SCATTER) & set(names):
        found |= scatter_in_the_end(basis, M, weight, names)
    if set(EMISSION) & set(names):
        found |= light_in_the_end(basis, M, weight, battery.occupation, battery.gamma)
    values |= {name: np.array([value]) for name, value in found.items()}


def _ladder_probabilities(battery: Experiment, basis: CoupledBasis) -> Array:
    mixture = starts(battery, basis)
    if len(mixture) == 1:
        return basis.weight
    return np.sum([start.probability * start.amplitude**2 for start in mixture], axis=0)


def _energies(battery: Experiment, basis: CoupledBasis, weight: Array) -> tuple[float, float]:
    n = min(battery.n_battery, battery.n_charger)
    D = abs(battery.n_charger - battery.n_battery)
    k = np.arange(weight.size, dtype=float)
    in_smaller = (n - k) * (D + k + 1.0) / (D + 2.0 * k + 2.0)
    in_larger = (n - k) * (k + 1.0) / (D + 2.0 * k + 2.0)
    battery_is_smaller = battery.n_battery <= battery.n_charger
    in_battery, in_charger = (
        (in_smaller, in_larger) if battery_is_smaller else (in_larger, in_smaller)
    )
    thermal = mean_excitation(2.0 * basis.J + 1.0, battery.occupation)
    in_battery = in_battery + thermal * basis.diagonal
    in_charger = in_charger + thermal * (1.0 - basis.diagonal)
    if D == 0:  # a ladder of J = 0 has one state, without a g_J
        in_charger[0] = in_battery[0]
    total = float(weight.sum())
    return (
        float(weight @ in_battery) / total / battery.n_battery,
        float(weight @ in_charger) / total / battery.n_charger,
    )


def mean_excitation(levels: Array, nbar: float) -> Array:
    r"""Mean quantum number of a thermal ladder of equidistant levels 0 ... `levels` - 1.

    .. math:: h = \bar n-\frac{n}{e^{nb}-1},\quad b=\ln(1+1/\bar n),\ n=\text{levels},

    and its Bernoulli series in nb where the two terms nearly cancel.

    >>> print(mean_excitation(np.array([2.0]), nbar=1.0))  # 1/3 of a two-level system
    [0.33333333]
    """
    if nbar == 0.0:
        return np.zeros_like(levels)
    b = _boltzmann_exponent(nbar)
    y = levels * b
    direct = nbar - levels / np.expm1(np.clip(y, 0.2, 700.0))
    series = (
        (levels - 1.0) / 2
        - (y * levels - b) / 12
        + (y**3 * levels - b**3) / 720
        - (y**5 * levels - b**5) / 30240
        + (y**7 * levels - b**7) / 1209600
    )
    return np.where(y < 0.2, series, direct)


def _boltzmann_exponent(nbar: float) -> float:
    """ln(1 + 1/nbar), hbar omega over k_B T; finite where 1/nbar is not."""
    return min(float(np.log1p(1.0 / nbar)), MOST_EXPONENT)


def _equilibrium(basis: CoupledBasis, M: Array, nbar: float) -> Array:
    """Thermal populations of each ladder, (rows, K), each column summing to 1."""
    height = M[:, None] + basis.J
    inside = (height >= 0.0) & (M[:, None] <= basis.J)
    if nbar == 0.0:
        return np.where(inside & (height == 0.0), 1.0, 0.0)
    b = _boltzmann_exponent(nbar)
    # rows that weigh less than 1e-30 are dropped, so that their coefficients are not computed
    boltzmann = np.where(inside & (height * b < 70.0), np.exp(-np.maximum(height, 0.0) * b), 0.0)
    return boltzmann / boltzmann.sum(axis=0)


def population_products(battery: Experiment, ladders: Ladders) -> float:
    """About how many products the populations of the steady state take."""
    K, rows = ladders.number, ladders.rows
    if battery.occupation == 0.0:
        occupied = float(K)
    else:
        occupied = min(rows, K + 70.0 * (battery.occupation + 1.0))
    # rows of zeros still take memory
    return occupied * K * (battery.n_battery + 1.0) + 30.0 * rows * K


def _refuse_large_tables(problem: Problem) -> None:
    names, battery = problem.names, problem.model
    if not set(FROM_STATES) & set(names):
        return
    ladders = ladders_of(battery.n_battery, battery.n_charger)
    products = population_products(battery, ladders)
    if products > MOST_POPULATIONS:
        raise InputError(
            "observables",
            names,
            f"ergotropy and negativity need a table of {products:.1g} products here, at most "
            f"{MOST_POPULATIONS:.1g}; ask for energies only",
        )
    if set(NEGATIVITY) & set(names):
        refuse_large_blocks(ladders)


def _work(problem: Problem) -> Work:
    battery = problem.model
    if not set(FROM_STATES) & set(problem.names):
        return Work(SECONDS)
    ladders = ladders_of(battery.n_battery, battery.n_charger)
    products = population_products(battery, ladders)
    bytes_held = 8.0 * products / (battery.n_battery + 1.0)
    return Work(SECONDS + PRODUCT_SECONDS * products, bytes_held)


CLOSED_FORM = Method(
    name="closed form",
    kind="steady",
    offers=available,
    why_not=refused_by(_refuse_large_tables),
    work=_work,
    solve=_in_closed_form,
    error="rounding",
)
STEADY = (CLOSED_FORM,)


def _of_a_mode(model: ResonatorBattery) -> tuple[str, ...]:
    in_reservoir(model)
    return WITH_MODE


def _reduced(problem: Problem) -> Problem:
    return replace(problem, model=in_reservoir(problem.model))


AT_RESONATOR = Method(
    name="closed form",
    kind="steady",
    offers=_of_a_mode,
    why_not=lambda problem: CLOSED_FORM.why_not(_reduced(problem)),
    work=lambda problem: _work(_reduced(problem)),
    solve=lambda problem: steady_state(problem.model, problem.names),
    error="rounding",
)
"""With the resonator itself: each ladder ends as in a reservoir."""
