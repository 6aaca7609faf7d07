"""Single charging runs: the quantum-jump unravelling of the collective master equation."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.experiment import (
    Experiment,
    Model,
    experiment_of,
    of_the_reservoir,
    to_be_solved,
    without_idle_switching,
)
from darkbattery.nvmodel.method import (
    Method,
    Problem,
    Records,
    Summary,
    Work,
    able,
    never,
    offered,
    refused_by,
    refused_for_size,
    summary_of,
)
from darkbattery.nvmodel.observables import Needs, needing, requested
from darkbattery.nvmodel.peaks import PEAK
from darkbattery.nvmodel.protocol import rotates
from darkbattery.nvmodel.refusal import InputError, output_times, refused_memory
from darkbattery.nvmodel.runstatistics import Statistics
from darkbattery.nvmodel.solution import Solution
from darkbattery.nvmodel.tally import Tally, run_range
from darkbattery.trajectories.jumps.counts.lengths import (
    refuse_endless,
    thermal_photons,
)
from darkbattery.trajectories.jumps.counts.summaries import Told, solution_of, told_of
from darkbattery.trajectories.jumps.counts.tally import (
    MEANS_OF_RUNS,
    OF_POPULATIONS,
    JumpStudy,
    collective_study,
    noisy_study,
)
from darkbattery.trajectories.jumps.diffusive.runs import DIFFUSIVE_RECORD
from darkbattery.trajectories.jumps.filters.runs import STATE_FILTER, lacking_coherence
from darkbattery.trajectories.jumps.photons.decays import (
    FEW_CELLS,
    MOST_CELLS,
    DecayStudy,
    count_decays,
    histogram_cells,
)
from darkbattery.trajectories.jumps.photons.detector import count_detected
from darkbattery.trajectories.jumps.photons.records import count_records
from darkbattery.trajectories.jumps.photons.walks import (
    MOST_TABLE,
    made_in_groups,
    refuse_too_large,
)
from darkbattery.trajectories.jumps.resonator import cavity_runs, mode_runs
from darkbattery.trajectories.jumps.resonator.study import OF_THE_MODE
from darkbattery.trajectories.jumps.spins.noisy_records import count_noisy_runs
from darkbattery.trajectories.propagate.realspins import refuse_many_real_spins
from darkbattery.trajectories.reading.conditional import unravelling
from darkbattery.trajectories.reading.derived import ENERGIES, FROM_ENERGY
from darkbattery.trajectories.reading.fluctuations import FLUCTUATIONS, OF_STATES
from darkbattery.trajectories.space.angular import ladders_of
from darkbattery.trajectories.space.cavity_space import (
    refuse_many_spins,
    refuse_unequal_spins,
    what_mixes_ladders,
)

Array = NDArray[np.float64]

# sums at so many photons resolve no variances
AVAILABLE_IN_GROUPS = (*ENERGIES, *FROM_ENERGY, *needing(Needs.COURSE))
LOST = needing(Needs.LOCAL)
AVAILABLE_WITH_NOISE = (*AVAILABLE_IN_GROUPS, *MEANS_OF_RUNS, *LOST)
AVAILABLE = (*AVAILABLE_IN_GROUPS, *MEANS_OF_RUNS, *needing(Needs.DETECTOR), *FLUCTUATIONS)
# measured on one core: (10, 50) spins at nbar = 0.5 take 1.8e-7 s a jump, (1000, 5000) 5e-8 s
SECONDS_PER_JUMP = 2e-7
# at nbar = 0 with every photon recorded 1.2e-8 to 2.2e-8 s from (10, 50) to (1e5, 5e5) spins
COLD_SECONDS_PER_JUMP = 2e-8
# a run in groups takes 2 to 6 ms
JUMPS_BESIDE_GROUPS = 3e4


def sample(
    battery: Model,
    times: ArrayLike,
    runs: int,
    seed: int,
    first: int = 0,
    observables: Iterable[str] | None = None,
    records: Records = None,
    statistics: Statistics | None = None,
) -> Solution:
    r"""Single runs first ... first + runs - 1 of the study with this seed, averaged.

    Every emitted and absorbed photon is seen. Between photons the state evolves with
    :math:`-\tfrac\gamma2[(\bar n+1)J^+J^-+\bar nJ^-J^+]`, which is diagonal in :math:`|J,M\rangle`,
    so that waiting times are drawn exactly (Dalibard, Castin and Moelmer 1992; Carmichael 1993). On
    ladders of more than 1e7 rungs jumps far from their ends are drawn in groups, with an error that
    no number of runs shows (`trajectories.jumps.photons.groups`; `provenance` says so);
    energies, rates and photon numbers alone are then available, photon numbers to 1e-9 of the
    largest.

    Parameters
    ----------
    battery : Experiment
        Or a `ResonatorBattery`, times in s: of spins all alike see
        `trajectories.jumps.resonator.cavity_jumps`, of few spins else
        `trajectories.jumps.resonator.mode_jumps`. In a reservoir, with local noise, detuning, a
        protocol or any start, runs are followed through the irreps :math:`(j_B,j_C)` of both
        ensembles; see `trajectories.jumps.spins.noisy_runs`.
    times : array_like (T,)
        As for `evolve`.
    runs : int
        At least 1; at most :math:`2^{32}` in one study.
    seed : int
        0 ... :math:`2^{64}-1`. Run i depends on (seed, i) alone.
    first : int
        Index of the first run.
    observables : iterable of str, optional
        Default: energies, power, photon rates and numbers. Ergotropies of the average state and
        the daemonic ergotropy on request.
    records : "summary" or Summary, optional
        Also give `Solution.records`, one row a run; see `trajectories.jumps.counts.summaries`. A
        `Summary` chooses the levels of charge whose times are told.
    statistics : Statistics, optional
        Also count distributions of what runs do, joint ones, and what selected runs do: see
        `nvmodel.Statistics`.

    Returns
    -------
    Solution
        With standard errors. `distributions`: ``battery_energy`` (conditional, at every time),
        ``emitted_photons``, ``burst_time`` (total :math:`J^z` first :math:`\le0`; 0 where it starts
        so), ``dark_state`` (final J, where it is conserved), ``populations`` and
        ``peak_emission_time`` where asked for. Merging disjoint ranges gives the same bits as one
        call.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> battery = CollectiveBattery(n_battery=2, n_charger=10)
    >>> half = sample(battery, [0.0, 0.2], runs=500, seed=7)
    >>> whole = half.merge(sample(battery, [0.0, 0.2], runs=500, seed=7, first=500))
    >>> whole.runs, bool((whole["power"] == sample(battery, [0, 0.2], 1000, 7)["power"]).all())
    (1000, True)
    """
    t = output_times(times)
    runs, first, seed = run_range(runs, first, seed)
    summary = summary_of(records)
    if experiment_of(battery).resonator is not None:
        asked = observables, summary, statistics
        return sample_cavity(battery, t, runs, seed, first, *asked)
    experiment = to_be_solved(of_the_reservoir(battery), t)
    names = default_observables(experiment)
    if observables is not None:
        reasons = lacking_coherence(experiment)
        names = requested(observables, names, available(experiment), reasons)
    problem = Problem(experiment, t, names, runs, seed, first, summary, statistics)
    return able(SAMPLE, problem).solve(problem).of_model(battery)


def default_observables(experiment: Experiment) -> tuple[str, ...]:
    """What `sample` gives unasked."""
    if experiment.is_collective:
        return ENERGIES
    lacking = lacking_coherence(experiment)
    return tuple(name for name in (*ENERGIES, *LOST) if name not in lacking)


def sample_cavity(
    model: Model,
    times: Array,
    runs: int,
    seed: int,
    first: int,
    observables: Iterable[str] | None,
    summary: Summary | None = None,
    statistics: Statistics | None = None,
) -> Solution:
    """`trajectories.sample` of a resonator, its other arguments checked."""
    refuse_unequal_spins(model)
    refuse_many_spins(model)
    experiment = to_be_solved(model, times)
    default = mode_runs.DEFAULT if what_mixes_ladders(experiment) else (*ENERGIES, *OF_THE_MODE)
    names = requested(observables, default, offered(AT_RESONATOR, experiment))
    problem = Problem(experiment, times, names, runs, seed, first, summary, statistics)
    return able(AT_RESONATOR, problem).solve(problem).of_model(model)


def available(battery: Model) -> tuple[str, ...]:
    """Observables that `sample` has for this battery; InputError where it has no runs of it.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> "local_loss" in available(CollectiveBattery(2, 3, detuning=1.0))
    True
    """
    experiment = without_idle_switching(battery)
    if experiment.resonator is not None:
        return offered(AT_RESONATOR, experiment)
    return offered(SAMPLE, of_the_reservoir(experiment))


def _counted(battery: Experiment) -> bool:
    """Whether the record is one of photons."""
    return battery.detector is None


def _one_by_one(battery: Experiment) -> tuple[str, ...]:
    if not _counted(battery) or not battery.is_collective or made_in_groups(battery):
        return ()
    if battery.detector_efficiency < 1.0 and battery.occupation > 0.0:
        return ()  # what is missed is followed on ladders that only fall
    return (*AVAILABLE, *OF_STATES) if battery.counts_every_photon else AVAILABLE


def _in_groups(battery: Experiment) -> tuple[str, ...]:
    if not _counted(battery) or not battery.is_collective or not made_in_groups(battery):
        return ()
    return AVAILABLE_IN_GROUPS


def _over_irreps(battery: Experiment) -> tuple[str, ...]:
    if not battery.counts_every_photon or battery.is_collective:
        return ()
    if rotates(battery.protocol):
        return ()  # no M is sharp
    refuse_many_real_spins(battery)
    return AVAILABLE_WITH_NOISE


_too_large = refused_for_size(refuse_too_large)


def _why_not_collective(problem: Problem) -> InputError | None:
    refusal, battery = _too_large(problem), problem.model
    if battery.detector_efficiency < 1.0:
        for field, value in (("records", problem.rows), ("statistics", problem.statistics)):
            if value is not None:
                text = "with a detector that misses photons of few spins alone; take fewer, or "
                return InputError(field, value, text + "detector_efficiency = 1")
    if refusal is not None or not set(OF_POPULATIONS) & set(problem.names):
        return refusal
    if _as_histograms(problem) or battery.detector_efficiency < 1.0:
        return None  # by photon numbers instead
    ladders = ladders_of(battery.n_battery, battery.n_charger)
    size = ladders.rows * ladders.number * (battery.n_battery + 1.0)
    if size <= MOST_TABLE:
        return None
    advice = "ask for energies only, or use evolve"
    return refused_memory("observables", problem.names, "a table", size, MOST_TABLE, advice)


def _as_histograms(problem: Problem) -> bool:
    """Whether a table of arrivals says all: it does not say which photons are of one run."""
    battery, names = problem.model, set(problem.names)
    if battery.occupation > 0.0 or battery.detector_efficiency < 1.0 or PEAK in names:
        return False
    ladder = bool({*OF_POPULATIONS, *FLUCTUATIONS} & names)
    most = MOST_CELLS if ladder else FEW_CELLS
    return histogram_cells(battery, problem.times.size) <= most


def _work_of_jumps(problem: Problem) -> Work:
    battery = problem.model
    cold = battery.occupation == 0.0 and battery.detector_efficiency == 1.0
    seconds = COLD_SECONDS_PER_JUMP if cold else SECONDS_PER_JUMP
    return _work_of_runs(problem, battery.n_charger, seconds)


def _work_of_groups(problem: Problem) -> Work:
    return _work_of_runs(problem, JUMPS_BESIDE_GROUPS, SECONDS_PER_JUMP)


def _work_of_runs(problem: Problem, one_by_one: float, seconds_per_jump: float) -> Work:
    thermal = 2.0 * thermal_photons(problem.model, float(problem.times[-1]))
    return Work((problem.runs or 1) * (one_by_one + thermal) * seconds_per_jump)


def _collective(problem: Problem) -> Solution:
    battery, t, seed, names = problem.model, problem.times, problem.seed, problem.names
    made = problem.first, problem.runs or 1
    if _as_histograms(problem):
        decays = DecayStudy(battery, t, seed, names)
        rows = told_of(problem, decays, battery.gamma)
        return _solution(problem, count_decays(decays, *made, rows), rows)
    study = collective_study(battery, t, seed, names, unravelling(battery).basis)
    rows = told_of(problem, study, battery.gamma)
    misses = battery.detector_efficiency < 1.0
    tally = count_detected(study, *made) if misses else count_records(study, *made, rows)
    return _solution(problem, tally, rows)


def _of_real_spins(problem: Problem) -> Solution:
    study = _study_of_real_spins(problem)
    rows = told_of(problem, study)
    made = problem.first, problem.runs or 1
    return _solution(problem, count_noisy_runs(study, *made, rows), rows)


def _study_of_real_spins(problem: Problem) -> JumpStudy:
    refuse_endless(problem.model, problem.times)
    return noisy_study(problem.model, problem.times, problem.seed, problem.names)


def _solution(problem: Problem, tally: Tally, told: Told | None) -> Solution:
    solver = "quantum jumps in groups" if made_in_groups(problem.model) else "quantum jumps"
    return solution_of(problem, tally, told, {"solver": solver, "seed": problem.seed})


QUANTUM_JUMPS = Method(
    name="quantum jumps",
    kind="sample",
    offers=_one_by_one,
    why_not=_why_not_collective,
    work=_work_of_jumps,
    solve=_collective,
    error="statistical",
)
JUMPS_IN_GROUPS = Method(
    name="quantum jumps in groups",
    kind="sample",
    offers=_in_groups,
    why_not=_why_not_collective,
    work=_work_of_groups,
    solve=_collective,
    error="statistical, and photon numbers to 1e-9 of the largest",
)
JUMPS_OF_REAL_SPINS = Method(
    name="quantum jumps over irreps",
    kind="sample",
    offers=_over_irreps,
    why_not=refused_by(_study_of_real_spins),
    work=never,
    solve=_of_real_spins,
    error="statistical",
)
AT_RESONATOR = (cavity_runs.QUANTUM_JUMPS, mode_runs.OVER_IRREPS, STATE_FILTER)
"""How single runs at a resonator are made."""


SAMPLE = (QUANTUM_JUMPS, JUMPS_IN_GROUPS, JUMPS_OF_REAL_SPINS, DIFFUSIVE_RECORD, STATE_FILTER)
"""How single runs in a shared reservoir are made, in order."""
