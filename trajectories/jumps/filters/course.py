"""What an observer's runs go through, at whatever the spins share: said once for all filters."""

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.method import Problem
from darkbattery.trajectories.jumps.resonator.mode_runs import plan_and_bound
from darkbattery.trajectories.propagate import watched_mode, watched_reservoir
from darkbattery.trajectories.propagate.watched import Watching

Array = NDArray[np.float64]

MOST_STATES = 600  # kets, before anything is listed


def watching(battery: Experiment, at: Array, coherent: bool) -> Watching:
    """Space, start, stages and pulses until the output times `at`."""
    if battery.resonator is None:
        return watched_reservoir.watching(battery, coherent)
    plan, bound = plan_and_bound(Problem(battery, at, ()))
    return watched_mode.watching(plan, bound, coherent, battery.detector_efficiency)


def irreps_reached(battery: Experiment, at: Array) -> tuple[Array, Array]:
    """j of battery and charger, falling."""
    if battery.resonator is None:
        space = watched_reservoir.space_of(battery, coherent=True)
        return space.jb, space.jc
    plan, _ = plan_and_bound(Problem(battery, at, ()))
    return plan.jb, plan.jc


def elements_of(battery: Experiment, at: Array, coherent: bool) -> float:
    """How many elements a state has; at most, where that says enough."""
    if battery.resonator is not None:
        return watched_mode.elements_needed(*plan_and_bound(Problem(battery, at, ())), coherent)
    b, c = battery.sizes
    kets = (b / 2 + 1.0) ** 2 * (c / 2 + 1.0) ** 2
    if battery.is_collective:
        kets = (b + 1.0) * (c + 1.0)
    if kets > MOST_STATES:
        return kets
    return float(watched_reservoir.space_of(battery, coherent).size)
