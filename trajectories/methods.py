"""The methods of the quantum engine, in order: steady states, averages, and single runs."""

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.dicke import DickeBattery
from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.method import Method, Problem, Work, never, refused_for_size
from darkbattery.nvmodel.observables import Needs, needing
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.solution import Solution
from darkbattery.trajectories.averages import cavity_master, steady
from darkbattery.trajectories.averages.evolution import EVOLVE, plain_charging
from darkbattery.trajectories.averages.steady import STEADY
from darkbattery.trajectories.jumps import cavity_runs
from darkbattery.trajectories.jumps import sampling as jumps
from darkbattery.trajectories.jumps.records import MOST_TABLE
from darkbattery.trajectories.jumps.walks import made_in_groups
from darkbattery.trajectories.reading.fluctuations import FLUCTUATIONS
from darkbattery.trajectories.space.angular import ladders_of

# measured on one core: (10, 50) spins at nbar = 0.5 take 1.8e-7 s a jump, (1000, 5000) 5e-8 s
SECONDS_PER_JUMP = 2e-7
# at nbar = 0 with every photon recorded 1.2e-8 to 2.2e-8 s from (10, 50) to (1e5, 5e5) spins
COLD_SECONDS_PER_JUMP = 2e-8
# a run in groups takes 2 to 6 ms
JUMPS_BESIDE_GROUPS = 3e4
# read from the populations of every run
FROM_TABLE = tuple(dict.fromkeys((*needing(Needs.POPULATIONS), *FLUCTUATIONS)))


def _jumps_of(model: Experiment) -> tuple[str, ...]:
    one_by_one = plain_charging(model) and not made_in_groups(model)
    return jumps.available(model) if one_by_one else ()


def _groups_of(model: Experiment) -> tuple[str, ...]:
    in_groups = plain_charging(model) and made_in_groups(model)
    return jumps.available(model) if in_groups else ()


def _real_spins_of(model: Experiment) -> tuple[str, ...]:
    return () if plain_charging(model) else jumps.available(model)


_too_large = refused_for_size(jumps.refuse_too_large)


def _why_no_runs(problem: Problem) -> InputError | None:
    refusal = _too_large(problem)
    if refusal is not None or not set(FROM_TABLE) & set(problem.names):
        return refusal
    battery = problem.model
    ladders = ladders_of(battery.n_battery, battery.n_charger)
    size = ladders.rows * ladders.number * (battery.n_battery + 1.0)
    if size <= MOST_TABLE:
        return None
    return InputError(
        "observables",
        problem.names,
        f"need a table of {size * 8e-9:.2g} GB for single runs, at most {MOST_TABLE * 8e-9:.2g}",
    )


def _work_of_jumps(problem: Problem) -> Work:
    battery = problem.model
    cold = battery.occupation == 0.0 and battery.detector_efficiency == 1.0
    seconds = COLD_SECONDS_PER_JUMP if cold else SECONDS_PER_JUMP
    return _work_of_runs(problem, battery.n_charger, seconds)


def _work_of_groups(problem: Problem) -> Work:
    return _work_of_runs(problem, JUMPS_BESIDE_GROUPS, SECONDS_PER_JUMP)


def _work_of_runs(problem: Problem, one_by_one: float, seconds_per_jump: float) -> Work:
    thermal = 2.0 * jumps.thermal_photons(problem.model, float(problem.times[-1]))
    return Work((problem.runs or 1) * (one_by_one + thermal) * seconds_per_jump)


def _solved(problem: Problem) -> Solution:
    assert problem.runs is not None
    return jumps.sample(problem.model, problem.times, problem.runs, 0, observables=problem.names)


QUANTUM_JUMPS = Method(
    name="quantum jumps",
    kind="sample",
    offers=_jumps_of,
    why_not=_why_no_runs,
    work=_work_of_jumps,
    solve=_solved,
    error="statistical",
)
JUMPS_IN_GROUPS = Method(
    name="quantum jumps in groups",
    kind="sample",
    offers=_groups_of,
    why_not=_why_no_runs,
    work=_work_of_groups,
    solve=_solved,
    error="statistical, and photon numbers to 1e-9 of the largest",
)
JUMPS_OF_REAL_SPINS = Method(
    name="quantum jumps over irreps",
    kind="sample",
    offers=_real_spins_of,
    why_not=never,
    work=never,
    solve=_solved,
    error="statistical",
)
SAMPLE = (QUANTUM_JUMPS, JUMPS_IN_GROUPS, JUMPS_OF_REAL_SPINS)


def _of_a_closed_one(model: DickeBattery) -> tuple[str, ...]:
    from darkbattery.trajectories.averages import dicke  # QuTiP takes most of a second to import

    return dicke.AVAILABLE


def _refuse_large_resonators(model: DickeBattery, times: NDArray[np.float64]) -> None:
    from darkbattery.trajectories.averages.dicke import refuse_too_large

    refuse_too_large(model, times)


def _schroedinger(problem: Problem) -> Solution:
    from darkbattery.trajectories.averages.dicke import evolve_dicke

    return evolve_dicke(problem.model, problem.times, problem.names)


SCHROEDINGER = Method(
    name="Schroedinger equation",
    kind="evolve",
    offers=_of_a_closed_one,
    why_not=refused_for_size(_refuse_large_resonators),
    work=never,
    solve=_schroedinger,
    error="1e-8",
)
CLOSED = (SCHROEDINGER,)
"""Of a closed battery."""
AT_RESONATOR = (
    steady.AT_RESONATOR,
    *cavity_master.AT_RESONATOR,
    *cavity_runs.AT_RESONATOR,
)
"""Of a battery at a resonator."""
IN_RESERVOIR = (*STEADY, *EVOLVE, *SAMPLE)
"""Of a battery in a shared reservoir."""
