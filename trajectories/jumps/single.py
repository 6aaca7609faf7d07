"""One run with all it knows, or many."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.ergotropy import ladder_ergotropy
from darkbattery.nvmodel.experiment import (
    Experiment,
    Model,
    experiment_of,
    of_the_reservoir,
    to_be_solved,
)
from darkbattery.nvmodel.irreps import Irreps, ladder_ergotropy_of_irreps
from darkbattery.nvmodel.method import Problem
from darkbattery.nvmodel.protocol import rotates
from darkbattery.nvmodel.refusal import InputError, output_times, refused_sizes, whole_number
from darkbattery.nvmodel.tally import MOST_RUNS
from darkbattery.trajectories.jumps.counts.lengths import refuse_endless
from darkbattery.trajectories.jumps.diffusive.runs import diffusive_runs, followed_on_ladders
from darkbattery.trajectories.jumps.filters.runs import filtered_runs
from darkbattery.trajectories.jumps.photons.recording import follow, groups_of_runs, kernel_tables
from darkbattery.trajectories.jumps.photons.walks import (
    MOST_SINGLE_JUMPS,
    made_in_groups,
    refuse_too_large,
    whole_record,
)
from darkbattery.trajectories.jumps.resonator import (
    cavity_jumps,
    cavity_runs,
    mode_jumps,
    mode_runs,
)
from darkbattery.trajectories.jumps.run import COURSES, ManyRuns, SingleRun
from darkbattery.trajectories.jumps.spins.local_noise import LOW, SIZE, TWO_JB, TWO_JC, TWO_M
from darkbattery.trajectories.jumps.spins.noisy_records import whole_runs
from darkbattery.trajectories.jumps.spins.noisy_runs import EXCITATIONS
from darkbattery.trajectories.jumps.spins.stages import (
    ABSORBED,
    BATTERY_ENERGY,
    CHARGER_ENERGY,
    EMITTED,
)
from darkbattery.trajectories.propagate.realspins import refuse_many_real_spins
from darkbattery.trajectories.reading.conditional import BATTERY_Z, unravelling
from darkbattery.trajectories.space.angular import clebsch_gordan
from darkbattery.trajectories.space.cavity_space import (
    cavity_of,
    refuse_many_spins,
    refuse_unequal_spins,
    what_mixes_ladders,
)

Array = NDArray[np.float64]

MOST_NUMBERS = 64_000_000  # of populations over runs and times: 512 MB


def single_run(battery: Model, times: ArrayLike, seed: int, run: int) -> SingleRun:
    """Run `run` of the study with this seed again, to the bit, with everything it knows.

    Raises InputError as `sample` does.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> one = single_run(CollectiveBattery(n_battery=1, n_charger=1), [1.0, 50.0], seed=3, run=3)
    >>> one.directions.tolist(), one.battery_energy.round(6).tolist()  # no photon: the singlet
    ([], [0.175973, 0.5])
    """
    return next(runs_side_by_side(battery, times, seed, run, 1))


def single_runs(model: Model, times: ArrayLike, seed: int, runs: Iterable[int]) -> ManyRuns:
    """The runs with these indices of the study with this seed, again, to the bit.

    They are made as `single_run` makes each, whatever is recorded: some 1,000 a second of a few
    spins.

    Parameters
    ----------
    model, times, seed
        As `sample` takes them.
    runs : iterable of int
        Such as ``range(100)``, or those that a table of rows chose; each once.

    Raises InputError as `single_run` does, and beyond memory.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> found = single_runs(CollectiveBattery(1, 1), [1.0, 50.0], seed=3, runs=[2, 5])
    >>> found.runs.tolist(), found.jump_runs.tolist(), found.populations.shape
    ([2, 5], [2], (2, 2, 2))
    """
    t, experiment = output_times(times), experiment_of(model)
    each = t.size * (experiment.n_battery + 1.0)
    if not experiment.counts_every_photon:
        each *= experiment.n_battery + 2.0 + sum(experiment.sizes)  # and matrices, or amplitudes
    chosen = _indices(runs, int(MOST_NUMBERS / each))
    made = [
        one
        for first, number in _stretches(chosen)
        for one in runs_side_by_side(model, t, seed, first, number)
    ]
    jumps = [one.jump_times.size for one in made]

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(one, name) for one in made])

    def stacked(name: str) -> NDArray[Any]:
        return np.array([getattr(one, name) for one in made])

    return ManyRuns(
        runs=np.array(chosen),
        times=t,
        jump_runs=np.repeat(chosen, jumps),
        jump_times=joined("jump_times"),
        directions=joined("directions"),
        processes=joined("processes"),
        J=made[0].J,
        M=stacked("M"),
        battery_j=stacked("battery_j"),
        charger_j=stacked("charger_j"),
        courses={name: stacked(name) for name in COURSES},
        populations=stacked("populations"),
        final_amplitudes=_last(made),
        record=None if made[0].record is None else stacked("record"),
        battery_states=None if made[0].battery_state is None else stacked("battery_state"),
    )


def _indices(runs: Iterable[int], most: int) -> list[int]:
    """As whole numbers; no more are looked at than memory holds the populations of."""
    if isinstance(runs, str) or not isinstance(runs, Iterable):
        raise InputError("runs", runs, "must be indices of runs, such as range(100)")
    some = list(islice(runs, most + 1))
    if len(some) > most:
        raise InputError("runs", runs, f"at most {most} of these at once; take fewer runs or times")
    chosen = [whole_number("runs", run, least=0, most=MOST_RUNS - 1) for run in some]
    if not chosen or len(set(chosen)) < len(chosen):
        raise InputError("runs", chosen, "must be at least one index, each once")
    return chosen


def _stretches(chosen: list[int]) -> Iterator[tuple[int, int]]:
    """First index and number of those that follow each other."""
    begin = 0
    for end in range(1, len(chosen) + 1):
        if end == len(chosen) or chosen[end] != chosen[end - 1] + 1:
            yield chosen[begin], end - begin
            begin = end


def _last(made: list[SingleRun]) -> NDArray[Any]:
    """At the last time; of no ladder where a record leaves no amplitudes."""
    if made[0].amplitudes.shape[0] == 0:
        return np.zeros((len(made), 0, 1))
    return np.array([one.amplitudes[-1] for one in made])


def runs_side_by_side(
    battery: Model, times: ArrayLike, seed: int, first: int, runs: int
) -> Iterator[SingleRun]:
    """The runs first ... first + runs - 1 as `single_run` makes each.

    An observer's matrices are followed many runs at a time.
    """
    t = output_times(times)
    first = whole_number("run", first, least=0, most=MOST_RUNS - 1)
    seed = whole_number("seed", seed, least=0, most=(1 << 64) - 1)
    indices = range(first, first + runs)
    every_jump: Callable[[Experiment, Array, int, int], SingleRun] = _with_every_jump
    made: Iterator[dict[str, Any]] | None = None
    if experiment_of(battery).resonator is not None:
        experiment, every_jump = to_be_solved(battery, t), _at_resonator
        if not experiment.counts_every_photon:
            made = filtered_runs(experiment, t, seed, first, runs)
    else:
        experiment = to_be_solved(of_the_reservoir(battery), t)
        made = _as_an_observer_knows(experiment, t, seed, first, runs)
    if made is None:
        yield from (every_jump(experiment, t, seed, run) for run in indices)
        return
    for run, fields in zip(indices, made, strict=True):
        yield SingleRun(run=run, times=t, **fields)


def _as_an_observer_knows(
    experiment: Experiment, t: Array, seed: int, first: int, runs: int
) -> Iterator[dict[str, Any]] | None:
    """Fields of runs of a reservoir, run by run; None where each jump is known."""
    if experiment.detector is not None and followed_on_ladders(experiment):
        return diffusive_runs(experiment, t, seed, first, runs)
    if not experiment.counts_every_photon or rotates(experiment.protocol):
        return filtered_runs(experiment, t, seed, first, runs)
    return None


def _with_every_jump(battery: Experiment, t: Array, seed: int, run: int) -> SingleRun:
    """A run of a reservoir of which each jump is known."""
    if battery.beyond_collective:
        refuse_many_real_spins(battery)
        refuse_endless(battery, t)
        return _of_real_spins(battery, t, seed, run)
    refuse_too_large(battery, t)
    if made_in_groups(battery):
        raise refused_sizes(
            battery.sizes,
            f"a record lists every photon: ladders of at most {MOST_SINGLE_JUMPS:.0e} rungs, "
            "N_C - N_B and a few",
        )
    tables = unravelling(battery)
    basis, taus = tables.basis, t * battery.gamma
    q = kernel_tables(tables, battery)
    _, path = next(groups_of_runs(q, taus, run, 1, states=True))
    follow(np.uint64(seed), run, taus, q, path)
    of_run = np.uint64(seed), run, q.starts, q.nbar
    jump_taus, directions = whole_record(*of_run, float(taus[-1]))
    M, z = path.M, path.means[BATTERY_Z]
    signs = np.cumprod(np.concatenate([[1.0], tables.relative_sign[1:]]))
    amplitudes = (path.amplitudes * signs[:, None]).T
    coefficients = clebsch_gordan(basis, M)
    populations = np.einsum("tk,tkm->tm", amplitudes, coefficients) ** 2
    return SingleRun(
        run=run,
        jump_times=jump_taus / battery.gamma,
        directions=directions,
        processes=(directions > 0).astype(np.int8),
        times=t,
        battery_j=np.full(t.size, battery.n_battery / 2),
        charger_j=np.full(t.size, battery.n_charger / 2),
        M=M,
        J=basis.J.copy(),  # the table of ladders is remembered
        amplitudes=amplitudes,
        battery_energy=0.5 + z / battery.n_battery,
        charger_energy=0.5 + (M - z) / battery.n_charger,
        ergotropy=ladder_ergotropy(populations),
        emitted_photons=path.emitted,
        absorbed_photons=path.absorbed,
        populations=populations,
    )


def _of_real_spins(battery: Experiment, times: Array, seed: int, run: int) -> SingleRun:
    """Run `run` of the study with this seed, with everything it knows."""
    ((course, jump_times, processes),) = whole_runs(battery, times, seed, run, 1, states=True)
    T = times.size
    at, q = course.at, course.quantities
    spins = battery.n_battery + battery.n_charger
    amplitudes = np.zeros((T, spins // 2 + 1), dtype=course.amplitudes.dtype)
    irreps = Irreps.all_of(battery.n_battery)
    p = np.zeros((T, irreps.irrep.size))
    for i in range(T):
        low, n = at[i, LOW], at[i, SIZE]
        amplitudes[i, low : low + n] = course.amplitudes[i, :n]
        j = 0.5 * at[i, TWO_JB]
        bottom = irreps.position(j, course.lowest[i])
        count = min(course.populations.shape[1], irreps.position(j, j) + 1 - bottom)
        p[i, bottom : bottom + count] = course.populations[i, :count]
    halves = np.asarray(0.5 * at.T, dtype=float)
    return SingleRun(
        run=run,
        jump_times=jump_times,
        directions=EXCITATIONS[processes],
        processes=processes,
        times=times,
        battery_j=halves[TWO_JB],
        charger_j=halves[TWO_JC],
        M=halves[TWO_M],
        J=np.arange(spins // 2 + 1, dtype=float) + 0.5 * (spins % 2),
        amplitudes=amplitudes,
        battery_energy=q[BATTERY_ENERGY],
        charger_energy=q[CHARGER_ENERGY],
        ergotropy=ladder_ergotropy_of_irreps(irreps, p),
        emitted_photons=q[EMITTED],
        absorbed_photons=q[ABSORBED],
        populations=irreps.by_excitations(p),
    )


def _at_resonator(experiment: Experiment, times: Array, seed: int, run: int) -> SingleRun:
    """With the mode itself, each jump known."""
    refuse_unequal_spins(experiment)
    refuse_many_spins(experiment)
    if what_mixes_ladders(experiment) is not None:
        problem = Problem(experiment, times, (), 1, seed, run)
        mode_runs.OVER_IRREPS.offers(experiment)  # what runs do not describe is refused
        return _over_irreps_with_mode(problem)
    cavity = cavity_of(experiment)
    cavity_runs.refuse_large_runs(cavity, times)
    basis = cavity.basis
    ((path, found),) = cavity_runs.whole_runs(experiment, times, seed, run, 1, states=True)
    read, directions = path.read, path.directions[:found]
    return SingleRun(
        run=run,
        jump_times=path.jump_times[:found],
        directions=directions,
        processes=(directions > 0).astype(np.int8),
        times=times,
        battery_j=np.full(times.size, basis.n_battery / 2),
        charger_j=np.full(times.size, basis.n_charger / 2),
        M=path.Q - read[cavity_jumps.PHOTONS],
        J=basis.J.copy(),
        amplitudes=path.states,
        battery_energy=read[cavity_jumps.BATTERY_ENERGY],
        charger_energy=read[cavity_jumps.CHARGER_ENERGY],
        ergotropy=ladder_ergotropy(path.populations),
        emitted_photons=read[cavity_jumps.EMITTED],
        absorbed_photons=read[cavity_jumps.ABSORBED],
        populations=path.populations,
        photons=read[cavity_jumps.PHOTONS],
    )


def _over_irreps_with_mode(problem: Problem) -> SingleRun:
    """With the mode, where ladders of J mix."""
    found = mode_runs.followed(problem)
    read, processes = found.path.read, found.path.processes[: found.jumps]
    irreps = Irreps.all_of(experiment_of(problem.model).n_battery)
    return SingleRun(
        run=problem.first,
        jump_times=found.path.jump_times[: found.jumps],
        directions=EXCITATIONS[processes],
        processes=processes,
        times=problem.times,
        battery_j=found.battery_j,
        charger_j=found.charger_j,
        M=found.Q - read[mode_jumps.PHOTONS],
        J=np.zeros(0),
        amplitudes=found.amplitudes,
        battery_energy=read[mode_jumps.BATTERY_ENERGY],
        charger_energy=read[mode_jumps.CHARGER_ENERGY],
        ergotropy=ladder_ergotropy_of_irreps(irreps, found.populations),
        emitted_photons=read[mode_jumps.EMITTED],
        absorbed_photons=read[mode_jumps.ABSORBED],
        populations=irreps.by_excitations(found.populations),
        photons=read[mode_jumps.PHOTONS],
    )
