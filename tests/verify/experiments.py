"""Random experiments: hypothesis draws them, and a failing one is printed as Python."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from darkbattery.nvmodel import (
    CollectiveBattery,
    DickeState,
    Drive,
    Gaussian,
    LocalNoise,
    Polarised,
    Pulse,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
)

MOST_SPINS = 6  # in all: 64 states, 924 elements of a state that is sharp in excitations
BESIDE = 1e-9  # how far before and after a switch is read, relative


@dataclass(frozen=True)
class Experiment:
    """A model and when it is looked at."""

    model: CollectiveBattery | ResonatorBattery
    times: tuple[float, ...]

    def script(self, check: Callable[..., None]) -> str:
        """Python that makes `check` fail again."""
        return (
            "from math import inf\n"
            f"from {check.__module__} import {check.__name__}\n"
            "from darkbattery.nvmodel import *\n"
            "from tests.verify import experiments\n"
            f"{check.__name__}(experiments.{self!r})\n"
        )


def _rounded(low: float, high: float, digits: int = 3) -> st.SearchStrategy[float]:
    # short numbers: a failing case is read by people
    return st.floats(low, high).map(lambda x: max(low, round(x, digits)))


RATE = st.one_of(st.just(0.0), _rounded(0.01, 5.0))
NOISE = st.one_of(st.just(LocalNoise()), st.builds(LocalNoise, RATE, RATE, RATE))
STRENGTH = st.one_of(st.just(0.0), st.just(1.0), _rounded(0.001, 0.999))
DURATION = _rounded(0.01, 2.0)
COUPLED = st.sampled_from(["both", "battery", "charger", "none"])


@st.composite
def stages(draw, duration):
    own = st.one_of(st.none(), NOISE)
    return Stage(draw(duration), draw(COUPLED), draw(own), draw(own))


@st.composite
def protocols(draw):
    """None; a pulse amid a charging; pulses and stages in any order, perhaps endless at the end."""
    pulses = st.builds(Pulse, STRENGTH, STRENGTH)
    kind = draw(st.sampled_from(["none", "amid", "any"]))
    if kind == "none":
        return ()
    if kind == "amid":
        partial = _rounded(0.1, 0.9)
        pulse = Pulse(draw(partial), draw(partial))
        return (Stage(draw(DURATION)), pulse, Stage(math.inf, draw(COUPLED)))
    steps = draw(st.lists(st.one_of(stages(DURATION), pulses), max_size=4))
    if draw(st.booleans()):
        steps.append(draw(stages(st.just(math.inf))))
    return tuple(steps)


@st.composite
def starts(draw, spins, names):
    kind = draw(st.sampled_from(["name", "Dicke", "Polarised"]))
    if kind == "name":
        return draw(st.sampled_from(names))
    if kind == "Polarised":
        return Polarised(draw(st.one_of(st.sampled_from([0.0, 1.0]), _rounded(0.0, 1.0))))
    ups = draw(st.integers(0, spins))
    least = abs(ups - spins / 2)
    j = draw(st.one_of(st.none(), st.sampled_from(np.arange(least, spins / 2 + 0.1).tolist())))
    return DickeState(ups, j)


@st.composite
def collective_batteries(draw):
    """A third of them the paper's model, with a detector; the others whatever there is."""
    spins = draw(st.integers(2, MOST_SPINS))
    nb = draw(st.integers(1, spins - 1))
    nc = spins - nb
    bath = draw(st.sampled_from(["cold", "nbar", "temperature"]))
    heat = {}
    if bath == "nbar":
        heat["nbar"] = draw(_rounded(0.01, 4.0))
    if bath == "temperature":
        heat["temperature"] = draw(_rounded(0.1, 4.0))
    gamma = draw(st.one_of(st.just(1.0), _rounded(0.1, 5.0)))
    if draw(st.integers(0, 2)) == 0:
        efficiency = draw(st.one_of(st.just(1.0), st.sampled_from([0.0, 0.5]), _rounded(0.0, 1.0)))
        return CollectiveBattery(nb, nc, **heat, gamma=gamma, detector_efficiency=efficiency)
    return CollectiveBattery(
        nb,
        nc,
        **heat,
        gamma=gamma,
        battery_start=draw(starts(nb, ["down", "thermal"])),
        charger_start=draw(starts(nc, ["up"])),
        battery_noise=draw(NOISE),
        charger_noise=draw(NOISE),
        detuning=draw(st.one_of(st.just(0.0), _rounded(-8.0, 8.0))),
        protocol=draw(protocols()),
    )


def switching_times(battery: CollectiveBattery) -> tuple[list[float], float]:
    """When stages and pulses begin, and when the last stage ends (infinity: never)."""
    now, found = 0.0, [0.0]
    for step in battery.stages:
        if isinstance(step, Stage) and step.duration < math.inf:
            now += step.duration
            found.append(now)
    endless = any(isinstance(s, Stage) and s.duration == math.inf for s in battery.stages)
    return found, math.inf if endless else now


@st.composite
def reading_times(draw, battery):
    """0, at, just before and just after every switch, as far as wanted, and in between."""
    switches, end = switching_times(battery)
    beside = [t * (1.0 + side * BESIDE) for t in switches for side in (-1, 0, 1)]
    anywhere = st.floats(0.0, min(end, switches[-1] + 3.0)).map(lambda t: round(t, 3))
    found = draw(st.lists(st.one_of(st.sampled_from(beside), anywhere), min_size=1, max_size=6))
    if draw(st.booleans()):
        found += beside
    return tuple(sorted({t for t in found if 0.0 <= t <= end}) or [0.0])


@st.composite
def quantum_experiments(draw):
    battery = draw(collective_batteries())
    return Experiment(battery, draw(reading_times(battery)))


@st.composite
def ensembles(draw, rate, order):
    """Spins with g sqrt N around `rate` (rad/s), their T1 and T2 of its inverse or longer."""
    number = order * draw(st.sampled_from([1, 2, 3, 5]))
    t1 = draw(st.one_of(st.just(math.inf), _rounded(1.0, 20.0).map(lambda x: x / rate)))
    longest = min(2.0 * t1, 1e300)
    t2 = draw(st.one_of(st.none(), _rounded(0.3, 10.0).map(lambda x: min(x / rate, longest))))
    line = None
    if number >= MOST_CLASSES and draw(st.booleans()):
        line = Gaussian(round(draw(_rounded(0.05, 1.0)) * rate / 6.3, 3))
    return SpinEnsemble(
        number,
        draw(_rounded(0.3, 2.0)) * rate / math.sqrt(number),
        draw(st.one_of(st.just(1.0), _rounded(0.0, 1.0))),
        t1,
        t2,
        draw(st.one_of(st.none(), _rounded(-1.0, 1.0))),
        line,
    )


def features(drive):
    """Where the field of a pulse jumps, or where a Gaussian one has its flanks."""
    if drive.shape == "square":
        return (drive.start_s, drive.start_s + drive.duration_s)
    return tuple(drive.start_s + k * drive.duration_s for k in range(-4, 5))


MOST_CLASSES = 3  # of a line: few, since a separate integration is slow
RESONATOR_RATE = 1e6  # rad/s


@st.composite
def drives(draw, rate, coupling, offset, most=4.0):
    """Pulses that turn a spin of this coupling by up to `most` radians within 1/rate."""
    duration = draw(_rounded(0.01, 3.0)) / rate
    turn = draw(_rounded(0.1, most)) * rate / coupling
    return Drive(
        amplitude=turn / duration,
        duration_s=duration,
        start_s=draw(_rounded(0.0, 4.0)) / rate,
        shape=draw(st.sampled_from(["square", "gaussian"])),
        detuning_hz=draw(offset),
    )


@st.composite
def resonator_batteries(draw, driven, most=4.0):
    rate = RESONATOR_RATE
    offset = st.one_of(st.just(0.0), _rounded(-2.0, 2.0).map(lambda x: round(x * rate / 6.3)))
    width = draw(st.one_of(st.just(0.0), _rounded(0.1, 20.0)))
    # alike in size: the field of 1e16 spins turns few strongly coupled ones 1e7 times as fast
    order = draw(st.one_of(st.integers(1, 6), st.sampled_from([1000, 10**6, 10**12, 10**16])))
    charger = draw(ensembles(rate, order))
    battery = draw(st.one_of(st.none(), ensembles(rate, order)))
    strongest = max(spins.coupling for spins in (charger, battery) if spins is not None)
    drive = draw(drives(rate, strongest, offset, most)) if driven else None
    return ResonatorBattery(
        charger=charger,
        resonator=Resonator(
            3e9, round(width * rate / 6.3, 3), temperature_k=draw(st.sampled_from([0.0, 0.05, 0.3]))
        ),
        battery=battery,
        battery_detuning_hz=draw(offset),
        charger_detuning_hz=draw(offset),
        drive=drive,
    )


@st.composite
def reservoirs(draw):
    """What the semiclassical engine takes without a resonator: spins that start by themselves."""
    size = st.one_of(st.integers(1, 60), st.sampled_from([1000, 10**6, 10**12]))
    polarised = _rounded(0.0, 1.0).map(Polarised)
    return CollectiveBattery(
        draw(size),
        draw(size),
        nbar=draw(st.one_of(st.just(0.0), _rounded(0.01, 3.0))),
        gamma=draw(st.one_of(st.just(1.0), _rounded(0.1, 5.0))),
        battery_start=draw(st.one_of(st.sampled_from(["down", "thermal"]), polarised)),
        charger_start=draw(st.one_of(st.just("up"), polarised)),
    )


@st.composite
def semiclassical_experiments(draw, driven=False, most=4.0):
    """With a resonator or without; times up to several collective times, at a pulse's edges too."""
    if not driven and draw(st.booleans()):
        battery = draw(reservoirs())
        spins = battery.n_battery + battery.n_charger
        unit = 1.0 / (battery.gamma * (spins + battery.nbar))
        reach = 3.0 * math.log(spins + 2.0)
    else:
        battery, unit, reach = draw(resonator_batteries(driven, most)), 1.0 / RESONATOR_RATE, 8.0
    found = draw(st.lists(_rounded(0.0, 1.0), min_size=1, max_size=4))
    times = {x * reach * unit for x in found}
    drive = getattr(battery, "drive", None)
    if drive is not None:
        beside = {t * (1.0 + side * BESIDE) for t in features(drive) for side in (-1, 0, 1)}
        # the end of an endless field is not waited for
        times |= {t for t in beside if 0.0 <= t <= 20.0 * unit}
    return Experiment(battery, tuple(sorted(times)))


def driven_experiments():
    """At a resonator, with a pulse."""
    return semiclassical_experiments(driven=True)


def gently_driven_experiments():
    """The same with fields that paths can be followed in within seconds."""
    return semiclassical_experiments(driven=True, most=1.0)
