r"""Speed limits as times: how soon the battery could be where it is, as fast as it changed.

The distribution :math:`p_k` of the stored energy covers the Bures angle :math:`\int v\,dt` on a way
that is no shorter than the straight one, so that for any dynamics, from any start,

.. math:: t\ge\tau_\mathrm{MT}=\frac{\arccos\sum_k\sqrt{p_k(0)p_k(t)}}{\frac1t\int_0^tv\,dt'},\qquad
          v=\tfrac12\Big[\sum_k\frac{\dot p_k^2}{p_k}\Big]^{1/2}

(the geometric form of Mandelstam's and Tamm's limit, Taddei et al., PRL 110, 050402 (2013)); and
since :math:`|\sum_kp_k(0)\dot p_k|\le\max_k|\dot p_k|`,

.. math:: t\ge\tau_\mathrm{ML}=\frac{|\sum_kp_k(0)[p_k(0)-p_k(t)]|}
          {\frac1t\int_0^t\max_k|\dot p_k|\,dt'}

(Deffner and Lutz, PRL 111, 010402 (2013), in the operator norm, the sharpest of theirs; from a
mixed start by the relative purity of del Campo et al., PRL 110, 050403 (2013)). A battery state
without coherence between energies is its distribution: the limits are then those of the state.

A rate at :math:`\bar n>0` makes :math:`v\sim t^{-1/2}` at first: integrals are taken over
:math:`\sqrt t`. ``provenance["speed_limit_error"]`` says what they are wrong by, relative to the
whole; levels less probable than 1e-10 leave out angles of 1e-5.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import experiment_of
from darkbattery.nvmodel.method import Method, Problem
from darkbattery.nvmodel.observables import Needs, needing
from darkbattery.nvmodel.protocol import Pulse, Stage
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.solution import Distribution, Reading, Solution

Array = NDArray[np.float64]

LIMITS = needing(Needs.RATES | Needs.HISTORY)
SPEEDS = ("statistical_speed", "population_speed")
# what errors of 1e-10 in probabilities make of no change at all: a Bures angle is a root of it
ROUNDED = {"statistical_speed": 2e-5, "population_speed": 1e-9}
FEWEST_PANELS = 16
# Gauss's nodes of order 3 and Kronrod's of order 7, from -1 to 1
NODES = np.array([0.0, 0.434243749346802558, 0.774596669241483377, 0.960491268708020283])
KRONROD = np.array(
    [0.450916538658474142, 0.401397414775962223, 0.268488089868333441, 0.104656226026467265]
)
GAUSS = np.array([8.0 / 9.0, 0.0, 5.0 / 9.0, 0.0])


def with_speed_limits(methods: Iterable[Method]) -> tuple[Method, ...]:
    """The same methods, that give the limits too where they give the speeds.

    They are asked at the nodes of the integrals beside the output times, seven a panel.
    """
    return tuple(_limited(method) for method in methods)


def _limited(method: Method) -> Method:
    def offers(model: object) -> tuple[str, ...]:
        return _offered(method.offers(model), _turned(model))

    return replace(
        method,
        offers=offers,
        why_not=lambda problem: method.why_not(_at_nodes(problem)),
        work=lambda problem: method.work(_at_nodes(problem)),
        solve=lambda problem: _solved(method, problem),
    )


@lru_cache(maxsize=64)
def _offered(names: tuple[str, ...], turned: bool) -> tuple[str, ...]:
    if not set(SPEEDS) <= set(names) or turned:
        return tuple(name for name in names if name not in LIMITS)
    return tuple(dict.fromkeys((*names, *LIMITS)))


def _turned(model: object) -> bool:
    """Whether a pulse turns the battery, in no time: at no finite speed."""
    steps = experiment_of(model).protocol
    return any(isinstance(step, Pulse) and step.rotate_battery != 0.0 for step in steps)


def refuse_turned(model: object, names: Iterable[str]) -> None:
    """Refuse a limit where there is none."""
    for name in names:
        if name in LIMITS and _turned(model):
            text = "a pulse turns the battery in no time: there is no speed that limits it"
            raise InputError("observables", name, text)


def _at_nodes(problem: Problem) -> Problem:
    """What the method is asked: the speeds, at the nodes and the output times."""
    if not set(LIMITS) & set(problem.names):
        return problem
    names = [name for name in problem.names if name not in LIMITS]
    roots = _nodes(_edges(problem))[0]
    times = np.unique(np.concatenate([[0.0], problem.times, roots.ravel() ** 2]))
    return replace(problem, times=times, names=tuple(dict.fromkeys((*names, *SPEEDS))))


def _edges(problem: Problem) -> Array:
    """Roots of times between which the speeds are smooth, or steps are short."""
    end, now, ends = float(problem.times[-1]), 0.0, []
    for step in experiment_of(problem.model).protocol:
        now += step.duration if isinstance(step, Stage) else 0.0
        ends.append(min(now, end))
    even = math.sqrt(end) * np.linspace(0.0, 1.0, FEWEST_PANELS + 1)
    edges = np.unique(np.concatenate([even, np.sqrt([*problem.times, *ends])]))
    # what rounding sets apart is one
    return edges[np.append(True, np.diff(edges) > 1e-12 * math.sqrt(end))]


def _nodes(edges: Array) -> tuple[Array, Array]:
    """Roots of the times (panels, 7), and half the panels' lengths."""
    half, middle = 0.5 * np.diff(edges), 0.5 * (edges[1:] + edges[:-1])
    return middle[:, None] + half[:, None] * np.append(-NODES[:0:-1], NODES), half


def _solved(method: Method, problem: Problem) -> Solution:
    if not set(LIMITS) & set(problem.names):
        return method.solve(problem)
    fine = _at_nodes(problem)
    found = method.solve(fine)
    at, edges = np.searchsorted(fine.times, problem.times), _edges(problem)
    roots, half = _nodes(edges)
    places = np.searchsorted(fine.times, roots**2)
    p = found.distributions["populations"].weight
    # rounding may take a vanishing probability below zero
    overlap = np.sqrt(np.maximum(p[at] * p[0], 0.0)).sum(axis=1)
    gone = {
        "statistical_speed": np.arccos(np.minimum(overlap, 1.0)),
        "population_speed": np.abs(((p[0] - p[at]) * p[0]).sum(axis=1)),
    }
    values, error = dict(found.values.items()), 0.0
    told = {name: np.where(far > ROUNDED[name], 1.0, np.nan) for name, far in gone.items()}
    # dt = 2 s ds
    whole = np.searchsorted(edges, np.sqrt(problem.times) * (1.0 - 1e-12))
    for name, speed in zip(LIMITS, SPEEDS, strict=True):
        along = 2.0 * roots * values[speed][places] * half[:, None]
        covered, rough = (_summed(along, weights) for weights in (KRONROD, GAUSS))
        error = max(error, float(np.abs(rough - covered).max() / max(covered[-1], 1e-300)))
        # no way is shorter than the straight one, whatever is left out of its beginning
        with np.errstate(invalid="ignore"):
            share = gone[speed] / np.maximum(covered[whole], gone[speed])
            values[name] = problem.times * share * told[speed]
    names = problem.names
    shown = {name: values[name] if name in LIMITS else values[name][at] for name in names}
    lines = {name: _at(one, at) for name, one in found.distributions.items()}
    provenance = {**found.provenance, "speed_limit_error": error}
    return Solution(problem.times, Reading(shown, {}, lines, found.warnings), provenance)


def _summed(along: Array, weights: Array) -> Array:
    """Integrals from 0 to every edge."""
    return np.append(0.0, np.cumsum(along @ np.append(weights[:0:-1], weights)))


def _at(one: Distribution, places: NDArray[np.int64]) -> Distribution:
    return Distribution(one.quantity, one.low, one.high, one.weight[places])
