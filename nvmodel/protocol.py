"""Timed protocols: stages, each with a generator of its own, and pulses between them."""

import math
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.display import model_text
from darkbattery.nvmodel.noise import LocalNoise
from darkbattery.nvmodel.refusal import (
    InputError,
    finite_number,
    is_real,
    known_name,
    number_between,
)

Coupled = Literal["both", "battery", "charger", "none"]
SAME_TIME = 1e-12  # relative difference of two times that are meant to be the same


@dataclass(frozen=True)
class Stage:
    """A stretch of time in which nothing is switched.

    Parameters
    ----------
    duration : float
        In the unit of 1/gamma, > 0; infinity for a last stage.
    coupled : "both", "battery", "charger" or "none"
        Which ensembles the shared reservoir sees. "both" charges, or holds a charged battery in its
        dark state; "battery" is a battery disconnected from its charger, in the same reservoir.
    battery_noise, charger_noise : LocalNoise, optional
        Default: those of the model.
    name : str
        Shown in figures.
    """

    duration: float
    coupled: Coupled = "both"
    battery_noise: LocalNoise | None = None
    charger_noise: LocalNoise | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if not (is_real(self.duration) and self.duration == math.inf):
            duration = finite_number("duration", self.duration, least=0.0, exclusive=True)
            object.__setattr__(self, "duration", duration)
        known_name("coupled", self.coupled, get_args(Coupled))
        _refuse_no_text(self.name)
        for name in ("battery_noise", "charger_noise"):
            if not isinstance(getattr(self, name), LocalNoise | None):
                raise InputError(name, getattr(self, name), "must be a LocalNoise")

    def __repr__(self) -> str:
        return model_text(self)


@dataclass(frozen=True)
class Pulse:
    """Dephasing of every spin by itself, in no time.

    Parameters
    ----------
    dephase_battery, dephase_charger : float
        Strength s, 0 to 1: the coherence of each spin is multiplied by 1 - s. Nothing happens at 0;
        at 1 each spin is left as a mixture of up and down.
    name : str
        Shown in figures.
    """

    dephase_battery: float = 0.0
    dephase_charger: float = 0.0
    name: str = ""

    def __post_init__(self) -> None:
        for name in ("dephase_battery", "dephase_charger"):
            object.__setattr__(self, name, number_between(name, getattr(self, name), 0.0, 1.0))
        _refuse_no_text(self.name)

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
    """The same protocol without pulses of strength zero or after all times, equal stages joined.

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
            if step.dephase_battery > 0.0 or step.dephase_charger > 0.0:
                steps.append(step)
            continue
        battery, charger = step.battery_noise or battery_noise, step.charger_noise or charger_noise
        before = steps[-1] if steps else None
        if isinstance(before, Stage) and (
            (before.coupled, before.battery_noise, before.charger_noise)
            == (step.coupled, battery, charger)
        ):
            steps[-1] = replace(before, duration=before.duration + step.duration)
        else:
            steps.append(replace(step, battery_noise=battery, charger_noise=charger))
    return tuple(steps)


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
