"""The two engines as a study sees them: which observables, which averages, which single runs."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from darkbattery import meanfield, trajectories
from darkbattery.meanfield import methods
from darkbattery.nvmodel.method import Kind, Method, offered
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.solution import Solution
from darkbattery.runs.definitions.definition import RunDefinition
from darkbattery.runs.definitions.models import Model
from darkbattery.runs.ranks.distribute import Sample
from darkbattery.trajectories.methods import AT_RESONATOR, CLOSED, IN_RESERVOIR

Names = tuple[str, ...] | None
Average = Callable[[Any, Any, Names], Solution]


@dataclass(frozen=True)
class Engine:
    """What one engine offers for a definition."""

    name: str
    methods: tuple[Kind, ...]
    available: Callable[[Model, Kind], tuple[str, ...]]
    evolve: Average
    steady: Average
    sample: Sample
    port_records: Callable[..., meanfield.PortRecords]
    block_runs: int | None


def engine_of(definition: RunDefinition) -> Engine:
    """The engine that a definition asks for, with its order and number of classes."""
    if definition.engine == "quantum":
        return Engine(
            "quantum",
            ("steady", "evolve", "sample"),
            lambda model, method: offered(quantum_methods(model, method), model),
            _evolve_quantum,
            _steady_quantum,
            trajectories.sample,
            _no_field,
            None,
        )
    classes: Any = {} if definition.classes is None else {"classes": definition.classes}
    order = 2 if definition.order is None else definition.order
    averaged = definition.delays == "averaged"
    average: Any = meanfield.delay_average if averaged else partial(meanfield.evolve, order=order)
    return Engine(
        "semiclassical",
        ("evolve", "sample"),
        lambda model, method: offered([semiclassical_method(definition, method)], model),
        lambda model, times, names: average(model, times, observables=names, **classes),
        _no_steady_state,
        partial(meanfield.sample, **classes),
        partial(meanfield.port_records, **classes),
        # the work of a path does not grow with the number of spins
        256,
    )


def quantum_methods(model: Model, kind: Kind) -> tuple[Method, ...]:
    """The quantum engine's methods of a kind for a model; refused where there are none."""
    at_resonator = AT_RESONATOR if model.resonator is not None else CLOSED
    methods = IN_RESERVOIR if model.reservoir is not None else at_resonator
    found = tuple(method for method in methods if method.kind == kind)
    if not found and model.resonator is not None:
        only = ", ".join(sorted({method.kind for method in methods}))
        raise InputError("run.method", kind, f"with a resonator the quantum engine has {only}")
    if not found:
        raise InputError("run.method", kind, 'a closed Dicke battery has "evolve"')
    return found


def semiclassical_method(definition: RunDefinition, kind: Kind) -> Method:
    """The semiclassical method that a definition asks for; refused for a steady state."""
    if kind == "steady":
        raise InputError("run.method", kind, "not in the semiclassical engine: use evolve")
    if kind == "sample":
        return methods.TRUNCATED_WIGNER
    if definition.delays == "averaged":
        return methods.DELAY_AVERAGE
    return methods.FIRST_ORDER if definition.order == 1 else methods.SECOND_ORDER


def _evolve_quantum(model: Model, times: Any, names: Names) -> Solution:
    return trajectories.evolve(model, times, names)


def _steady_quantum(model: Any, times: Any, names: Names) -> Solution:
    return trajectories.steady_state(model, names)


def _no_field(*asked: Any) -> meanfield.PortRecords:
    raise InputError("run.receiver", asked[4], "not in the quantum engine: its runs have no field")


def _no_steady_state(model: Any, times: Any, names: Names) -> Solution:
    raise InputError("run.method", "steady", "not in the semiclassical engine: use evolve")
