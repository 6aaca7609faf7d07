r"""Exact averages with the resonator where ladders of J mix: over the irreps of the ensembles.

Unequal couplings, detuned ensembles, noise of single spins and any polarisation keep
:math:`m_B+m_C+n` sharp and irreps apart but for jumps (`trajectories.space.mode_space`); a drive
keeps the irreps alone.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Model, experiment_of
from darkbattery.nvmodel.method import Method, Problem, Work, refused_by
from darkbattery.nvmodel.observables import Needs, needing
from darkbattery.nvmodel.portlight import AT_PORT
from darkbattery.nvmodel.protocol import end_of
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.solution import Reading, Solution
from darkbattery.trajectories.propagate.krylov import DIMENSIONS, TOLERANCE, krylov_states
from darkbattery.trajectories.propagate.mode_generator import INTEGRALS, SUPPLIED, ModeGenerator
from darkbattery.trajectories.propagate.mode_plan import ModePlan, first_bound, mode_plan
from darkbattery.trajectories.propagate.mode_pulses import pulsed
from darkbattery.trajectories.propagate.mode_stages import (
    Changing,
    Kick,
    ModeRates,
    Stretch,
    mixes_excitations,
)
from darkbattery.trajectories.reading.derived import (
    ENERGIES,
    FROM_ENERGY,
    FROM_ENTANGLEMENT,
    NEED_POPULATIONS,
)
from darkbattery.trajectories.reading.light import with_ports
from darkbattery.trajectories.reading.mode_readout import ModeReadings, ModeReadout
from darkbattery.trajectories.space.cavity_space import (
    refuse_many_spins,
    refuse_unequal_spins,
    thermal_field,
)
from darkbattery.trajectories.space.mode_space import ModeSpace

Array = NDArray[np.float64]

COUNTED = ("emitted_photons_variance", "fano_factor")
WITHOUT_DRIVE = (
    *ENERGIES,
    *needing(Needs.MEANS | Needs.FIELD),
    *FROM_ENERGY,
    *NEED_POPULATIONS,
    *FROM_ENTANGLEMENT,
    *needing(Needs.LOCAL),
    *needing(Needs.PAIRS | Needs.FIELD),
    *COUNTED,
    "g2_zero",
)
WITH_DRIVE = (*WITHOUT_DRIVE, *needing(Needs.COHERENCE))
"""Where a drive makes coherence between energies."""

# pairs of irreps: beyond, not even their states are counted
MOST_PAIRS = 20_000
# unknowns of one vector, and bytes for each: 31 vectors and a sparse matrix
MOST_UNKNOWNS, BYTES = 4_000_000, 1000
# seconds of one core: in any case, for each unknown and product with the matrix, and at most
LEAST_SECONDS, SECONDS_PER_PRODUCT, MOST_SECONDS = 0.1, 3e-8, 20_000.0
# in units of the spectrum's half width a Krylov space reaches so far; it passes over decay
REACH, DECAY_COUNTS = 12.0, 0.05
# the highest photon number may hold so much, times itself; what is missing then is of this size
NEGLIGIBLE_PHOTONS = 1e-12
ROUNDING = 1e-8
# of what changes in time, per step: 1e-9 is then kept over some hundred steps
RELATIVE, ABSOLUTE = 1e-11, 1e-13
# when the highest photon number is looked at beside the output times
WATCHED = 48


def refuse_too_much(plan: ModePlan, most_photons: int, times: Array) -> None:
    """Refuse what memory or time forbids, before anything is allocated."""
    field, sizes = "battery.number, charger.number", plan.experiment.sizes
    pairs = plan.jb.size * plan.jc.size
    largest = (2.0 * plan.jb[0] + 1.0) * (2.0 * plan.jc[0] + 1.0)
    counted = pairs <= MOST_PAIRS and largest + most_photons < MOST_UNKNOWNS
    unknowns = plan.unknowns(most_photons) if counted else float(pairs) * (largest + most_photons)
    over = "" if counted else "over "
    if unknowns > MOST_UNKNOWNS or not counted:
        text = f"need {over}{unknowns:.2g} unknowns ({unknowns * BYTES * 1e-9:.2g} GB) over "
        text += f"{plan.jb.size} x {plan.jc.size} irreps with up to {most_photons} photons, "
        text += f"at most {MOST_UNKNOWNS:.2g}; take fewer spins, or meanfield"
        raise InputError(field, sizes, text)
    seconds = _seconds(plan, most_photons, unknowns, times)
    if seconds > MOST_SECONDS:
        text = f"would take {seconds / 3600.0:.2g} hours until then, at most "
        text += f"{MOST_SECONDS / 3600.0:.2g}; take shorter times, or meanfield"
        raise InputError("times", float(times[-1]), text)


def _seconds(plan: ModePlan, most_photons: int, unknowns: float, times: Array) -> float:
    """About how long it takes."""
    last, products, now = float(times[-1]), 0.0, 0.0
    for step in plan.stretches:
        span = min(step.length, max(last - now, 0.0))
        products += DIMENSIONS * math.ceil(span * _fastest(plan, step, most_photons) / REACH)
        now += span
    return LEAST_SECONDS + products * unknowns * SECONDS_PER_PRODUCT


def _fastest(plan: ModePlan, step: Stretch, most_photons: int) -> float:
    """About half the width of the generator's spectrum, rad/s, as a Krylov space feels it."""
    r, sizes = step.rates, plan.experiment.sizes
    root = math.sqrt(most_photons + 1.0)
    exchange = root * (r.battery_coupling * (sizes[0] + 1.0) + r.charger_coupling * (sizes[1] + 1))
    of = np.abs(step.detunings).max(axis=0) @ [sizes[0], sizes[1], most_photons]
    detuned = float(of) if plan.parts == 2 else 0.0
    drive = 2.0 * root * step.strongest_drive
    lost = r.kappa * ((r.nbar + 1.0) * most_photons + r.nbar * (most_photons + 1.0))
    local = 0.0
    for noise, spins in ((r.battery, sizes[0]), (r.charger, sizes[1])):
        local += spins * (0.25 * noise.dephasing + noise.emission + noise.pumping)
    return 2.0 * (exchange + drive) + detuned + DECAY_COUNTS * (lost + local)


def _solved(problem: Problem) -> Solution:
    plan, times, names = mode_plan(problem, COUNTED), problem.times, problem.names
    most_photons, before = first_bound(plan), math.inf
    while True:
        refuse_too_much(plan, most_photons, times)
        readings, top = _followed(plan, most_photons, times, names)
        cut = plan.raises or most_photons < plan.full
        missing = top * (most_photons + 1.0) if cut else 0.0
        # of a small share that does not fall it is rounding that is seen
        if missing <= NEGLIGIBLE_PHOTONS or (before < ROUNDING and missing > 0.5 * before):
            break
        before, most_photons = missing, math.ceil(1.3 * most_photons) + 2
        if not plan.raises:
            most_photons = min(most_photons, plan.full)
    provenance = {
        "solver": _name(plan),
        "error_estimate": TOLERANCE * len(plan.stretches) + missing,
        "most_photons": most_photons,
        "unknowns": readings.readout.space.size * plan.parts,
    }
    reading = Reading(readings.values(times), distributions=readings.distributions())
    return Solution(times, reading, provenance, model=problem.model)


def _followed(
    plan: ModePlan, most_photons: int, times: Array, names: tuple[str, ...]
) -> tuple[ModeReadings, float]:
    """What is read at all times, and the largest share of the highest photon number."""
    model, (n_battery, n_charger) = plan.experiment, plan.experiment.sizes
    space = ModeSpace(plan.jb, plan.jc, most_photons, plan.top(most_photons), plan.coherent)
    readout = ModeReadout(space, n_battery, n_charger)
    vector = _start(plan, space)
    held = float(thermal_field(model.nbar, most_photons) @ np.arange(most_photons + 1.0))
    readings = ModeReadings(names, readout, model, held)
    watched = np.union1d(times, _watched(plan, float(times[-1])))
    generators: dict[ModeRates, ModeGenerator] = {}
    top, done = 0.0, 0
    for step in plan.steps:
        if isinstance(step, Kick):
            vector = _kicked(plan, readout, vector, step)
            continue
        if step.rates not in generators:
            generator = ModeGenerator(space, step.rates, n_battery, n_charger, plan.parts)
            generators[step.rates] = generator
        generator = generators[step.rates]
        here = int(np.count_nonzero(watched[done:] < end_of(step.stop)))
        at = watched[done : done + here]
        spans = np.maximum(at - step.start, 0.0)
        done += here
        if done < watched.size:
            spans = np.append(spans, step.length)
        for i, state in enumerate(_states(generator, vector, spans, step.changing)):
            vector = state
            top = max(top, abs(readout.means(_elements(plan, space, state))["top"]))
            if i < here and at[i] in times:
                readings.add(generator, state, step.changing, float(spans[i]))
        if done == watched.size:
            break
    return readings, top


def _states(
    generator: ModeGenerator, start: Array, times: Array, changing: Changing | None
) -> Iterator[Array]:
    r"""Vectors at `times` (rising, >= 0) from the stretch's beginning.

    A vector holds the state, with counting :math:`\rho_1,\rho_2` behind it,
    :math:`\rho_k=\sum_nn^k\rho(n)` over the photons n emitted so far, and the integrals.
    """
    counts = start.size > generator.parts * generator.space.size + INTEGRALS
    matrix = _with_counts(generator.matrix, generator.emissions) if counts else generator.matrix
    rows = _widened(generator.counting, matrix.shape[0])
    if changing is None:
        yield from krylov_states(matrix, rows, start, times)
        return
    yield from _integrated(generator, matrix, rows, start, times, changing)


def _with_counts(matrix: Any, emissions: Any) -> Any:
    return scipy.sparse.bmat(
        [[matrix, None, None], [emissions, matrix, None], [emissions, 2.0 * emissions, matrix]],
        format="csr",
    )


def _widened(rows: Array, size: int) -> Array:
    return np.hstack([rows, np.zeros((len(rows), size - rows.shape[1]))])


def _integrated(
    generator: ModeGenerator,
    matrix: Any,
    rows: Array,
    start: Array,
    times: Array,
    changing: Changing,
) -> Iterator[Array]:
    """By Dormand and Prince's method of order 8 (Hairer, Norsett and Wanner 1993)."""
    size = matrix.shape[0]
    supply = generator.supply if generator.space.coherent else None

    def change(time: float, y: Array) -> Array:
        state = y[:size]
        counted = rows @ state
        if supply is not None:
            counted[SUPPLIED] += changing.drive(time) * (supply @ state[: supply.size])
        own = generator.changed(state, changing, time)
        return np.concatenate([matrix @ state + own, counted])

    now, y = 0.0, start
    for time in times:
        if time > now:
            found = scipy.integrate.solve_ivp(
                change, (now, time), y, "DOP853", (time,), rtol=RELATIVE, atol=ABSOLUTE
            )
            if not found.success:
                raise ArithmeticError(found.message)
            now, y = float(time), found.y[:, -1]
        yield y.copy()


def _elements(plan: ModePlan, space: ModeSpace, vector: Array) -> Array:
    return vector[: plan.parts * space.size].reshape(plan.parts, -1)


def _kicked(plan: ModePlan, readout: ModeReadout, vector: Array, kick: Kick) -> Array:
    """The vector behind a pulse; what a rotation lifts is supplied from outside."""
    space = readout.space
    copies = vector[:-INTEGRALS].reshape(-1, plan.parts, space.size)
    out = vector.copy()
    turned = np.array([pulsed(space, copy, kick.pulse, kick.axis) for copy in copies])
    out[:-INTEGRALS] = turned.ravel()
    before, after = (readout.means(one[0]) for one in (copies, turned))
    for name, spins in zip(
        ("battery_energy", "charger_energy"), plan.experiment.sizes, strict=True
    ):
        out[-INTEGRALS + SUPPLIED] += spins * (after[name] - before[name])
    return out


def _watched(plan: ModePlan, last: float) -> Array:
    """When the field is largest, about: within some collective times from the start."""
    ensembles = plan.experiment.ensembles
    strength = sum(spins.coupling**2 * spins.number for spins in ensembles)
    unit = max(1.0 / math.sqrt(strength), 0.25 * plan.kappa / strength)
    times = 0.25 * unit * np.arange(1.0, WATCHED + 1.0)
    return times[times < last]


def _start(plan: ModePlan, space: ModeSpace) -> Array:
    photons = thermal_field(plan.experiment.nbar, space.most_photons)
    copies = 3 if plan.counts else 1
    vector = np.zeros(copies * plan.parts * space.size + INTEGRALS)
    places = np.flatnonzero(space.diagonal)
    vector[places] = space.probabilities(plan.battery, plan.charger, photons)
    return vector


def _name(plan: ModePlan) -> str:
    return DRIVEN.name if plan.coherent else OVER_IRREPS.name


def _refuse(problem: Problem) -> None:
    plan = mode_plan(problem, COUNTED)
    refuse_too_much(plan, first_bound(plan), problem.times)


def _work(problem: Problem) -> Work:
    plan = mode_plan(problem, COUNTED)
    most_photons = first_bound(plan)
    unknowns = plan.unknowns(most_photons)
    return Work(_seconds(plan, most_photons, unknowns, problem.times), BYTES * unknowns)


def _without_drive(model: Model) -> tuple[str, ...]:
    refuse_unequal_spins(model)
    refuse_many_spins(model)
    return () if mixes_excitations(experiment_of(model)) else with_ports(model, WITHOUT_DRIVE)


def _driven(model: Model) -> tuple[str, ...]:
    refuse_unequal_spins(model)
    refuse_many_spins(model)
    if not mixes_excitations(experiment_of(model)):
        return ()
    return with_ports(model, WITH_DRIVE, AT_PORT)


OVER_IRREPS = Method(
    name="master equation over irreps with the mode",
    kind="evolve",
    offers=_without_drive,
    why_not=refused_by(_refuse),
    work=_work,
    solve=_solved,
    error="1e-10",
)
DRIVEN = Method(
    name="master equation over irreps with the mode and a drive",
    kind="evolve",
    offers=_driven,
    why_not=refused_by(_refuse),
    work=_work,
    solve=_solved,
    error="1e-9",
)
