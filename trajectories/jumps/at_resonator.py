"""Single runs at a resonator, whatever is recorded of its light."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Model, to_be_solved
from darkbattery.nvmodel.method import Problem, able, offered
from darkbattery.nvmodel.observables import requested
from darkbattery.nvmodel.rows import Summary
from darkbattery.nvmodel.runstatistics import Statistics
from darkbattery.nvmodel.solution import Solution
from darkbattery.trajectories.jumps.filters.runs import STATE_FILTER
from darkbattery.trajectories.jumps.resonator import cavity_runs, mode_runs
from darkbattery.trajectories.reading.readout import ENERGIES
from darkbattery.trajectories.space.cavity_space import (
    refuse_many_spins,
    refuse_unequal_spins,
    what_mixes_ladders,
)

Array = NDArray[np.float64]

AT_RESONATOR = (cavity_runs.QUANTUM_JUMPS, mode_runs.OVER_IRREPS, STATE_FILTER)
"""How single runs at a resonator are made."""


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
    default = (
        mode_runs.DEFAULT if what_mixes_ladders(experiment) else (*ENERGIES, *mode_runs.OF_THE_MODE)
    )
    names = requested(observables, default, offered(AT_RESONATOR, experiment))
    problem = Problem(experiment, times, names, runs, seed, first, summary, statistics)
    return able(AT_RESONATOR, problem).solve(problem).of_model(model)
