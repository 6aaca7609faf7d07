"""Solvers on the same work in turn: their seconds, their ratios to ours, whether they agree.

Used by `peers.py`. Every call's answer is compared with ours of the same turn. A peer that raises
an error or gives something else has failed that turn, which then counts in no time or ratio.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel import Solution

# largest of some 200 correlated differences in standard errors: by chance one contest in 10,000
STANDARD_ERRORS = 5.0


@dataclass(frozen=True)
class Answer:
    """Quantities at the output times: values (quantities, T), standard errors of sampled ones."""

    values: NDArray[np.float64]
    errors: NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Ready:
    """A solver made ready before the clock: `work` does `units` of work, `read` reads it after."""

    units: int
    work: Callable[[], Any]
    read: Callable[[Any], Answer]


@dataclass(frozen=True)
class Contender:
    """A solver by name, and how it is made ready."""

    name: str
    prepare: Callable[[], Ready]


@dataclass(frozen=True)
class Work:
    """What all of them solve, ours first.

    `bound` is the largest difference of averages that still counts as the same answer; None for
    means over runs, which may differ by `STANDARD_ERRORS`.
    """

    title: str
    contenders: tuple[Contender, ...]
    bound: float | None


class NotInstalledError(Exception):
    """A program that is not there; its name is the message."""


@dataclass
class Line:
    """What one solver did with one work."""

    work: Work
    solver: str
    seconds: list[float] = field(default_factory=list)  # a unit, by turn
    ratios: list[float] = field(default_factory=list)  # to ours of the same turn
    calls: int = 0
    failed: int = 0
    difference: float | None = None  # largest of all turns, in hbar omega or in standard errors
    remark: str = ""


def sampled(mean: NDArray[np.float64], spread: NDArray[np.float64], runs: int) -> Answer:
    """Means over `runs` with standard deviations `spread`.

    What n runs all lack may still happen to sqrt(2)/n of them (Agresti and Coull 1998), and weighs
    up to 1, the largest energy a spin: a standard error is at least that.
    """
    return Answer(mean, np.maximum(spread / np.sqrt(runs), np.sqrt(2.0) / runs))


def our_sample(sample: Callable[[], Solution], energies: tuple[str, ...], runs: int) -> Ready:
    """Single runs of ours, all tallies and readings included."""

    def work() -> tuple[Any, Any]:
        found = sample()
        return found.values, found.errors

    def read(found: tuple[Any, Any]) -> Answer:
        values, errors = found
        spread = np.sqrt(runs) * np.array([errors[name] for name in energies])
        return sampled(np.array([values[name] for name in energies]), spread, runs)

    return Ready(runs, work, read)


def difference(ours: Answer, theirs: Answer) -> float:
    """Largest over all quantities and times; in combined standard errors where there are any.

    >>> one, two = np.array([[0.0, 0.5]]), np.array([[0.0, 0.4]])
    >>> round(difference(Answer(one), Answer(two)), 9)
    0.1
    >>> round(difference(Answer(one, one + 0.03), Answer(two, 0.0 * two + 0.04)), 3)
    0.188
    """
    if ours.values.shape != theirs.values.shape:
        raise ValueError(f"answers of shape {theirs.values.shape}, not {ours.values.shape}")
    apart = np.abs(ours.values - theirs.values)
    if ours.errors is not None and theirs.errors is not None:
        apart = apart / np.hypot(ours.errors, theirs.errors)
    # a maximum with a nan in it is nan, which no bound lets through
    return float(np.max(apart))


def compete(work: Work, turns: int) -> list[Line]:
    """All contenders `turns` times in the same order; one call each before that compiles."""
    lines, ready = [], []
    for contender in work.contenders:
        line = Line(work, contender.name)
        lines.append(line)
        try:
            made = contender.prepare()
            made.work()
        except (ModuleNotFoundError, NotInstalledError) as missing:
            line.remark = "not installed"
            print(f"# {contender.name}: {missing}", file=sys.stderr)
            continue
        except Exception as error:
            if not ready:  # ours
                raise
            _fail(line, turns, error)
            continue
        ready.append((line, made))
    for _ in range(turns):
        _turn(ready)
    return lines


def _turn(ready: list[tuple[Line, Ready]]) -> None:
    """One call of each; the first is ours, and its errors are not caught."""
    mine, ours = 0.0, None
    for line, made in ready:
        line.calls += 1
        try:
            started = time.perf_counter()
            found = made.work()
            seconds = (time.perf_counter() - started) / made.units
            answer = made.read(found)
            if ours is None:
                mine, ours = seconds, answer
            elif not _agrees(line, difference(ours, answer)):
                continue
        except Exception as error:
            if ours is None:
                raise
            line.calls -= 1
            _fail(line, 1, error)
            continue
        line.seconds.append(seconds)
        line.ratios.append(seconds / mine)


def _fail(line: Line, calls: int, error: Exception) -> None:
    line.calls += calls
    line.failed += calls
    line.remark = f"fails: {(str(error) or type(error).__name__).splitlines()[0][:60]}"
    print(f"# {line.work.title}, {line.solver}: {error}", file=sys.stderr)


def _agrees(line: Line, apart: float) -> bool:
    """Note the difference; one beyond the bound is a failure."""
    if line.difference is None or not apart <= line.difference:
        line.difference = apart
    if apart <= (STANDARD_ERRORS if line.work.bound is None else line.work.bound):
        return True
    line.failed += 1
    line.remark = "gives something else"
    return False
