r"""Exact averages with the resonator itself: the master equation of battery, charger and mode.

.. math:: \dot\rho=-i[H,\rho]+\kappa(\bar n+1)D[a]\rho+\kappa\bar nD[a^\dagger]\rho,\qquad
          H=g(a^\dagger J^-+J^+a)+D_ca^\dagger a

falls into pairs of ladders, and these into blocks of Q = M + n of which each feeds the next below
(`trajectories.space.cavity_space`); energies need neighbouring ladders alone.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.battery import CollectiveBattery
from darkbattery.nvmodel.experiment import Model
from darkbattery.nvmodel.method import Method, Problem, Work, refused_by
from darkbattery.nvmodel.observables import Needs, needing
from darkbattery.nvmodel.portlight import NET_PHOTONS
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.solution import Distribution, Reading, Solution
from darkbattery.trajectories.propagate.cavity_steps import Read, follow_pair, pair_of, terms_in_all
from darkbattery.trajectories.propagate.chains import Chains, pair_chains
from darkbattery.trajectories.reading.derived import (
    ENERGIES,
    FROM_ENERGY,
    FROM_ENTANGLEMENT,
    NEED_POPULATIONS,
    OF_RATES,
    derived,
    over_excitations,
    speeds,
)
from darkbattery.trajectories.reading.entanglement import (
    log_negativity,
    log_negativity_and_rate,
    transpose_blocks,
)
from darkbattery.trajectories.reading.light import (
    at_the_ports,
    in_light_and_joules,
    with_ports,
)
from darkbattery.trajectories.reading.readout import (
    SUMS_OVER_M,
    linear_observables,
    populations,
    product_blocks,
    refuse_large_blocks,
)
from darkbattery.trajectories.space.angular import ladders_of
from darkbattery.trajectories.space.cavity_space import (
    Cavity,
    blocks_of,
    cavity_of,
    coupling_radius,
    elements_of,
    first_photon_bound,
    refuse_many_spins,
    refuse_unequal_spins,
    thermal_field,
    what_mixes_ladders,
)

Array = NDArray[np.float64]

OF_THE_MODE = needing(Needs.MEANS | Needs.FIELD)
NEED_ALL_PAIRS = (*NEED_POPULATIONS, *FROM_ENTANGLEMENT)
AVAILABLE = (*ENERGIES, *OF_THE_MODE, *FROM_ENERGY, *NEED_ALL_PAIRS)

# coherences of ladders that start smaller than this are left out, all together less than 1e-11
NEGLIGIBLE_COHERENCE = 1e-13
# the highest photon number may hold so much, times itself; what is missing then is of this size
NEGLIGIBLE_PHOTONS = 1e-12
# elements of one pair, of which seven arrays are held: 1.7 GB
MOST_ELEMENTS = 30_000_000
# doubles kept of all output times: 2 GB
MOST_KEPT = 250_000_000
# size cubed of dense matrices whose eigenvalues are found in a second
EIGENVALUE_RATE = 1e9
# products with elements: some 1e9 of them a second and core
MOST_PRODUCTS = 2e13
PRODUCTS_PER_SECOND = 1e9


@dataclass(frozen=True, eq=False)
class _Found:
    """What was read of all pairs: states and rates (T, rows, chains), and of the photons (T,)."""

    chains: Chains
    states: NDArray[Any]
    rates: NDArray[Any]
    photons: Array
    counted: Array
    top: Array
    error: float


def _solved(problem: Problem) -> Solution:
    model, t, names = problem.model, problem.times, problem.names
    cavity = cavity_of(model)
    furthest = _furthest(cavity, names)
    found, most_photons, missing = _within_bound(cavity, furthest, t)
    values, distributions = _observables(model, cavity, t, found, most_photons, names)
    provenance = {
        "solver": "master equation with the mode",
        "error_estimate": found.error + missing,
        "most_photons": most_photons,
    }
    reading = Reading({name: values[name] for name in names}, distributions=distributions)
    return Solution(t, reading, provenance, model=model)


def _within_bound(cavity: Cavity, furthest: int, times: Array) -> tuple[_Found, int, float]:
    """All pairs, the highest photon number that was enough, and what was missing beyond it."""
    most_photons, full, before = first_photon_bound(cavity), cavity.excitations, math.inf
    while True:
        refuse_too_much(cavity, most_photons, furthest, times)
        found = _all_pairs(cavity, most_photons, furthest, times)
        cut = cavity.nbar > 0.0 or most_photons < full
        missing = float(found.top.max()) * (most_photons + 1.0) if cut else 0.0
        # of a share that does not fall it is rounding that is seen
        if missing <= NEGLIGIBLE_PHOTONS or missing > 0.5 * before:
            return found, most_photons, missing
        before, most_photons = missing, math.ceil(1.3 * most_photons) + 2
        if cavity.nbar == 0.0:
            most_photons = min(most_photons, full)


def refuse_too_much(cavity: Cavity, most_photons: int, furthest: int, times: Array) -> None:
    """Refuse what memory or time forbids, before anything is allocated."""
    sizes = (cavity.basis.n_battery, cavity.basis.n_charger)
    field = "battery.number, charger.number"
    # more photons than that are not even counted
    few = most_photons < MOST_ELEMENTS // 10
    largest = elements_of(cavity, -1, -1, most_photons) if few else 10.0 * most_photons
    less = "take fewer spins" + (", a colder resonator" if cavity.nbar > 0.0 else "")
    if largest > MOST_ELEMENTS:
        text = f"need {largest:.2g} elements a pair of ladders ({56e-9 * largest:.2g} GB) with up "
        text += f"to {most_photons} photons, at most {MOST_ELEMENTS:.2g}; {less}, or meanfield"
        raise InputError(field, sizes, text)
    kept = kept_of(cavity, furthest, times.size)
    if kept > MOST_KEPT:
        text = f"need {kept * 8e-9:.2g} GB for {times.size} times, at most "
        raise InputError(field, sizes, text + f"{MOST_KEPT * 8e-9:.2g}; take fewer times")
    work = products_of(cavity, most_photons, furthest, float(times[-1]))
    if work > MOST_PRODUCTS:
        text = f"would take {work / PRODUCTS_PER_SECOND / 3600.0:.2g} hours until then, at most "
        text += f"{MOST_PRODUCTS / PRODUCTS_PER_SECOND / 3600.0:.2g}; take shorter times, "
        text += "eliminate_resonator(), or meanfield"
        raise InputError("times", float(times[-1]), text)


def kept_of(cavity: Cavity, furthest: int, outputs: int) -> float:
    """Doubles of the states and rates that are kept of all output times."""
    K = cavity.basis.n_ladders
    chains = K * (K + 1) // 2 if furthest > 1 else 2 * K - 1
    parts = 4.0 if cavity.detuning != 0.0 else 2.0
    return parts * outputs * chains * (2.0 * float(cavity.basis.J[-1]) + 1.0)


def products_of(cavity: Cavity, most_photons: int, furthest: int, time: float) -> float:
    """About how many products with an element the averages take."""
    basis = cavity.basis
    b = 2.0 * float(coupling_radius(cavity, -1, most_photons)[1].max())
    parts = 2.0 if cavity.detuning != 0.0 else 1.0
    own = [elements_of(cavity, k, k, most_photons) for k in range(basis.n_ladders)]
    root = np.sqrt(own)
    near = np.subtract.outer(np.arange(root.size), np.arange(root.size))
    kept = (near >= 0) & (near <= furthest)
    kept &= (near <= 1) | (np.outer(basis.weight, basis.weight) >= NEGLIGIBLE_COHERENCE**2)
    elements = float(np.outer(root, root)[kept].sum())
    return parts * elements * terms_in_all(b, _centre(cavity, most_photons), time)


def _centre(cavity: Cavity, most_photons: int) -> float:
    """About half the largest rate at which anything relaxes with so many photons."""
    thermal = most_photons if cavity.nbar > 0.0 else 0.0
    lost = 0.5 * cavity.kappa * ((cavity.nbar + 1.0) * most_photons + cavity.nbar * thermal)
    return 2.0 * lost if cavity.nbar > 0.0 else lost


def _all_pairs(cavity: Cavity, most_photons: int, furthest: int, times: Array) -> _Found:
    basis = cavity.basis
    chains = pair_chains(basis, 0.0, furthest, NEGLIGIBLE_COHERENCE)
    complex_states = cavity.detuning != 0.0
    kind = np.complex128 if complex_states else np.float64
    states, rates = np.zeros((2, times.size, chains.M.size, chains.first.size), dtype=kind)
    photons, counted, top = np.zeros((3, times.size))
    radius = [coupling_radius(cavity, k, most_photons) for k in range(basis.n_ladders)]
    error = 0.0
    for chain in range(chains.first.size):
        k, other = int(chains.first[chain]), int(chains.second[chain])
        read = _one_pair(cavity, k, other, radius, most_photons, times)
        first = round(chains.M[0] - basis.J[other])
        rows = slice(first, first + read.states.shape[2])
        for to, source in ((states, read.states), (rates, read.rates)):
            imaginary = 1j * source[:, 1] if complex_states else 0.0
            to[:, rows, chain] = source[:, 0] + imaginary
        error += read.error
        if k == other:
            photons += read.photons
            counted += read.counted
            top += np.abs(read.top)
    return _Found(chains, states, rates, photons, counted, top, error)


def _one_pair(
    cavity: Cavity,
    k: int,
    other: int,
    radii: list[tuple[Array, Array]],
    most_photons: int,
    times: Array,
) -> Read:
    basis = cavity.basis
    blocks = blocks_of(cavity, k, other, most_photons)
    radius = sum(np.interp(blocks.Q, *radii[one]) for one in (k, other))
    start = np.zeros((2 if cavity.detuning != 0.0 else 1, blocks.size))
    sign = -1.0 if (k - other) % 2 else 1.0
    share = sign * math.sqrt(basis.weight[k] * basis.weight[other])
    start[0, blocks.start] = share * thermal_field(cavity.nbar, most_photons)[: blocks.start.size]
    pair = pair_of(cavity, blocks, most_photons)
    return follow_pair(pair, start, np.asarray(radius), most_photons, times)


def _observables(
    model: Model,
    cavity: Cavity,
    times: Array,
    found: _Found,
    most_photons: int,
    names: tuple[str, ...],
) -> tuple[dict[str, Array], dict[str, Distribution]]:
    basis, chains = cavity.basis, found.chains
    n_b, n_c = basis.n_battery, basis.n_charger
    operators = dict(zip(SUMS_OVER_M, linear_observables(basis, chains, 0.0), strict=True))
    neighbours = 2 * basis.n_ladders - 1

    def mean(name: str, of: NDArray[Any]) -> Array:
        narrow = of[:, :, :neighbours].real.reshape(times.size, -1)
        return np.asarray(narrow @ operators[name].ravel())

    z, total = mean("battery_z", found.states), mean("total_z", found.states)
    reservoir = CollectiveBattery(n_b, n_c, nbar=cavity.nbar)
    energy, in_charger = 0.5 + z / n_b, 0.5 + (total - z) / n_c
    kappa, nbar = cavity.kappa, cavity.nbar
    emitted = kappa * (nbar + 1.0) * found.counted
    absorbed = kappa * nbar * (found.counted + times)
    at_first = float(thermal_field(nbar, most_photons) @ np.arange(most_photons + 1.0))
    balance = n_b * energy + n_c * in_charger + found.photons + emitted - absorbed - n_c - at_first
    values = {
        "battery_energy": energy,
        "charger_energy": in_charger,
        "power": mean("battery_z", found.rates) / n_b,
        "emitted_photons": emitted,
        "absorbed_photons": absorbed,
        "photons": found.photons,
        "excitation_balance": balance / (n_b + n_c),
    }
    lines = in_light_and_joules(model)
    values |= {name: line.at(values[line.of]) for name, line in lines.items()}
    values |= at_the_ports(model, {**values, NET_PHOTONS: emitted - absorbed})
    distributions, populated = {}, None
    if set(NEED_POPULATIONS) & set(names):
        populated = populations(basis, chains, found.states.real)
        distributions["populations"] = over_excitations(populated)
    values |= derived(names, reservoir, energy, in_charger, populated)
    if set(OF_RATES) & set(names) and populated is not None:
        moved = populations(basis, chains, found.rates.real, found.states.real)
        values |= speeds(populated, moved)
    if set(FROM_ENTANGLEMENT) & set(names):
        values |= _entanglement(cavity, found, "entanglement_rate" in names)
    return values, distributions


def _entanglement(cavity: Cavity, found: _Found, with_rate: bool) -> dict[str, Array]:
    value, rate = np.empty((2, len(found.states)))
    for i, (state, change) in enumerate(zip(found.states, found.rates, strict=True)):
        transposed = transpose_blocks(product_blocks(cavity.basis, found.chains, state))
        if with_rate:
            moved = transpose_blocks(product_blocks(cavity.basis, found.chains, change))
            value[i], rate[i] = log_negativity_and_rate(transposed, moved)
        else:
            value[i] = log_negativity(transposed)
    return {"log_negativity": value, "entanglement_rate": rate}


def _furthest(cavity: Cavity, names: tuple[str, ...]) -> int:
    """How far apart the ladders of a pair are at most."""
    return cavity.basis.n_ladders if set(NEED_ALL_PAIRS) & set(names) else 1


def _offers(model: Any) -> tuple[str, ...]:
    refuse_unequal_spins(model)
    refuse_many_spins(model)
    return with_ports(model, AVAILABLE) if what_mixes_ladders(model) is None else ()


def _refuse(problem: Problem) -> None:
    cavity = cavity_of(problem.model)
    if set(FROM_ENTANGLEMENT) & set(problem.names):
        basis = cavity.basis
        refuse_large_blocks(ladders_of(basis.n_battery, basis.n_charger))
    furthest = _furthest(cavity, problem.names)
    refuse_too_much(cavity, first_photon_bound(cavity), furthest, problem.times)


def _work(problem: Problem) -> Work:
    cavity, names, outputs = cavity_of(problem.model), problem.names, problem.times.size
    most_photons, furthest = first_photon_bound(cavity), _furthest(cavity, names)
    products = products_of(cavity, most_photons, furthest, float(problem.times[-1]))
    rows, size = 2.0 * float(cavity.basis.J[-1]) + 1.0, cavity.basis.n_battery + 1.0
    tables = (
        outputs * rows * size**3 / EIGENVALUE_RATE if set(FROM_ENTANGLEMENT) & set(names) else 0
    )
    held = 8.0 * elements_of(cavity, -1, -1, most_photons) + kept_of(cavity, furthest, outputs)
    return Work(products / PRODUCTS_PER_SECOND, 8.0 * held, tables)


WITH_MODE = Method(
    name="master equation with the mode",
    kind="evolve",
    offers=_offers,
    why_not=refused_by(_refuse),
    work=_work,
    solve=_solved,
    error="1e-10",
)
