"""All that a plan says about one sequence, found on all ranks."""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import constants
from threadpoolctl import threadpool_limits

from darkbattery.meanfield.classes.moments import System
from darkbattery.meanfield.paths.plan import fastest_rate, plan_with_step
from darkbattery.meanfield.paths.wigner import (
    FIRST_STEP,
    Control,
    controlled_plan,
    sample,
)
from darkbattery.nvmodel import ResonatorBattery
from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.plan.parameters import PARAMETERS, both
from darkbattery.runs.plan.sensitivity import all_steps, paired
from darkbattery.runs.plan.sequences.scan import Scan, scan_of
from darkbattery.runs.plan.sequences.shots import (
    SEED,
    Courses,
    Recipe,
    Shots,
    classes_of,
    courses_of,
    halved_courses,
    roles_of,
    shots_from,
    shots_of,
)
from darkbattery.runs.plan.sequences.timeline import (
    Roles,
    Timed,
    of_stage,
    output_times,
    timed_stages,
)
from darkbattery.runs.plan.subject import Drawn, Subject, of_draws
from darkbattery.runs.ranks.world import spread

Array = NDArray[np.float64]

# of the sequence itself; of its variants; of a draw, whose own scatter is averaged over the draws
CLASSES, RUNS = 31, 32
BRIEF_CLASSES, BRIEF_RUNS = 21, 16
DRAW_RUNS = 8
# draws of a device with a sequence unless said otherwise
DRAWS = 32
# standard errors of what is more than scatter
LEAST_RISE = 3.0
# of the noise in a resonator: its largest in a hundred outputs is below, but for e^-20
DARK = 20.0
# of a coupling: what is left of the resonator is empty
UNCOUPLED = 1e-9


@dataclass(frozen=True)
class Limit:
    """What one per cent more of a parameter does, in per cent, with standard errors over shots.

    Attributes
    ----------
    name, unit : str
    value : float
    given, power : (float, float)
        Of the energy that the battery is given until it is stored, and of the largest power from
        the release on (without one while charging).
    """

    name: str
    unit: str
    value: float
    given: tuple[float, float]
    power: tuple[float, float]


@dataclass(frozen=True)
class Approximations:
    """How well the numbers are known beside what the device's ranges leave open.

    Attributes
    ----------
    classes, runs, brief_classes, brief_runs : int
    class_change : float
        Of the stored energy from `brief_classes` to `classes`, as a share of it.
    step_error : float
        Largest change of a mean energy with half the step, hbar omega.
    step_recovered : float
        What half the step changes of what is given back, and its standard error over shots, J;
        NaN without a release.
    shot_error : float
        Standard error of the stored energy over the shots, as a share of it.
    """

    classes: int
    runs: int
    brief_classes: int
    brief_runs: int
    class_change: float
    step_error: float
    step_recovered: float
    shot_error: float


@dataclass(frozen=True, eq=False)
class SequencePlan:
    """The answer.

    Attributes
    ----------
    subject : Subject
    stages : tuple of Timed
    roles : Roles
    courses : Courses
    shots, brief, empty : Shots
        Of the sequence, of the same with fewer classes and runs, to which variants are compared,
        and of what is sent into the same resonator without spins (one run).
    ergotropy : (float, float)
        Local one per battery spin of what is stored, hbar omega, and its standard error.
    limits : tuple of Limit
        The most limiting first.
    scan : Scan
    drawn : tuple of Drawn
    approximations : Approximations
    warnings : tuple of str
    """

    subject: Subject
    stages: tuple[Timed, ...]
    roles: Roles
    courses: Courses
    shots: Shots
    brief: Shots
    empty: Shots
    ergotropy: tuple[float, float]
    limits: tuple[Limit, ...]
    scan: Scan
    drawn: tuple[Drawn[Shots], ...]
    approximations: Approximations
    warnings: tuple[str, ...]

    @property
    def charge(self) -> Timed:
        """The stage in which the battery is charged."""
        return self.stages[self.roles.charge]

    @property
    def spacing(self) -> float:
        """Of the output times in the charging stage, s."""
        times = self.courses.times[of_stage(self.roles.charge)]
        return float(times[1] - times[0])

    @property
    def release(self) -> Timed | None:
        """The stage in which it gives energy back."""
        return None if self.roles.release is None else self.stages[self.roles.release]

    def is_vacuum(self, value: float, unit: str, error: float) -> bool:
        """Whether energy (J) or power (W) of all that leaves is no more than the noise of it.

        The largest of many powers is some photons of noise in the resonator, in the dark as well.
        """
        model = self.subject.model
        quantum, noise = constants.h * model.resonator.frequency_hz, model.nbar + 0.5
        if unit == "W":
            return value < DARK * noise * quantum * model.resonator.kappa
        return abs(value) < max(LEAST_RISE * error, quantum * noise)

    @property
    def noise_joule(self) -> float:
        r"""Standard deviation of what noise alone sends out from the release on in one run, J.

        :math:`\hbar\omega(\bar n+\tfrac12)\sqrt{2\kappa T}`, as
        :math:`|\alpha|^2` of an empty resonator forgets at the rate :math:`\kappa`.
        """
        release = self.release
        lasting = self.stages[-1].end - release.begin if release is not None else 0.0
        resonator, nbar = self.subject.model.resonator, self.subject.model.nbar
        quantum = constants.h * resonator.frequency_hz
        return quantum * (nbar + 0.5) * math.sqrt(2.0 * resonator.kappa * lasting)

    @property
    def is_triggered(self) -> bool:
        """Whether a field is sent in from the release on."""
        first = self.roles.release
        return first is not None and any(one.stage.drives for one in self.stages[first:])


def make_sequence_plan(subject: Subject, draws: int, comm: Any = None) -> SequencePlan:
    """Follow the subject's sequence and its variants, on all ranks; the plan on every rank.

    Linear algebra runs on one thread, so that any number of ranks gives the same bits.
    """
    model, stages = subject.model, timed_stages(subject.model.protocol)
    with threadpool_limits(limits=1):
        times = output_times(stages)
        system = classes_of(model, CLASSES)
        # where nothing varies every rank makes the same
        control = controlled_plan(system, tuple(times.tolist()), CLASSES)
        courses = courses_of(model, control.plan, RUNS)
        roles = roles_of(model, courses)
        _refuse_uncharged(courses, roles.charge, stages[roles.charge].name)
        shots = shots_from(courses, model, roles)
        fine = halved_courses(model, control.plan, RUNS)
        brief = Recipe(BRIEF_CLASSES, BRIEF_RUNS, _step_of(control), roles)
        found, warnings = _ergotropy(system, times, roles)
        near = shots_of(model, brief)
        followed = partial(shots_of, recipe=replace(brief, runs=DRAW_RUNS))
        return SequencePlan(
            subject,
            stages,
            roles,
            courses,
            shots,
            near,
            _empty(model, brief),
            found,
            _limits(model, brief, near, comm),
            scan_of(model, brief, comm),
            tuple(of_draws(subject, draws, followed, comm)),
            _approximations(control, shots, shots_from(fine, model, roles), near),
            (*control.warnings, *warnings),
        )


def _refuse_uncharged(courses: Courses, charge: int, name: str) -> None:
    """Refuse a sequence whose best stage gives the battery nothing beyond the scatter of shots."""
    gained = courses.battery[of_stage(charge)]
    rise = gained[-1] - gained[0]
    if not rise.mean() > LEAST_RISE * rise.std(ddof=1) / math.sqrt(rise.size):
        raise InputError("model.protocol", name, "must charge the battery: no stage does")


def _step_of(control: Control) -> float:
    """In units of 1/`fastest_rate`: the one among those tried that the plan was made with."""
    plan, fastest = control.plan, fastest_rate(control.plan.system)
    step = FIRST_STEP
    while plan_with_step(plan.system, plan.times, step / fastest).steps != plan.steps:
        step /= 2.0
    return step


def _ergotropy(
    system: System, times: Array, roles: Roles
) -> tuple[tuple[float, float], tuple[str, ...]]:
    name = "ergotropy_local"
    found = sample(system, times, RUNS, SEED, observables=["battery_energy", name])
    at = -1 if roles.release is None else of_stage(roles.release).start - 1
    error = found.errors[name]
    assert error is not None
    return (float(found[name][at]), float(error[at])), found.warnings


def _empty(model: ResonatorBattery, recipe: Recipe) -> Shots:
    """What leaves of the fields that are sent in without the spins."""
    alone = both(model, lambda spins: replace(spins, coupling=spins.coupling * UNCOUPLED))
    return shots_of(alone, replace(recipe, classes=1, runs=1))


def _limits(model: ResonatorBattery, recipe: Recipe, near: Shots, comm: Any) -> tuple[Limit, ...]:
    steps = all_steps(model)
    solved = spread(comm, lambda step: shots_of(step.model, recipe), steps)
    found = []
    for name, width, (one, other) in paired(steps, solved):
        value, unit = PARAMETERS[name].read(model), PARAMETERS[name].unit
        assert value is not None
        given = _slope(one.given, other.given, near.given, width)
        power = _slope(one.last_watt, other.last_watt, near.last_watt, width)
        found.append(Limit(name, unit, value, given, power))
    return tuple(sorted(found, key=lambda one: (-abs(one.given[0]), one.name)))


def _slope(one: Array, other: Array, near: Array, width: float) -> tuple[float, float]:
    """Elasticity, and its error over the shots, which have the same noise at both ends."""
    change = (other - one) / (width * near.mean())
    return float(change.mean()), float(change.std(ddof=1) / math.sqrt(change.size))


def _approximations(control: Control, shots: Shots, fine: Shots, near: Shots) -> Approximations:
    stored = shots.stored.mean()
    change = fine.recovered_joule - shots.recovered_joule
    scatter = change.std(ddof=1) / math.sqrt(change.size)
    return Approximations(
        CLASSES,
        RUNS,
        BRIEF_CLASSES,
        BRIEF_RUNS,
        float(abs(near.stored.mean() / stored - 1.0)),
        control.error,
        float(abs(change.mean()) + scatter),
        float(shots.stored.std(ddof=1) / math.sqrt(shots.stored.size) / stored),
    )
