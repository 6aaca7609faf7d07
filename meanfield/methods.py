"""The methods of the semiclassical engine, in order; errors by docs/regimes.md's map."""

from functools import partial
from typing import Any

from darkbattery.meanfield.averages import readout
from darkbattery.meanfield.averages.cumulants import SOLVERS, evolve
from darkbattery.meanfield.averages.delay import delay_average, over_delays, why_no_delays
from darkbattery.meanfield.classes.moments import system_of
from darkbattery.meanfield.paths import tally
from darkbattery.meanfield.paths.wigner import sample
from darkbattery.nvmodel.method import Method, Problem, never
from darkbattery.nvmodel.protocol import sends_fields
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.solution import Solution


def _averages_of(model: Any) -> tuple[str, ...]:
    return readout.available(system_of(model, 1))


def _over_delays_of(model: Any) -> tuple[str, ...]:
    return over_delays(_averages_of(model))


def _runs_of(model: Any) -> tuple[str, ...]:
    return tally.available(system_of(model, 1))


def _not_undriven(problem: Problem) -> InputError | None:
    if problem.model.drive is not None or sends_fields(problem.model.protocol):
        return None
    return InputError("order", 1, "needs a drive: without a seed it stays at its start")


def _no_delays(problem: Problem) -> InputError | None:
    if problem.model.drive is not None:
        return InputError("drive", problem.model.drive, "must be None to average over delays")
    return why_no_delays(problem.model, problem.times)


def _evolved(order: int, problem: Problem) -> Solution:
    return evolve(problem.model, problem.times, order, problem.names)


def _over_delays(problem: Problem) -> Solution:
    return delay_average(problem.model, problem.times, problem.names)


def _sampled(problem: Problem) -> Solution:
    assert problem.runs is not None
    return sample(problem.model, problem.times, problem.runs, 0, observables=problem.names)


FIRST_ORDER = Method(
    name=SOLVERS[1],
    kind="evolve",
    offers=_averages_of,
    why_not=_not_undriven,
    work=never,
    solve=partial(_evolved, 1),
    error="first",
)
DELAY_AVERAGE = Method(
    name="second-order cumulants averaged over the delay",
    kind="evolve",
    offers=_over_delays_of,
    why_not=_no_delays,
    work=never,
    solve=_over_delays,
    error="delay",
)
SECOND_ORDER = Method(
    name=SOLVERS[2],
    kind="evolve",
    offers=_averages_of,
    why_not=never,
    work=never,
    solve=partial(_evolved, 2),
    error="second",
)
TRUNCATED_WIGNER = Method(
    name="truncated Wigner",
    kind="sample",
    offers=_runs_of,
    why_not=never,
    work=never,
    solve=_sampled,
    error="wigner",
)
METHODS = (FIRST_ORDER, DELAY_AVERAGE, SECOND_ORDER, TRUNCATED_WIGNER)
"""`error` is the row of `errors.csv`."""
