r"""Which parameter limits: elasticities by finite differences, and what is needed to get there.

The elasticity of F with respect to x is :math:`d\ln F/d\ln x`: one percent more of x makes so many
percent more of F. F is the ergotropy per battery spin; where that is zero the energy that
the charger gave per battery spin; where nothing bursts the cooperativity of the net inversion.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from scipy.optimize import brentq

from darkbattery.meanfield.averages.linear import growth_rate
from darkbattery.nvmodel import ResonatorBattery
from darkbattery.nvmodel.devices.estimates import estimates
from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.plan.forecast import Forecast, numbers
from darkbattery.runs.plan.parameters import PARAMETERS, Parameter
from darkbattery.runs.plan.window import BRIEF
from darkbattery.runs.ranks.world import spread

T = TypeVar("T")

# relative step: differences of the energies are then far above the integrator's 1e-8 and the
# second-order error a thousandth
STEP = 0.05
OBJECTIVES = {
    "ergotropy": "ergotropy per battery spin",
    "given": "energy given to a battery spin",
    "cooperativity": "cooperativity of the net inversion",
}
# a parameter is looked for at most so many times larger or smaller
FURTHEST = 1e3
INVERSIONS = ("inversion", "polarisation")


@dataclass(frozen=True)
class Sensitivity:
    """How much one parameter matters.

    Attributes
    ----------
    name, unit : str
    value : float
        In the model.
    elasticity : float
        Of the objective.
    needed : float
        Value at which the threshold is reached if nothing else changes; NaN where the model is
        above it already or where no value does it.
    """

    name: str
    unit: str
    value: float
    elasticity: float
    needed: float = math.nan


@dataclass(frozen=True)
class Sensitivities:
    """All parameters of the device, the most limiting first.

    Attributes
    ----------
    objective : str
        A key of `OBJECTIVES`.
    found : tuple of Sensitivity
    """

    objective: str
    found: tuple[Sensitivity, ...]

    @property
    def limiting(self) -> Sensitivity | None:
        """The one that limits most; None where none matters."""
        return self.found[0] if self.found and self.found[0].elasticity != 0.0 else None


def sensitivities(
    model: ResonatorBattery, comm: Any = None, classes: int = BRIEF, rest: float | None = None
) -> Sensitivities:
    """Elasticities of every parameter that is a property of the device, on all ranks of `comm`."""
    steps = all_steps(model)
    here = estimates(model).net_cooperativity
    solved: list[Forecast] = []
    if growth_rate(model) > 0.0:
        solved = spread(comm, lambda step: numbers(step.model, classes, rest), steps)
    objective = _objective(solved)
    values = [float(getattr(one, objective, 0.0)) for one in solved]
    if objective == "cooperativity":
        values = [estimates(step.model).net_cooperativity for step in steps]
    found = []
    for name, width, (low, high) in paired(steps, values):
        if objective == "cooperativity" and here <= 0.0 and name not in INVERSIONS:
            continue  # couplings and widths do not change the sign of the net inversion
        # a cooperativity may be negative, and there rises where the inversion does
        slope = math.log(high / low) if min(low, high) > 0.0 else (high - low) / abs(here)
        needed = needed_for_threshold(model, name) if objective == "cooperativity" else math.nan
        now = PARAMETERS[name].read(model)
        assert now is not None
        unit = PARAMETERS[name].unit
        found.append(Sensitivity(name, unit, now, slope / width, needed))
    ordered = sorted(found, key=lambda one: (-abs(one.elasticity), one.name))
    return Sensitivities(objective, tuple(ordered))


def needed_for_threshold(model: ResonatorBattery, name: str) -> float:
    """The value of one parameter at which the net cooperativity is 1; NaN where none does it."""
    one = PARAMETERS[name]
    now = one.read(model)
    if now is None or not 0.0 < now < math.inf:
        return math.nan

    def excess(log_factor: float) -> float:
        return estimates(one.change(model, now * math.exp(log_factor))).net_cooperativity - 1.0

    start = excess(0.0)
    for direction in (1.0, -1.0):
        reach = direction * math.log(FURTHEST)
        if name in INVERSIONS and direction > 0.0:
            reach = -math.log(now)  # at most 1
        try:
            if reach and start * excess(reach) < 0.0:
                return now * math.exp(float(brentq(excess, 0.0, reach, xtol=1e-10)))
        except InputError:
            continue
    return math.nan


@dataclass(frozen=True)
class Step:
    """The model with one parameter times a factor."""

    name: str
    factor: float
    model: ResonatorBattery


def all_steps(model: ResonatorBattery) -> list[Step]:
    """Two of every parameter that is a property of the device and can be varied."""
    return [step for one in PARAMETERS.values() for step in _steps_of(model, one)]


def paired(steps: Sequence[Step], found: Sequence[T]) -> Iterator[tuple[str, float, tuple[T, T]]]:
    """Of each parameter what was found at its two steps, and how far apart they are in ln x."""
    for i in range(0, len(steps), 2):
        low, high = steps[i : i + 2]
        width = math.log(high.factor) - math.log(low.factor)
        yield low.name, width, (found[i], found[i + 1])


def _steps_of(model: ResonatorBattery, one: Parameter) -> list[Step]:
    """The model with the parameter a step larger and a step smaller; one-sided at a bound."""
    value = one.read(model)
    if not one.independent or value is None or not 0.0 < value < math.inf:
        return []
    found = []
    for factor in (1.0 / (1.0 + STEP), 1.0, 1.0 + STEP):
        try:
            found.append(Step(one.name, factor, one.change(model, value * factor)))
        except InputError:
            continue
    return [found[0], found[-1]] if len(found) > 1 else []


def _objective(solved: list[Forecast]) -> str:
    if solved and all(one.ergotropy > 0.0 for one in solved):
        return "ergotropy"
    if solved and all(one.bursts and one.given > 0.0 for one in solved):
        return "given"
    return "cooperativity"
