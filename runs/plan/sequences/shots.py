r"""Single runs through a sequence, and the numbers that are read from each.

Truncated Wigner (`meanfield.sample`) with the burst's vacuum noise: where the moment of a switch is
fixed, the delay's scatter decides what is stored, which one most probable run does not have.
Every variant of the model is followed with the same noise, so that differences are those of the
model; `Recipe` fixes the step once.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import constants

from darkbattery.meanfield.classes.moments import System, system_of
from darkbattery.meanfield.paths.plan import Plan, fastest_rate, plan_with_step
from darkbattery.meanfield.paths.readings import (
    BATTERY_ENERGY,
    CHARGER_ENERGY,
    LEAVING,
    LEFT,
)
from darkbattery.meanfield.paths.walk import HalvedNoise, simulate, start_of, walk
from darkbattery.nvmodel import ResonatorBattery
from darkbattery.runs.plan.sequences.timeline import (
    Roles,
    find_roles,
    of_stage,
    output_times,
    timed_stages,
)
from darkbattery.runs.plan.window import most_classes

Array = NDArray[np.float64]

SEED = 1
# what all leave together, where the resonator has no ports
ALL = "the resonator"


@dataclass(frozen=True)
class Recipe:
    """How variants of a sequence are followed.

    Attributes
    ----------
    classes, runs : int
    step : float
        In units of 1/`fastest_rate`.
    roles : Roles
    """

    classes: int
    runs: int
    step: float
    roles: Roles


@dataclass(frozen=True, eq=False)
class Courses:
    """Runs over `output_times`, each (T, runs), and the shares of the ports.

    Attributes
    ----------
    battery, charger : ndarray
        Energies per spin, in hbar omega.
    power : ndarray
        Net of all that leaves, W.
    sent : ndarray
        Its integral, J.
    ports : dict
        Share of each port in what leaves.
    """

    times: Array
    battery: Array
    charger: Array
    power: Array
    sent: Array
    ports: dict[str, float]


@dataclass(frozen=True, eq=False)
class Shots:
    """What is read from each run; NaN throughout where there is no release.

    Attributes
    ----------
    charged, stored : ndarray (runs,)
        Energy per battery spin at the end of the charging and at the start of the release (without
        one at the end of the sequence), in hbar omega.
    given : ndarray (runs,)
        What is stored less what the battery began with: a bad preparation is no charging.
    burst : ndarray (runs,)
        When most leaves at once, from the start of the charging stage, s.
    stored_joule, recovered_joule, sent_joule : ndarray (runs,)
        Stored, given back by the battery in the release's stage and after it, and sent out
        meanwhile by the resonator as a whole.
    burst_watt, release_watt : ndarray (runs,)
        Largest power that leaves, in the charging stage and from the release on.
    ports : dict
        Share of each port in what leaves.
    """

    charged: Array
    stored: Array
    given: Array
    burst: Array
    stored_joule: Array
    recovered_joule: Array
    sent_joule: Array
    burst_watt: Array
    release_watt: Array
    ports: dict[str, float]

    @property
    def last_watt(self) -> Array:
        """From the release on; without one in the charging stage."""
        return self.burst_watt if np.isnan(self.release_watt).any() else self.release_watt


def classes_of(model: ResonatorBattery, classes: int) -> System:
    """The model in so many classes, or fewer where there is less to divide."""
    return system_of(model, most_classes(model, classes))


def shots_of(model: ResonatorBattery, recipe: Recipe) -> Shots:
    """The runs of one variant; InputError where it cannot be."""
    system = classes_of(model, recipe.classes)
    times = output_times(timed_stages(model.protocol))
    plan = plan_with_step(system, times, recipe.step / fastest_rate(system))
    return shots_from(courses_of(model, plan, recipe.runs), model, recipe.roles)


def courses_of(model: ResonatorBattery, plan: Plan, runs: int) -> Courses:
    """Runs 0 to `runs` - 1."""
    rows = np.concatenate([found.rows for _, found in simulate(plan, SEED, 0, runs)], axis=-1)
    return _courses(model, plan, rows)


def halved_courses(model: ResonatorBattery, plan: Plan, runs: int) -> Courses:
    """The same runs, on the same noise, with half the step."""
    noise = HalvedNoise(SEED, 0, runs, plan.per_step)
    fine = replace(plan, steps=tuple(2 * count for count in plan.steps))
    return _courses(model, fine, walk(fine, noise, start_of(plan.system, SEED, 0, runs)).rows)


def _courses(model: ResonatorBattery, plan: Plan, rows: Array) -> Courses:
    resonator, total = model.resonator, plan.system.total
    quantum = constants.h * resonator.frequency_hz
    thermal = resonator.kappa * model.nbar
    shares = {name: rate / resonator.kappa for name, rate in resonator.rates.items()}
    return Courses(
        plan.times,
        rows[BATTERY_ENERGY],
        rows[CHARGER_ENERGY],
        quantum * (total * rows[LEAVING] - thermal),
        quantum * (total * rows[LEFT] - thermal * plan.times[:, None]),
        shares or {ALL: 1.0},
    )


def roles_of(model: ResonatorBattery, courses: Courses) -> Roles:
    """Which stages charge and give back, of the mean over the runs."""
    return find_roles(model, courses.battery.mean(axis=1))


def shots_from(courses: Courses, model: ResonatorBattery, roles: Roles) -> Shots:
    """The numbers of each run."""
    assert model.battery is not None
    charge, E = of_stage(roles.charge), courses.battery
    joule = constants.h * model.resonator.frequency_hz * model.battery.number
    nothing = np.full(E.shape[1], np.nan)
    first = None if roles.release is None else of_stage(roles.release).start
    stored = E[-1] if first is None else E[first - 1]
    times = courses.times[charge]
    burst = courses.power[charge]
    return Shots(
        charged=E[charge][-1],
        stored=stored,
        given=stored - E[0],
        burst=times[burst.argmax(axis=0)] - times[0],
        stored_joule=joule * stored,
        recovered_joule=nothing if first is None else joule * (stored - E[-1]),
        sent_joule=nothing if first is None else courses.sent[-1] - courses.sent[first - 1],
        burst_watt=burst.max(axis=0),
        release_watt=nothing if first is None else courses.power[first:].max(axis=0),
        ports=courses.ports,
    )
