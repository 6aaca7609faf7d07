r"""Averages of real spins: any start, single-spin noise, and stages one after the other.

Stages without single-spin noise are chains (`trajectories.propagate.collective_stages`); the others
a sparse matrix and its Krylov spaces (`trajectories.propagate.krylov`). A space holds only the
irreps and the M that can be reached; it grows from stage to stage.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.irreps import Irreps
from darkbattery.nvmodel.preparation import dicke_mixture
from darkbattery.nvmodel.protocol import (
    Dephasing,
    Protocol,
    Pulse,
    Stage,
    begun,
    end_of,
    endless,
    simplified,
)
from darkbattery.nvmodel.refusal import refused_sizes
from darkbattery.nvmodel.solution import Reading, Solution
from darkbattery.trajectories.propagate.collective_stages import applies, collective_states
from darkbattery.trajectories.propagate.dephasing import dephased
from darkbattery.trajectories.propagate.generator import INTEGRALS, Generator, Rates
from darkbattery.trajectories.propagate.krylov import TOLERANCE, krylov_states
from darkbattery.trajectories.propagate.realspins import (
    instead_of_averages,
    refuse_unknown_switching,
)
from darkbattery.trajectories.reading.block_readout import Readings, StageReadout
from darkbattery.trajectories.space.product_space import ProductSpace, pairs_of

Array = NDArray[np.float64]

# weight of the states of a mixed start that may be left out
START_TAIL = 1e-14
# unknowns, and bytes for each as measured: chains hold the states at several times, noisy stages
# 31 vectors and a sparse matrix
MOST_UNKNOWNS = 3_000_000
MOST_NOISY_UNKNOWNS = 2_000_000
MOST_SPINS = 20_000
BYTES, NOISY_BYTES = 800, 1000


def timed_averages(battery: Experiment, times: Array, names: tuple[str, ...]) -> Solution:
    """`trajectories.evolve` for whatever leaves the paper's model; its arguments are checked.

    Raises
    ------
    InputError
        For a system too large.
    """
    steps = simplified(battery.stages, battery.battery_noise, battery.charger_noise)
    steps = endless(begun(steps, float(times[-1])))
    parts = 2 if battery.is_detuned else 1
    start, vector = _start(battery, parts)
    spaces = _spaces(battery, start, steps, parts)
    readings = Readings(battery, names, Irreps(battery.n_battery, spaces[-1].jb))
    now, done = 0.0, 0
    for step, before, space in zip(steps, spaces, spaces[1:], strict=False):
        vector = _embedded(vector, before, space, parts)
        if isinstance(step, Pulse):
            vector = _pulsed(space, vector, step, parts)
            continue
        generator = Generator(space, Rates.of(battery, step), parts)
        readout = StageReadout(battery, readings.irreps, generator)
        here = int(np.count_nonzero(times[done:] < end_of(now + step.duration)))
        spans = np.maximum(times[done : done + here] - now, 0.0)
        now, done = now + step.duration, done + here
        vector = _through(readout, vector, spans, step.duration, readings, done == times.size)
    provenance = {
        "solver": "master equation over irreps",
        "error_estimate": TOLERANCE * len(steps),
        "unknowns": max(space.size for space in spaces) * parts,
    }
    return Solution(times, Reading(readings.values(), {}, readings.distributions()), provenance)


def refuse_large_averages(battery: Experiment, times: Array) -> None:
    """Refuse what `timed_averages` refuses, without computing anything."""
    refuse_unknown_switching(battery)
    steps = simplified(battery.stages, battery.battery_noise, battery.charger_noise)
    parts = 2 if battery.is_detuned else 1
    start, _ = _start(battery, parts)
    _spaces(battery, start, begun(steps, float(times[-1])), parts)


def _through(
    readout: StageReadout,
    vector: Array,
    spans: Array,
    duration: float,
    readings: Readings,
    last: bool,
) -> Array:
    """Read a stage at its output times and return the vector at its end, if more is to come."""
    whole = spans if last else np.append(spans, duration)
    for i, state in enumerate(_states(readout.generator, vector, whole)):
        vector = state
        if i < spans.size:
            readings.add(readout, state)
    return vector


def _states(generator: Generator, vector: Array, spans: Array) -> Iterator[Array]:
    if spans.size == 0:
        return iter(())
    if applies(generator):
        return collective_states(generator, vector, spans)
    return krylov_states(generator.matrix, generator.counting, vector, spans)


def _start(battery: Experiment, parts: int) -> tuple[ProductSpace, Array]:
    sizes = (battery.n_battery, battery.n_charger)
    if max(sizes) > MOST_SPINS:
        raise refused_sizes(
            sizes,
            f"at most {MOST_SPINS} spins each outside the paper's model; "
            f"{instead_of_averages(battery)}",
        )
    b = dicke_mixture(battery.n_battery, battery.battery_preparation, START_TAIL)
    c = dicke_mixture(battery.n_charger, battery.charger_preparation, START_TAIL)
    space = ProductSpace(b.ladders, c.ladders, float(b.m.max() + c.m.max()))
    _refuse_too_large(battery, space, parts, None)
    start = pairs_of(b, c, space.jb, space.jc)
    place = space.locate(*start[:4], start.mb, start.mc)
    vector = np.zeros(parts * space.size + INTEGRALS)
    vector[place.position] = start.probability
    return space, vector


def _spaces(
    battery: Experiment, start: ProductSpace, steps: Protocol, parts: int
) -> list[ProductSpace]:
    """The start's space, then that of each step; refused before anything is computed."""
    spaces = [start]
    for step in steps:
        spaces.append(_reached(spaces[-1], step, battery))
        _refuse_too_large(battery, spaces[-1], parts, step)
    return spaces


def _reached(space: ProductSpace, step: Stage | Pulse, battery: Experiment) -> ProductSpace:
    """The space that a stage or a pulse needs."""
    jb, jc, top = space.jb, space.jc, space.m_top
    if isinstance(step, Pulse):
        spread_b, spread_c = step.dephase_battery > 0.0, step.dephase_charger > 0.0
    else:
        rates = Rates.of(battery, step)
        spread_b, spread_c = not rates.battery.silent, not rates.charger.silent
        if rates.raises:
            top = (battery.n_battery + battery.n_charger) / 2
    if spread_b:
        jb = Irreps.all_of(battery.n_battery).ladders
    if spread_c:
        jc = Irreps.all_of(battery.n_charger).ladders
    return ProductSpace(jb, jc, min(top, float(jb[0] + jc[0])))


def _embedded(vector: Array, space: ProductSpace, larger: ProductSpace, parts: int) -> Array:
    if larger.size == space.size:
        return vector
    state = space.embedded(vector[:-INTEGRALS].reshape(parts, -1), larger)
    return np.concatenate([state.ravel(), vector[-INTEGRALS:]])


def _pulsed(space: ProductSpace, vector: Array, pulse: Pulse, parts: int) -> Array:
    state = vector[:-INTEGRALS].reshape(parts, -1)
    for act in pulse.acts(pulse.axis):
        if isinstance(act, Dephasing):  # pulses turn nothing here
            state = dephased(space, state, act.strength, act.of_battery)
    return np.concatenate([state.ravel(), vector[-INTEGRALS:]])


def _refuse_too_large(
    battery: Experiment, space: ProductSpace, parts: int, step: Stage | Pulse | None
) -> None:
    noisy = isinstance(step, Stage) and Rates.of(battery, step).local
    noisy = noisy or battery.is_detuned
    most, each = (MOST_NOISY_UNKNOWNS, NOISY_BYTES) if noisy else (MOST_UNKNOWNS, BYTES)
    # every irrep and M has one unknown at least, but for a corner
    cells = space.jb.size * space.jc.size * (space.m_top + space.jb[0] + space.jc[0] + 1.0) / 4
    unknowns = parts * (float(space.size) if cells < most else cells)
    if unknowns > most:
        over = "" if cells < most else "over "
        raise refused_sizes(
            battery.sizes,
            f"need {over}{unknowns:.2g} unknowns ({unknowns * each * 1e-9:.2g} GB) over "
            f"{space.jb.size} x {space.jc.size} irreps, at most {most:.2g}; "
            f"{instead_of_averages(battery)}",
        )
