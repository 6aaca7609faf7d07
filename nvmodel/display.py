"""Models and answers as people see them: as code, as text, and as notebooks' tables with curves."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.errors import confidence_factor
from darkbattery.nvmodel.held import Derived
from darkbattery.nvmodel.numbers import ROUNDING, SI, counted, plain, with_error, with_unit
from darkbattery.nvmodel.observables import OWN_TIME_UNIT, unit_of

if TYPE_CHECKING:
    from darkbattery.nvmodel.solution import Solution

Array = NDArray[np.float64]

WIDTH, HEIGHT = 160, 28  # of a small curve, in pixels
POINTS = 80  # it is drawn with
FLAT = 1e-9  # relative: what solvers leave of a constant
MANY_RUNS = 2.02  # factor of 2 sigma, from some hundred runs on nearly 2
FRACTION = re.compile(r"\d+\.\d+(e[+-]?\d+)?")  # as Python writes it
NOTHING_BUT_ERROR = ("excitation_balance",)


def model_text(model: Any) -> str:
    """A model as the Python that makes it, without fields at their defaults.

    >>> from darkbattery.nvmodel.protocol import Stage
    >>> model_text(Stage(float("inf"), coupled="none"))
    "Stage(duration=float('inf'), coupled='none')"
    """
    shown = ", ".join(f"{name}={_code(value)}" for name, value in _given_fields(model))
    return f"{type(model).__name__}({shown})"


def model_html(model: Any, derived: Iterable[tuple[str, float]]) -> str:
    """The fields of a model that are not at their defaults, and numbers derived from them.

    Examples
    --------
    >>> from darkbattery.nvmodel.battery import CollectiveBattery
    >>> "<td>n_charger</td><td>50</td>" in model_html(CollectiveBattery(10, 50), [("R", 5.0)])
    True
    """
    body = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(_cell(value))}</td></tr>"
        for name, value in (*_given_fields(model), *derived)
    )
    return f"<strong>{type(model).__name__}</strong><table>{body}</table>"


def solution_text(solution: Solution) -> str:
    """What was solved, over which times, each observable's last value with error and unit."""
    time_unit = _time_unit(solution)
    of = "" if solution.model is None else f" of {solution.model!r}"
    rows = [
        (name, *_with_unit(_last(values), _last_error(solution, name), unit_of(name, time_unit)))
        for name, values in solution.items()
    ]
    steady = math.isinf(solution.times[-1])
    head = ("observable", "steady state" if steady else "at the end", "unit")
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(2)]
    table = [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c}".rstrip() for a, b, c in (head, *rows)]
    warnings = [f"warning: {warning}" for warning in solution.warnings]
    return "\n".join([_kind(solution) + of, *_span(solution, time_unit), *table, *warnings])


def solution_html(solution: Solution) -> str:
    """A line for each observable: last value and error, largest value and its time, curve."""
    rows = []
    time_unit = _time_unit(solution)
    steady = math.isinf(solution.times[-1])
    for name, values in solution.items():
        last, unit = _with_unit(
            _last(values), _last_error(solution, name), unit_of(name, time_unit)
        )
        cells = [escape(cell) for cell in (name, last, unit)]
        if not steady:
            curve = "" if _is_rounding(name, values) else _curve(solution.times, values)
            cells += [escape(_largest(solution, name, time_unit)), curve]
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    moment = ("steady state", "unit") if steady else ("at the end", "unit", "largest", "")
    head = "".join(f"<th>{name}</th>" for name in ("observable", *moment))
    kind = _kind(solution)
    if solution.runs is not None and solution.runs > 1:
        factor = confidence_factor(solution.runs)
        kind += "; one standard error in brackets"
        kind += f", 2 σ is {factor:.3g} of them" if factor > MANY_RUNS else ""
    lines = [f"<strong>{escape(kind)}</strong>"]
    if solution.model is not None:
        lines.append(f"<code>{escape(repr(solution.model))}</code>")
    lines += [escape(span) for span in _span(solution, time_unit)]
    lines += [f"<em>warning: {escape(warning)}</em>" for warning in solution.warnings]
    return f"{'<br/>'.join(lines)}<table><tr>{head}</tr>{''.join(rows)}</table>"


def _given_fields(model: Any) -> Iterator[tuple[str, Any]]:
    for field in fields(model):
        value, default = getattr(model, field.name), field.default
        same = value is default or (type(value) is type(default) and value == default)
        if not same and value is not None and not isinstance(value, Derived):
            yield field.name, value


def _code(value: object) -> str:
    if isinstance(value, float):
        return repr(float(value)) if math.isfinite(value) else f"float('{float(value)}')"
    if isinstance(value, tuple):
        return f"({', '.join(map(_code, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def _cell(value: object) -> str:
    """For people: numbers of parts of a model, too, by their first digits."""
    if isinstance(value, float):
        return plain(value)
    return FRACTION.sub(lambda found: plain(float(found.group())), str(value))


def _kind(solution: Solution) -> str:
    if solution.runs is None:
        return "Averages"
    return counted(solution.runs, "single run")


def _time_unit(solution: Solution) -> str:
    return getattr(solution.model, "time_unit", OWN_TIME_UNIT)


def _span(solution: Solution, time_unit: str) -> list[str]:
    """A line on the output times; none in the steady state."""
    first, last = solution.times[0], solution.times[-1]
    if math.isinf(last):
        return []
    if first == last:
        return [f"at {_moment(last, time_unit)}"]
    to = _moment(last, time_unit).partition("= ")[2]
    return [f"{solution.times.size} times, {_moment(first, time_unit)} to {to}"]


def _moment(time: float, time_unit: str) -> str:
    """Such as t = 4 µs, or γt = 0.5 where times count in 1/γ."""
    if time_unit in SI:
        return f"t = {_quantity(time, time_unit)}"
    return f"{time_unit.partition('1/')[2]}t = {plain(float(time))}"


def _quantity(value: float, unit: str, error: float | None = None) -> str:
    if unit in SI:
        return with_unit(float(value), unit, error, digits=6)
    return f"{with_error(float(value), error)} {unit}".rstrip()


def _with_unit(value: float, error: float | None, unit: str) -> tuple[str, str]:
    """The number, and its unit with the prefix that suits it."""
    number, _, prefixed = _quantity(value, unit, error).partition(" ")
    return number, prefixed


def _last(values: Array) -> float:
    """The last value; what rounding left of one that was large before is zero."""
    known = values[np.isfinite(values)]
    last = float(values[-1])
    return 0.0 if known.size and abs(last) <= ROUNDING * float(np.abs(known).max()) else last


def _last_error(solution: Solution, name: str) -> float | None:
    error = solution.errors[name]
    return None if error is None else float(error[-1])


def _largest(solution: Solution, name: str, time_unit: str) -> str:
    """The largest value and when; empty where there is no curve."""
    values, error = solution[name], solution.errors[name]
    if solution.times.size < 2 or np.isnan(values).all() or _is_rounding(name, values):
        return ""
    at = int(np.nanargmax(values))
    largest = with_error(float(values[at]), None if error is None else float(error[at]))
    unit = unit_of(name, time_unit)
    if unit in SI:
        largest = _quantity(values[at], unit, None if error is None else float(error[at]))
    return f"{largest} at {_moment(solution.times[at], time_unit)}"


def _is_rounding(name: str, values: Array) -> bool:
    """Whether a curve would show nothing but what rounding left of a constant."""
    known = values[np.isfinite(values)]
    if name in NOTHING_BUT_ERROR or not known.size:
        return True
    span = float(np.ptp(known))
    least = 0.0 if unit_of(name) in SI else ROUNDING
    return span <= max(FLAT * float(np.abs(known).max()), least)


def _curve(times: Array, values: Array) -> str:
    known = np.isfinite(times) & np.isfinite(values)
    if known.sum() < 2:
        return ""
    few = np.unique(np.linspace(0, known.sum() - 1, POINTS).round().astype(int))
    x, y = times[known][few], values[known][few]
    across = (x - x[0]) / (x[-1] - x[0]) * (WIDTH - 2) + 1
    span = float(np.ptp(y)) or 1.0
    down = (y.max() - y) / span * (HEIGHT - 2) + 1
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, down, strict=True))
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="from {y[0]:.3g} to '
        f'{y[-1]:.3g}"><polyline points="{points}" fill="none" stroke="currentColor"/></svg>'
    )
