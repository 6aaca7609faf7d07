"""What a definition will take before it is run: time, memory and files, from short trials.

Exact averages go by their number of unknowns and steps, with this machine's speed measured on a
small one. All else is tried with few runs, or few output times, and carried on along a line. Sweeps
are tried at a few of their points. Seconds hold within a factor of three (a test says so); the
start of the program, compiling and drawing come on top, some ten seconds.
"""

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkbattery import trajectories
from darkbattery.meanfield.averages.stretches import turns_by_fields
from darkbattery.meanfield.classes.moments import system_of
from darkbattery.nvmodel import CollectiveBattery
from darkbattery.nvmodel.experiment import experiment_of, in_a_reservoir, of_the_reservoir
from darkbattery.nvmodel.method import Problem, Work, able
from darkbattery.nvmodel.protocol import sends_fields
from darkbattery.runs.choice.choice import Choice, chosen, engine_of, observables_of
from darkbattery.runs.definitions.definition import Point, RunDefinition
from darkbattery.runs.definitions.schema import Method
from darkbattery.trajectories.averages import evolution as master
from darkbattery.trajectories.averages import steady
from darkbattery.trajectories.averages.evolution import AT_RESONATOR, EVOLVE
from darkbattery.trajectories.averages.steady import STEADY, in_reservoir
from darkbattery.trajectories.reading.derived import FROM_ENTANGLEMENT

Array = NDArray[np.float64]

PACE_TRIALS = 3  # of some milliseconds each, which other things may lengthen
TRIAL_SECONDS = 0.3  # a trial that lasts as long tells enough, where there was one before
# the first trial tells enough: runs that are followed side by side cost less than one by itself
LONG_TRIAL_SECONDS = 2.0
MANY_TURNS = 50.0  # by fields: trials follow each of them, for some ten seconds and more
MOST_TRIALS = 5  # points of a sweep that are tried
ROW_BYTES = 12.0  # of the tables' Parquet, about; a row of records 80
RECORD_BYTES = 80.0


@dataclass(frozen=True)
class Cost:
    """One method of a definition, all its points together.

    Attributes
    ----------
    method : str
    seconds : float
        On one core, all points one after the other.
    longest : float
        Seconds of the longest piece that is not divided between ranks.
    bytes : float
        Memory of a rank beyond the program's own.
    """

    method: Method
    seconds: float
    longest: float
    bytes: float

    def on_ranks(self, ranks: int) -> float:
        """Seconds on so many ranks with a core each."""
        return max(self.longest, self.seconds / ranks)


@dataclass(frozen=True)
class Estimate:
    """What a definition will take.

    Attributes
    ----------
    costs : tuple of Cost
    program_bytes : float
        What every rank needs for the program itself.
    disk_bytes : float
        Of the result folder without figures, an upper bound.
    """

    costs: tuple[Cost, ...]
    program_bytes: float
    disk_bytes: float

    @property
    def rank_bytes(self) -> float:
        """Memory of one rank."""
        return self.program_bytes + sum(cost.bytes for cost in self.costs)


def estimate(definition: RunDefinition) -> Estimate:
    """Try a definition; InputError where one of its points is more than a solver can hold."""
    points = definition.points()
    for method in definition.methods:
        observables_of(definition, method)
    program = _peak_bytes()
    costs = tuple(_cost(definition, points, method) for method in definition.methods)
    rows = len(points) * max(len(definition.times), 1) * 10 * len(definition.methods)
    disk = ROW_BYTES * rows
    if definition.records is not None and definition.runs is not None:
        disk += RECORD_BYTES * definition.runs * len(points)
    return Estimate(costs, program, disk)


def field_turns(definition: RunDefinition) -> float:
    """How often fields sent in turn spins at most, in any point: known before anything is tried."""
    most = 0.0
    for point in definition.points():
        experiment = experiment_of(point.model)
        if sends_fields(experiment.protocol):
            times = definition.times_of(point.model)
            most = max(most, turns_by_fields(system_of(experiment, 1), times))
    return most


def _cost(definition: RunDefinition, points: tuple[Point, ...], method: Method) -> Cost:
    one = {"sample": _sampled, "steady": _steady, "evolve": _evolved}[method]
    tried = np.unique(np.linspace(0, len(points) - 1, MOST_TRIALS).astype(int))
    found = np.array(
        [
            one(chosen(definition, points[i], method), definition.times_of(points[i].model))
            for i in tried
        ]
    )
    seconds, memory = (
        np.interp(np.arange(len(points)), tried, column) for column in np.maximum(found, 1e-6).T
    )
    if method == "sample":  # divided by blocks; every rank holds the tallies of all points
        return Cost(method, float(seconds.sum()), 0.0, float(memory.sum()))
    return Cost(method, float(seconds.sum()), float(seconds.max()), float(memory.max()))


def _sampled(choice: Choice, times: Array) -> tuple[float, float]:
    definition, engine, size = choice.definition, engine_of(choice.definition), 0.0
    assert definition.runs is not None

    def some(runs: int) -> None:
        nonlocal size
        found = engine.sample(
            choice.model,
            times,
            runs=runs,
            seed=definition.seed,
            first=definition.first,
            observables=choice.observables,
            records=definition.records,
        )
        assert found.tally is not None
        size = 8.0 * sum(array.size for array in found.tally.arrays().values())

    before = _peak_bytes()
    seconds = carried_on(some, definition.runs)
    # this rank's sum, a block's, and one on the way to another rank
    return seconds, max(3.0 * size, _peak_bytes() - before)


def _steady(choice: Choice, times: Array) -> tuple[float, float]:
    model, names = choice.model, choice.observables
    battery = of_the_reservoir(model) if model.resonator is None else in_reservoir(model)
    problem = Problem(battery, np.array([np.inf]), steady.asked(battery, names))
    work = able(STEADY, problem).work(problem)
    assert work is not None
    trajectories.steady_state(battery, ["battery_energy"])  # refused if too large
    return work.seconds, work.bytes


def _evolved(choice: Choice, times: Array) -> tuple[float, float]:
    engine, model, names = engine_of(choice.definition), choice.model, choice.observables

    def some(count: int) -> None:
        engine.evolve(model, times[:count], names)

    work = _averages_work(choice, times) if choice.exact_averages else None
    if work is None:
        before = _peak_bytes()
        return carried_on(some, times.size), _peak_bytes() - before
    seconds = work.seconds * pace()
    if names is not None and set(FROM_ENTANGLEMENT) & set(names):
        seconds = max(seconds, carried_on(some, times.size))
    return seconds, work.bytes


def _averages_work(choice: Choice, times: Array) -> Work | None:
    """What is known of the work beforehand; refused where `evolve` would for the size."""
    if choice.model.resonator is not None:
        problem = Problem(choice.model, times, master.asked(choice.model, choice.observables))
        return able(AT_RESONATOR, problem).work(problem)
    if choice.model.reservoir is None:
        return None
    battery = in_a_reservoir(choice.model)
    problem = Problem(battery, times, master.asked(battery, choice.observables))
    return able(EVOLVE, problem).work(problem)


def pace() -> float:
    """Seconds on this machine for one of `Work`: a battery of 10 and 50, tried."""
    battery, times = CollectiveBattery(n_battery=10, n_charger=50), np.linspace(0.0, 2.0, 101)
    trajectories.evolve(battery, times[:1])
    trials = []
    for _ in range(PACE_TRIALS):
        started = time.process_time()
        trajectories.evolve(battery, times)
        trials.append(time.process_time() - started)
    seconds = min(trials)
    problem = Problem(battery, times, master.asked(battery, None))
    work = able(EVOLVE, problem).work(problem)
    assert work is not None
    return seconds / work.seconds


def carried_on(action: Callable[[int], None], most: int) -> float:
    """Seconds of a core that ``action(most)`` will take, from ``action`` of smaller numbers.

    The first call, which compiles and makes tables, is counted once, and is no part of the line.
    """
    started = time.process_time()
    action(1)
    once = time.process_time() - started
    trials = []
    number = 1
    while True:
        started = time.process_time()
        action(number)
        seconds = time.process_time() - started
        trials.append((number, seconds))
        enough = TRIAL_SECONDS if len(trials) > 1 else LONG_TRIAL_SECONDS
        if number == most or seconds > enough:
            break
        number = min(most, 4 * number)
    once = max(0.0, once - trials[0][1])
    if number == most:
        return once + seconds
    if len(trials) == 1:
        return once + seconds * most / number
    before, shorter = trials[-2]
    slope = max(0.0, (seconds - shorter) / (number - before))
    return once + seconds + slope * (most - number)


def _peak_bytes() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(peak) if sys.platform == "darwin" else 1024.0 * peak
