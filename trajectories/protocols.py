r"""Averages of real spins: any start, single-spin noise, and stages one after the other.

Stages without single-spin noise are chains (`trajectories.collective_stages`); the others a sparse
matrix and its Krylov spaces (`trajectories.krylov`). A space holds only the irreps and the M that
can be reached; it grows from stage to stage.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nvmodel.battery import CollectiveBattery
from nvmodel.irreps import Irreps
from nvmodel.preparation import DickeMixture, dicke_mixture
from nvmodel.protocol import Pulse, Stage, end_of, refuse_beyond, simplified
from nvmodel.refusal import InputError
from nvmodel.solution import Reading, Solution
from trajectories.block_readout import Readings, StageReadout
from trajectories.collective_stages import applies, collective_states
from trajectories.dephasing import dephased
from trajectories.generator import INTEGRALS, Generator, Rates
from trajectories.krylov import TOLERANCE, krylov_states
from trajectories.product_space import ProductSpace

Array = NDArray[np.float64]

# weight of the states of a mixed start that may be left out
START_TAIL = 1e-14
# unknowns and bytes for each: chains hold a few vectors, Krylov spaces 31, and the sparse matrix
MOST_UNKNOWNS = 3_000_000
MOST_NOISY_UNKNOWNS = 2_000_000
BYTES, NOISY_BYTES = 800, 1000


def timed_averages(battery: CollectiveBattery, times: Array, names: tuple[str, ...]) -> Solution:
    """`trajectories.evolve` for whatever leaves the paper's model; `times` are checked.

    Raises
    ------
    InputError
        For times beyond the protocol's end, or a system too large.
    """
    steps = simplified(battery.stages, battery.battery_noise, battery.charger_noise)
    refuse_beyond(steps, times)
    parts = 2 if battery.detuning != 0.0 else 1
    space, vector = _start(battery, parts)
    readings = Readings(battery, names, Irreps.all_of(battery.n_battery))
    now, done, largest = 0.0, 0, space.size
    stages = [step for step in steps if isinstance(step, Stage)]
    rates = Rates.of(battery, stages[0] if stages else Stage(np.inf))
    for step in steps:
        larger = _reached(space, step, battery)
        _refuse_too_large(battery, larger, parts, step)
        vector, space = _embedded(vector, space, larger, parts), larger
        largest = max(largest, space.size)
        if isinstance(step, Pulse):
            vector = _pulsed(space, vector, step, parts)
            continue
        rates = Rates.of(battery, step)
        end = now + step.duration
        here = times[done:][times[done:] < end_of(end)]
        vector = _through(
            StageReadout(battery, readings.irreps, Generator(space, rates, parts)),
            vector,
            here - now,
            step.duration,
            readings,
        )
        now, done = end, done + here.size
        if done == times.size:
            break
    if done < times.size:  # at the very end of the protocol, behind its last pulse
        readings.add(StageReadout(battery, readings.irreps, Generator(space, rates, parts)), vector)
    provenance = {
        "solver": "master equation over irreps",
        "error_estimate": TOLERANCE * len(steps),
        "unknowns": largest * parts,
    }
    return Solution(times, Reading(readings.values(), {}, readings.distributions()), provenance)


def _through(
    readout: StageReadout, vector: Array, spans: Array, duration: float, readings: Readings
) -> Array:
    """Read a stage at its output times and return the vector at its end."""
    last = spans.size if duration == np.inf else spans.size + 1
    spans = np.maximum(spans, 0.0)
    if duration != np.inf:
        spans = np.append(spans, duration)
    states = _states(readout.generator, vector, spans)
    for i, state in enumerate(states):
        vector = state
        if i < last - (duration != np.inf):
            readings.add(readout, state)
    return vector


def _states(generator: Generator, vector: Array, spans: Array) -> Iterator[Array]:
    if spans.size == 0:
        return iter(())
    if applies(generator):
        return collective_states(generator, vector, spans)
    return krylov_states(generator.matrix, generator.counting, vector, spans)


def _start(battery: CollectiveBattery, parts: int) -> tuple[ProductSpace, Array]:
    b = dicke_mixture(battery.n_battery, battery.battery_preparation, START_TAIL)
    c = dicke_mixture(battery.n_charger, battery.charger_preparation, START_TAIL)
    space = ProductSpace(_ladders(b), _ladders(c), float(b.m.max() + c.m.max()))
    _refuse_too_large(battery, space, parts, None)
    ib, ic = (x.ravel() for x in np.indices((b.m.size, c.m.size)))
    place = space.locate(
        np.round(space.jb[0] - b.j[ib]).astype(np.int64),
        np.round(space.jc[0] - c.j[ic]).astype(np.int64),
        b.m[ib],
        c.m[ic],
        b.m[ib],
        c.m[ic],
    )
    vector = np.zeros(parts * space.size + INTEGRALS)
    vector[place.position] = b.probability[ib] * c.probability[ic]
    return space, vector


def _ladders(mixture: DickeMixture) -> Array:
    highest, lowest = float(mixture.j.max()), float(mixture.j.min())
    return np.asarray(highest - np.arange(round(highest - lowest) + 1))


def _reached(space: ProductSpace, step: Stage | Pulse, battery: CollectiveBattery) -> ProductSpace:
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
    if pulse.dephase_battery > 0.0:
        state = dephased(space, state, pulse.dephase_battery, True)
    if pulse.dephase_charger > 0.0:
        state = dephased(space, state, pulse.dephase_charger, False)
    return np.concatenate([state.ravel(), vector[-INTEGRALS:]])


def _refuse_too_large(
    battery: CollectiveBattery, space: ProductSpace, parts: int, step: Stage | Pulse | None
) -> None:
    noisy = isinstance(step, Stage) and Rates.of(battery, step).local
    noisy = noisy or battery.detuning != 0.0
    most, each = (MOST_NOISY_UNKNOWNS, NOISY_BYTES) if noisy else (MOST_UNKNOWNS, BYTES)
    unknowns = space.size * parts
    if unknowns > most:
        raise InputError(
            "n_battery, n_charger",
            (battery.n_battery, battery.n_charger),
            f"need {unknowns:.2g} unknowns ({unknowns * each * 1e-9:.2g} GB) over "
            f"{space.jb.size} x {space.jc.size} irreps, at most {most:.2g}; take fewer spins, or "
            "trajectories.sample",
        )
