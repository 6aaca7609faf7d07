"""The two engines as a study sees them: which observables, which averages, which single runs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import meanfield
import trajectories
from meanfield import readout as mean_readout
from meanfield import tally as mean_tally
from meanfield.delay import AVERAGED
from meanfield.moments import system_of
from nvmodel.battery import CollectiveBattery
from nvmodel.dicke import DickeBattery
from nvmodel.refusal import InputError
from nvmodel.solution import Solution
from runs.definition import Method, RunDefinition
from runs.distribute import Sample
from runs.models import Model
from trajectories import jumps, master, steady

Names = tuple[str, ...] | None
Average = Callable[[Any, Any, Names], Solution]


@dataclass(frozen=True)
class Engine:
    """What one engine offers for a definition."""

    name: str
    methods: tuple[Method, ...]
    available: Callable[[Model, Method], tuple[str, ...]]
    evolve: Average
    steady: Average
    sample: Sample
    block_runs: int | None


def engine_of(definition: RunDefinition) -> Engine:
    """The engine that a definition asks for, with its order and number of classes."""
    if definition.engine == "quantum":
        return Engine(
            "quantum",
            ("steady", "evolve", "sample"),
            _available_quantum,
            _evolve_quantum,
            lambda model, times, names: trajectories.steady_state(_collective(model), names),
            trajectories.sample,
            None,
        )
    classes: Any = {} if definition.classes is None else {"classes": definition.classes}
    order = 2 if definition.order is None else definition.order
    averaged = definition.delays == "averaged"
    average: Any = meanfield.delay_average if averaged else partial(meanfield.evolve, order=order)
    return Engine(
        "semiclassical",
        ("evolve", "sample"),
        partial(_available_semiclassical, averaged),
        lambda model, times, names: average(model, times, observables=names, **classes),
        _no_steady_state,
        partial(meanfield.sample, **classes),
        # the work of a path does not grow with the number of spins
        256,
    )


def _evolve_quantum(model: Model, times: Any, names: Names) -> Solution:
    if isinstance(model, DickeBattery):
        from trajectories.dicke import evolve_dicke  # QuTiP takes most of a second to import

        return evolve_dicke(model, times, names)
    return trajectories.evolve(_collective(model), times, names)


def _collective(model: Model) -> CollectiveBattery:
    if isinstance(model, DickeBattery):
        raise InputError("run.method", "steady or sample", 'a closed Dicke battery has "evolve"')
    if not isinstance(model, CollectiveBattery):
        raise InputError("run.engine", "quantum", 'has no resonator: use engine = "semiclassical"')
    return model


def _available_quantum(model: Model, method: Method) -> tuple[str, ...]:
    if isinstance(model, DickeBattery) and method == "evolve":
        from trajectories import dicke

        return dicke.AVAILABLE
    asked = {"steady": steady.available, "evolve": master.available, "sample": jumps.available}
    return asked[method](_collective(model))


def _available_semiclassical(averaged: bool, model: Model, method: Method) -> tuple[str, ...]:
    system = system_of(model, 1)
    if method != "evolve":
        return mean_tally.available(system)
    names = mean_readout.available(system)
    return tuple(name for name in names if name in AVERAGED) if averaged else names


def _no_steady_state(model: Any, times: Any, names: Names) -> Solution:
    raise InputError("run.method", "steady", "not in the semiclassical engine: use evolve")
