"""A result as tables for a terminal of any width: no number is ever shortened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from darkbattery.nvmodel.numbers import ROUNDING, plain, with_error, with_unit
from darkbattery.nvmodel.observables import in_words
from darkbattery.runs.choice.choice import exact_averages
from darkbattery.runs.definitions.units import OWN, OWN_NOTE, clock, unit_of, unit_of_asked
from darkbattery.runs.results.store import TABLE
from darkbattery.runs.results.summary import (
    CLOSE,
    PEAKED,
    Ends,
    averages_name,
    ends,
    label,
    runs_line,
)
from darkbattery.runs.results.table import Key, Study, swept_names
from darkbattery.runs.terminal.tables import Column, Fitted, Listing

MOST_POINTS, ENDS = 40, 8  # printed; beyond, so many of the first and of the last
SI = {"J": "J", "W": "W", "s": "s", "/s": "Hz"}  # written with prefixes, and how
DIGITS = 6
# of what was asked of single runs
PREFIXED = "s"  # powers in ħω/s have no prefix
MOST_ROWS = 60  # printed; the others stand in the result folder
TOLD = {"share": "share", "mean": "mean", "standard_deviation": "sd"}
TOGETHER = "correlation"
NOISY = (
    "largest of sampled {}: of several means that agree within {:g} errors, so it lies too high by "
    "about its error, and its time is one of theirs"
)


@dataclass(frozen=True)
class Found:
    """One number of one point: a quantity at a moment, by a method."""

    quantity: str
    moment: str
    method: str
    unit: str
    value: float
    error: float | None = None

    noisy: bool = False

    @property
    def shown(self) -> str:
        """Such as 0.6950(7), 10.8123 pJ; an energy per spin of 1e-17 is rounding, and zero."""
        if self.unit == "ħω" and abs(self.value) < ROUNDING:
            return with_error(0.0, self.error)
        if self.unit in SI:
            return with_unit(self.value, SI[self.unit], self.error, DIGITS)
        return with_error(self.value, self.error)

    def heading(self, shared: Sequence[str]) -> str:
        """Of its column: short lines, without what all columns share."""
        lines = self.quantity.split(" ")
        if self.moment not in shared:
            lines += self.moment.split(", ")
        if self.method not in shared:
            lines.append(self.method)
        return "\n".join([*lines, f"({self.unit})"] if _in_heading(self.unit) else lines)

    def about(self, unit: str) -> str:
        """Of its row below the quantity's, whose unit is known there."""
        own = f" ({self.unit})" if self.unit != unit and _in_heading(self.unit) else ""
        return f"{self.moment.replace(', ', ' ')}, {self.method}{own}"


@dataclass(frozen=True, eq=False)
class ResultTables:
    """A study as rich draws it: one model's quantities as rows, or a row a point of the sweep."""

    study: Study

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.study.definition.title, style="bold")
        yield from result_tables(self.study)


def tell(study: Study, console: Console, more: Sequence[str] = ()) -> None:
    """Print a study: its tables, how many runs were made, its warnings and `more` of them."""
    console.print(ResultTables(study))
    if line := runs_line(study):
        console.print(line, highlight=False, soft_wrap=True)
    # never kept to itself: numbers outside a solver's validity are not handed out in silence
    teller = Console(stderr=True) if console.quiet else console
    for warning in (*study.warnings, *more):
        # one line each in a file, where they are looked for; broken at words on a terminal
        whole = not teller.is_terminal
        teller.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=whole)


def result_tables(study: Study) -> Iterator[Listing | Fitted | Text]:
    """The tables of a study, and what has to be said of them."""
    read = list(ends(study).items())
    count = len(read)
    if count > MOST_POINTS:
        read = [*read[:ENDS], *read[-ENDS:]]
    points = [(key, found(study, curves)) for key, curves in read]
    if swept_names(study):
        yield from _sweep(study, points, count)
    else:
        yield _one_model(points[0][1])
    rows = [one for _, found_here in points for one in found_here]
    if any(OWN in one.unit for one in rows):
        yield Text(OWN_NOTE)
    for name in dict.fromkeys(one.quantity for one in rows if one.noisy):
        yield Text(NOISY.format(name, CLOSE))
    yield from asked_tables(study)


def found(study: Study, curves: Iterable[Ends]) -> list[Found]:
    """The numbers of one point: in the steady state, at the last output time, and peaks.

    A deviation (sampled less exact, in standard errors) compares the same time.
    """
    averages = "exact" if exact_averages(study.definition) else averages_name(study.definition)
    called = {"steady": averages, "evolve": averages, "sample": "sampled"}
    by_name: dict[str, list[Ends]] = {}
    for one in curves:
        by_name.setdefault(one.observable, []).append(one)
    rows: list[Found] = []
    for name, several in by_name.items():
        words, unit = in_words(name), unit_of(study.definition.model, name)
        steady = [one for one in several if one.method == "steady"]
        timed = sorted((o for o in several if o.method != "steady"), key=lambda o: o.method)
        for moment, ones in (("steady state", steady), ("at the end", timed)):
            rows += [
                Found(words, moment, called[o.method], unit, o.last, _error(o, o.last_error))
                for o in ones
            ]
        rows += _deviation(words, timed) if averages == "exact" else []
        if name in PEAKED:
            rows += _peaks(words, unit, clock(study.definition.model).time, called, timed)
    return rows


def _error(one: Ends, error: float) -> float | None:
    return error if one.method == "sample" else None


def _deviation(words: str, timed: Sequence[Ends]) -> Iterator[Found]:
    """Of both methods at the last time."""
    if {one.method for one in timed} == {"evolve", "sample"}:
        exact, sampled = timed
        if sampled.last_error > 0.0:
            apart = (sampled.last - exact.last) / sampled.last_error
            yield Found(words, "at the end", "deviation", "errors", float(f"{apart:.2f}"))


def _peaks(
    words: str, unit: str, second: str, called: dict[str, str], timed: Sequence[Ends]
) -> Iterator[Found]:
    known = [one for one in timed if not np.isnan(one.largest)]
    for one in known:
        error, method = _error(one, one.largest_error), called[one.method]
        yield Found(words, "largest", method, unit, one.largest, error, one.unsure)
    for one in known:
        yield Found(words, "time of, largest", called[one.method], second, one.largest_time)


def _one_model(rows: Sequence[Found]) -> Listing:
    methods = list(dict.fromkeys(row.method for row in rows))
    units = any(_in_heading(row.unit) for row in rows)
    named = ["deviation\n(errors)" if name == "deviation" else name for name in methods]
    table = Listing(
        "", ["quantity", *(["unit"] if units else []), *named],
        left=("quantity", "unit"), whole=("unit",),
    )  # fmt: skip
    groups: dict[tuple[str, str], dict[str, Found]] = {}
    for row in rows:
        groups.setdefault((row.quantity, row.moment), {})[row.method] = row
    for (quantity, moment), cells in groups.items():
        words = f"{quantity}, {moment}"
        if moment == "time of, largest":
            words = f"time of largest {quantity}"
        unit = next(iter(cells.values())).unit
        unit_cell = [unit if _in_heading(unit) else ""] if units else []
        numbers = [cells[m].shown if m in cells else "" for m in methods]
        table.add_row(words, *unit_cell, *numbers)
    return table


def _sweep(
    study: Study, shown: Sequence[tuple[Key, list[Found]]], count: int
) -> Iterator[Fitted | Text]:
    """Those of its `count` points that are shown."""
    names = swept_names(study)
    keys = [[_key(key[i]) for key, _ in shown] for i in range(len(names))]
    every = [one for _, rows in shown for one in rows]
    shared = _shared(every)
    cells = [{one.heading(shared): one.shown for one in rows} for _, rows in shown]
    moving: dict[tuple[str, str], list[Column]] = {}
    for heading, one in {one.heading(shared): one for one in every}.items():
        column = [row.get(heading, "-") for row in cells]
        if any(cell != "-" for cell in column):  # what is no number at any point is no column
            moving.setdefault((one.quantity, one.moment), []).append((heading, column))
    cut = ENDS if count > len(shown) else None
    if shared:
        yield Text(f"all: {', '.join(shared)}")
    fixed = list(zip(names, keys, strict=True))
    turned = _turned(fixed, [rows for _, rows in shown])
    yield Fitted(fixed, list(moving.values()), cut=cut, turned=turned)
    if cut is not None:
        yield Text(
            f"the first {ENDS} and the last {ENDS} of {count} points; "
            f"all of them: {TABLE} in the result folder"
        )


def _turned(fixed: Sequence[Column], points: Sequence[Sequence[Found]]) -> Listing:
    """A column a point, quantities as rows, with what each is of below."""
    labels = [
        "\n".join(f"{name}={key}" for (name, _), key in zip(fixed, keys, strict=True))
        for keys in zip(*(column for _, column in fixed), strict=True)
    ]
    table = Listing("", ["quantity", *labels], left=("quantity",))
    quantities: dict[str, dict[tuple[str, str], list[Found | None]]] = {}
    for i, rows in enumerate(points):
        for one in rows:
            rows_of = quantities.setdefault(one.quantity, {})
            rows_of.setdefault((one.moment, one.method), [None] * len(points))[i] = one
    for quantity, rows_of in quantities.items():
        first, *_ = (one for row in rows_of.values() for one in row if one is not None)
        unit = f" ({first.unit})" if _in_heading(first.unit) else ""
        table.add_row(quantity + unit, *("" for _ in labels))
        for row in rows_of.values():
            about, *_ = (one.about(first.unit) for one in row if one is not None)
            table.add_row(f"  {about}", *(one.shown if one else "-" for one in row))
    return table


def _shared(rows: Sequence[Found]) -> list[str]:
    """The moment and the method, where all numbers have the same."""
    kinds = ({one.moment for one in rows}, {one.method for one in rows})
    return [kind.pop() for kind in kinds if len(kind) == 1]


def _key(value: Any) -> str:
    if isinstance(value, (float, np.floating)):
        # as short as it can be and still that very number
        return f"{value:.12g}" if np.isfinite(value) else plain(float(value))
    return str(value)


def _in_heading(unit: str) -> bool:
    return unit not in ("", "1", *SI)


if TYPE_CHECKING:
    import pandas as pd


def asked_tables(study: Study) -> Iterator[Listing | Text]:
    """Share, mean and standard deviation of each quantity, of all runs and of those selected."""
    if not len(study.statistics):
        return
    whole = study.statistics[study.statistics["time"].isna()]
    pairs = whole["statistic"] == TOGETHER
    whole, together = whole[~pairs], whole[pairs]
    rows = list(_rows(study, whole))
    labelled = bool(swept_names(study))
    named = ["point", "of single runs", "runs"] if labelled else ["of single runs", "runs"]
    table = Listing("", [*named, *TOLD.values()], left=named)
    for point, *cells in rows[:MOST_ROWS]:
        table.add_row(*([point] if labelled else []), *cells)
    if rows:
        yield table
    if len(together):
        yield _correlations(study, together, named[:-2])
    if len(rows) > MOST_ROWS:
        yield Text(f"{len(rows) - MOST_ROWS} more: statistics.parquet in the result folder")
    asked = study.definition.statistics
    if asked is not None and asked.where is not None:
        yield Text(f"selected: {asked.where}")


def _correlations(study: Study, together: pd.DataFrame, named: list[str]) -> Listing:
    """How the two quantities of each joint pair go together."""
    columns = [*named, "together", "runs"]
    table = Listing("", [*columns, TOGETHER], left=columns)
    for row in together.head(MOST_ROWS).to_dict("records"):
        point = tuple(row[name] for name in swept_names(study))
        name = str(row["quantity"]).replace("_", " ")
        told = with_error(float(row["value"]), float(row["error"]))
        runs = "selected" if row["where"] else "all"
        table.add_row(*([label(study, point)] if named else []), name, runs, told)
    return table


def _rows(study: Study, whole: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    names = [*swept_names(study), "quantity", "where"]
    for key, about in whole.groupby(names, sort=False, dropna=False):
        *point, quantity, where = key
        found = about.set_index("statistic")
        unit = "" if quantity == "runs" else unit_of_asked(study.definition.model, str(quantity))
        numbers = [
            _told(found.loc[name], "" if name == "share" else unit) if name in found.index else ""
            for name in TOLD
        ]
        # the selection itself is a share of all runs
        runs = "selected" if where and quantity != "runs" else "all"
        name = "selected" if quantity == "runs" else str(quantity).replace("_", " ")
        behind = f" ({unit})" if unit not in ("", PREFIXED) else ""
        yield label(study, tuple(point)), name + behind, runs, *numbers


def _told(about: pd.Series, unit: str) -> str:
    """A number with its error; of seconds with their prefix."""
    value, error = float(about["value"]), float(about["error"])
    return with_unit(value, unit, error) if unit == PREFIXED else with_error(value, error)
