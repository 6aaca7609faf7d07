"""What happens at a resonator one after the other: stretches of time, and pulses between them.

A stretch ends where anything is switched, where a drive has an edge, and where a detuning has
arrived. All is in the frame of the drives, which have one frequency.
"""

import math
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.channels import channels
from darkbattery.nvmodel.course import Course
from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.protocol import (
    Protocol,
    Pulse,
    Stage,
    begun,
    courses,
    endless,
    simplified,
)
from darkbattery.nvmodel.pulse import Drive, spans
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.spins import LocalNoise

Array = NDArray[np.float64]

# of the time constant: of an exponential change e^-37 is left, less than a double resolves
SETTLED = 37.0
SAME_PHASE = 1e-9  # rad: of numbers for users


@dataclass(frozen=True)
class ModeRates:
    """What happens in a stage, in rad/s and per second, in the frame of the drive.

    Attributes
    ----------
    battery_coupling, charger_coupling : float
        g of one spin; 0 of an ensemble that does not see the mode.
    battery_detuning, charger_detuning, mode_detuning : float
    kappa, nbar : float
    battery, charger : LocalNoise
    drive : float
        eta; 0 where it changes within the stage.
    """

    battery_coupling: float
    charger_coupling: float
    battery_detuning: float
    charger_detuning: float
    mode_detuning: float
    kappa: float
    nbar: float
    battery: LocalNoise
    charger: LocalNoise
    drive: float = 0.0

    @property
    def detunings(self) -> tuple[float, float, float]:
        """Of battery, charger and mode."""
        return self.battery_detuning, self.charger_detuning, self.mode_detuning


@dataclass(frozen=True)
class Changing:
    """Drives and detunings that go on in a stretch which begins `offset` after its stage.

    Times count from the stretch's start; the detunings are on top of those of the stretch's rates.
    """

    offset: float
    drives: tuple[Drive, ...]
    battery: Course
    charger: Course

    def drive(self, since: float) -> float:
        """eta, rad/s."""
        return float(sum(drive.field(self.offset + since) for drive in self.drives))

    def detunings(self, since: float) -> tuple[float, float]:
        """Of battery and charger, rad/s."""
        return tuple(float(one.at(self.offset + since)) for one in self._courses)  # type: ignore

    @property
    def _courses(self) -> tuple[Course, Course]:
        return self.battery, self.charger

    def still_from(self, begin: float, stop: float) -> bool:
        """Whether nothing changes between two times of the stage, whose edges lie outside."""
        smooth = any(drive.amplitude > 0.0 and drive.shape != "square" for drive in self.drives)
        from_start = [one.at([begin, stop]) for one in self._courses]
        return not smooth and all(
            one.still or abs(a - b) <= 1e-16 * abs(one.before - one.after)
            for one, (a, b) in zip(self._courses, from_start, strict=True)
        )


@dataclass(frozen=True)
class Stretch:
    """A stretch of time in which nothing is switched.

    Attributes
    ----------
    start, length : float
        s.
    rates : ModeRates
    changing : Changing or None
        A drive or detunings that change within it.
    """

    start: float
    length: float
    rates: ModeRates
    changing: Changing | None = None

    @property
    def stop(self) -> float:
        """The end, s."""
        return self.start + self.length

    @property
    def detunings(self) -> list[tuple[float, float, float]]:
        """Of battery, charger and mode, at the start and at the end."""
        own = self.rates.detunings
        if self.changing is None:
            return [own]
        shifts = [
            self.changing.detunings(t)
            for t in (0.0, 0.0 if self.length == math.inf else self.length)
        ]
        return [(own[0] + b, own[1] + c, own[2]) for b, c in shifts]

    @property
    def strongest_drive(self) -> float:
        """eta, at most."""
        if self.changing is None:
            return self.rates.drive
        return sum(drive.amplitude for drive in self.changing.drives)


@dataclass(frozen=True)
class Kick:
    """A pulse at a time, s; `axis` is its azimuth in the frame of the drives."""

    time: float
    pulse: Pulse
    axis: float


def mixes_excitations(experiment: Experiment) -> bool:
    """Whether a drive or a rotation makes coherence between excitation numbers."""
    return bool(_drives(experiment)) or any(
        isinstance(step, Pulse) and step.rotates for step in experiment.protocol
    )


def _drives(experiment: Experiment) -> tuple[Drive, ...]:
    found = () if experiment.drive is None else (experiment.drive,)
    staged = (
        drive for step in experiment.protocol if isinstance(step, Stage) for drive in step.drives
    )
    return (*found, *staged)


def _frame(experiment: Experiment) -> float:
    """Frequency of the drives less that of the resonator, rad/s; refused where there are several.

    Pulses without amplitude have none.
    """
    for drive in _drives(experiment):
        if not drive.is_real:
            raise InputError("drive", drive, "of one phase here, not chirped; meanfield has it")
        length = drive.start_s + drive.duration_s - drive.start_s
        if abs(length - drive.duration_s) > 1e-6 * drive.duration_s:
            text = "too short beside its start for the quantum engine; meanfield has it"
            raise InputError("drive.duration_s", drive.duration_s, text)
    found = {drive.detuning_hz for drive in _drives(experiment) if drive.amplitude > 0.0}
    if len(found) > 1:
        text = "drives of one frequency here; meanfield has several"
        raise InputError("drive.detuning_hz", sorted(found), text)
    return 2.0 * math.pi * found.pop() if found else 0.0


def _phase(experiment: Experiment, frame: float) -> float:
    """Phase of the drives in their frame, rad; refused where there are several.

    Each counts from the start of its stage, so that detuned ones of several stages differ in it.
    """
    if experiment.drive is not None:
        return experiment.drive.phase
    now, found = 0.0, []
    for step in experiment.protocol:
        if isinstance(step, Stage):
            found += [one.phase + frame * now for one in step.drives if one.amplitude > 0.0]
            now += step.duration
    turns = [math.remainder(one - found[0], 2.0 * math.pi) for one in found]
    if turns and max(map(abs, turns)) > SAME_PHASE:
        text = "drives of one phase here; meanfield has several"
        raise InputError("drive.phase", found, text)
    return found[0] if found else 0.0


def turned_back(experiment: Experiment, times: Array) -> NDArray[np.complex128]:
    """Factors of <a> in the frame of the drives for that of the model's drive, or the resonator."""
    phase = _phase(experiment, frame := _frame(experiment))
    since = 0.0 if experiment.drive is not None else times
    return np.asarray(np.exp(1j * (phase - frame * since)) * np.ones(times.size))


def steps_of(experiment: Experiment, last: float) -> list[Stretch | Kick]:
    """What happens until `last` (s); the final stretch is endless and holds what is read there."""
    noise = experiment.battery_noise, experiment.charger_noise
    steps: Protocol = endless(begun(simplified(experiment.stages, *noise), last))
    frame, now, found = _frame(experiment), 0.0, list[Stretch | Kick]()
    phase = _phase(experiment, frame)
    detunings = iter(courses(steps, experiment.detunings))
    for step in steps:
        if isinstance(step, Pulse):
            found.append(Kick(now, step, step.axis - frame * now + phase))
            continue
        drives = step.drives if experiment.drive is None else (experiment.drive,)
        end = min(step.duration, max(last - now, 0.0))
        found += _stretches(experiment, step, drives, next(detunings), frame, now, end)
        now += step.duration
    final = found[-1]
    assert isinstance(final, Stretch)
    return [*found[:-1], replace(final, length=math.inf)]


def _stretches(
    experiment: Experiment,
    stage: Stage,
    drives: tuple[Drive, ...],
    towards: tuple[Course, Course],
    frame: float,
    start: float,
    end: float,
) -> list[Stretch]:
    """A stage, cut where its drives and detunings have edges."""
    edges = {0.0, end}
    for drive in drives:
        edges |= {span.start for span in spans(drive, end)}
    for course in towards:
        if not course.still:
            edges.add(course.rise * (SETTLED if course.shape == "exponential" else 1.0))
    cuts = sorted(edge for edge in edges if 0.0 <= edge <= end)
    # what begins at the end is read there
    cuts.append(cuts[-1])
    found = []
    for begin, stop in pairwise(cuts):
        changing = Changing(begin, drives, *towards)
        still = changing.still_from(begin, stop)
        eta = changing.drive(0.0) if still else 0.0
        shift = changing.detunings(0.0) if still else (0.0, 0.0)
        rates = _rates(experiment, stage, eta, shift, frame)
        found.append(Stretch(start + begin, stop - begin, rates, None if still else changing))
    if end < stage.duration:  # the last one read
        return found
    return found[:-1]


def _rates(
    experiment: Experiment, stage: Stage, drive: float, shift: tuple[float, float], frame: float
) -> ModeRates:
    assert experiment.resonator is not None
    found = channels(experiment, stage)
    return ModeRates(
        battery_coupling=found.exchange("battery"),
        charger_coupling=found.exchange("charger"),
        battery_detuning=shift[0] - frame,
        charger_detuning=shift[1] - frame,
        mode_detuning=-frame,
        kappa=experiment.resonator.kappa,
        nbar=experiment.nbar,
        battery=found.noise("battery"),
        charger=found.noise("charger"),
        drive=drive,
    )
