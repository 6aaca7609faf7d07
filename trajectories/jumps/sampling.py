"""Single charging runs: the quantum-jump unravelling of the collective master equation."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.ergotropy import ladder_ergotropy
from darkbattery.nvmodel.experiment import (
    Experiment,
    Model,
    experiment_of,
    of_the_reservoir,
    to_be_solved,
    without_idle_switching,
)
from darkbattery.nvmodel.observables import Needs, needing, requested
from darkbattery.nvmodel.peaks import PEAK
from darkbattery.nvmodel.refusal import InputError, whole_number
from darkbattery.nvmodel.rows import Records, Summary, summary_of
from darkbattery.nvmodel.solution import Solution
from darkbattery.nvmodel.sums import MOST_RUNS
from darkbattery.nvmodel.tally import run_range
from darkbattery.nvmodel.times import output_times
from darkbattery.trajectories.jumps.cavity_runs import sample_cavity
from darkbattery.trajectories.jumps.decays import (
    FEW_CELLS,
    MOST_CELLS,
    DecayStudy,
    count_decays,
    histogram_cells,
)
from darkbattery.trajectories.jumps.detector import count_detected
from darkbattery.trajectories.jumps.noisy_records import count_noisy_runs, follow_noisy_run
from darkbattery.trajectories.jumps.recording import follow, groups_of_runs, kernel_tables
from darkbattery.trajectories.jumps.records import count_records
from darkbattery.trajectories.jumps.single import SingleRun
from darkbattery.trajectories.jumps.stages import refuse_many_real_spins
from darkbattery.trajectories.jumps.summaries import RunRows
from darkbattery.trajectories.jumps.tally import collective_study, noisy_study
from darkbattery.trajectories.jumps.walks import MOST_SINGLE_JUMPS, made_in_groups, whole_record
from darkbattery.trajectories.reading.bonds import END_BONDS
from darkbattery.trajectories.reading.conditional import BATTERY_Z, unravelling
from darkbattery.trajectories.reading.fluctuations import FLUCTUATIONS, NEED_ERGOTROPY
from darkbattery.trajectories.reading.readout import ENERGIES, FROM_ENERGY, FROM_POPULATIONS
from darkbattery.trajectories.space.angular import clebsch_gordan, coupled_basis

Array = NDArray[np.float64]

# sums at so many photons resolve no variances
AVAILABLE_IN_GROUPS = (*ENERGIES, *FROM_ENERGY, *needing(Needs.COURSE))
LOST = needing(Needs.LOCAL)
_MEANS_OF_RUNS = (*FROM_POPULATIONS, *needing(Needs.RECORD, without=Needs.SQUARES))
AVAILABLE_WITH_NOISE = (*AVAILABLE_IN_GROUPS, *_MEANS_OF_RUNS, *LOST)
AVAILABLE = (*AVAILABLE_IN_GROUPS, *_MEANS_OF_RUNS, *needing(Needs.DETECTOR), *FLUCTUATIONS)
MOST_PHOTONS = 1e8  # of one run, so that it ends within seconds
MOST_LISTED = 1_000_000_000  # spins whose photons can be followed one by one: takes seconds a run
MOST_RUNGS = 1 << 53  # of a ladder: heights and halves of them are exact in double precision
MOST_TABLE = 64_000_000  # elements of the tables of bonds, and of amplitudes: 512 MB


def sample(
    battery: Model,
    times: ArrayLike,
    runs: int,
    seed: int,
    first: int = 0,
    observables: Iterable[str] | None = None,
    records: Records = None,
) -> Solution:
    r"""Single runs first ... first + runs - 1 of the study with this seed, averaged.

    Every emitted and absorbed photon is seen. Between photons the state evolves with
    :math:`-\tfrac\gamma2[(\bar n+1)J^+J^-+\bar nJ^-J^+]`, which is diagonal in |J,M>, so that
    waiting times are drawn exactly (Dalibard, Castin and Moelmer 1992; Carmichael 1993). On ladders
    of more than 1e7 rungs jumps far from their ends are drawn in groups, with an error that no
    number of runs shows (`trajectories.jumps.groups`; `provenance` says so); energies, rates and
    photon numbers alone are then available, photon numbers to 1e-9 of the largest.

    Parameters
    ----------
    battery : Experiment
        Or a `ResonatorBattery` of spins all alike, times in s; see
        `trajectories.jumps.cavity_jumps`. With local noise, detuning, a protocol or any start, runs
        are followed through the irreps (j_B, j_C) of both ensembles; see
        `trajectories.jumps.noisy_runs`.
    times : array_like (T,)
        As for `evolve`.
    runs : int
        At least 1; at most 2^32 in one study.
    seed : int
        0 ... 2^64 - 1. Run i depends on (seed, i) alone.
    first : int
        Index of the first run.
    observables : iterable of str, optional
        Default: energies, power, photon rates and numbers. Ergotropies of the average state and
        the daemonic ergotropy on request.
    records : "summary" or Summary, optional
        Also give `Solution.records`, one row a run; see `trajectories.jumps.summaries`. A `Summary`
        chooses the levels of charge whose times are told.

    Returns
    -------
    Solution
        With standard errors. `distributions`: ``battery_energy`` (conditional, at every time),
        ``emitted_photons``, ``burst_time`` (total J^z first <= 0; 0 where it starts so),
        ``dark_state`` (final J, where it is conserved), ``populations`` and ``peak_emission_time``
        where asked for. Merging disjoint ranges gives the same bits as one call.

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
        if summary is not None:
            raise InputError("records", records, "must be None: with a resonator no rows are kept")
        return sample_cavity(battery, t, runs, seed, first, observables)
    model = battery
    battery = to_be_solved(of_the_reservoir(model), t)
    if not battery.is_collective:
        found = _sample_beyond(battery, t, runs, seed, first, observables, summary)
        return found.of_model(model)
    known = available(battery)
    if battery.detector_efficiency < 1.0 and summary is not None:
        raise InputError("records", records, "only with detector_efficiency = 1")
    refuse_too_large(battery, t)
    in_groups = made_in_groups(battery)
    names = requested(observables, default=ENERGIES, available=known)
    ladder = bool({*FROM_POPULATIONS, *NEED_ERGOTROPY, *FLUCTUATIONS} & set(names))
    every_photon = battery.occupation == 0.0 and battery.detector_efficiency == 1.0
    # the table of arrivals does not say which photons are of one run
    histograms = (
        every_photon
        and PEAK not in names
        and histogram_cells(battery, t.size) <= (MOST_CELLS if ladder else FEW_CELLS)
    )
    rows = None
    if summary is not None:
        rows = RunRows(t * battery.gamma, first, runs, summary, rate=battery.gamma)
    if histograms:
        counted = count_decays(DecayStudy(battery, t, seed, names), first, runs, rows)
    else:
        basis = unravelling(battery).basis
        study = collective_study(battery, t, seed, names, basis)
        misses = battery.detector_efficiency < 1.0
        counted = (
            count_detected(study, first, runs)
            if misses
            else count_records(study, first, runs, rows)
        )
    table = None if rows is None else rows.table()
    solver = "quantum jumps in groups" if in_groups else "quantum jumps"
    return Solution(t, counted, {"solver": solver, "seed": seed}, table, model)


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
    battery = of_the_reservoir(battery)
    t = output_times(times)
    run = whole_number("run", run, least=0, most=MOST_RUNS - 1)
    seed = whole_number("seed", seed, least=0, most=(1 << 64) - 1)
    battery = to_be_solved(battery, t)
    if battery.detector_efficiency != 1.0:
        raise InputError("detector_efficiency", battery.detector_efficiency, "must be 1 here")
    if battery.beyond_collective:
        refuse_many_real_spins(battery)
        return follow_noisy_run(battery, t, seed, run)
    refuse_too_large(battery, t)
    if made_in_groups(battery):
        raise InputError(
            "n_battery, n_charger",
            (battery.n_battery, battery.n_charger),
            f"a record lists every photon: ladders of at most {MOST_SINGLE_JUMPS:.0e} rungs, "
            "N_C - N_B and a few",
        )
    tables = unravelling(battery)
    basis, taus = tables.basis, t * battery.gamma
    q = kernel_tables(tables, battery)
    _, path = next(groups_of_runs(q, taus, run, 1, states=True))
    follow(np.uint64(seed), run, taus, q, path)
    of_run = np.uint64(seed), run, q.cumulative, q.bonds.J, q.bonds.m_starts, q.nbar
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


def available(battery: Experiment) -> tuple[str, ...]:
    """Observables that `sample` has for this battery; InputError where it has no runs of it.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> "local_loss" in available(CollectiveBattery(2, 3, detuning=1.0))
    True
    """
    battery = without_idle_switching(battery)
    if not battery.is_collective:
        _refuse_detector_with_noise(battery)
        refuse_many_real_spins(battery)
        return AVAILABLE_WITH_NOISE
    _refuse_detector_in_heat(battery)
    return AVAILABLE_IN_GROUPS if made_in_groups(battery) else AVAILABLE


def refuse_unlisted(battery: Experiment) -> None:
    """Refuse what is followed photon by photon for too many of them."""
    sizes = (battery.n_battery, battery.n_charger)
    if sum(sizes) > MOST_LISTED:
        raise InputError(
            "n_battery, n_charger",
            sizes,
            f"every photon is followed: at most {MOST_LISTED:.0e} spins in all",
        )


def _sample_beyond(
    battery: Experiment,
    times: Array,
    runs: int,
    seed: int,
    first: int,
    observables: Iterable[str] | None,
    summary: Summary | None,
) -> Solution:
    """`sample` of checked input, with what the paper's model lacks."""
    default = (*ENERGIES, *LOST)
    names = requested(observables, default=default, available=available(battery))
    rows = None if summary is None else RunRows(times, first, runs, summary)
    found = count_noisy_runs(noisy_study(battery, times, seed, names), first, runs, rows)
    table = None if rows is None else rows.table()
    return Solution(times, found, {"solver": "quantum jumps", "seed": seed}, table)


def thermal_photons(battery: Experiment, time: float) -> float:
    r"""About how many photons a run emits and absorbs in equilibrium until `time`.

    On ladder J as many are emitted as absorbed, :math:`(\bar n+1)\langle J^+J^-\rangle` each in
    1/gamma. With n = nbar: :math:`\langle J^+J^-\rangle` tends to 2 n J/(n+1) in the cold and
    2 J(J+1)/3 in the heat; their harmonic sum stands in between.

    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> thermal_photons(CollectiveBattery(n_battery=1, n_charger=2, nbar=0.0), 1e9)
    0.0
    """
    n = battery.occupation
    if n == 0.0:
        return 0.0
    basis = coupled_basis(battery.n_battery, battery.n_charger)
    J = np.maximum(basis.J, 0.5)  # J = 0 is dark for ever; it has company
    cold, hot = 2.0 * n * J, (n + 1.0) * 2.0 * J * (J + 1.0) / 3.0
    rate = float(basis.weight @ (2.0 * cold / (1.0 + cold / hot)) / basis.weight.sum())
    return rate * battery.gamma * time


def _refuse_detector_with_noise(battery: Experiment) -> None:
    if battery.detector_efficiency != 1.0:
        raise InputError(
            "detector_efficiency",
            battery.detector_efficiency,
            f"must be 1 with {', '.join(battery.beyond_collective[:-1])}",
        )


def _refuse_detector_in_heat(battery: Experiment) -> None:
    if battery.detector_efficiency < 1.0 and battery.occupation > 0.0:
        raise InputError(
            "detector_efficiency",
            battery.detector_efficiency,
            f"below 1 in single runs at nbar = 0 alone (here {battery.occupation:g})",
        )


def refuse_too_large(battery: Experiment, times: Array) -> None:
    """Refuse collective runs that memory or time forbids."""
    spins = battery.n_battery + battery.n_charger
    sizes = (battery.n_battery, battery.n_charger)
    if battery.detector_efficiency < 1.0:
        refuse_unlisted(battery)
    basis = coupled_basis(*sizes)
    if 2.0 * basis.J[-1] + 1.0 > MOST_RUNGS:
        raise InputError(
            "n_battery, n_charger",
            sizes,
            f"single runs take N_C - N_B up to about {MOST_RUNGS:.1e}: heights stay exact",
        )
    K = basis.n_ladders
    rows = times.size
    if battery.occupation > 0.0:
        rows = max(rows, min(spins + 1, 2 * END_BONDS * K))
    if K * rows > MOST_TABLE:
        raise InputError(
            "n_battery, n_charger",
            sizes,
            f"single runs over {K} ladders need a table of {K * rows * 8e-9:.2g} GB, at most "
            f"{MOST_TABLE * 8e-9:.2g}; take R further from 1, fewer spins or fewer times",
        )
    photons = thermal_photons(battery, float(times[-1]))
    if photons > MOST_PHOTONS:
        raise InputError(
            "times",
            float(times[-1]),
            f"a single run has about {photons:.1g} photons until then, at most {MOST_PHOTONS:.0g}; "
            "take shorter times or a colder reservoir",
        )
