r"""Single runs of few spins whose observer does not see it all: made in groups, and added up.

For what the ladders of `trajectories.jumps.photons.detector` and
`trajectories.jumps.diffusive.diffusion` do not carry: :math:`T>0`, noise of single spins, detuning,
protocols and any start, where a detector misses photons or records the field's quadratures; and
for the light of a resonator, through whatever port. The state is a matrix over the irreps of
battery and charger, with the mode (`trajectories.space.mode_space`), what is watched and what is
not stands in `trajectories.propagate.watched`.

Data: `Problem` -> plan (stages, tables; by model and times alone) -> groups of runs side by side,
each read at the output times (`FilterGroup`) -> `FilterStudy`'s sums, rows and statistics.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment, Model, experiment_of
from darkbattery.nvmodel.method import Method, Problem, Work, refused_by
from darkbattery.nvmodel.observables import Needs, needing
from darkbattery.nvmodel.protocol import rotates
from darkbattery.nvmodel.refusal import InputError, refused_sizes
from darkbattery.nvmodel.solution import Solution
from darkbattery.trajectories.jumps.counts.lengths import jumps_until, refuse_jumps
from darkbattery.trajectories.jumps.counts.sums import EMITTED as EMITTED_SPREAD
from darkbattery.trajectories.jumps.counts.sums import RECORDED
from darkbattery.trajectories.jumps.counts.tally import MEANS_OF_RUNS
from darkbattery.trajectories.jumps.diffusive.diffusion import ALLOWED, REACH
from darkbattery.trajectories.jumps.diffusive.runs import AVAILABLE as AVAILABLE_OF_RECORDS
from darkbattery.trajectories.jumps.diffusive.runs import followed_on_ladders
from darkbattery.trajectories.jumps.diffusive.study import (
    ABSORBED,
    EMITTED,
    LIGHT,
    LOST,
    count_groups,
    first_low,
)
from darkbattery.trajectories.jumps.filters.groups import (
    NOTHING,
    FilterGroup,
    Readings,
    empty_group,
    irreps_of,
    runs_of_a_group,
)
from darkbattery.trajectories.jumps.filters.hidden_runs import hidden_runs
from darkbattery.trajectories.jumps.filters.photon_filter import filter_plan, filtered
from darkbattery.trajectories.jumps.filters.record_filter import steps_of
from darkbattery.trajectories.jumps.filters.records import (
    elements_of_tables,
    planned,
    record_groups,
    refuse_many_steps,
)
from darkbattery.trajectories.jumps.filters.study import filter_study
from darkbattery.trajectories.jumps.filters.turned_runs import TurnedRuns
from darkbattery.trajectories.jumps.resonator.cavity_runs import refuse_large_runs
from darkbattery.trajectories.jumps.resonator.mode_runs import (
    jumps_at_resonator,
    refuse_large_tables,
    refuse_mixed_excitations,
)
from darkbattery.trajectories.jumps.resonator.study import OF_THE_MODE
from darkbattery.trajectories.jumps.spins.noisy_runs import EXCITATIONS
from darkbattery.trajectories.propagate.realspins import refuse_unknown_stages
from darkbattery.trajectories.propagate.watched_mode import (
    QUADRATURE,
    elements_of,
    irreps_reached,
    watching,
)
from darkbattery.trajectories.reading.derived import ENERGIES, FROM_ENERGY, FROM_POPULATIONS
from darkbattery.trajectories.reading.fluctuations import FLUCTUATIONS, OF_STATES
from darkbattery.trajectories.reading.light import rows_of_runs, with_ports
from darkbattery.trajectories.reading.watched_readout import WORK
from darkbattery.trajectories.space.cavity_space import (
    cavity_of,
    refuse_many_spins,
    refuse_unequal_spins,
    what_mixes_ladders,
)

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

# of the emitter's J^+J^- in a reservoir: a mode has its own
_NOT_OF_A_MODE = ("g2_zero",)
AVAILABLE_OF_PHOTONS = (
    *ENERGIES,
    *FROM_ENERGY,
    *needing(Needs.COURSE),
    *MEANS_OF_RUNS,
    *needing(Needs.DETECTOR),
    *FLUCTUATIONS,
    *OF_STATES,
)

# Efficiencies count from behind the first pulses, which runs do not read.
OF_COHERENT_AVERAGES = ("ergotropy_local", *FROM_ENERGY, *FROM_POPULATIONS, "information_gain")
MOST_ELEMENTS = 600  # of a matrix whose exponentials are tables
MOST_COHERENT = 1500  # of one that is followed in steps
MOST_JUMPS = 1e6  # of a run: from photon to photon it takes a minute
# of an element and product of a run, measured on one core; of the exponentials' products
SECONDS_PER_ELEMENT, SECONDS_PER_TABLE = 2e-9, 3e-10
PRODUCTS = 20.0  # of a photon or an output time
SECONDS_PER_STEP, SECONDS_PER_TABLE_ELEMENT = 2e-5, 2e-6


def photon_groups(
    battery: Experiment, at: Array, seed: int, first: int, runs: int, states: bool
) -> Iterator[FilterGroup]:
    """The runs first ... first + runs - 1, as one knows them whose detector misses photons."""
    plan, T = filter_plan(battery, at), at.size
    readings, most = Readings(battery, plan.space, states), runs_of_a_group(plan.space, T)
    for start in range(first, first + runs, most):
        n = min(most, first + runs - start)
        group = empty_group(battery, start, n, T, states)
        q, spread = group.quantities, group.spread
        for r, hidden in enumerate(hidden_runs(battery, at, seed, start, n)):
            q[EMITTED, r], q[ABSORBED, r] = hidden.emitted, hidden.absorbed
            if q.shape[0] > LOST:
                q[LOST, r] = hidden.lost
            group.burst[r], group.recorded[r] = hidden.burst, hidden.recorded
            spread[EMITTED_SPREAD, r] = hidden.emitted
            spread[RECORDED, r] = np.searchsorted(hidden.recorded, at, side="right")
        for i, watched, x in filtered(plan, group.recorded):
            readings.read(group, i, watched, x)
        if rotates(battery.protocol):
            group.burst[:] = first_low(group.M, at, NOTHING)
        yield group


def perfect_groups(
    battery: Experiment, at: Array, seed: int, first: int, runs: int, states: bool
) -> Iterator[FilterGroup]:
    """The same of turned spins where every jump is known: pure states."""
    space, T = watching(battery, at, coherent=True).space, at.size
    readings, most = Readings(battery, space, states), runs_of_a_group(space, T)
    for start in range(first, first + runs, most):
        n = min(most, first + runs - start)
        group, found = (
            empty_group(battery, start, n, T, states),
            TurnedRuns(battery, at, seed, start, n),
        )
        q = group.quantities
        for i, watched, psi in found.states():
            readings.read(group, i, watched, space.projectors(psi))
            q[[EMITTED, ABSORBED, LOST], :, i] = found.counts
        for run in range(n):
            group.recorded[run] = found.jump_times(run, 0)
            kinds = np.array(found.processes[run], dtype=np.int8)
            group.jumps.append((found.jump_times(run), kinds))
        group.burst[:] = first_low(group.M, at, NOTHING)
        group.spread[EMITTED_SPREAD] = group.spread[RECORDED] = q[EMITTED]
        yield group


def groups_of_runs(
    battery: Experiment, at: Array, seed: int, first: int, runs: int, states: bool
) -> Iterator[FilterGroup]:
    """The runs first ... first + runs - 1, whatever is recorded of them."""
    made = photon_groups if battery.detector is None else record_groups
    made = perfect_groups if battery.counts_every_photon else made
    return made(battery, at, seed, first, runs, states)


def refuse_large(problem: Problem) -> None:
    """Refuse what memory or time forbids, before anything is allocated."""
    battery, at = experiment_of(problem.model), problem.times
    detector, turns = battery.detector, rotates(battery.protocol)
    coherent = detector is not None or turns
    most = MOST_COHERENT if coherent else MOST_ELEMENTS
    size = elements_of(battery, at, coherent)
    if size > most:
        seen = "turned spins have" if turns else "missed photons leave"
        if detector is not None:
            seen = f"a {detector.kind} record leaves"
        plain = ", but for sums over runs of the plain model at T = 0"
        text = f"{seen} a matrix of {size:.2g} elements, at most {most}"
        text += "" if turns or battery.resonator is not None else plain
        text += "; take fewer spins, or evolve, whose averages no detector changes"
        if battery.resonator is None:
            raise refused_sizes(battery.sizes, text)
        raise InputError("battery.number, charger.number", battery.sizes, text)
    if detector is not None:
        refuse_many_steps(battery, at)
        return
    refuse_jumps(_jumps_until(battery, at), at, MOST_JUMPS)
    if battery.resonator is not None:  # the runs whose photons are missed
        if what_mixes_ladders(battery) is None:
            refuse_large_runs(cavity_of(battery), at)
        else:
            refuse_large_tables(problem)


def _jumps_until(battery: Experiment, at: Array) -> float:
    if battery.resonator is None:
        return jumps_until(battery, float(at[-1]))
    return jumps_at_resonator(Problem(battery, at, ()))


def count_runs(problem: Problem) -> Solution:
    """Make the runs of a problem and add them up."""
    battery, at, seed = experiment_of(problem.model), problem.times, problem.seed
    study = filter_study(battery, at, seed, problem.names)
    provenance: dict[str, Any] = {"solver": STATE_FILTER.name, "seed": seed}
    if battery.detector is not None:
        steps, error = planned(battery, at)
        provenance |= {"steps": steps.lengths.size, "step_error": error}
    made = seed, problem.first, problem.runs or 1, study.needs_populations
    return count_groups(problem, study, groups_of_runs(battery, at, *made), provenance)


def filtered_runs(
    battery: Experiment, times: Array, seed: int, first: int, runs: int
) -> Iterator[dict[str, Any]]:
    """The fields of `SingleRun`s, run by run; refused as `sample` refuses."""
    if battery.resonator is None:
        refuse_unknown_stages(battery)
    else:
        refuse_at_resonator(battery)
    refuse_large(Problem(battery, times, (), runs=1))
    detector, excited = battery.detector, np.arange(battery.n_battery + 1)
    for group in groups_of_runs(battery, times, seed, first, runs, states=True):
        for r, recorded in enumerate(group.recorded):
            fields = _fields(battery, times, group, r)
            photons = recorded, np.zeros(recorded.size, dtype=np.int8)
            when, processes = group.jumps[r] if group.jumps else photons
            fields |= {
                "jump_times": when,
                "directions": EXCITATIONS[processes],
                "processes": processes,
            }
            if detector is not None:
                # states are followed in a frame that is turned by the local oscillator's phase
                phase = detector.phase + (0.0 if battery.resonator is None else QUADRATURE)
                turn = np.exp(1j * phase * (excited[:, None] - excited))
                state = fields["battery_state"]
                fields["battery_state"] = turn * state if phase else state
                fields["record"] = group.window[r]
            yield fields


def _fields(battery: Experiment, times: Array, group: FilterGroup, r: int) -> dict[str, Any]:
    T, q = times.size, group.quantities[:, r]
    reached = irreps_reached(battery, times)
    halves = (float(j[0]) if j.size == 1 else np.nan for j in reached)
    battery_j, charger_j = (np.full(T, half) for half in halves)
    return {
        "battery_j": battery_j,
        "charger_j": charger_j,
        "M": group.M[r],
        "J": np.zeros(0),
        "amplitudes": np.zeros((0, 0)),
        "battery_energy": q[0],
        "charger_energy": q[1],
        "ergotropy": group.known[WORK, r],
        "emitted_photons": q[EMITTED],
        "absorbed_photons": q[ABSORBED],
        "photons": None if battery.resonator is None else q[LIGHT],
        "populations": irreps_of(battery).by_excitations(group.populations[r]),
        "battery_state": _over_excitations(battery, T, [rho[r] for rho in group.matrices]),
    }


def _over_excitations(battery: Experiment, T: int, matrices: list[NDArray[Any]]) -> NDArray[Any]:
    """The battery's matrices, irreps added up, over its excitations (T, N_B + 1, N_B + 1)."""
    size = battery.n_battery + 1
    found = np.zeros((T, size, size), dtype=matrices[0].dtype)
    for rho in matrices:
        low = (size - rho.shape[-1]) // 2
        found[:, low : size - low, low : size - low] += rho
    return found


def lacking_coherence(battery: Experiment) -> dict[str, str]:
    """What runs of turned spins lack, and why: they keep no sums of the average's coherence."""
    why = "not by single runs of turned spins; evolve has it: no detector changes an average"
    why_gain = "not of turned spins: it needs the coherence of the average state"
    if not rotates(battery.protocol):
        return {}
    return dict.fromkeys(OF_COHERENT_AVERAGES, why) | {"information_gain": why_gain}


def _offers(model: Model) -> tuple[str, ...]:
    battery = experiment_of(model)
    if battery.resonator is not None:
        return _offers_at_resonator(battery)
    if battery.counts_every_photon and not rotates(battery.protocol):
        return ()
    if battery.detector is not None and followed_on_ladders(battery):
        return ()
    refuse_unknown_stages(battery)
    own = AVAILABLE_OF_PHOTONS if battery.detector is None else AVAILABLE_OF_RECORDS
    more = () if battery.is_collective else needing(Needs.LOCAL)
    lacking = lacking_coherence(battery)
    return tuple(name for name in dict.fromkeys((*own, *more)) if name not in lacking)


def _offers_at_resonator(battery: Experiment) -> tuple[str, ...]:
    if battery.counts_every_photon:
        return ()
    refuse_at_resonator(battery)
    own = AVAILABLE_OF_PHOTONS if battery.detector is None else AVAILABLE_OF_RECORDS
    more = () if what_mixes_ladders(battery) is None else needing(Needs.LOCAL)
    names = tuple(dict.fromkeys((*own, *OF_THE_MODE, *more)))
    names = tuple(name for name in names if name not in _NOT_OF_A_MODE)
    return with_ports(battery, names, rows_of_runs(battery))


def refuse_at_resonator(battery: Experiment) -> None:
    """Refuse what records at a resonator are not of."""
    refuse_unequal_spins(battery)
    refuse_many_spins(battery)
    refuse_mixed_excitations(battery)
    assert battery.resonator is not None
    if battery.resonator.kappa == 0.0:
        text = "must be > 0: no light leaves the resonator that a detector could see"
        raise InputError("linewidth_fwhm_hz", 0.0, text)


def _work(problem: Problem) -> Work:
    battery, T, runs = experiment_of(problem.model), problem.times.size, problem.runs or 1
    if battery.detector is not None:
        numbers = elements_of_tables(battery, problem.times)
        steps = steps_of(watching(battery, problem.times, coherent=True), problem.times, REACH)
        seconds = steps.lengths.size * (numbers * SECONDS_PER_ELEMENT + SECONDS_PER_STEP)
        return Work(runs * seconds, at_most=len(steps.tables) * numbers * SECONDS_PER_TABLE_ELEMENT)
    size = elements_of(battery, problem.times, rotates(battery.protocol))
    numbers = size**2
    if rotates(battery.protocol):  # blocks of M - M' alone; or kets, of which projectors are read
        numbers = size
        if not battery.counts_every_photon:
            numbers = elements_of_tables(battery, problem.times)
    photons = _jumps_until(battery, problem.times)
    seconds = (T + photons) * PRODUCTS * numbers * SECONDS_PER_ELEMENT
    return Work(runs * seconds, at_most=40.0 * numbers**1.5 * SECONDS_PER_TABLE)


STATE_FILTER = Method(
    name="filter of few spins",
    kind="sample",
    offers=_offers,
    why_not=refused_by(refuse_large),
    work=_work,
    solve=count_runs,
    error=f"statistical; of diffusive records at most {ALLOWED:g} of a run's energy per spin from "
    "its steps",
)
"""How runs are made that a detector does not see all of, where no ladder is known."""
