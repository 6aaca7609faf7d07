"""Single runs at a resonator over irreps: asked for, added up, or one with all it knows.

What mixes ladders of J goes here: unequal couplings, detuned ensembles, noise of single spins,
polarisations below 1, and stages of those.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.battery import CollectiveBattery
from darkbattery.nvmodel.experiment import Experiment, Model, experiment_of
from darkbattery.nvmodel.irreps import Irreps
from darkbattery.nvmodel.method import Method, Problem, Work, refused_by
from darkbattery.nvmodel.observables import Needs, needing
from darkbattery.nvmodel.protocol import end_of
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.solution import Solution
from darkbattery.nvmodel.tally import FULL, usable_bounds
from darkbattery.trajectories.jumps.counts.lengths import local_jumps
from darkbattery.trajectories.jumps.counts.summaries import Batch, solution_of, told_of
from darkbattery.trajectories.jumps.counts.sums import PHOTON_BINS, spread_bounds
from darkbattery.trajectories.jumps.counts.tally import MEANS_OF_RUNS, refuse_large_populations
from darkbattery.trajectories.jumps.resonator.mode_jumps import (
    ABSORBED,
    BATTERY_ENERGY,
    EMITTED,
    LOCAL_LOSS,
    PHOTONS,
    POWER,
    QUANTITIES,
    REMAINDER,
    Path,
    Tables,
    add_over_irreps,
    empty_path,
    follow_over_irreps,
)
from darkbattery.trajectories.jumps.resonator.study import OF_THE_MODE, SUMMED, StudyAtResonator
from darkbattery.trajectories.jumps.spins.noisy_runs import EXCITATIONS
from darkbattery.trajectories.propagate.exponentials import exponentials_of
from darkbattery.trajectories.propagate.mode_generator import ModeGenerator, Move
from darkbattery.trajectories.propagate.mode_plan import (
    ModePlan,
    plan_and_bound,
    start_over_kets,
)
from darkbattery.trajectories.propagate.mode_stages import mixes_excitations
from darkbattery.trajectories.reading.conditional import GROUP_NUMBERS, MOST_GROUP
from darkbattery.trajectories.reading.derived import ENERGIES, FROM_ENERGY
from darkbattery.trajectories.reading.light import rows_of_runs, with_ports
from darkbattery.trajectories.space.cavity_space import (
    refuse_many_spins,
    refuse_unequal_spins,
    what_mixes_ladders,
)
from darkbattery.trajectories.space.mode_space import ModeSpace, block_states

Array = NDArray[np.float64]

LOST = needing(Needs.LOCAL)
AVAILABLE = (
    *ENERGIES,
    *OF_THE_MODE,
    *FROM_ENERGY,
    *needing(Needs.COURSE),
    *MEANS_OF_RUNS,
    *LOST,
)
DEFAULT = (*ENERGIES, *OF_THE_MODE, *LOST)

MOST_PAIRS = 20_000  # of irreps: beyond, not even their states are counted
MOST_NUMBERS = 32_000_000  # complex ones of the tables: 512 MB
MOST_RUN_SECONDS = 3600.0  # of one run
MOST_TABLE_SECONDS = 3600.0
# of a complex product in a run, and in an exponential of the tables
SECONDS_PER_PRODUCT, SECONDS_PER_TABLE = 2e-9, 4e-8
ROOM = 1024  # jumps of a run
PRODUCTS_OF_A_JUMP = 40.0  # with a matrix, beside one for each level


def sample_over_irreps(problem: Problem) -> Solution:
    """The runs of a problem, added up."""
    times, first, runs = problem.times, problem.first, problem.runs or 1
    plan, bound = plan_and_bound(problem)
    tables = tables_of(problem)
    study = mode_study(problem, plan, bound)
    counts = study.no_runs_yet()
    sums, T = study.sums_into(counts), times.size
    told = told_of(problem, study)
    largest = int(np.diff(tables.first).max()) if study.needs_populations else 0
    most = max(1, min(runs, MOST_GROUP, GROUP_NUMBERS // ((QUANTITIES + 2 * largest) * T)))
    for start in range(first, first + runs, most):
        group = min(most, first + runs - start)
        path = empty_path(group * T, group, largest)
        follow_over_irreps(np.uint64(problem.seed), start, times, tables, path)
        add_over_irreps(start, times, tables, path, sums)
        if told is not None:
            read = path.read
            light = read[BATTERY_ENERGY], read[POWER], read[PHOTONS]
            lost = read[LOCAL_LOSS, T - 1 :: T].astype(np.int64)
            photons = read[EMITTED], read[ABSORBED]
            told.add(Batch(start, *light, photons, path.burst, lost=lost))
    provenance = {"solver": OVER_IRREPS.name, "seed": problem.seed, "most_photons": bound}
    return solution_of(problem, study.tally(first, runs, counts), told, provenance)


def mode_study(problem: Problem, plan: ModePlan, most_photons: int) -> StudyAtResonator:
    """What is summed of the runs of a problem."""
    experiment, times = problem.model, problem.times
    n_battery, n_charger = experiment.sizes
    nbar, spins, last = experiment.nbar, n_battery + n_charger, float(times[-1])
    rates = [stretch.rates for stretch in plan.stretches]
    noises = [noise for one in rates for noise in (one.battery, one.charger)]
    coupling = max(one.battery_coupling for one in rates)
    # of |<i g (a^+ J_B^- - h.c.)>|: twice the largest n times the largest J_B^-
    power = 4.0 * coupling * math.sqrt(most_photons + 1.0) * (0.5 * n_battery + 1.0) / n_battery
    power += max(max(noise.emission, noise.pumping) for noise in noises)
    pumped = spins * max(noise.pumping for noise in noises) * last
    photons = plan.full + 1.0 + 1.5 * (plan.kappa * nbar * (nbar + 1.0) * last + pumped)
    study = StudyAtResonator(
        experiment_of(CollectiveBattery(n_battery, n_charger, nbar=nbar)),
        times,
        problem.seed,
        problem.names,
        (*SUMMED, "local_loss"),
        usable_bounds([1.0, 1.0, power, float(most_photons), FULL, FULL, FULL, 1.0]),
        spread_bounds(0.5 * spins),
        float(math.ceil(photons / PHOTON_BINS)),
        np.zeros(0),
        Irreps.all_of(n_battery),
        experiment,
        plan.kappa,
        plan.kappa * max(plan.full, 1),
        max(noise.dephasing + noise.emission + noise.pumping for noise in noises),
    )
    refuse_large_populations(study)
    return study


def whole_runs(problem: Problem, states: bool) -> Iterator[tuple[Path, int]]:
    """The runs of a problem one by one in one room, each with so many jumps.

    With amplitudes if `states`.
    """
    times, tables, room = problem.times, tables_of(problem), ROOM
    largest = int(np.diff(tables.first).max()) if states else 0
    path = empty_path(times.size, 1, largest, room)
    for run in range(problem.first, problem.first + (problem.runs or 1)):
        jumps = int(follow_over_irreps(np.uint64(problem.seed), run, times, tables, path))
        if jumps > room:  # a longer record is made again with room for it
            room = 2 * jumps
            path = empty_path(times.size, 1, largest, room)
            follow_over_irreps(np.uint64(problem.seed), run, times, tables, path)
        yield path, jumps


class Followed(NamedTuple):
    """A run as it was followed.

    Attributes
    ----------
    path : Path
        With room for the whole record.
    jumps : int
    battery_j, charger_j, Q : ndarray (T,)
    populations : ndarray (T, positions)
        Of the battery's `Irreps`.
    amplitudes : ndarray of complex (T, N_B + 1, n)
        By the battery's excitations and photons, times (-i)^n.
    """

    path: Path
    jumps: int
    battery_j: Array
    charger_j: Array
    Q: Array
    populations: Array
    amplitudes: NDArray[np.complex128]


def followed(problem: Problem) -> Followed:
    """The one run of a problem."""
    refuse_large_tables(problem)
    plan, bound = plan_and_bound(problem)
    tables, times = tables_of(problem), problem.times
    ((path, jumps),) = whole_runs(problem, states=True)
    space = ModeSpace(plan.jb, plan.jc, bound, plan.top(bound))
    irreps, kets = Irreps.all_of(tables.n_battery), space.kets
    p = np.zeros((times.size, irreps.irrep.size))
    amplitudes = np.zeros((times.size, tables.n_battery + 1, bound + 1), dtype=np.complex128)
    begin = space.first[path.blocks]
    for i, (first, b) in enumerate(zip(begin, path.blocks, strict=True)):
        states = np.arange(first, space.first[b + 1])
        found, j = path.states[i, : states.size], float(space.jb[kets.b[first]])
        excited = np.round(kets.mb[states] + 0.5 * tables.n_battery).astype(np.int64)
        amplitudes[i, excited, kets.n[states]] = found
        places = irreps.position(j, -j) + np.round(kets.mb[states] + j).astype(np.int64)
        np.add.at(p[i], places, np.abs(found) ** 2)
    sharp = kets.mb[begin] + kets.mc[begin] + kets.n[begin]
    both = space.jb[kets.b[begin]], space.jc[kets.c[begin]]
    return Followed(path, jumps, *both, sharp, p, amplitudes)


def tables_of(problem: Problem) -> Tables:
    """What the kernel reads; made once for all blocks of runs."""
    return _tables(experiment_of(problem.model), tuple(problem.times.tolist()))


@lru_cache(maxsize=2)
def _tables(model: Experiment, of_times: tuple[float, ...]) -> Tables:
    times = np.array(of_times)
    plan, most_photons = plan_and_bound(Problem(model, times, ()))
    n_battery, n_charger = plan.experiment.sizes
    space = ModeSpace(plan.jb, plan.jc, most_photons, plan.top(most_photons))
    rates = list(dict.fromkeys(stretch.rates for stretch in plan.stretches))
    stages = [ModeGenerator(space, one, n_battery, n_charger, 2) for one in rates]
    kets, block, span = space.kets, space.block, _span(times)
    first = space.first
    matrices = [stage.without_jumps.tocsr() for stage in stages]
    fastest = max(float(abs(matrix).sum(axis=1).max()) for matrix in matrices)
    levels = _levels(fastest * span)
    powers, at = _exponentials(matrices, first, span, levels)
    channels, amplitudes = _channels(stages)
    source = np.array([move.source for _, move in channels]).reshape(len(channels), -1)
    irreps = Irreps.all_of(n_battery)
    return Tables(
        span,
        levels,
        powers,
        at,
        first,
        block,
        _targets(source, amplitudes, block, first.size - 1),
        source,
        amplitudes,
        np.array([process for process, _ in channels], dtype=np.int64),
        EXCITATIONS,
        np.cumsum(start_over_kets(plan, space)),
        kets.mb,
        kets.mc,
        kets.n.astype(np.float64),
        np.array([stage.local_power for stage in stages]),
        np.array([end_of(stretch.stop) for stretch in plan.stretches]),
        np.array([rates.index(stretch.rates) for stretch in plan.stretches]),
        irreps.offsets,
        np.round(0.5 * n_battery - space.jb[kets.b[first[:-1]]]).astype(np.int64),
        n_battery,
        n_charger,
    )


def _span(times: Array) -> float:
    """The longest time between two outputs."""
    return float(np.diff(times, prepend=0.0).max()) or 1.0


def _levels(reach: float) -> int:
    """How often a span is halved until what is left is short; `reach` is it by the fastest rate."""
    return max(1, 1 + math.ceil(math.log2(max(reach, REMAINDER) / REMAINDER)))


def _exponentials(
    matrices: list[Any], first: NDArray[np.int64], span: float, levels: int
) -> tuple[NDArray[np.complex128], NDArray[np.int64]]:
    """The exponentials of every block one after the other, and where each begins."""
    d = np.diff(first)
    sizes = (levels + 1) * d * d
    at = (np.concatenate([[0], np.cumsum(np.tile(sizes, len(matrices)))])).astype(np.int64)
    powers = np.empty(at[-1], dtype=np.complex128)
    shares = span * 0.5 ** np.arange(levels)
    for r, matrix in enumerate(matrices):
        for b, (low, high) in enumerate(pairwise(first)):
            own = np.asarray(matrix[low:high, low:high].todense(), dtype=np.complex128)
            place = at[r * d.size + b]
            stack = exponentials_of(shares[:, None, None] * own)
            powers[place : place + sizes[b]] = np.concatenate([stack.ravel(), own.ravel()])
    return powers, at[:-1].reshape(len(matrices), d.size)


def _channels(stages: list[ModeGenerator]) -> tuple[list[tuple[int, Move]], Array]:
    """All channels of all stages, and their amplitudes (stages, channels, states)."""
    found: dict[tuple[int, bytes], tuple[int, Move]] = {}
    for stage in stages:
        for process, move in stage.jumps:
            found.setdefault((process, move.source.tobytes()), (process, move))
    keys, states = list(found), stages[0].space.kets.n.size
    amplitudes = np.zeros((len(stages), len(keys), states))
    for r, stage in enumerate(stages):
        for process, move in stage.jumps:
            amplitudes[r, keys.index((process, move.source.tobytes()))] = move.amplitude
    return list(found.values()), amplitudes


def _targets(
    source: NDArray[np.int64], amplitudes: Array, block: NDArray[np.int64], blocks: int
) -> NDArray[np.int64]:
    """Where each channel leads from each block; -1 where nowhere."""
    target = np.full((source.shape[0], blocks), -1, dtype=np.int64)
    for c, (of, strength) in enumerate(zip(source, amplitudes.max(axis=0), strict=True)):
        to = np.flatnonzero((of >= 0) & (strength != 0.0))
        target[c, block[of[to]]] = block[to]
    return target


def refuse_large_tables(problem: Problem) -> None:
    """Refuse what memory or time forbids, before anything is allocated."""
    plan, bound = plan_and_bound(problem)
    pairs, sizes = plan.jb.size * plan.jc.size, plan.experiment.sizes
    largest = (2.0 * plan.jb[0] + 1.0) * (2.0 * plan.jc[0] + 1.0) * (bound + 1.0)
    if pairs > MOST_PAIRS or largest > MOST_NUMBERS:
        text = f"{pairs} pairs of irreps with up to {bound} photons: too many for single runs; "
        raise InputError("battery.number, charger.number", sizes, text + "take fewer, or meanfield")
    numbers, table_seconds, _ = _size(plan, bound, problem.times)
    if numbers > MOST_NUMBERS or table_seconds > MOST_TABLE_SECONDS:
        text = f"need {numbers:.2g} numbers ({numbers * 16e-9:.2g} GB, {table_seconds:.2g} s) for "
        text += f"{pairs} pairs of irreps with up to {bound} photons, at most {MOST_NUMBERS:.2g}; "
        text += "take fewer spins or a colder resonator, or meanfield"
        raise InputError("battery.number, charger.number", sizes, text)
    seconds = seconds_of_a_run(problem)
    if seconds > MOST_RUN_SECONDS:
        text = f"a run would take {seconds:.2g} s until then, at most {MOST_RUN_SECONDS:.2g}; "
        raise InputError("times", float(problem.times[-1]), text + "take shorter times")


def _size(plan: ModePlan, bound: int, times: Array) -> tuple[float, float, float]:
    """Numbers of the tables, seconds that they take, and the states of the largest block."""
    states = block_states(plan.jb, plan.jc, bound, plan.top(bound))
    stages = len({stretch.rates for stretch in plan.stretches})
    levels = _levels(_fastest(plan, bound) * _span(times)) + 1.0
    numbers = stages * levels * float(states @ states)
    seconds = stages * levels * float(np.sum(states**3)) * SECONDS_PER_TABLE
    return numbers, seconds, float(states.max())


def _fastest(plan: ModePlan, bound: int) -> float:
    """The largest rate of the amplitudes, about."""
    (n_battery, n_charger), found = plan.experiment.sizes, 0.0
    for stretch in plan.stretches:
        r = stretch.rates
        exchange = r.battery_coupling * (n_battery + 1.0) + r.charger_coupling * (n_charger + 1.0)
        lost = 0.5 * r.kappa * (2.0 * r.nbar + 1.0) * (bound + 1.0)
        detuned = abs(r.battery_detuning) * n_battery + abs(r.charger_detuning) * n_charger
        found = max(found, math.sqrt(bound + 1.0) * exchange + lost + detuned)
    return found


def seconds_of_a_run(problem: Problem) -> float:
    """About how long one run takes, at most."""
    plan, bound = plan_and_bound(problem)
    times, jumps = problem.times, jumps_at_resonator(problem)
    _, _, states = _size(plan, bound, times)
    levels = _levels(_fastest(plan, bound) * _span(times))
    spacing = np.diff(times, prepend=0.0)
    even = np.allclose(spacing[1:], spacing[-1], rtol=1e-9) if times.size > 1 else True
    products = times.size * (ORDER_OF_A_STEP + (1.0 if even else levels))
    products += jumps * (PRODUCTS_OF_A_JUMP + levels)
    return products * states**2 * SECONDS_PER_PRODUCT


def jumps_at_resonator(problem: Problem) -> float:
    """About how many jumps of all kinds a run has, at most."""
    plan, _ = plan_and_bound(problem)
    found, until, spins = float(plan.full), float(problem.times[-1]), plan.experiment.sizes
    for one in (stretch.rates for stretch in plan.stretches):
        local = 0.0
        for noise, number in ((one.battery, spins[0]), (one.charger, spins[1])):
            local += local_jumps(noise, number, one.nbar)
        found += until * (local + 2.0 * one.kappa * one.nbar * (one.nbar + 1.0))
    return found


ORDER_OF_A_STEP = 5.0  # products of the polynomial at the end of a step


def refuse_mixed_excitations(experiment: Experiment) -> None:
    """Refuse what makes coherence between excitation numbers."""
    if mixes_excitations(experiment):
        text = "single runs at a resonator have no drive and no rotations; evolve has them"
        raise InputError("drive, protocol", (experiment.drive, experiment.protocol), text)


def _offers(model: Model) -> tuple[str, ...]:
    refuse_unequal_spins(model)
    refuse_many_spins(model)
    experiment = experiment_of(model)
    if what_mixes_ladders(model) is None or not experiment.counts_every_photon:
        return ()
    refuse_mixed_excitations(experiment)
    return with_ports(model, AVAILABLE, rows_of_runs(model))


OVER_IRREPS = Method(
    name="quantum jumps over irreps with the mode",
    kind="sample",
    offers=_offers,
    why_not=refused_by(refuse_large_tables),
    work=lambda problem: Work(
        (problem.runs or 1) * seconds_of_a_run(problem),
        16.0 * _size(*plan_and_bound(problem), problem.times)[0],
        at_most=_size(*plan_and_bound(problem), problem.times)[1],
    ),
    solve=sample_over_irreps,
    error="statistical",
)
