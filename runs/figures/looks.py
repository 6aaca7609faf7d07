"""Colours and line styles of a sweep's points: ordered values in a sequential map."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from darkbattery.nvmodel.refusal import is_real
from darkbattery.runs.definitions.models import shown as in_words
from darkbattery.runs.figures.axes import logarithmic
from darkbattery.runs.figures.style import COLOURS

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
    return f"{value:.6g}" if ordered(value) else in_words(value)
