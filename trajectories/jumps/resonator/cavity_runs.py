"""Single runs at a resonator on the ladders of J: asked for, added up, or one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from darkbattery.nvmodel.battery import CollectiveBattery
from darkbattery.nvmodel.experiment import Model, experiment_of
from darkbattery.nvmodel.kernelcache import KERNEL
from darkbattery.nvmodel.method import Method, Problem, Work, refused_by
from darkbattery.nvmodel.observables import Needs, needing
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.solution import Solution
from darkbattery.nvmodel.tally import FULL, usable_bounds
from darkbattery.trajectories.jumps.counts.summaries import Batch, solution_of, told_of
from darkbattery.trajectories.jumps.counts.sums import (
    EMISSION,
    ENERGY,
    ERGOTROPY,
    PHOTON_BINS,
    VARIANCE,
    Sums,
    add_populations,
    add_run,
    add_spread,
    spread_bounds,
)
from darkbattery.trajectories.jumps.counts.sums import EMITTED as EMITTED_SPREAD
from darkbattery.trajectories.jumps.counts.sums import QUANTITIES as SPREAD_QUANTITIES
from darkbattery.trajectories.jumps.counts.tally import MEANS_OF_RUNS
from darkbattery.trajectories.jumps.resonator.cavity_jumps import (
    ABSORBED,
    BATTERY_ENERGY,
    EMITTED,
    LONGEST,
    PHOTONS,
    POWER,
    QUANTITIES,
    Mode,
    Path,
    empty_path,
    empty_state,
    follow_runs,
)
from darkbattery.trajectories.jumps.resonator.study import OF_THE_MODE, SUMMED, StudyAtResonator
from darkbattery.trajectories.reading.conditional import GROUP_NUMBERS, MOST_GROUP
from darkbattery.trajectories.reading.derived import ENERGIES, FROM_ENERGY
from darkbattery.trajectories.reading.fluctuations import FLUCTUATIONS
from darkbattery.trajectories.reading.light import rows_of_runs, with_ports
from darkbattery.trajectories.space.angular import clebsch_gordan
from darkbattery.trajectories.space.cavity_space import (
    Cavity,
    cavity_of,
    first_photon_bound,
    refuse_many_spins,
    refuse_unequal_spins,
    slowest_decay,
    thermal_field,
    what_mixes_ladders,
)

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

# of the emitter's J^+J^- in a reservoir: the mode has its own
SCATTER = tuple(name for name in FLUCTUATIONS if name != "g2_zero")
FROM_STATES = (*MEANS_OF_RUNS, *SCATTER)
AVAILABLE = (*ENERGIES, *OF_THE_MODE, *FROM_ENERGY, *needing(Needs.COURSE), *FROM_STATES)

MOST_RUN_SECONDS = 3600.0  # of one run
# amplitudes of all ladders, and their series
MOST_AMPLITUDES = 10_000_000
# of an amplitude and term, at most: (2, 10) spins take all of it, (10, 50), whose ladders are soon
# told apart, half, and (100, 500) a third (benchmarks/resonator.py)
SECONDS_PER_TERM = 0.6e-9
LEAST_TERMS, TERMS_PER_REACH = 13.0, 3.0  # of a step's series


def _solved(problem: Problem) -> Solution:
    model, times, names, seed = problem.model, problem.times, problem.names, problem.seed
    first, runs = problem.first, problem.runs or 1
    cavity = cavity_of(model)
    bound, basis, T = photon_bound(cavity), cavity.basis, times.size
    study = cavity_study(problem, cavity, bound)
    counts = study.no_runs_yet()
    sums, mode = study.sums_into(counts), mode_of(cavity, bound)
    told = told_of(problem, study)
    coefficients = coefficients_of(cavity, bound, bool(set(FROM_STATES) & set(names)))
    state = empty_state(mode)
    most = max(1, min(runs, MOST_GROUP, GROUP_NUMBERS // (QUANTITIES * T)))
    for start in range(first, first + runs, most):
        group = min(most, first + runs - start)
        path = empty_path(mode, group * T, group, coefficients)
        follow_runs(np.uint64(seed), start, times, mode, state, path)
        read = path.read
        add_runs(start, path, times, basis.n_battery, sums)
        if told is not None:
            photons = read[EMITTED], read[ABSORBED]
            light = read[BATTERY_ENERGY], read[POWER], read[PHOTONS]
            told.add(Batch(start, *light, photons, path.burst, basis.J[path.drawn]))
    provenance = {"solver": QUANTUM_JUMPS.name, "seed": seed, "most_photons": bound}
    return solution_of(problem, study.tally(first, runs, counts), told, provenance)


@dataclass(frozen=True, eq=False)
class CavityStudy(StudyAtResonator):
    """On the ladders of J."""

    cavity: Cavity

    def left(self, counts: Mapping[str, Counts], runs: int, means: Mapping[str, Array]) -> Array:
        """Excitations of a run that its ladder does not keep for ever, on average, at most.

        Where none was seen those seen before have decayed at the slowest rate of a single one.
        """
        basis = self.cavity.basis
        excited = basis.n_battery * (means["battery_energy"] - 0.5) + means["photons"]
        excited = excited + basis.n_charger * (means["charger_energy"] - 0.5)
        seen = excited + float(counts["ladders"] @ basis.J) / runs
        seen = np.where(seen < 0.5 / runs, 0.0, seen)  # a whole number of them, at T = 0
        left, rate = np.empty_like(seen), slowest_decay(self.cavity)
        before, at = 0.0, 0.0
        for i, t in enumerate(self.times):
            before = max(seen[i], before * math.exp(-rate * (t - at)))
            left[i], at = before, t
        return left


def cavity_study(problem: Problem, cavity: Cavity, most_photons: int) -> CavityStudy:
    """What is summed of the runs of a problem."""
    basis, times = cavity.basis, problem.times
    # of |<i g (a^+ J_B^- - h.c.)>|: twice the largest n times the largest J_B^-
    power = 2.0 * cavity.coupling * math.sqrt(most_photons + 1.0) * (0.5 * basis.n_battery + 1.0)
    bounds = [1.0, 1.0, power / basis.n_battery * 2.0, float(most_photons), FULL, FULL, 1.0]
    steady = cavity.kappa * cavity.nbar * (cavity.nbar + 1.0) * float(times[-1])
    width = math.ceil((cavity.excitations + 1.0 + 1.5 * steady) / PHOTON_BINS)
    return CavityStudy(
        experiment_of(CollectiveBattery(basis.n_battery, basis.n_charger, nbar=cavity.nbar)),
        times,
        problem.seed,
        problem.names,
        SUMMED,
        usable_bounds(bounds),
        spread_bounds(float(basis.J[-1])),
        float(width),
        basis.J.copy(),
        None,
        problem.model,
        cavity.kappa,
        cavity.kappa * cavity.excitations,
        0.0,
        cavity,
    )


@njit(**KERNEL)
def add_runs(first: int, path: Path, times: Array, spins: int, sums: Sums) -> None:
    """Add the runs first, first + 1, ... that were followed into `path`; `spins` of the battery.

    Populations, if asked for, are sorted on the way.
    """
    read, burst, drawn, populations = path.read, path.burst, path.drawn, path.populations
    T, spread = times.size, np.zeros((SPREAD_QUANTITIES, times.size))
    for place in range(burst.size):
        begin, run = place * T, first + place
        add_run(read, begin, burst[place], times, times, sums)
        sums.ladders[drawn[place]] += 1
        for i in range(T):
            column = begin + i
            energy = read[BATTERY_ENERGY, column]
            spread[ENERGY, i], spread[EMITTED_SPREAD, i] = energy, read[EMITTED, column]
            spread[EMISSION, i] = read[PHOTONS, column]
            if populations.shape[0]:
                p, square = populations[column], 0.0
                for m in range(p.size):
                    square += p[m] * (m / spins - energy) ** 2
                spread[VARIANCE, i] = square
                if sums.populations.shape[1]:
                    spread[ERGOTROPY, i] = add_populations(run, i, p, 0, 0, p.size, spins, sums)
        if sums.spread_total.shape[2]:
            add_spread(run, spread, sums)


def whole_runs(
    model: Model, times: Array, seed: int, first: int, runs: int, states: bool
) -> Iterator[tuple[Path, int]]:
    """The runs first ... first + runs - 1 one by one in one room, each with so many photons.

    With amplitudes and populations if `states`.
    """
    cavity = cavity_of(model)
    bound = photon_bound(cavity)
    mode, coefficients = mode_of(cavity, bound), coefficients_of(cavity, bound, wanted=states)
    state, room = empty_state(mode), bound + 1
    path = empty_path(mode, times.size, 1, coefficients, states, room)
    for run in range(first, first + runs):
        jumps = int(follow_runs(np.uint64(seed), run, times, mode, state, path))
        if jumps > room:  # a longer record is made again with room for it
            room = 2 * jumps
            path = empty_path(mode, times.size, 1, coefficients, states, room)
            follow_runs(np.uint64(seed), run, times, mode, state, path)
        yield path, jumps


def coefficients_of(cavity: Cavity, most_photons: int, wanted: bool) -> Array:
    """Of Clebsch and Gordan for every M, falling, as `Path` takes them; of none if not wanted."""
    basis = cavity.basis
    top = basis.m_start + most_photons
    M = np.arange(top, -basis.J[-1] - most_photons - 0.5, -1.0) if wanted else np.zeros(0)
    found = np.zeros((M.size, basis.n_ladders, basis.n_battery + 1))
    inside = np.abs(M) <= basis.J[-1]
    found[inside] = clebsch_gordan(basis, M[inside])
    return found


def mode_of(cavity: Cavity, most_photons: int) -> Mode:
    """What the kernel reads; real where there is no detuning."""
    basis, n = cavity.basis, np.arange(most_photons + 1.0)
    alternating = np.where(np.arange(basis.n_ladders) % 2 == 0, 1.0, -1.0)
    thermal = np.where(n < most_photons, n + 1.0, 0.0)
    loss = 0.5 * cavity.kappa * ((cavity.nbar + 1.0) * n + cavity.nbar * thermal)
    turn = 1j * cavity.detuning * n if cavity.detuning != 0.0 else 0.0 * n
    return Mode(
        basis.J,
        alternating * np.sqrt(basis.weight),
        np.cumsum(basis.weight),
        np.cumsum(thermal_field(cavity.nbar, most_photons)),
        basis.diagonal,
        basis.coupling,
        basis.m_start,
        cavity.coupling,
        cavity.kappa,
        cavity.nbar,
        basis.n_battery,
        basis.n_charger,
        loss + turn,
        turn,
    )


def photon_bound(cavity: Cavity) -> int:
    """The highest photon number of a run: all excitations, and a thermal field's beside them."""
    if cavity.nbar == 0.0:
        return cavity.excitations
    return max(first_photon_bound(cavity), cavity.excitations)


def refuse_large_runs(cavity: Cavity, times: Array) -> None:
    """Refuse what memory or time forbids, before anything is allocated."""
    sizes = (cavity.basis.n_battery, cavity.basis.n_charger)
    amplitudes = cavity.basis.n_ladders * (photon_bound(cavity) + 1.0)
    if amplitudes > MOST_AMPLITUDES:
        text = f"need {amplitudes:.2g} amplitudes of ladders and photons, at most "
        text += f"{MOST_AMPLITUDES:.2g}; take fewer spins, a colder resonator, or meanfield"
        raise InputError("battery.number, charger.number", sizes, text)
    seconds = seconds_of_a_run(cavity, times)
    if seconds > MOST_RUN_SECONDS:
        text = f"a run would take {seconds:.2g} s until then, at most {MOST_RUN_SECONDS:.2g}; "
        text += "take shorter times, eliminate_resonator(), or meanfield"
        raise InputError("times", float(times[-1]), text)


def seconds_of_a_run(cavity: Cavity, times: Array) -> float:
    """About how long one run takes, at most."""
    J, n = float(cavity.basis.J[-1]), photon_bound(cavity)
    fastest = 2.0 * cavity.coupling * math.sqrt(n + 1.0) * (J + 1.0)
    fastest += 0.5 * cavity.kappa * (2.0 * cavity.nbar + 1.0) * (n + 1.0)
    photons = float(cavity.excitations)
    photons += 2.0 * cavity.kappa * cavity.nbar * (cavity.nbar + 1.0) * float(times[-1])
    reach = fastest * float(times[-1])
    # a step with a photon in it is made again up to the photon
    steps = times.size + 2.0 * photons + reach / LONGEST
    terms = LEAST_TERMS * steps + TERMS_PER_REACH * reach
    return terms * cavity.basis.n_ladders * (n + 1.0) * SECONDS_PER_TERM


def _offers(model: Any) -> tuple[str, ...]:
    refuse_unequal_spins(model)
    refuse_many_spins(model)
    if what_mixes_ladders(model) is not None or not experiment_of(model).counts_every_photon:
        return ()
    return with_ports(model, AVAILABLE, rows_of_runs(model))


QUANTUM_JUMPS = Method(
    name="quantum jumps with the mode",
    kind="sample",
    offers=_offers,
    why_not=refused_by(lambda problem: refuse_large_runs(cavity_of(problem.model), problem.times)),
    work=lambda problem: Work(
        (problem.runs or 1) * seconds_of_a_run(cavity_of(problem.model), problem.times)
    ),
    solve=_solved,
    error="statistical",
)
"""How single runs are made whose ladders of J the mode does not mix."""
