"""The stages of a sequence: when they are read, and which of them charges and which gives back."""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel import Pulse, ResonatorBattery, Stage
from darkbattery.nvmodel.protocol import Protocol, courses
from darkbattery.nvmodel.refusal import InputError

Array = NDArray[np.float64]

# outputs in a stage, and how long before its end the last one is: what a switch or a pulse at the
# very end does would be read there already
POINTS, BEFORE_END = 120, 1e-6
# of the largest rise: stages with more of it charge the battery
CHARGES = 0.01


@dataclass(frozen=True)
class Timed:
    """A stage, its name as it is shown, and when it begins and ends, s."""

    name: str
    stage: Stage
    begin: float
    end: float


@dataclass(frozen=True)
class Roles:
    """Numbers of the stages that count.

    Attributes
    ----------
    charge : int
        In which the battery's energy rises most.
    release : int or None
        The first one after it in which the battery comes nearer to the resonator, or before which
        it is turned, or in which a field is sent in, and which does not charge it further. None:
        what is stored is what is there at the end.
    """

    charge: int
    release: int | None


def timed_stages(protocol: Protocol) -> tuple[Timed, ...]:
    """All stages; refused are none at all and one without an end.

    >>> [(one.name, one.end) for one in timed_stages((Stage(1.0, name="charge"), Stage(2.0)))]
    [('charge', 1.0), ('stage 2', 3.0)]
    """
    found: list[Timed] = []
    now = 0.0
    for stage in (step for step in protocol if isinstance(step, Stage)):
        if stage.duration == math.inf:
            text = "must end: a plan follows every stage to its end"
            raise InputError("model.protocol", stage.name, text)
        name = stage.name or f"stage {len(found) + 1}"
        found.append(Timed(name, stage, now, now + stage.duration))
        now += stage.duration
    if not found:
        raise InputError("model.protocol", "pulses alone", "must have a stage, with a duration")
    return tuple(found)


def output_times(stages: tuple[Timed, ...]) -> Array:
    """Those of every stage one after the other, `POINTS` of each."""
    inside = np.linspace(0.0, 1.0 - BEFORE_END, POINTS)
    return np.concatenate([one.begin + one.stage.duration * inside for one in stages])


def of_stage(number: int) -> slice:
    """The outputs of a stage."""
    return slice(number * POINTS, (number + 1) * POINTS)


def find_roles(model: ResonatorBattery, energy: Array) -> Roles:
    """Which stages charge and give back, from the battery's mean energy at `output_times`."""
    ends = energy.reshape(-1, POINTS)[:, [0, -1]]
    rise = ends[:, 1] - ends[:, 0]
    charge = int(np.argmax(rise))
    # a later stage that charges, too, gives nothing back
    later = (i for i in range(charge + 1, len(ends)) if rise[i] <= CHARGES * rise[charge])
    return Roles(charge, next((i for i in later if _gives_back(model, i)), None))


def _gives_back(model: ResonatorBattery, number: int) -> bool:
    places = [i for i, step in enumerate(model.protocol) if isinstance(step, Stage)]
    begin = places[number - 1] + 1
    pulses = [step for step in model.protocol[begin : places[number]] if isinstance(step, Pulse)]
    stage, before = model.protocol[places[number]], model.protocol[places[number - 1]]
    assert isinstance(stage, Stage)
    assert isinstance(before, Stage)
    own = (2.0 * math.pi * model.battery_detuning_hz, 2.0 * math.pi * model.charger_detuning_hz)
    course = courses(model.protocol, own)[number][0]
    coupled = ("both", "battery")
    nearer = abs(course.after) < abs(course.before) or before.coupled not in coupled
    turned = any(pulse.rotate_battery for pulse in pulses)
    return turned or bool(stage.drives) or (nearer and stage.coupled in coupled)


def with_duration(model: ResonatorBattery, number: int, duration: float) -> ResonatorBattery:
    """The model with another duration of one stage; what follows comes earlier or later."""
    place = [i for i, step in enumerate(model.protocol) if isinstance(step, Stage)][number]
    steps = list(model.protocol)
    stage = steps[place]
    assert isinstance(stage, Stage)
    steps[place] = replace(stage, duration=duration)
    return replace(model, protocol=tuple(steps))
