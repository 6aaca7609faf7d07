"""Models and answers as notebooks show them: a table of key numbers, a small curve a line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nvmodel.errors import confidence_factor
from nvmodel.observables import OBSERVABLES

if TYPE_CHECKING:
    from nvmodel.solution import Solution

Array = NDArray[np.float64]

WIDTH, HEIGHT = 160, 28  # of a small curve, in pixels
POINTS = 80  # it is drawn with


def model_html(model: Any, derived: Iterable[tuple[str, float]]) -> str:
    """The fields of a model that are not at their defaults, and numbers derived from them.

    Examples
    --------
    >>> from nvmodel.battery import CollectiveBattery
    >>> "<td>n_charger</td><td>50</td>" in model_html(CollectiveBattery(10, 50), [("R", 5.0)])
    True
    """
    rows = [
        (field.name, value)
        for field in fields(model)
        if (value := getattr(model, field.name)) is not None and value != field.default
    ]
    body = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(_shown(value))}</td></tr>"
        for name, value in (*rows, *derived)
    )
    return f"<strong>{type(model).__name__}</strong><table>{body}</table>"


def solution_html(solution: Solution) -> str:
    """A line for each observable: largest value and its time, last value and error, curve."""
    rows = []
    for name, values in solution.values.items():
        error = solution.errors[name]
        last = f"{values[-1]:.6g}" + ("" if error is None else f" ± {error[-1]:.2g}")
        at = int(np.argmax(values))
        cells = (name, OBSERVABLES[name].unit if name in OBSERVABLES else "", last)
        largest = f"{values[at]:.6g} at {solution.times[at]:.4g}"
        rows.append(
            "<tr>"
            + "".join(f"<td>{escape(cell)}</td>" for cell in (*cells, largest))
            + f"<td>{_curve(solution.times, values)}</td></tr>"
        )
    head = "".join(f"<th>{name}</th>" for name in ("observable", "unit", "last", "largest", ""))
    warnings = "".join(f"<p>Warning: {escape(text)}</p>" for text in solution.warnings)
    kind = "averages"
    if solution.runs is not None:
        factor = confidence_factor(solution.runs)
        kind = f"{solution.runs} single runs"
        kind += f", ± one error; 2 σ is {factor:.3g} of them" if solution.runs > 1 else ""
    return f"<strong>{kind}</strong>{warnings}<table><tr>{head}</tr>{''.join(rows)}</table>"


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


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
