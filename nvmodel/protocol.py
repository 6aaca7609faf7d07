"""Timed protocols: stages, each with a generator of its own, and pulses between them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.course import Course, RiseShape, StepResponse
from darkbattery.nvmodel.display import model_text
from darkbattery.nvmodel.pulse import Drive
from darkbattery.nvmodel.refusal import (
    InputError,
    finite_number,
    is_real,
    known_name,
    listed_items,
    number_between,
)
from darkbattery.nvmodel.spins import LocalNoise

Coupled = Literal["both", "battery", "charger", "none"]
SAME_TIME = 1e-12  # relative difference of two times that are meant to be the same
SAME_TURN = 1e-9  # rad: a half turn, as numbers for users have it
MOST_TURN = 1e3  # rad: some 160 turns, more than any pulse is meant to make


@dataclass(frozen=True)
class Stage:
    r"""A stretch of time at whose start something is switched.

    Parameters
    ----------
    duration : float
        In the unit of :math:`1/\gamma`, at a resonator in s; > 0; infinity for a last stage.
    coupled : "both", "battery", "charger" or "none"
        Which ensembles the reservoir or resonator sees. "both" charges, or holds a charged battery
        in its dark state; "battery" is a battery disconnected from its charger.
    battery_noise, charger_noise : LocalNoise, optional
        Default: those of the model, at a resonator what :math:`T_1` and :math:`T_2` say; rates in
        1/s there.
    name : str
        Shown in figures.
    battery_detuning, charger_detuning : float, optional
        Where the stage brings the lines' centres: minus the resonator's frequency, rad/s; in a
        reservoir, where only their difference counts, in the unit of :math:`\gamma`. Default: the
        model's.
    rise : float
        Time constant of an exponential change from the detunings before, or length of a linear
        one; at most the duration. What an exponential leaves, the next stage takes over.
    rise_shape : "exponential", "linear" or StepResponse
        The last as it was measured; its length is then the rise.
    drives : sequence of Drive
        Fields sent into the resonator; their times count from the stage's start.

    Examples
    --------
    >>> Stage(5e-6, charger_detuning=4e8, rise=1e-7, name="store")
    Stage(duration=5e-06, name='store', charger_detuning=400000000.0, rise=1e-07)
    """

    duration: float
    coupled: Coupled = "both"
    battery_noise: LocalNoise | None = None
    charger_noise: LocalNoise | None = None
    name: str = ""
    battery_detuning: float | None = None
    charger_detuning: float | None = None
    rise: float = 0.0
    rise_shape: RiseShape | StepResponse = "exponential"
    drives: tuple[Drive, ...] = ()

    def __post_init__(self) -> None:
        if not (is_real(self.duration) and self.duration == math.inf):
            duration = finite_number("duration", self.duration, least=0.0, exclusive=True)
            object.__setattr__(self, "duration", duration)
        known_name("coupled", self.coupled, get_args(Coupled))
        _refuse_no_text(self.name)
        for name in ("battery_noise", "charger_noise"):
            if not isinstance(getattr(self, name), LocalNoise | None):
                raise InputError(name, getattr(self, name), "must be a LocalNoise")
        for name in ("battery_detuning", "charger_detuning"):
            if getattr(self, name) is not None:
                value = number_between(name, getattr(self, name), -1e15, 1e15)
                object.__setattr__(self, name, value)
        rise = finite_number("rise", self.rise, least=0.0)
        if isinstance(self.rise_shape, StepResponse):
            if rise not in (0.0, self.rise_shape.length):
                raise InputError("rise", self.rise, "give it or a step response, not both")
            rise = self.rise_shape.length
        else:
            known_name("rise_shape", self.rise_shape, get_args(RiseShape))
        if rise > self.duration * (1.0 + SAME_TIME):
            raise InputError("rise", rise, f"must be at most the duration, {self.duration:g}")
        object.__setattr__(self, "rise", rise)
        object.__setattr__(self, "drives", _checked_drives(self.drives, self.duration))

    def __repr__(self) -> str:
        return model_text(self)

    def with_rise_stretched(self, factor: float) -> Stage:
        """The stage with its rise, of whatever shape, so many times as slow.

        >>> Stage(1.0, battery_detuning=2.0, rise=0.1).with_rise_stretched(2.0).rise
        0.2
        """
        if isinstance(self.rise_shape, StepResponse):
            return replace(self, rise=0.0, rise_shape=self.rise_shape.stretched(factor))
        return replace(self, rise=factor * self.rise)

    @property
    def is_plain(self) -> bool:
        """Whether the stage is the model itself but for its noise."""
        detuned = self.battery_detuning is not None or self.charger_detuning is not None
        return self.coupled == "both" and not detuned and not self.drives


def _checked_drives(drives: object, duration: float) -> tuple[Drive, ...]:
    """Drives as a tuple, refused where one reaches beyond its stage."""
    found = listed_items("drives", drives, Drive)
    for i, drive in enumerate(found):
        if text := beyond_its_stage(drive, duration):
            raise InputError(f"drives[{i}]", drive, text)
    return found


def beyond_its_stage(drive: Drive, duration: float) -> str:
    """What is refused of a drive that reaches beyond a stage; empty for one that does not.

    >>> beyond_its_stage(Drive(amplitude=1.0, duration_s=2.0, start_s=1.0), 2.0)
    'lasts from 1 to 3: must lie in its stage, 0 to 2'
    """
    begin, end = drive.extent
    if begin >= -SAME_TIME * drive.duration_s and end <= duration * (1.0 + SAME_TIME):
        return ""
    return f"lasts from {begin:g} to {end:g}: must lie in its stage, 0 to {duration:g}"


class Dephasing(NamedTuple):
    """Of every spin of one ensemble by itself: its coherence times 1 - strength."""

    of_battery: bool
    strength: float


class Turn(NamedTuple):
    """Of one ensemble by an angle about an axis in the plane at an azimuth, both rad."""

    of_battery: bool
    angle: float
    axis: float


@dataclass(frozen=True)
class Pulse:
    r"""Dephasing of every spin by itself, or a rotation of one ensemble or both, in no time.

    A rotation by :math:`\theta` about the axis :math:`(\cos\varphi, \sin\varphi, 0)` is
    :math:`U=\exp[-i\theta(J^x\cos\varphi+J^y\sin\varphi)]`, with :math:`\varphi` in the frame
    in which the detunings are given: the resonator's, or the charger's of a reservoir.

    Parameters
    ----------
    dephase_battery, dephase_charger : float
        Strength s, 0 to 1: the coherence of each spin is multiplied by 1 - s. Nothing happens at 0;
        at 1 each spin is left as a mixture of up and down.
    name : str
        Shown in figures.
    rotate_battery, rotate_charger : float
        Angles :math:`\theta`, rad; :math:`\pi` inverts. 0: not this ensemble.
    axis : float
        Azimuth :math:`\varphi` of the axis, rad: 0 for x, :math:`\pi/2` for y.
    rotation_error : float
        Standard deviation of the angle over the angle, normal and of each spin by itself, 0 to 1:
        what of a Bloch vector is at right angles to the axis turns by :math:`\theta` and shrinks by
        :math:`\exp(-(\sigma\theta)^2/2)`.

    Examples
    --------
    >>> import math
    >>> Pulse(rotate_charger=math.pi, name="invert")
    Pulse(name='invert', rotate_charger=3.141592653589793)
    """

    dephase_battery: float = 0.0
    dephase_charger: float = 0.0
    name: str = ""
    rotate_battery: float = 0.0
    rotate_charger: float = 0.0
    axis: float = 0.0
    rotation_error: float = 0.0

    def __post_init__(self) -> None:
        for name, least, most in (
            ("dephase_battery", 0.0, 1.0),
            ("dephase_charger", 0.0, 1.0),
            ("rotate_battery", -MOST_TURN, MOST_TURN),
            ("rotate_charger", -MOST_TURN, MOST_TURN),
            ("axis", -MOST_TURN, MOST_TURN),
            ("rotation_error", 0.0, 1.0),
        ):
            object.__setattr__(self, name, number_between(name, getattr(self, name), least, most))
        if self.rotates and self.dephases:
            raise InputError("pulse", self, "rotates or dephases: write two pulses")
        _refuse_no_text(self.name)

    @property
    def dephases(self) -> bool:
        """Whether any coherence is lost by itself."""
        return self.dephase_battery > 0.0 or self.dephase_charger > 0.0

    @property
    def rotates(self) -> bool:
        """Whether an ensemble is turned."""
        return self.rotate_battery != 0.0 or self.rotate_charger != 0.0

    @property
    def on_single_spins(self) -> tuple[bool, bool]:
        """Whether spins of battery and charger are dephased each by itself, about any axis.

        >>> Pulse(rotate_charger=1.0, rotation_error=0.1).on_single_spins
        (False, True)
        """
        error = self.rotation_error
        return (
            self.dephase_battery > 0.0 or error * self.rotate_battery != 0.0,
            self.dephase_charger > 0.0 or error * self.rotate_charger != 0.0,
        )

    def acts(self, axis: float) -> Iterator[Dephasing | Turn]:
        r"""What happens, one after the other, with its axis at an azimuth in the engine's frame.

        An error of the angle is a dephasing about that axis, which is brought to z for it, about
        :math:`\varphi+\pi/2`, and back.

        >>> list(Pulse(dephase_charger=0.5).acts(0.0))
        [Dephasing(of_battery=False, strength=0.5)]
        >>> len(list(Pulse(rotate_battery=1.0, rotation_error=0.1).acts(0.0)))
        4
        """
        for of_battery, strength in ((True, self.dephase_battery), (False, self.dephase_charger)):
            if strength > 0.0:
                yield Dephasing(of_battery, strength)
        for of_battery, angle in ((True, self.rotate_battery), (False, self.rotate_charger)):
            if angle == 0.0:
                continue
            yield Turn(of_battery, angle, axis)
            lost = self.lost_by_error(angle)
            if lost > 0.0:
                across, quarter = axis + 0.5 * math.pi, 0.5 * math.pi
                yield Turn(of_battery, -quarter, across)
                yield Dephasing(of_battery, lost)
                yield Turn(of_battery, quarter, across)

    def lost_by_error(self, angle: float) -> float:
        """What a spin loses, at right angles to the axis, by the error of a rotation's angle.

        >>> Pulse(rotate_charger=2.0).lost_by_error(2.0)
        0.0
        """
        return -math.expm1(-0.5 * (self.rotation_error * angle) ** 2) + 0.0

    def __repr__(self) -> str:
        return model_text(self)


def _refuse_no_text(name: object) -> None:
    if not isinstance(name, str):
        raise InputError("name", name, "must be a text")


Protocol = tuple[Stage | Pulse, ...]


def checked_protocol(protocol: object) -> Protocol:
    """Return a protocol as a tuple, refused unless only its last stage lasts for ever."""
    try:
        steps: tuple[Any, ...] = tuple(protocol)  # type: ignore[arg-type]
    except TypeError:
        raise InputError("protocol", protocol, "must be a list of Stage and Pulse") from None
    for i, step in enumerate(steps):
        if not isinstance(step, Stage | Pulse):
            raise InputError(f"protocol[{i}]", step, "must be a Stage or a Pulse")
        later = any(isinstance(other, Stage) for other in steps[i + 1 :])
        if isinstance(step, Stage) and step.duration == math.inf and later:
            raise InputError(f"protocol[{i}].duration", math.inf, "only the last stage's")
    return steps


def boundaries(protocol: Protocol) -> tuple[tuple[float, str], ...]:
    """When each stage and pulse begins, with its name.

    >>> boundaries((Stage(2.0, name="charge"), Pulse(1.0, name="pulse"), Stage(1.0, name="hold")))
    ((0.0, 'charge'), (2.0, 'pulse'), (2.0, 'hold'))
    """
    found, now = [], 0.0
    for step in protocol:
        found.append((now, step.name))
        if isinstance(step, Stage):
            now += step.duration
    return tuple(found)


def total_duration(protocol: Protocol) -> float:
    """When the last stage ends."""
    return math.fsum(step.duration for step in protocol if isinstance(step, Stage))


def simplified(
    protocol: Protocol, battery_noise: LocalNoise, charger_noise: LocalNoise
) -> Protocol:
    """The same protocol without pulses that do nothing or come after all times, stages joined.

    The noise of every stage is filled in, from the arguments where it has none of its own.

    >>> quiet = LocalNoise()
    >>> [step.duration for step in simplified((Stage(1.0), Pulse(), Stage(2.0)), quiet, quiet)]
    [3.0]
    """
    steps: list[Stage | Pulse] = []
    for step in protocol:
        if steps and isinstance(steps[-1], Stage) and steps[-1].duration == math.inf:
            break
        if isinstance(step, Pulse):
            if step.dephases or step.rotates:
                steps.append(step)
            continue
        battery, charger = step.battery_noise or battery_noise, step.charger_noise or charger_noise
        step = replace(step, battery_noise=battery, charger_noise=charger)
        before = steps[-1] if steps else None
        if isinstance(before, Stage) and _goes_on(before, step):
            steps[-1] = replace(before, duration=before.duration + step.duration)
        else:
            steps.append(step)
    return tuple(steps)


def _goes_on(before: Stage, step: Stage) -> bool:
    """Whether nothing is switched between two stages."""
    if before.drives or step.drives:
        return False
    unsettled = before.rise > 0.0 and before.rise_shape == "exponential"
    if unsettled and (before.rise, before.rise_shape) != (step.rise, step.rise_shape):
        return False
    same = ("coupled", "battery_noise", "charger_noise", "battery_detuning", "charger_detuning")
    return all(getattr(before, name) == getattr(step, name) for name in same)


def courses(protocol: Protocol, own: tuple[float, float]) -> tuple[tuple[Course, Course], ...]:
    """How the detunings of battery and charger go over each stage; `own` are the model's.

    >>> stages = (Stage(1.0, battery_detuning=2.0, rise=1.0, rise_shape="linear"), Stage(1.0))
    >>> [of_battery.before for of_battery, _ in courses(stages, own=(0.0, 0.0))]
    [0.0, 2.0]
    """
    now, found = own, []
    for step in protocol:
        if not isinstance(step, Stage):
            continue
        towards = [
            mine if to is None else to
            for mine, to in zip(own, (step.battery_detuning, step.charger_detuning), strict=True)
        ]
        pair = [
            Course(before, after, step.rise, step.rise_shape)
            for before, after in zip(now, towards, strict=True)
        ]
        found.append((pair[0], pair[1]))
        now = (pair[0].value_after(step.duration), pair[1].value_after(step.duration))
    return tuple(found)


def drives_of(protocol: Protocol) -> tuple[Drive, ...]:
    """All fields that are sent in."""
    return tuple(drive for step in protocol if isinstance(step, Stage) for drive in step.drives)


def sends_fields(protocol: Protocol) -> bool:
    """Whether any field is sent in."""
    return bool(drives_of(protocol))


def turns_partly(protocol: Protocol) -> bool:
    """Whether a pulse leaves spins at an angle: a rotation that is no multiple of a half turn.

    >>> turns_partly((Pulse(rotate_charger=math.pi),)), turns_partly((Pulse(rotate_charger=1.0),))
    (False, True)
    """
    return any(
        abs(math.sin(angle)) > SAME_TURN
        for step in protocol
        if isinstance(step, Pulse)
        for angle in (step.rotate_battery, step.rotate_charger)
    )


def rotates(protocol: Protocol) -> bool:
    """Whether any pulse turns an ensemble."""
    return any(isinstance(step, Pulse) and step.rotates for step in protocol)


def beyond_sudden(protocol: Protocol) -> tuple[str, Any] | None:
    """Field and value of the first thing in a protocol beyond sudden changes and dephasing.

    >>> beyond_sudden((Stage(1.0, "none"), Pulse(rotate_battery=1.0)))
    ('protocol[1].rotate_battery', 1.0)
    """
    for i, step in enumerate(protocol):
        pulse = isinstance(step, Pulse)
        for name in ("rotate_battery", "rotate_charger") if pulse else ("drives", "rise"):
            if getattr(step, name):
                return f"protocol[{i}].{name}", getattr(step, name)
    return None


def begun(protocol: Protocol, time: float) -> Protocol:
    """The steps that have begun at `time`.

    >>> begun((Stage(1.0, name="charge"), Pulse(1.0), Stage(1.0, "none")), 0.5)[-1].name
    'charge'
    """
    now, steps = 0.0, []
    for step in protocol:
        if time < end_of(now):
            break
        steps.append(step)
        if isinstance(step, Stage):
            now += step.duration
    return tuple(steps)


def endless(protocol: Protocol) -> Protocol:
    """The same steps, the last one a stage that lasts for ever, in which their end is read.

    Behind a last pulse that is the stage that the pulse ended; where there is none, one that
    couples both ensembles.

    >>> endless((Stage(1.0, "battery"), Pulse(1.0)))[-1]
    Stage(duration=float('inf'), coupled='battery')
    """
    stages = [step for step in protocol if isinstance(step, Stage)]
    last = replace(stages[-1], duration=math.inf) if stages else Stage(math.inf)
    kept = protocol[:-1] if protocol and isinstance(protocol[-1], Stage) else protocol
    return (*kept, last)


def end_of(time: float) -> float:
    """Outputs before this belong to the stage that ends at `time`, others are read after it.

    A part in 1e12 earlier: 0.1 + 0.2 and 0.3 are the same time.
    """
    return time * (1.0 - SAME_TIME)


def refuse_beyond(protocol: Protocol, times: NDArray[np.float64]) -> None:
    """Refuse output times (rising) after the end of the last stage."""
    end = total_duration(protocol)
    if times[-1] > end * (1.0 + SAME_TIME):
        first = int(np.argmax(times > end * (1.0 + SAME_TIME)))
        raise InputError(
            f"times[{first}]", float(times[first]), f"must be <= {end:g}, where the protocol ends"
        )
