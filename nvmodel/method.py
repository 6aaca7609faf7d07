"""What is asked of a method; what it offers of which model, why it refuses, its cost, its error.

An engine lists its methods in order; the first that offers what is asked for and does not refuse it
answers. Entries, `engine = "auto"`, `check` and the docs' table walk these lists.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.display import model_text
from darkbattery.nvmodel.refusal import InputError, finite_number, known_name
from darkbattery.nvmodel.runstatistics import Statistics
from darkbattery.nvmodel.solution import Solution

Kind = Literal["steady", "evolve", "sample"]
Array = NDArray[np.float64]

PATIENCE_SECONDS = 600.0  # of one core for one model: what takes longer is not within reach
EMPTY = 1e-12  # of an energy per spin: sums of some thousands of doubles


@dataclass(frozen=True)
class Summary:
    """Key numbers of each run, and when its battery reaches which level of charge.

    Parameters
    ----------
    levels : tuple of float
        Energies per battery spin, in hbar omega, above 0, at most 1: a column ``time_to_25`` each
        (percent), the first output time at which the run's energy has reached the level.
    of_end : tuple of float
        Shares of the run's own energy at the last output time, above 0, at most 1: a column
        ``time_to_90_of_end`` each.

    Examples
    --------
    >>> Summary(levels=(0.8,)).columns
    ('time_to_80', 'time_to_50_of_end', 'time_to_90_of_end')
    """

    levels: tuple[float, ...] = (0.25, 0.5, 0.75)
    of_end: tuple[float, ...] = (0.5, 0.9)

    def __post_init__(self) -> None:
        for name in ("levels", "of_end"):
            given = getattr(self, name)
            if not isinstance(given, tuple | list):
                raise InputError(f"records.{name}", given, "must be a list of numbers")
            found = [
                finite_number(f"records.{name}", one, least=0.0, exclusive=True, most=1.0)
                for one in given
            ]
            if len(set(map(_percent, found))) < len(found):
                raise InputError(f"records.{name}", given, "must be different")
            object.__setattr__(self, name, tuple(sorted(found)))

    def __repr__(self) -> str:
        return model_text(self)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of times to a level of charge."""
        absolute = [f"time_to_{_percent(level)}" for level in self.levels]
        return (*absolute, *(f"time_to_{_percent(share)}_of_end" for share in self.of_end))

    def charge_times(self, energies: Array, times: Array) -> dict[str, Array]:
        """Those columns, from the energies (T, runs) of runs at the output times (T,).

        NaN where a level is not reached until the last time, and for shares of an empty battery.

        >>> energies = np.array([[0.0, 0.0], [0.5, 0.2], [0.8, 0.4]])
        >>> found = Summary(levels=(0.5,), of_end=(0.5,)).charge_times(energies, np.arange(3.0))
        >>> found["time_to_50"], found["time_to_50_of_end"]
        (array([ 1., nan]), array([1., 1.]))
        """
        marks = [
            *(np.full(energies.shape[1], level) for level in self.levels),
            *(
                np.where(energies[-1] > EMPTY, share * energies[-1], np.inf)
                for share in self.of_end
            ),
        ]
        found = {}
        for name, mark in zip(self.columns, marks, strict=True):
            reached = energies >= mark
            when = times[reached.argmax(axis=0)]
            found[name] = np.where(reached.any(axis=0), when, np.nan)
        return found


Records = Literal["summary"] | Summary | None


def summary_of(records: Records) -> Summary | None:
    """What `sample` was asked to tell of each run: "summary" is short for ``Summary()``.

    >>> summary_of("summary"), summary_of(None)
    (Summary(), None)
    """
    if records is None or isinstance(records, Summary):
        return records
    known_name("records", records, ("summary",))
    return Summary()


def _percent(share: float) -> str:
    return f"{100.0 * share:g}"


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
    times: Array
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
