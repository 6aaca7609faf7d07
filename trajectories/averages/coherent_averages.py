r"""Averages in a reservoir where pulses turn spins: spin-coherent starts, and what follows.

A pulse ahead of the first stage makes a spin-coherent state of a start that is all up or down,
:math:`e^{-i\theta(J^x\cos\varphi+J^y\sin\varphi)}|j,\pm j\rangle` (Arecchi et al. 1972). States
then have coherence between energies, which diagonal starts never have: battery and charger are
followed on all pairs of states :math:`|j_Bm_B\rangle|j_Cm_C\rangle`, by a sparse matrix and its
Krylov spaces, few spins alone.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.efficiency import charging_efficiency
from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.irreps import Irreps
from darkbattery.nvmodel.method import Method, Problem, never, refused_for_size
from darkbattery.nvmodel.observables import Needs, needing
from darkbattery.nvmodel.preparation import dicke_mixture
from darkbattery.nvmodel.protocol import (
    Protocol,
    Pulse,
    begun,
    end_of,
    endless,
    rotates,
    simplified,
)
from darkbattery.nvmodel.refusal import refused_sizes
from darkbattery.nvmodel.solution import Reading, Solution
from darkbattery.trajectories.propagate.coherent_generator import PARTS, CoherentGenerator
from darkbattery.trajectories.propagate.generator import INTEGRALS, Rates
from darkbattery.trajectories.propagate.krylov import TOLERANCE, krylov_states
from darkbattery.trajectories.propagate.mode_pulses import pulsed
from darkbattery.trajectories.propagate.realspins import refuse_unknown_stages
from darkbattery.trajectories.reading.derived import (
    ENERGIES,
    FROM_ENERGY,
    FROM_ENTANGLEMENT,
    NEED_POPULATIONS,
)
from darkbattery.trajectories.reading.mode_readout import ModeReadout, StateReadings
from darkbattery.trajectories.space.mode_space import ModeSpace, elements_needed

Array = NDArray[np.float64]

AVAILABLE = (
    *ENERGIES,
    *FROM_ENERGY,
    *NEED_POPULATIONS,
    *needing(Needs.COHERENCE),
    *FROM_ENTANGLEMENT,
    *needing(Needs.LOCAL),
)
START_TAIL = 1e-14
# of one vector, and bytes for each: 31 vectors and a sparse matrix
MOST_UNKNOWNS, BYTES = 400_000, 1500
MOST_PAIRS = 2000  # of irreps
LINEAR = ("power", "emission_rate", "absorption_rate")
COUNTED = ("emitted_photons", "absorbed_photons", "local_loss")


def _steps(battery: Experiment, last: float) -> Protocol:
    steps = simplified(battery.stages, battery.battery_noise, battery.charger_noise)
    return endless(begun(steps, last))


def _ladders(battery: Experiment, steps: Protocol) -> tuple[Array, Array]:
    """Irreps of battery and charger that are reached."""
    found = []
    for name, spins, preparation in (
        ("battery", battery.n_battery, battery.battery_preparation),
        ("charger", battery.n_charger, battery.charger_preparation),
    ):
        kept = dicke_mixture(spins, preparation, START_TAIL).ladders
        alone = any(_by_itself(battery, step, name) for step in steps)
        found.append(Irreps.all_of(spins).ladders if alone else kept)
    return found[0], found[1]


def _by_itself(battery: Experiment, step: object, name: str) -> bool:
    """Whether anything happens to single spins of an ensemble."""
    if not isinstance(step, Pulse):
        return not getattr(Rates.of(battery, step), name).silent  # type: ignore[arg-type]
    return step.on_single_spins[("battery", "charger").index(name)]


def refuse_large(battery: Experiment, times: Array) -> None:
    """Refuse what memory forbids, and what pulses do not do here, before anything is allocated."""
    refuse_unknown_stages(battery)
    sizes = battery.sizes
    most = 2.0 * MOST_UNKNOWNS
    rough = PARTS * 0.5 * ((sizes[0] + 1.0) * (sizes[1] + 1.0)) ** 2
    if rough <= most:
        jb, jc = _ladders(battery, _steps(battery, float(times[-1])))
        top = float(jb[0] + jc[0])
        few = jb.size * jc.size <= MOST_PAIRS
        rough = PARTS * elements_needed(jb, jc, 0, top, True) if few else most
    if rough > MOST_UNKNOWNS:
        raise refused_sizes(
            sizes,
            f"need {rough:.2g} unknowns ({rough * BYTES * 1e-9:.2g} GB) where pulses turn spins, "
            f"at most {MOST_UNKNOWNS:.2g}; take fewer spins, or meanfield",
        )


class _Readings(StateReadings):
    """Values collected over the output times."""

    def add(self, generator: CoherentGenerator, vector: Array) -> None:
        """Read one more output time."""
        elements, counted = vector[:-INTEGRALS], vector[-INTEGRALS:]
        state = elements.reshape(PARTS, -1)
        means = self.readout.means(state)
        rows = (generator.power, generator.emission, generator.absorption)
        means |= {name: float(row @ elements) for name, row in zip(LINEAR, rows, strict=True)}
        means |= dict(zip(COUNTED, map(float, counted), strict=True))
        self.read(state, lambda: (generator.matrix @ elements).reshape(PARTS, -1), means)

    def values(self, battery: Experiment, at_start: tuple[float, float]) -> dict[str, Array]:
        """All that was asked for, over time; efficiencies count from behind the first pulses."""
        found = {name: np.array(values) for name, values in self.found.items()}
        energies = found["battery_energy"], found["charger_energy"]
        found["open_work"] = energies[0] - battery.thermal_energy
        found["charging_efficiency"] = charging_efficiency(battery.sizes, at_start, *energies)
        found |= self.from_populations(energies[0])
        return {name: found[name] for name in self.names}


def _solved(problem: Problem) -> Solution:
    battery, times, names = problem.model, problem.times, problem.names
    steps = _steps(battery, float(times[-1]))
    jb, jc = _ladders(battery, steps)
    space = ModeSpace(jb, jc, most_photons=0, top=float(jb[0] + jc[0]), coherent=True)
    readout = ModeReadout(space, *battery.sizes)
    readings, vector = _Readings(names, readout), _start(battery, space)
    now, done, start = 0.0, 0, battery.start_energies
    for i, step in enumerate(steps):
        if isinstance(step, Pulse):
            state = vector[:-INTEGRALS].reshape(PARTS, -1)
            turned = pulsed(space, state, step, step.axis).ravel()
            vector = np.concatenate([turned, vector[-INTEGRALS:]])
            if all(isinstance(one, Pulse) for one in steps[: i + 1]):
                means = readout.means(turned.reshape(PARTS, -1))
                start = means["battery_energy"], means["charger_energy"]
            continue
        generator = CoherentGenerator(space, Rates.of(battery, step))
        here = int(np.count_nonzero(times[done:] < end_of(now + step.duration)))
        spans = np.maximum(times[done : done + here] - now, 0.0)
        now, done = now + step.duration, done + here
        whole = spans if done == times.size else np.append(spans, step.duration)
        for k, state in enumerate(_states(generator, vector, whole)):
            vector = state
            if k < here:
                readings.add(generator, state)
    provenance = {
        "solver": COHERENT.name,
        "error_estimate": TOLERANCE * len(steps),
        "unknowns": PARTS * space.size,
    }
    reading = Reading(readings.values(battery, start), {}, readings.distributions())
    return Solution(times, reading, provenance)


def _states(generator: CoherentGenerator, vector: Array, spans: Array) -> Iterator[Array]:
    if spans.size == 0:
        return iter(())
    return krylov_states(generator.matrix, generator.counting, vector, spans)


def _start(battery: Experiment, space: ModeSpace) -> Array:
    b = dicke_mixture(battery.n_battery, battery.battery_preparation, START_TAIL)
    c = dicke_mixture(battery.n_charger, battery.charger_preparation, START_TAIL)
    vector = np.zeros(PARTS * space.size + INTEGRALS)
    vector[np.flatnonzero(space.diagonal)] = space.probabilities(b, c, np.ones(1))
    return vector


COHERENT = Method(
    name="master equation over irreps with coherence",
    kind="evolve",
    offers=lambda battery: AVAILABLE if rotates(battery.protocol) else (),
    why_not=refused_for_size(refuse_large),
    work=never,
    solve=_solved,
    error="1e-10",
)
