"""How the points of a sweep share a figure: which field is along x, in the hue, in the style."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from darkbattery.runs.definitions.definition import Point
from darkbattery.runs.figures.looks import (
    LINE_STYLES,
    Colour,
    Hues,
    hues,
    ordered,
    position,
    same,
    shown,
)
from darkbattery.runs.results.summary import Key, swept_names
from darkbattery.runs.results.table import Study, key_of, rows_of_points


@dataclass(frozen=True)
class Drawn:
    """A point of the sweep as it is drawn."""

    point: Point
    colour: Colour
    style: Any


@dataclass(frozen=True)
class Plan:
    """The points that a figure shows, and what it says about them.

    `along` is the field of the x axis ("" where that is time), `styled` that of the line style.
    """

    along: str
    hues: Hues
    styled: str
    style_values: tuple[Any, ...]
    drawn: tuple[Drawn, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Curves:
    """The rows of each curve, grouped once: each panel has all points, each search all rows."""

    rows: Mapping[Key, pd.DataFrame]
    none: pd.DataFrame
    methods: tuple[str, ...]

    def of(self, point: Point, observable: str) -> pd.DataFrame:
        """Those of one point, by whatever method; none where it has no such observable."""
        found = [self.by(point, observable, method) for method in self.methods]
        held = [rows for rows in found if len(rows)]
        return pd.concat(held) if len(held) > 1 else (held or [self.none])[0]

    def by(self, point: Point, observable: str, method: str) -> pd.DataFrame:
        """Those of one method."""
        return self.rows.get((*key_of(point), observable, method), self.none)


def curves_of(study: Study, table: pd.DataFrame, drawn: Sequence[Drawn]) -> Curves:
    """What a table of the study has of the points that are drawn."""
    near = rows_of_points(table, [one.point for one in drawn])
    names = [*swept_names(study), "observable", "method"]
    rows = dict(iter(near.groupby(names, sort=False, dropna=False)))
    return Curves(rows, near.iloc[:0], tuple(map(str, near["method"].unique())))


def plan(study: Study, along: bool, most: int) -> Plan:
    """Share the swept fields out, by their numbers of values; the rest stay at their first value.

    Where x is time, `most` curves are drawn at most: those of chosen values, evenly spaced.
    """
    fields = {name: values for name, values in study.definition.model if len(values) > 1}
    # numbers before names, many values before few
    names = sorted(fields, key=lambda n: (not all(map(ordered, fields[n])), -len(fields[n])))
    x = names.pop(0) if along and names else ""
    hue, style = [*names[:2], "", ""][:2]
    notes = []
    style_values = tuple(fields.get(style, (None,)))
    kept_styles = spread(style_values, min(len(LINE_STYLES), max(1, most // 2)))
    hue_values = tuple(fields.get(hue, (None,)))
    kept_hues = spread(hue_values, max(1, most // len(kept_styles)))
    for name, kept, whole in ((hue, kept_hues, hue_values), (style, kept_styles, style_values)):
        if len(kept) < len(whole):
            notes.append(f"{len(kept)} of the {len(whole)} values of {name} are drawn")
    fixed = {name: fields[name][0] for name in names[2:]}
    notes += [f"drawn at {name} = {shown(value)} alone" for name, value in fixed.items()]
    coloured = hues(hue, kept_hues)
    drawn = []
    for point in study.definition.points():
        swept = dict(point.swept)
        if any(not same(swept[name], value) for name, value in fixed.items()):
            continue
        one, other = swept.get(hue), swept.get(style)
        if _among(kept_hues, one) and _among(kept_styles, other):
            line = LINE_STYLES[position(kept_styles, other)]
            drawn.append(Drawn(point, coloured.of(one), line))
    return Plan(x, coloured, style, kept_styles if style else (), tuple(drawn), tuple(notes))


def spread(values: Sequence[Any], most: int) -> tuple[Any, ...]:
    """At most `most` of the values, evenly spaced, first and last among them.

    >>> spread(range(10), 4)
    (0, 3, 6, 9)
    """
    if len(values) <= most:
        return tuple(values)
    places = np.unique(np.linspace(0, len(values) - 1, most).round().astype(int))
    return tuple(values[i] for i in places)


def _among(values: Sequence[Any], value: Any) -> bool:
    return any(same(one, value) for one in values)
