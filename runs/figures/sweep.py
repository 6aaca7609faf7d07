"""How the points of a sweep share a figure: which field is along x, in the hue, in the style."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from darkbattery.nvmodel.observables import in_words
from darkbattery.nvmodel.refusal import is_real
from darkbattery.runs.definitions.definition import Point
from darkbattery.runs.definitions.models import shown as as_written
from darkbattery.runs.definitions.units import CHOSEN, OWN_NOTE, clock
from darkbattery.runs.figures.axes import heading, legend_below, logarithmic
from darkbattery.runs.figures.style import COLOURS, open_frames
from darkbattery.runs.results.table import Key, Study, key_of, rows_of_points, swept_names

Colour = tuple[float, float, float] | tuple[float, float, float, float]
LINE_STYLES = ("-", (0, (5, 1.5)), (0, (4, 1.5, 1, 1.5)), (0, (1, 1.2)), (0, (9, 2, 1, 2, 1, 2)))
MOST_NAMED = 6  # values that a legend names; more have a colour bar
MOST_HUES = 10  # of values without an order


@dataclass(frozen=True)
class Hues:
    """A colour for each value of one field."""

    field: str
    values: tuple[Any, ...]
    colours: tuple[Colour, ...]
    scale: ScalarMappable | None

    def of(self, value: Any) -> Colour:
        """The colour of one value."""
        return self.colours[position(self.values, value)]

    def entries(self) -> dict[str, Artist]:
        """For the legend; nothing where a colour bar shows them."""
        if self.scale is not None or not self.field:
            return {}
        return {
            f"{self.field} = {shown(value)}": Line2D([], [], color=colour)
            for value, colour in zip(self.values, self.colours, strict=True)
        }

    def bar(self, figure: Figure, axes: Sequence[Axes]) -> None:
        """The colour bar, where there is one."""
        if self.scale is not None:
            # as tall as two lines of panels
            share = min(1.0, 6.0 / len(axes))
            # those that span all: the layout measures the bar once for each panel that it is told
            grid = axes[0].get_gridspec()
            assert grid is not None
            columns = grid.ncols
            corners = dict.fromkeys((axes[0], *axes[columns - 1 : columns], axes[-1]))
            figure.colorbar(
                self.scale, ax=list(corners), label=self.field, shrink=share, anchor=(0.0, 1.0)
            )


def hues(field: str, values: Sequence[Any]) -> Hues:
    """Sequential where the values have an order, with a colour bar where they are many."""
    if not field:
        return Hues("", (None,), (COLOURS[0],), None)
    if not all(map(ordered, values)):
        palette = COLOURS
        if len(values) > MOST_HUES:
            from seaborn import husl_palette

            palette = tuple(husl_palette(len(values)))
        return Hues(field, tuple(values), tuple(palette[: len(values)]), None)
    # the map's bright end cannot be read on white
    shades = ListedColormap(matplotlib.colormaps["viridis"](np.linspace(0.0, 0.88, 256)))
    numbers = np.array(values, dtype=float)
    if len(values) <= MOST_NAMED:
        ranks = np.argsort(np.argsort(numbers)) / max(len(values) - 1, 1)
        return Hues(field, tuple(values), _colours(shades(ranks)), None)
    norm = (LogNorm if logarithmic(numbers) else Normalize)(numbers.min(), numbers.max())
    colours = _colours(shades(norm(numbers)))
    return Hues(field, tuple(values), colours, ScalarMappable(norm, shades))


def _colours(rows: NDArray[np.float64]) -> tuple[Colour, ...]:
    return tuple((float(r), float(g), float(b)) for r, g, b, _ in rows)


def styles(field: str, values: Sequence[Any]) -> dict[str, Artist]:
    """Legend entries of the line styles of a field's first values."""
    return {
        f"{field} = {shown(value)}": Line2D([], [], color="0.3", ls=style)
        for value, style in zip(values, LINE_STYLES, strict=False)
    }


def ordered(value: Any) -> bool:
    """Whether a swept value is a number."""
    return is_real(value) and bool(np.isfinite(value))


def position(values: Sequence[Any], value: Any) -> int:
    """Where `value` stands among `values`."""
    return next(i for i, one in enumerate(values) if same(one, value))


def same(one: Any, other: Any) -> bool:
    """Equality in which a missing value equals itself."""
    return bool(one == other) or (one != one and other != other)


def shown(value: Any) -> str:
    """A swept value in a legend."""
    return f"{value:.6g}" if ordered(value) else as_written(value)


@dataclass(frozen=True)
class Drawn:
    """A point of the sweep as it is drawn."""

    point: Point
    colour: Colour
    style: Any

    @property
    def label(self) -> str:
        """Its swept fields, as legends have them."""
        return ", ".join(f"{field} = {shown(value)}" for field, value in self.point.swept)


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

    def entries(self) -> dict[str, Artist]:
        """Its colours and line styles for a legend."""
        return self.hues.entries() | styles(self.styled, self.style_values)

    def rows(self, read: Mapping[Key, Iterable[tuple[str, float, float]]]) -> pd.DataFrame:
        """A row a point that is drawn and curve: method, value and error as read, and its place."""
        found: list[tuple[Any, ...]] = []
        looks: list[tuple[Any, Any]] = []
        for one in self.drawn:
            look = (one.colour, one.style)
            if look not in looks:
                looks.append(look)
            x = dict(one.point.swept).get(self.along)
            for method, value, error in read.get(key_of(one.point), ()):
                found.append((method, looks.index(look), one, x, value, error))
        return pd.DataFrame(found, columns=["method", "curve", "drawn", "x", "value", "error"])

    def finish(
        self,
        figure: Figure,
        axes: Sequence[Axes],
        entries: Mapping[str, Artist],
        title: str,
        notes: Sequence[str],
    ) -> None:
        """What stands around the panels: colour bar, legend, title and notes."""
        self.hues.bar(figure, axes)
        legend_below(figure, entries)
        heading(figure, title, [*self.notes, *notes])
        open_frames(figure)


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


def own_unit(study: Study) -> list[str]:
    """A note where times are in the definition's own unit."""
    return [OWN_NOTE] if clock(study.definition.model) is CHOSEN else []


def not_shown(zero: Sequence[str], left: Sequence[str]) -> list[str]:
    """Notes on observables that are zero everywhere, and on panels that found no place."""
    notes = [f"zero throughout: {', '.join(map(in_words, zero))}"] if zero else []
    return notes + ([f"not drawn: {', '.join(left)}"] if left else [])
