r"""Averages of few spins: what an experiment alone decides is kept, and one kernel reads all times.

Of (1, 5) a time's step and reading takes less than a call of numpy, of which the general way
(`trajectories.averages.evolution`) makes some hundred. At :math:`T=0` populations come from the
pure states after n photons, as in `trajectories.reading.photonstates`; else from all pairs of
ladders.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.kernelcache import KERNEL, UNCOUNTED
from darkbattery.nvmodel.method import Problem
from darkbattery.nvmodel.readonly import own_read_only
from darkbattery.nvmodel.solution import Distribution, Reading, Solution
from darkbattery.trajectories.propagate.chains import (
    Chains,
    PairRates,
    Part,
    pair_rates,
    parts_of,
    start_state,
    stepped,
)
from darkbattery.trajectories.reading.conditional import unravelling
from darkbattery.trajectories.reading.derived import EXCITATIONS
from darkbattery.trajectories.reading.photonstates import LEAST_PROBABILITY, signs_of
from darkbattery.trajectories.reading.readout import SUMS_OVER_M, linear_observables
from darkbattery.trajectories.space.angular import (
    CoupledBasis,
    Ladders,
    basis_of,
    clebsch_gordan,
)

Array = NDArray[np.float64]

# what the kernel reads, in its order
ROWS = (
    "battery_energy",
    "charger_energy",
    "power",
    "emission_rate",
    "absorption_rate",
    "emitted_photons",
    "absorbed_photons",
    "ergotropy_local",
    "open_work",
    "ergotropy",
    "ergotropy_total",
)
_KNOWN = frozenset(ROWS)
LEAST_NORM = 1e-200  # of amplitudes squared: far above what rounding towards zero spoils
# products that read the populations of one time, and numbers that all states hold: 1 MB
MOST_PRODUCTS, MOST_HELD = 4096, 1 << 17


class Tables(NamedTuple):
    """What states are read with.

    At T = 0, where the states after n photons are pure, with what their populations follow from:
    the logarithms of their amplitudes (photons, K) and these themselves, undamped, how they are
    damped (K,), and signed Clebsch-Gordan coefficients (photons, K, levels). Else all empty.
    """

    first: int  # row of the start
    logs: Array
    undamped: Array
    damping: Array
    coefficients: Array


class Scales(NamedTuple):
    """What turns sums into observables: numbers of spins, gamma, nbar, the reservoir's energy."""

    n_battery: float
    n_charger: float
    gamma: float
    nbar: float
    thermal: float


@dataclass(frozen=True, eq=False)
class Plan:
    """All that is made once for an experiment."""

    parts: tuple[Part, ...]
    shape: tuple[int, ...]
    kinds: int
    slowest: float
    weights: Array  # (elements, 5 + levels) of a state in sums and, at T > 0, in populations
    tables: Tables
    scales: Scales
    levels: Array


@dataclass(frozen=True, eq=False)
class Shape:
    """What numbers of spins alone decide: all models of a sweep share it.

    `sums` and `slopes` (elements, 5) are the weights of `SUMS_OVER_M` at nbar = 0 and how they grow
    with nbar, `levels` (elements, levels) those of the populations, with all pairs of ladders.
    """

    basis: CoupledBasis
    rates: PairRates
    sums: Array
    slopes: Array
    levels: Array


@lru_cache(maxsize=16)
def _shape_of(n_battery: int, n_charger: int, all_pairs: bool) -> Shape:
    basis = basis_of(n_battery, n_charger)
    rates = pair_rates(basis, basis.n_ladders if all_pairs else 1)
    chains = rates.at(0.0)
    sums = _weights_of_sums(basis, chains, 0.0)
    slopes = _weights_of_sums(basis, chains, 1.0) - sums
    levels = _weights_of_levels(basis, chains) if all_pairs else np.zeros((len(sums), 0))
    return Shape(basis, rates, sums, slopes, levels)


@lru_cache(maxsize=32)
def plan_of(battery: Experiment, populated: bool) -> Plan:
    """Rates, start and tables of an experiment; remembered, for they take longer than the rest.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> plan_of(CollectiveBattery(1, 5).experiment, populated=True).shape
    (7, 3)
    """
    nbar, (n_battery, n_charger) = battery.occupation, battery.sizes
    warm = populated and nbar > 0.0
    shape = _shape_of(n_battery, n_charger, warm)
    basis, chains = shape.basis, shape.rates.at(nbar)
    state = start_state(battery, basis, chains)
    counted = chains.photon_weights(basis, nbar)
    parts = parts_of(chains, state, counted)
    weights = np.hstack([shape.sums + nbar * shape.slopes, shape.levels])
    tables = _tables(battery, basis, chains, populated and not warm)
    spins = float(n_battery), float(n_charger)
    scales = Scales(*spins, battery.gamma, nbar, battery.thermal_energy)
    levels = own_read_only(np.arange(n_battery + 1.0))  # solutions share it
    return Plan(parts, state.shape, len(counted), 2.0 * nbar + 1.0, weights, tables, scales, levels)


def read_at_once(problem: Problem, ladders: Ladders, elements: float) -> bool:
    """Whether `averages_of_few` has all names, of states of so many elements.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> problem = Problem(CollectiveBattery(1, 5).experiment, np.zeros(2), ROWS)
    >>> read_at_once(problem, Ladders(1, 2, 7.0), 21.0)
    True
    """
    products = elements * max(ladders.n_battery + 1.0, len(ROWS))
    few = products <= MOST_PRODUCTS and elements * problem.times.size <= MOST_HELD
    return few and _KNOWN.issuperset(problem.names)


def _weights_of_sums(basis: CoupledBasis, chains: Chains, nbar: float) -> Array:
    near = min(chains.first.size, 2 * basis.n_ladders - 1)
    found = np.zeros((*chains.loss.shape, len(SUMS_OVER_M)))
    found[:, :near] = np.moveaxis(linear_observables(basis, chains, nbar), 0, 2)
    return found.reshape(-1, len(SUMS_OVER_M))


def _tables(battery: Experiment, basis: CoupledBasis, chains: Chains, pure: bool) -> Tables:
    first = round(chains.M[0] - basis.m_start)
    if not pure:
        none = np.zeros((0, 0))
        return Tables(first, none, none, np.zeros(0), np.zeros((0, 0, 0)))
    record, photons = unravelling(battery), chains.M.size - first
    c = clebsch_gordan(basis, basis.m_start - np.arange(photons, dtype=float))
    logs = record.log_amplitudes(photons)
    return Tables(first, logs, np.exp(logs), record.damping, c * signs_of(record)[:, None])


def _weights_of_levels(basis: CoupledBasis, chains: Chains) -> Array:
    """Weights (elements, levels) in the battery's populations; a pair's mirror image counts too."""
    c = clebsch_gordan(basis, chains.M)
    twice = np.where(chains.first == chains.second, 1.0, 2.0)
    products = c[:, chains.first] * c[:, chains.second] * twice[:, None]
    return np.asarray(products.reshape(-1, basis.n_battery + 1))


def averages_of_few(problem: Problem, populated: bool) -> Solution:
    """The averages among `ROWS`; with the battery's populations, where they are asked for."""
    battery, t = problem.model, problem.times
    plan, taus = plan_of(battery, populated), t * battery.gamma
    states, integrals, error = stepped(plan.parts, plan.shape, plan.kinds, taus, plan.slowest)
    values = np.empty((len(ROWS), t.size))
    found = np.empty((t.size, plan.levels.size if populated else 0))
    sums = states.reshape(t.size, -1) @ plan.weights
    _read(states, taus, sums, integrals, plan.tables, plan.scales, values, found)
    by_name = dict(zip(ROWS, values, strict=True))
    spread = {}
    if populated:
        spread["populations"] = Distribution.of_values(EXCITATIONS, plan.levels, found)
    reading = Reading({name: by_name[name] for name in problem.names}, {}, spread)
    return Solution(t, reading, {"solver": "master equation", "error_estimate": error})


@njit(**KERNEL)
def _read(
    states: Array,
    taus: Array,
    sums: Array,
    integrals: Array,
    q: Tables,
    scales: Scales,
    values: Array,
    found: Array,
) -> None:
    """Fill `values` (rows, T) and the populations `found` (T, levels) from (T, rows, chains)."""
    levels, damped = found.shape[1], np.empty(q.damping.size)
    c, ordered, several = np.empty(q.damping.size), np.empty(levels), integrals.shape[0] > 1
    for i in range(taus.size):
        energy = 0.5 + sums[i, 0] / scales.n_battery
        values[0, i] = energy
        values[1, i] = 0.5 + (sums[i, 2] - sums[i, 0]) / scales.n_charger
        values[2, i] = scales.gamma * sums[i, 1] / scales.n_battery
        values[3, i], values[4, i] = scales.gamma * sums[i, 3], scales.gamma * sums[i, 4]
        values[5, i] = integrals[0, i]
        values[6, i] = scales.nbar * integrals[1, i] if several else 0.0
        values[7, i] = max(0.0, 2.0 * energy - 1.0)
        values[8, i] = energy - scales.thermal
        if levels == 0:
            continue
        for m in range(levels):
            found[i, m] = sums[i, 5 + m] if damped.size == 0 else 0.0
        for k in range(damped.size):
            damped[k] = np.exp(-q.damping[k] * taus[i])
        for n in range(q.logs.shape[0]):
            _add_pure_state(n, i, states, taus[i], q, damped, c, found)
        values[9, i], values[10, i] = _ergotropies(i, found, ordered)


@njit(**UNCOUNTED)
def _add_pure_state(
    n: int, i: int, states: Array, tau: float, q: Tables, damped: Array, c: Array, p: Array
) -> None:
    """Add the populations after n photons, as often as `states` (T, rows, chains) have them."""
    probability, norm = 0.0, 0.0
    for k in range(c.size):
        probability += states[i, q.first + n, k]
    if not probability > LEAST_PROBABILITY:
        return
    for k in range(c.size):
        c[k] = q.undamped[n, k] * damped[k]
        norm += c[k] * c[k]
    if not norm > LEAST_NORM:  # late: relative to the largest
        largest, norm = -np.inf, 0.0
        for k in range(c.size):
            largest = max(largest, q.logs[n, k] - q.damping[k] * tau)
        for k in range(c.size):
            c[k] = np.exp(q.logs[n, k] - q.damping[k] * tau - largest)
            norm += c[k] * c[k]
    share = probability / norm
    for m in range(p.shape[1]):
        amplitude = 0.0
        for k in range(c.size):
            amplitude += c[k] * q.coefficients[n, k, m]
        p[i, m] += share * (amplitude * amplitude)


@njit(**UNCOUNTED)
def _ergotropies(i: int, p: Array, ordered: Array) -> tuple[float, float]:
    """Per spin, over the ladder's unitaries and over all: see `nvmodel.ergotropy`."""
    n, whole, energy = p.shape[1] - 1, 0.0, 0.0
    for m in range(p.shape[1]):
        whole += p[i, m]
        energy += m * p[i, m]
        place = m  # the largest first
        while place > 0 and ordered[place - 1] < p[i, m]:
            ordered[place] = ordered[place - 1]
            place -= 1
        ordered[place] = p[i, m]
    passive = 0.0
    for m in range(p.shape[1]):
        passive += m * ordered[m]
    return (energy - passive) / n, (energy - (whole - ordered[0])) / n
