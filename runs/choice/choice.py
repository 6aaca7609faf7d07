"""`engine = "auto"`: which engine answers for a point and a method, why, and with what error."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery import meanfield, trajectories
from darkbattery.meanfield import methods
from darkbattery.meanfield.expected import expected_error, read_map
from darkbattery.meanfield.methods import DELAY_AVERAGE, FIRST_ORDER
from darkbattery.meanfield.methods import METHODS as SEMICLASSICAL
from darkbattery.nvmodel.method import Kind, Problem, able, offered, together, within_reach
from darkbattery.nvmodel.method import Method as Way
from darkbattery.nvmodel.numbers import percent
from darkbattery.nvmodel.observables import OF
from darkbattery.nvmodel.refusal import InputError, known_name
from darkbattery.nvmodel.resonator import of_a_resonator
from darkbattery.nvmodel.solution import Solution
from darkbattery.runs.definitions.definition import Point, RunDefinition
from darkbattery.runs.definitions.models import Model
from darkbattery.runs.definitions.schema import Method
from darkbattery.trajectories.averages import evolution, steady
from darkbattery.trajectories.averages.dicke import CLOSED
from darkbattery.trajectories.jumps import sampling
from darkbattery.trajectories.reading.derived import ENERGIES

Array = NDArray[np.float64]
Names = tuple[str, ...] | None
Average = Callable[[Any, Any, Names], Solution]

# the quantum engine's methods in order: steady states, averages and single runs
IN_RESERVOIR = (*steady.STEADY, *evolution.EVOLVE, *sampling.SAMPLE)
AT_RESONATOR = (steady.AT_RESONATOR, *evolution.AT_RESONATOR, *sampling.AT_RESONATOR)

# whose errors are told where nothing is asked for by name; by whether there is a battery
MAIN = {True: ("battery_energy", "power"), False: ("charger_energy", "emission_rate")}


@dataclass(frozen=True)
class Choice:
    """The engine of one point and method.

    Attributes
    ----------
    definition : RunDefinition
        With its engine settled (and order and delays, where that is the semiclassical one).
    model : CollectiveBattery or ResonatorBattery
        What the engine gets: the resonator eliminated where that is good.
    observables : tuple of str or None
    reason : str
        In words; empty where the definition names its engine.
    error : str
        What to expect; empty where the answer is exact.
    """

    definition: RunDefinition
    model: Model
    observables: Names
    reason: str = ""
    error: str = ""

    @property
    def exact_averages(self) -> bool:
        """Whether the quantum engine answers."""
        return self.definition.engine == "quantum"


@dataclass(frozen=True)
class _Reduced:
    """A model without its resonator, or why that is not to be had."""

    battery: Model | None
    error: str
    why_not: str


@lru_cache(maxsize=4096)
def chosen(definition: RunDefinition, point: Point, method: Method) -> Choice:
    """The engine that answers for `method` at `point`: a function of the definition alone.

    Exact wherever that is within reach; never an approximation in silence.

    Raises
    ------
    InputError
        Where no engine gives any of the observables asked for.
    """
    asked = definition.observables
    if definition.engine != "auto":
        return Choice(definition, point.model, _at_point(definition, point, method))
    times, model = definition.times_of(point.model), point.model
    quantum = replace(definition, engine="quantum", order=None, classes=None, delays="modal")
    if model.reservoir is None and model.resonator is None:
        return Choice(quantum, model, observables_of(quantum, method), "closed: solved exactly")
    if model.resonator is not None:
        within = _in_reach(model, times, method, definition)
        names = asked if asked is None else tuple(name for name in asked if name in within)
        if within and names != () and not _not_covered(asked, within, model, method):
            return Choice(quantum, model, names, "exact at this size, with the resonator itself")
    reduced = _reduced(model)
    if reduced.battery is not None:
        within = _in_reach(reduced.battery, times, method, definition)
        missing = _not_covered(asked, within, model, method)
        names = None if asked is None else tuple(name for name in asked if name in within)
        if not within and not _offered(model, method):  # the method says why it refuses
            known = engine_of(quantum).available(reduced.battery, method)
            names = None if asked is None else tuple(name for name in asked if name in known)
            if names != ():
                _refuse_as_the_method(reduced.battery, times, method, definition, names)
                return Choice(quantum, reduced.battery, names)
        if within and not missing and names != ():
            reason = "exact at this size" if method != "sample" else "quantum jumps at this size"
            return Choice(quantum, reduced.battery, names, reason, reduced.error)
        why = _why_not_exact(method, within, missing)
    else:
        why = reduced.why_not
    return _semiclassical(definition, model, method, why)


@lru_cache(maxsize=64)
def observables_of(definition: RunDefinition, method: Method) -> Names:
    """Those of the asked observables that a method has at some point of the sweep.

    Refused where no method has one of them anywhere, and where this method has none at some point.
    With `engine = "auto"` those of the first point, after a look at all of them.
    """
    if definition.engine == "auto":
        return _observables_of_auto(definition, method)
    engine = engine_of(definition)
    if method not in engine.methods:
        raise InputError("run.method", method, f"not in the {engine.name} engine")
    offered = {
        m: {point: _offered_at(definition, point, m) for point in definition.points()}
        for m in definition.methods
        if m in engine.methods
    }
    if definition.observables is None:
        return None
    _refuse_unoffered(definition, (names for at in offered.values() for names in at.values()))
    for point, names in offered[method].items():
        if not set(definition.observables) & set(names):
            where = f" at {point.label}" if point.label else ""
            reason = f"has none of the observables {definition.observables}{where}"
            raise InputError("run.method", method, reason)
    somewhere = {name for names in offered[method].values() for name in names}
    return tuple(name for name in definition.observables if name in somewhere)


def not_everywhere(definition: RunDefinition) -> list[str]:
    """What a method has at some points of the sweep and not at others, a line each."""
    if definition.observables is None:
        return []
    lines = []
    for method in definition.methods:
        at = {p: chosen(definition, p, method).observables or () for p in definition.points()}
        for name in definition.observables:
            without = [point.label for point, names in at.items() if name not in names]
            if 0 < len(without) < len(at):
                lines.append(f"{method}: no {name} at {_short(without)}")
    return lines


def _at_point(definition: RunDefinition, point: Point, method: Method) -> Names:
    names = observables_of(definition, method)
    if names is None:
        return None
    here = _offered_at(definition, point, method)
    return tuple(name for name in names if name in here)


def choice_lines(definition: RunDefinition) -> list[str]:
    """What was chosen, one line for all points alike; empty unless the engine is "auto"."""
    if definition.engine != "auto":
        return []
    found: dict[tuple[str, ...], list[str]] = {}
    for method in definition.methods:
        for point in definition.points():
            one = chosen(definition, point, method)
            key = (method, engine_name(one.definition, method), one.reason, one.error)
            found.setdefault(key, []).append(point.label)
    lines = []
    for (kind, name, reason, error), labels in found.items():
        where = f" at {_short(labels)}" if any(labels) else ""
        expected = f"; expect {error}" if error else ""
        lines.append(f"{kind}{where}: {name}: {reason}{expected}")
    return lines


def exact_averages(definition: RunDefinition) -> bool:
    """Whether all averages of a definition come from the quantum engine."""
    if definition.engine != "auto":
        return definition.engine == "quantum"
    timed = [method for method in definition.methods if method == "evolve"]
    points = definition.points() if timed else ()
    return all(chosen(definition, point, "evolve").exact_averages for point in points)


def engine_name(definition: RunDefinition, method: Method) -> str:
    """What stands behind a method of a settled definition, in the field's words."""
    if definition.engine == "quantum":
        names = {"steady": "exact steady state", "evolve": "exact", "sample": "quantum jumps"}
        return names[method]
    if method == "sample":
        return "truncated Wigner"
    if definition.order == 1:
        return "first order"
    return "delay average" if definition.delays == "averaged" else "second order"


def _observables_of_auto(definition: RunDefinition, method: Method) -> Names:
    for point in definition.points():
        found = {m: chosen(definition, point, m).observables for m in definition.methods}
        _refuse_unoffered(definition, (names or () for names in found.values()))
    return chosen(definition, definition.points()[0], method).observables


def _refuse_unoffered(definition: RunDefinition, offered: Iterable[tuple[str, ...]]) -> None:
    known = {name for names in offered for name in names}
    for name in definition.observables or ():
        if name not in known:
            quantity, at, _ = name.partition(OF)
            if elsewhere := sorted(one for one in known if at and one.startswith(quantity + at)):
                known_name("run.observables", name, elsewhere)
            raise InputError(
                "run.observables",
                name,
                f"no method of this definition has it ({', '.join(definition.methods)})",
            )


def _offered_at(definition: RunDefinition, point: Point, method: Method) -> tuple[str, ...]:
    """What a method has at a point: at some temperatures it may have more."""
    return engine_of(definition).available(point.model, method)


def _reduced(model: Model) -> _Reduced:
    if model.resonator is None:
        return _Reduced(model, "", "")
    at_resonator = of_a_resonator(model)
    try:
        battery = at_resonator.eliminate_resonator()
    except InputError as error:
        reason = str(error).split(": ", 1)[1]
        return _Reduced(None, "", reason)
    size = at_resonator.elimination_error()
    text = f"errors up to {percent(size.total)} from the resonator's elimination"
    return _Reduced(battery, f"{text} ({size.cause})", "")


def _in_reach(
    model: Model, times: Array, method: Method, definition: RunDefinition
) -> tuple[str, ...]:
    """What is to be had exactly of what is asked for; of all there is, where nothing is."""
    asked = definition.observables
    until = np.array([np.inf]) if method == "steady" else times
    try:
        methods = quantum_methods(model, method)
        names = tuple(name for name in offered(methods, model) if asked is None or name in asked)
        problem = Problem(model, until, names, definition.runs)
        within = within_reach(methods, problem)
        return within if asked is None else together(methods, replace(problem, names=within))
    except InputError:
        return ()


def _refuse_as_the_method(
    model: Model, times: Array, method: Method, definition: RunDefinition, names: Names
) -> None:
    """Raise the refusal of the method that has the names and does not take the model's size."""
    until = np.array([np.inf]) if method == "steady" else times
    if names is not None:
        able(quantum_methods(model, method), Problem(model, until, names, definition.runs))


def _not_covered(
    asked: Names, within: Iterable[str], model: Model, method: Method
) -> tuple[str, ...]:
    """What is asked for, not exactly within reach, but had from the semiclassical engine."""
    wanted = ENERGIES if asked is None else asked
    offered = _offered(model, method)
    return tuple(name for name in wanted if name in offered and name not in within)


def _offered(model: Model, method: Method) -> tuple[str, ...]:
    """What the semiclassical engine has of a model; nothing where it refuses it."""
    try:
        return offered((one for one in SEMICLASSICAL if one.kind == method), model)
    except InputError:
        return ()


def _why_not_exact(method: Method, within: tuple[str, ...], missing: tuple[str, ...]) -> str:
    if within:
        return f"{', '.join(missing)} not exactly within reach at this size"
    if method == "sample":
        return "too many spins, photons or runs for quantum jumps"
    return "too many ladders J for the exact solver"


def _semiclassical(definition: RunDefinition, model: Model, method: Method, why: str) -> Choice:
    if method == "steady":
        raise InputError("run.method", method, f"only exactly, and not here: {why}")
    times = definition.times_of(model)
    offered = _offered(model, method)
    asked = definition.observables
    names = None if asked is None else tuple(name for name in asked if name in offered)
    if not offered or names == ():
        raise InputError("run.engine", "auto", f"no engine answers for {method}: {why}")
    ways = [one for one in SEMICLASSICAL if one.kind == method]
    wanted = () if names is None else names
    way = able(ways, Problem(model, times, wanted, definition.runs))
    settled = replace(
        definition,
        engine="semiclassical",
        order=1 if way is FIRST_ORDER else 2,
        delays="averaged" if way is DELAY_AVERAGE else "modal",
    )
    return Choice(settled, model, names, why, _expected(way, model, names))


def _expected(way: Way, model: Model, names: Names) -> str:
    """The worst error of the asked observables, as the map of docs/regimes.md has it."""
    if way is FIRST_ORDER:
        return "no fluctuations: good for driven systems far above the noise"
    linewidth = model.relative_linewidth
    sizes = (sum(model.sizes), model.ratio, model.nbar or 0.0)
    found = {
        name: expected_error(read_map(), way.error, name, *sizes, linewidth=linewidth)
        for name in (names or MAIN[model.sizes[0] > 0])
    }
    known = {name: one for name, one in found.items() if one is not None}
    if not known:
        return "an error that was not studied for these observables"
    name, worst = max(known.items(), key=lambda item: item[1].error)
    beyond = " beyond the statistical ones" if way.kind == "sample" else ""
    place = f"{name}, measured at N = {worst.spins:.2g}"
    text = f"errors up to {percent(worst.error)}{beyond} ({place})"
    if not worst.covered:
        text += ", outside the R and nbar studied: a guide only"
    if all(spins.alike for spins in model.ensembles):
        return text
    return text + ", measured without a line; and see class_error_end, step_error"


def _short(labels: list[str]) -> str:
    """Some points by their labels, all others counted.

    >>> _short(["n=1", "n=2", "n=3", "n=4"])
    'n=1 ... n=4 (4 points)'
    """
    if len(labels) < 3:
        return " and ".join(labels)
    return f"{labels[0]} ... {labels[-1]} ({len(labels)} points)"


@dataclass(frozen=True)
class Engine:
    """What one engine offers for a definition."""

    name: str
    methods: tuple[Kind, ...]
    available: Callable[[Model, Kind], tuple[str, ...]]
    evolve: Average
    steady: Average
    sample: Callable[..., Solution]
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


def quantum_methods(model: Model, kind: Kind) -> tuple[Way, ...]:
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


def semiclassical_method(definition: RunDefinition, kind: Kind) -> Way:
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
