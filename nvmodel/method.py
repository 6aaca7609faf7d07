"""What a method is: what it offers of which model, why it refuses, its cost and its error.

An engine lists its methods in order; the first that offers what is asked for and does not refuse it
answers. Entries, `engine = "auto"`, `check` and the docs' table walk these lists.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.rows import Summary
from darkbattery.nvmodel.runstatistics import Statistics
from darkbattery.nvmodel.solution import Solution

Kind = Literal["steady", "evolve", "sample"]

PATIENCE_SECONDS = 600.0  # of one core for one model: what takes longer is not within reach


@dataclass(frozen=True, eq=False)
class Problem:
    """What is asked of a method.

    Attributes
    ----------
    model : Experiment
        Without idle switching.
    times : ndarray (T,)
        Infinity for a steady state.
    names : tuple of str
    runs, seed, first : int
        Of single runs: how many, of which study, and the index of the first.
    rows : Summary, optional
        What else is told of each run.
    statistics : Statistics, optional
        What else is counted of runs.
    """

    model: Any
    times: NDArray[np.float64]
    names: tuple[str, ...]
    runs: int | None = None
    seed: int = 0
    first: int = 0
    rows: Summary | None = None
    statistics: Statistics | None = None


@dataclass(frozen=True)
class Work:
    """What a calculation takes.

    Attributes
    ----------
    seconds : float
        Of one core, as the constants beside each method were measured.
    bytes : float
        Memory for its arrays.
    at_most : float
        Seconds of one core that tables and eigenvalues may take beside that.
    """

    seconds: float
    bytes: float = 0.0
    at_most: float = 0.0

    @property
    def within_patience(self) -> bool:
        """Whether it is made in minutes."""
        return max(self.seconds, self.at_most) <= PATIENCE_SECONDS


@dataclass(frozen=True, eq=False)
class Method:
    """One way to an answer.

    Attributes
    ----------
    name : str
        In the field's words.
    kind : "steady", "evolve" or "sample"
    offers : callable
        Names of the observables that it has of a model, of whatever size; none of a model that it
        does not describe.
    why_not : callable
        The refusal of a `Problem` that it offers, or None.
    work : callable
        Of a `Problem` that it does not refuse; None where only a trial tells.
    solve : callable
    error : str
        What its answer is wrong by.
    """

    name: str
    kind: Kind
    offers: Callable[[Any], tuple[str, ...]]
    why_not: Callable[[Problem], InputError | None]
    work: Callable[[Problem], Work | None]
    solve: Callable[[Problem], Solution]
    error: str


def never(problem: Problem) -> None:
    """Why a method without limits refuses, and what one costs that only a trial tells."""


def refused_by(check: Callable[[Problem], object]) -> Callable[[Problem], InputError | None]:
    """A method's `why_not` from a function that raises its refusal."""

    def why_not(problem: Problem) -> InputError | None:
        try:
            check(problem)
        except InputError as refusal:
            return refusal
        return None

    return why_not


def refused_for_size(
    check: Callable[[Any, NDArray[np.float64]], None],
) -> Callable[[Problem], InputError | None]:
    """A method's `why_not` that goes by model and times alone, and is found once for all names."""

    @lru_cache(maxsize=256)
    def found(model: object, times: tuple[float, ...]) -> InputError | None:
        try:
            check(model, np.array(times))
        except InputError as refusal:
            return refusal
        return None

    return lambda problem: found(problem.model, tuple(problem.times.tolist()))


def offered(methods: Iterable[Method], model: object) -> tuple[str, ...]:
    """What any of the methods has of a model, of whatever size."""
    return _united(tuple(method.offers(model) for method in methods))


@lru_cache(maxsize=64)
def _united(offers: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    # the same few of all models of a sweep
    return tuple(dict.fromkeys(name for offer in offers for name in offer))


def able(methods: Iterable[Method], problem: Problem) -> Method:
    """The first of the methods that has all that is asked for; else the first refusal is raised."""
    refusals, names = [], set(problem.names)
    for method in methods:
        if names.issubset(method.offers(problem.model)):
            refusal = method.why_not(problem)
            if refusal is None:
                return method
            refusals.append(refusal)
    if refusals:
        raise refusals[0]
    raise InputError("observables", problem.names, "no method has all of them of this model")


def within_reach(methods: Iterable[Method], problem: Problem) -> tuple[str, ...]:
    """Those of the problem's names that some method gives by itself in minutes."""
    return tuple(
        name
        for name in problem.names
        if any(gives(method, replace(problem, names=(name,))) for method in methods)
    )


def together(methods: Iterable[Method], problem: Problem) -> tuple[str, ...]:
    """The first of the problem's names, as many as one method gives at once in minutes."""
    methods, names = tuple(methods), problem.names
    while names and not any(gives(one, replace(problem, names=names)) for one in methods):
        names = names[:-1]
    return names


def gives(method: Method, problem: Problem) -> bool:
    """Whether a method has all that is asked for, does not refuse it, and makes it in minutes."""
    if not set(problem.names) <= set(method.offers(problem.model)):
        return False
    if method.why_not(problem) is not None:
        return False
    work = method.work(problem)
    return work is None or work.within_patience
