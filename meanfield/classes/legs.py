"""A divided model stage by stage: what each switches, and which outputs are read in it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from darkbattery.meanfield.classes.moments import BATTERY, CHARGER, System, local_rates
from darkbattery.nvmodel.course import Course
from darkbattery.nvmodel.protocol import (
    Pulse,
    Stage,
    begun,
    courses,
    end_of,
    endless,
    refuse_beyond,
    turns_partly,
)
from darkbattery.nvmodel.pulse import Drive

Array = NDArray[np.float64]

# how often spins flip in turn with all else, in a T_r and in a stage
FLIPS, MOST_FLIPS = 400, 1000
STILL = (Course(0.0, 0.0), Course(0.0, 0.0))


@dataclass(frozen=True, eq=False)
class Leg:
    """A stage of a divided model, and the pulses that come before it.

    Attributes
    ----------
    system : System
        With the stage's couplings and noise.
    begin, length : float
        Until the last output, if that is in it.
    outputs : ndarray
        Times in it that are read, counted from its start.
    pulses : tuple of Pulse
    shifts : pair of Course
        How far the lines of battery and charger are from where the system has them, rad/s.
    drives : tuple of Drive
        Their times count from the leg's start.
    frame : float
        Frequency of the frame, rad/s from the resonator.
    """

    system: System
    begin: float
    length: float
    outputs: Array
    pulses: tuple[Pulse, ...] = ()
    shifts: tuple[Course, Course] = STILL
    drives: tuple[Drive, ...] = ()
    frame: float = 0.0

    @property
    def still(self) -> bool:
        """Whether the detunings are the same over the whole leg."""
        return all(course.still for course in self.shifts)

    @property
    def begins_phase(self) -> bool:
        """Whether a field is sent in, or pulses before it leave spins at an angle."""
        return bool(self.drives) or turns_partly(self.pulses)

    @property
    def cuts(self) -> tuple[float, ...]:
        """Where integrators stop: on the way of a changing detuning, and for flips of spins."""
        moving = [course for course in self.shifts if not course.still]
        cuts = moving[0].cuts if moving else ()
        if not self.system.refills:
            return cuts
        turn = max(min(self.system.refill) / FLIPS, self.length / MOST_FLIPS)
        return (*cuts, *(turn * np.arange(1, int(self.length / turn) + 1)).tolist())

    def detuning(self, since: float) -> Array:
        """Of each class at a time since the start, rad/s."""
        # right-hand sides ask at every stage of a step: what stands still is not computed
        shift = np.array([c.after if c.still else float(c.at(since)) for c in self.shifts])
        return np.asarray(self.system.detuning + shift[self.system.ensemble])

    def turned(self, since: float, after: Array) -> Array:
        """By how much the shifts turn both ensembles (2, times) from `since` until `after` it."""
        return np.array(
            [
                course.after * after
                if course.still
                else course.turned(since + after) - course.turned(since)
                for course in self.shifts
            ]
        )

    def mean_shifts(self, edges: ArrayLike) -> Array:
        """Of both ensembles (2, parts) over each part between `edges` (parts + 1,).

        By Simpson's rule: closed forms would subtract large phases.
        """
        at = np.asarray(edges, dtype=float)
        ends = np.array([course.at(at) for course in self.shifts])
        middle = np.array([course.at(0.5 * (at[1:] + at[:-1])) for course in self.shifts])
        return np.asarray((ends[:, 1:] + ends[:, :-1] + 4.0 * middle) / 6.0)

    def fastest_turn(self, begin: float, end: float) -> float:
        """Largest detuning of a coupled class between two times, or of a chirp, rad/s."""
        chirps = [drive.farthest_detuning for drive in self.drives if drive.chirp_hz]
        coupled = self.system.coupling > 0.0
        far = np.abs([self.detuning(begin), self.detuning(end)]).max(axis=0)
        return max(float(np.where(coupled, far, 0.0).max()), *chirps, 0.0)


def legs(system: System, times: Array) -> Iterator[Leg]:
    """The stages that have begun by the last of `times` (increasing, >= 0).

    One output at the very time of a switch or a pulse is read after it.

    >>> from darkbattery.meanfield.classes.moments import system_of
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> steps = (Stage(1.0), Pulse(dephase_battery=1.0), Stage(2.0, "battery"))
    >>> system = system_of(CollectiveBattery(2, 10, protocol=steps), 1)
    >>> for leg in legs(system, np.array([0.5, 1.0, 2.0])):
    ...     print(leg.begin, leg.length, leg.outputs, len(leg.pulses), leg.system.coupling)
    0.0 1.0 [0.5] 0 [1. 1.]
    1.0 1.0 [0. 1.] 1 [1. 0.]
    """
    last = float(times[-1])
    if not system.protocol:
        drives = () if system.drive is None else (system.drive,)
        yield Leg(system, 0.0, last, times, drives=drives, frame=-system.field_detuning)
        return
    refuse_beyond(system.protocol, times)
    steps = endless(begun(system.protocol, last))
    ways = iter(courses(steps, system.own_detunings))
    now, done, pulses = 0.0, 0, []
    for step in steps:
        if isinstance(step, Pulse):
            pulses.append(step)
            continue
        ends = int(np.searchsorted(times, end_of(now + step.duration)))
        outputs = np.maximum(times[done:ends] - now, 0.0)
        length = step.duration if ends < times.size else last - now
        shifts = [
            replace(course, before=course.before - own, after=course.after - own)
            for course, own in zip(next(ways), system.own_detunings, strict=True)
        ]
        yield Leg(
            system=_in_stage(system, step),
            begin=now,
            length=max(length, 0.0),
            outputs=outputs,
            pulses=tuple(pulses),
            shifts=(shifts[0], shifts[1]),
            drives=step.drives,
        )
        now, done, pulses = now + step.duration, ends, []
        if done == times.size:
            return


def _in_stage(system: System, stage: Stage) -> System:
    """With the couplings and the noise of a stage."""
    names = ("decoherence", "relaxation", "supply")
    fields = {name: getattr(system, name) for name in ("coupling", *names)}
    for ensemble, word, noise in (
        (BATTERY, "battery", stage.battery_noise),
        (CHARGER, "charger", stage.charger_noise),
    ):
        mine = system.ensemble == ensemble
        if stage.coupled not in ("both", word):
            fields["coupling"] = np.where(mine, 0.0, fields["coupling"])
        if noise is not None:
            for name, rate in zip(names, local_rates(noise), strict=True):
                fields[name] = np.where(mine, rate, fields[name])
    return replace(system, protocol=(), **fields)


def couples(system: System, times: Array) -> Array:
    """Whether battery and charger (2, T) are coupled at each time: 1 or 0."""
    if not system.protocol:
        return np.ones((2, times.size))
    parts = [
        np.repeat([[float(leg.system.coupling[leg.system.ensemble == i].any())] for i in range(2)],
                  leg.outputs.size, axis=1)
        for leg in legs(system, times)
    ]  # fmt: skip
    return np.concatenate(parts, axis=1)
