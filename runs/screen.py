"""A result as tables for a terminal of any width: no number is ever shortened."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from nvmodel.numbers import plain, with_error, with_unit
from nvmodel.observables import OBSERVABLES
from runs.choice import exact_averages
from runs.store import TABLE
from runs.study import Study
from runs.summary import averages_name, curves, swept_names

MOST_POINTS, ENDS = 40, 8  # printed; beyond, so many of the first and of the last
SI = ("J", "W", "s", "Hz")  # written with prefixes
PEAKED = ("power", "emission_rate", "output_power")  # whose largest value is asked for
DIGITS = 6
ROUNDING = 1e-14  # of numbers near one: sums of some tens of doubles
Column = tuple[str, list[str]]  # heading and cells
GAP = 3  # between columns


@dataclass(frozen=True)
class Found:
    """One number of one point: a quantity at a moment, by a method."""

    quantity: str
    moment: str
    method: str
    unit: str
    value: float
    error: float | None = None

    @property
    def heading(self) -> str:
        """Of its column: short lines."""
        lines = [*self.quantity.split(" "), *self.moment.split(", "), self.method]
        return "\n".join([*lines, f"({self.unit})"] if _in_heading(self.unit) else lines)

    @property
    def shown(self) -> str:
        """Such as 0.6950(7), 10.8123 pJ; an energy per spin of 1e-17 is rounding, and zero."""
        if self.unit == "ħω" and abs(self.value) < ROUNDING:
            return with_error(0.0, self.error)
        if self.unit in SI:
            return with_unit(self.value, self.unit, self.error, DIGITS)
        return with_error(self.value, self.error)


@dataclass(frozen=True, eq=False)
class ResultTables:
    """A study as rich draws it: one model's quantities as rows, or a row a point of the sweep."""

    study: Study

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.study.definition.title, style="bold")
        points = [
            (part, found(self.study, part)) for _, part in curves(self.study, self.study.table)
        ]
        if not swept_names(self.study):
            yield _one_model(points[0][1])
            return
        yield from _sweep(self.study, points, options.max_width)


def found(study: Study, part: pd.DataFrame) -> list[Found]:
    """The numbers of one point: in the steady state, at the last output time, and peaks.

    A deviation (sampled less exact, in standard errors) compares the same time.
    """
    exact = exact_averages(study.definition)
    averages = "exact" if exact else averages_name(study.definition)
    second, per = _time_unit(study)
    rows: list[Found] = []
    for name, about in part.groupby("observable", sort=False):
        for moment, chosen in _moments(str(name)):
            rows += _at(str(name), moment, chosen, about, averages, (second, per))
    return rows


def _moments(name: str) -> Iterator[tuple[str, str]]:
    yield "steady state", "steady"
    yield "at the end", "last"
    if name in PEAKED:
        yield "largest", "peak"


def _at(
    name: str, moment: str, chosen: str, about: pd.DataFrame, averages: str, time: tuple[str, str]
) -> list[Found]:
    words = name.replace("_", " ")
    unit = OBSERVABLES[name].unit.replace("γ", time[1]) if name in OBSERVABLES else ""
    rows = []
    peaks = []
    methods = (("steady", averages),) if chosen == "steady" else (
        ("evolve", averages), ("sample", "sampled"),
    )  # fmt: skip
    for method, label in methods:
        curve = about[about["method"] == method]
        if chosen == "peak":
            curve = curve[curve["value"].notna()]
        if not len(curve):
            continue
        row = curve.loc[curve["value"].idxmax()] if chosen == "peak" else curve.iloc[-1]
        error = row["error"] if method == "sample" else None
        rows.append(Found(words, moment, label, unit, float(row["value"]), error))
        if chosen == "peak":
            peaks.append(Found(words, "time of, largest", label, time[0], float(row["time"])))
    if chosen == "last" and len(rows) == 2 and averages == "exact":
        error = rows[1].error or 0.0
        if error > 0.0:
            apart = (rows[1].value - rows[0].value) / error
            rows.append(Found(words, moment, "deviation", "errors", float(f"{apart:.2f}")))
    return rows + peaks


def _one_model(rows: Sequence[Found]) -> Table:
    methods = list(dict.fromkeys(row.method for row in rows))
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("quantity")
    if any(_in_heading(row.unit) for row in rows):
        table.add_column("unit", no_wrap=True)
    for method in methods:
        unit = "\n(errors)" if method == "deviation" else ""
        table.add_column(method + unit, justify="right", no_wrap=True)
    groups: dict[tuple[str, str], dict[str, Found]] = {}
    for row in rows:
        groups.setdefault((row.quantity, row.moment), {})[row.method] = row
    for (quantity, moment), cells in groups.items():
        words = f"{quantity}, {moment.replace(', ', ' ')}".replace(
            f"{quantity}, time of largest", f"time of largest {quantity}"
        )
        first = next(iter(cells.values()))
        unit_cell = [] if len(table.columns) == len(methods) + 1 else [_unit(first.unit)]
        numbers = [cells[m].shown if m in cells else "" for m in methods]
        table.add_row(words, *unit_cell, *numbers)
    return table


def _sweep(
    study: Study, points: Sequence[tuple[pd.DataFrame, list[Found]]], width: int
) -> Iterator[Any]:
    names = swept_names(study)
    shown = list(points)
    if len(points) > MOST_POINTS:
        shown = [*points[:ENDS], *points[-ENDS:]]
    keys = [[_key(part[name].iloc[0]) for part, _ in shown] for name in names]
    cells = [{one.heading: one.shown for one in rows} for _, rows in shown]
    fixed = list(zip(names, keys, strict=True))
    moving: dict[tuple[str, str], list[Column]] = {}
    for one in {one.heading: one for _, rows in shown for one in rows}.values():
        column = [row.get(one.heading, "-") for row in cells]
        if any(cell != "-" for cell in column):  # what is no number at any point is no column
            moving.setdefault((one.quantity, one.moment), []).append((one.heading, column))
    cut = ENDS if len(points) > MOST_POINTS else None
    for block in _blocks(fixed, moving.values(), width):
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
        for heading, _ in block:
            table.add_column(Text(heading), justify="right", no_wrap=True)
        for i in range(len(shown)):
            if i == cut:
                table.add_row(*("..." for _ in block))
            table.add_row(*(column[i] for _, column in block))
        yield table
    if cut is not None:
        yield Text(
            f"the first {ENDS} and the last {ENDS} of {len(points)} points; "
            f"all of them: {TABLE} in the result folder"
        )


def _blocks(
    fixed: list[Column], groups: Iterable[list[Column]], width: int
) -> Iterator[list[Column]]:
    """Columns cut into tables that fit, each of which begins with the swept fields.

    Exact, sampled and their deviation stay together, where they fit at all.
    """
    block = list(fixed)
    for group in groups:
        if len(block) > len(fixed) and not _fits([*block, *group], width):
            yield block
            block = list(fixed)
        for column in group:
            if len(block) > len(fixed) and not _fits([*block, column], width):
                yield block
                block = list(fixed)
            block.append(column)
    yield block


def _fits(columns: list[Column], width: int) -> bool:
    return sum(map(_width, columns)) <= width


def _width(column: Column) -> int:
    heading, cells = column
    return max(map(len, [*heading.split("\n"), *cells])) + GAP


def _key(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        # as short as it can be and still that very number
        return f"{value:.12g}" if np.isfinite(value) else plain(float(value))
    return str(value)


def _in_heading(unit: str) -> bool:
    return unit not in ("", "1", *SI)


def _unit(unit: str) -> str:
    return unit if _in_heading(unit) else ""


def _time_unit(study: Study) -> tuple[str, str]:
    """Of times, and of what is per time."""
    given = {name.partition(".")[0]: values for name, values in study.definition.model}
    if "resonator" in given:
        return "s", "/s"
    if "dicke" in given:
        return "1/ω", "ω"
    if any(gamma != 1.0 for gamma in given.get("gamma", ())):
        return "unit of t", "/unit of t"  # gamma's, which is the user's
    return "1/γ", "γ"
