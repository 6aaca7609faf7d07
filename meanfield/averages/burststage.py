"""The stage of a protocol in which a battery bursts: there an average over delays has a meaning.

Before it nothing grows, and runs are alike; from its start on each is the modal run, shifted. A
switch after it comes at one time, while bursts come at many.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from darkbattery.meanfield.averages.linear import growth_rate
from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.noise import LocalNoise
from darkbattery.nvmodel.preparation import Polarised
from darkbattery.nvmodel.protocol import Pulse, Stage, begun, endless, sends_fields, turns_partly
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.spins import Spins

Array = NDArray[np.float64]

LITTLE = 0.1  # e-folds of the field that are no burst


@dataclass(frozen=True)
class BurstStage:
    """When it begins, how fast the field grows in it, and the experiment with it as its last.

    Attributes
    ----------
    begin, growth : float
    endless : Experiment
        The same until then, and its stage for ever.
    """

    begin: float
    growth: float
    endless: Experiment


def burst_stage(experiment: Experiment, times: Array) -> BurstStage:
    """The stage in which a sequence bursts until the last of `times`.

    Raises
    ------
    InputError
        Where there is none, or more than one, or fields and pulses set a phase or end a burst.
    """
    steps = endless(begun(experiment.protocol, float(times[-1])))
    if sends_fields(steps) or turns_partly(steps):
        text = "sends fields in or turns spins partly: bursts do not wait for noise"
        raise InputError("protocol", experiment.protocol, f"no average over delays: {text}")
    kept, now, found = [1.0, 1.0], 0.0, None
    for step in steps:
        if found is not None:
            text = f"bursts come at many times, the switch at {now:.4g} at one: end before it"
            raise InputError("times", float(times[-1]), f"no average over delays: {text}")
        if isinstance(step, Pulse):
            kept = [
                one * math.cos(angle) * math.exp(-0.5 * (step.rotation_error * angle) ** 2)
                for one, angle in zip(kept, (step.rotate_battery, step.rotate_charger), strict=True)
            ]
            continue
        growth = _growth(experiment, step, kept)
        if growth * min(step.duration, float(times[-1]) - now) > LITTLE:
            found = BurstStage(now, growth, experiment)
        now += step.duration
    if found is None:
        raise InputError("protocol", experiment.protocol, "must burst: nothing grows in any stage")
    return replace(found, endless=replace(experiment, protocol=steps))


def _growth(experiment: Experiment, stage: Stage, kept: list[float]) -> float:
    """Growth rate of the field in a stage once its rise is over; 0 where nothing grows."""
    if stage.coupled == "none":
        return 0.0
    nbar = experiment.nbar
    battery, charger = (
        None if spins is None else _turned(spins, detuning, noise, share, nbar)
        for spins, detuning, noise, share in (
            (experiment.battery, stage.battery_detuning, stage.battery_noise, kept[0]),
            (experiment.charger, stage.charger_detuning, stage.charger_noise, kept[1]),
        )
    )
    if stage.coupled != "both":
        alone = battery if stage.coupled == "battery" else charger
        if alone is None or alone.inversion(nbar) <= 0.0:
            return 0.0
        if experiment.reservoir is not None:
            return 0.5 * experiment.gamma * alone.number * alone.inversion(nbar)
        battery, charger = (alone, None) if stage.coupled == "battery" else (None, alone)
    still = replace(experiment, protocol=(), battery=battery, charger=charger)
    return max(growth_rate(still), 0.0)


def _turned(
    spins: Spins, detuning: float | None, noise: LocalNoise | None, kept: float, nbar: float
) -> Spins:
    return replace(
        spins,
        detuning=spins.detuning if detuning is None else detuning,
        noise=spins.noise if noise is None else noise,
        start=spins.start if kept == 1.0 else Polarised(0.5 * (1.0 + kept * spins.inversion(nbar))),
    )
