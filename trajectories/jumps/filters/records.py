"""Single runs of few spins with a homodyne or heterodyne record: steps, noise, and what is read."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.refusal import InputError, refused_memory
from darkbattery.trajectories.jumps.diffusive.diffusion import (
    PILOT_SEED,
    PILOTS,
    REACH,
    joined,
    noise_of,
    short_enough,
)
from darkbattery.trajectories.jumps.diffusive.study import ABSORBED, EMITTED, LOST, first_low
from darkbattery.trajectories.jumps.filters.groups import (
    NOTHING,
    FilterGroup,
    Readings,
    empty_group,
    runs_of_a_group,
)
from darkbattery.trajectories.jumps.filters.record_filter import (
    Record,
    RecordRuns,
    Steps,
    least_steps,
    steps_of,
)
from darkbattery.trajectories.propagate.watched_mode import watching
from darkbattery.trajectories.reading.watched_readout import ENERGY, StageReadings

Array = NDArray[np.float64]

MOST_STEPS = 50_000
MOST_TABLES = 32_000_000  # numbers of the exponentials: 384 MB with their places


@lru_cache(maxsize=4)
def _planned(battery: Experiment, at: tuple[float, ...]) -> tuple[Steps, float]:
    return short_enough(
        lambda reach: _usable(battery, np.array(at), reach),
        lambda steps: _step_error(battery, steps) if steps.lengths.size else 0.0,
    )


def planned(battery: Experiment, at: Array) -> tuple[Steps, float]:
    """The steps of a study, and their error; see `short_enough`."""
    return _planned(battery, tuple(at.tolist()))


def refuse_many_steps(battery: Experiment, at: Array) -> None:
    """Refuse what takes too many steps, or too many that differ."""
    _usable(battery, at, REACH)


def _usable(battery: Experiment, at: Array, reach: float) -> Steps:
    # nothing is looked at in detail where the turning of c alone takes too many
    seen = watching(battery, at, coherent=True)
    number = least_steps(seen, at, reach)
    steps = None
    if number <= MOST_STEPS:
        steps = steps_of(seen, at, reach)
        number = steps.lengths.size
    if steps is None or number > MOST_STEPS:
        text = f"needs {number:.3g} steps until then, at most {MOST_STEPS}; "
        raise InputError("times", float(at[-1]), text + "take shorter times or fewer spins")
    numbers = 2.0 * len(steps.tables) * elements_of_tables(battery, at)
    if numbers > MOST_TABLES:
        text = "take times at even distances, or fewer spins"
        raise refused_memory("times", at.size, "tables", numbers, MOST_TABLES, text)
    return steps


def elements_of_tables(battery: Experiment, at: Array) -> float:
    """At most so many numbers has an exponential: the level's change is conserved in silence."""
    change = np.round(watching(battery, at, coherent=True).space.change).astype(np.int64)
    sizes = np.bincount(change - change.min()).astype(float)
    return float(sizes @ sizes)


def _step_error(battery: Experiment, steps: Steps) -> float:
    fine = steps.halved()
    noise = noise_of(battery, PILOT_SEED, 0, PILOTS, fine.lengths.size)
    record, nobody = np.zeros_like(noise), np.zeros((0, 2, 0), noise.dtype)
    exact = _energies(battery, fine, Record(noise, record))
    found = _energies(battery, steps, Record(nobody, joined(record, fine.lengths)))
    return float(np.sqrt(((found - exact) ** 2).mean(axis=1)).max())


def _energies(battery: Experiment, steps: Steps, record: Record) -> Array:
    states = RecordRuns(battery, steps, record).states()
    return np.array([StageReadings(battery, w).means(x)[ENERGY] for _, w, x in states])


def record_groups(
    battery: Experiment, at: Array, seed: int, first: int, runs: int, states: bool
) -> Iterator[FilterGroup]:
    """The runs first ... first + runs - 1 with a diffusive record."""
    steps, _ = planned(battery, at)
    T, root = at.size, math.sqrt(battery.watched_rate)
    readings = Readings(battery, steps.space, states)
    most = runs_of_a_group(steps.space, T, steps.lengths.size)
    for start in range(first, first + runs, most):
        n = min(most, first + runs - start)
        group = empty_group(battery, start, n, T, states)
        noise = noise_of(battery, seed, start, n, steps.lengths.size)
        followed = RecordRuns(battery, steps, Record(noise, np.zeros((0, 2, 0), noise.dtype)))
        q = group.quantities
        for i, watched, x in followed.states():
            readings.read(group, i, watched, x)
            # states are followed with dZ*
            group.window[:, i] = np.conj(followed.window) * root
            q[[EMITTED, ABSORBED], :, i] = followed.counts[:2]
            if q.shape[0] > LOST:
                q[LOST, :, i] = followed.counts[2]
        group.burst[:] = first_low(group.M, at, NOTHING)
        yield group
