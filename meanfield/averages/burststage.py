"""The stage of a protocol in which a battery bursts: there an average over delays has a meaning.

Before it nothing grows, and runs are alike; from its start on each is the modal run, shifted. A
switch after it comes at one time, while bursts come at many.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.meanfield.averages.cumulants import evolve_with_classes
from darkbattery.meanfield.averages.linear import growth_rate
from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.preparation import Polarised
from darkbattery.nvmodel.protocol import Pulse, Stage, end_of, endless, sends_fields, turns_partly
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.spins import Spins

Array = NDArray[np.float64]

LITTLE = 0.1  # e-folds of the field that are no burst
# e-folds while lines are on their way: at 2 the average is .003 hbar omega a spin too low
RISING = 1.0
CLASSES = 21  # of a line while nothing grows


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
    """The stage in which a sequence bursts, which may begin behind the last of `times`.

    Raises
    ------
    InputError
        Where there is none, or a switch ends it, or fields and pulses set a phase before.
    """
    last, now, steps = float(times[-1]), 0.0, []
    found: BurstStage | None = None
    for step in endless(experiment.protocol):
        if found is not None and last < end_of(now):
            break
        if found is not None:
            text = f"bursts come at many times, the switch at {now:.4g} at one: end before it"
            raise InputError("times", last, f"no average over delays: {text}")
        if sends_fields((step,)) or turns_partly((step,)):
            text = "sends fields in or turns spins partly: bursts do not wait for noise"
            raise InputError("protocol", experiment.protocol, f"no average over delays: {text}")
        steps.append(step)
        if isinstance(step, Pulse):
            continue
        growth = _growth(experiment, step, _energies(experiment, now))
        if growth * step.duration > LITTLE:
            _refuse_slow(step, growth)
            found = BurstStage(now, growth, experiment)
        now += step.duration
    if found is None:
        raise InputError("protocol", experiment.protocol, "must burst: nothing grows in any stage")
    return replace(found, endless=replace(experiment, protocol=endless(tuple(steps))))


def _refuse_slow(stage: Stage, growth: float) -> None:
    """Refuse a stage whose lines are still on their way while the field grows."""
    if growth * stage.rise > RISING:
        text = f"no average over delays: the field grows by {growth * stage.rise:.2g} e-folds in it"
        raise InputError("rise", stage.rise, text)


def _energies(experiment: Experiment, time: float) -> dict[str, float]:
    """Energies per spin at the start of a stage, pulses at its time included."""
    names = [f"{name}_energy" for name, _ in _ensembles(experiment)]
    found, _ = evolve_with_classes(experiment, [time], 2, names, CLASSES)
    return {name.removesuffix("_energy"): float(found[name][0]) for name in names}


def _ensembles(experiment: Experiment) -> list[tuple[str, Spins]]:
    both = (("battery", experiment.battery), ("charger", experiment.charger))
    return [(name, spins) for name, spins in both if spins is not None]


def _growth(experiment: Experiment, stage: Stage, energies: dict[str, float]) -> float:
    """Growth rate of the field in a stage once its rise is over; 0 where nothing grows."""
    if stage.coupled == "none":
        return 0.0
    nbar = experiment.nbar
    now = {
        name: replace(
            spins,
            detuning=_or(getattr(stage, f"{name}_detuning"), spins.detuning),
            noise=_or(getattr(stage, f"{name}_noise"), spins.noise),
            start=Polarised(min(max(energies[name], 0.0), 1.0)),
        )
        for name, spins in _ensembles(experiment)
    }
    if stage.coupled != "both":
        alone = now.get(stage.coupled)
        if alone is None or alone.inversion(nbar) <= 0.0:
            return 0.0
        if experiment.reservoir is not None:
            return 0.5 * experiment.gamma * alone.number * alone.inversion(nbar)
        now = {stage.coupled: alone}
    still = replace(experiment, protocol=(), battery=now.get("battery"), charger=now.get("charger"))
    return max(growth_rate(still), 0.0)


def _or(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value
