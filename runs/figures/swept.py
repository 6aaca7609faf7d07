"""Against the swept field: values at the end, steady ones, peaks and when they are."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from darkbattery.runs.figures.axes import BAND, logarithmic, panels, settle_titles
from darkbattery.runs.figures.style import figure_style
from darkbattery.runs.figures.sweep import (
    Drawn,
    Plan,
    not_shown,
    ordered,
    own_unit,
    plan,
    position,
    shown,
)
from darkbattery.runs.results.summary import PEAKED, Ends, Quantity, ends, quantities, read_of
from darkbattery.runs.results.table import (
    Key,
    Study,
    zero_throughout,
)

MOST_PANELS = 12
MOST_CURVES = 24
MOST_MARKED = 40  # points of a curve that get a marker
TICK_LETTERS = 26  # of all ticks below a panel, side by side
# how curves are called, their markers, and widths and sizes in points
LINES = {"steady": ("steady state", "D", 1.0, 3.0), "evolve": ("averages", ".", 1.3, 5.0)}
FEW_NAMES = 8  # values without an order whose names stand level below the axis


def draw_sweep(study: Study) -> Figure:
    """A panel a quantity against the swept field; of a single model, its values."""
    with figure_style():
        zero = zero_throughout(study, study.table)
        shown_ones = [one for one in quantities(study) if one.name not in zero]
        of_point = ends(study)
        chosen = plan(study, along=True, most=MOST_CURVES)
        figure, axes = panels(len(shown_ones[:MOST_PANELS]))
        entries = chosen.entries()
        for axis, quantity in zip(axes, shown_ones, strict=False):
            found = chosen.rows(read_of(of_point, quantity))
            _draw_quantity(axis, quantity, found, chosen, study, entries)
        notes = own_unit(study)
        if _unsure(of_point):
            notes.append("largest of sampled means: too high by about their errors")
        notes += not_shown(zero, [quantity.title for quantity in shown_ones[MOST_PANELS:]])
        chosen.finish(figure, axes, entries, study.definition.title, notes)
        settle_titles(axes)
        return figure


def _unsure(of_point: Mapping[Key, Sequence[Ends]]) -> bool:
    """Whether a largest value is that of means which agree within their errors."""
    return any(
        one.unsure and one.observable in PEAKED for curves in of_point.values() for one in curves
    )


def _draw_quantity(
    axis: Axes,
    quantity: Quantity,
    found: pd.DataFrame,
    chosen: Plan,
    study: Study,
    entries: dict[str, Artist],
) -> None:
    factor, label = quantity.scale(study, found)
    field = dict(study.definition.model).get(chosen.along, (None,))
    numbers = bool(chosen.along) and all(map(ordered, field))
    for (method, _), curve in found.groupby(["method", "curve"], sort=False):
        first: Drawn = curve["drawn"].iloc[0]
        x = [value if numbers else position(field, value) for value in curve["x"]]
        _draw_curve(axis, str(method), np.array(x, dtype=float), curve, factor, first, entries)
    _x_axis(axis, chosen.along, field, numbers)
    axis.set_ylabel(label)
    if quantity.kind == "time":
        axis.set_ylim(bottom=min(0.0, axis.get_ylim()[0]))
    axis.set_title(quantity.title, fontsize="medium", loc="left")


def _draw_curve(
    axis: Axes,
    method: str,
    x: np.ndarray,
    curve: pd.DataFrame,
    factor: float,
    look: Drawn,
    entries: dict[str, Artist],
) -> None:
    """Averages as lines, sampled means as circles with error bars, steady values as diamonds."""
    order = np.argsort(x, kind="stable")
    x, y = x[order], curve["value"].to_numpy(dtype=float)[order] * factor
    few = x.size <= MOST_MARKED
    if method == "sample":
        error = BAND * factor * curve["error"].to_numpy(dtype=float)[order]
        axis.errorbar(x, y, error, fmt="o", ms=3.5, mfc="white", color=look.colour, lw=0.9)
        said, marker = f"single runs, ± {BAND:g} standard errors", "o"
    else:
        said, marker, wide, size = LINES[method]
        shown_as = marker if few else None
        axis.plot(x, y, color=look.colour, ls=look.style, lw=wide, marker=shown_as, ms=size)
    entries[said] = Line2D(
        [], [], color="0.3", ls="none" if method == "sample" else "-", lw=1.0, ms=3.5,
        marker=marker if few or method == "sample" else None,
        mfc="white" if method == "sample" else "0.3",
    )  # fmt: skip


def _log_ticks(axis: Axes, values: Sequence[float]) -> None:
    """Few values are the ticks themselves; else decades, as plain numbers where they are short."""
    names = [shown(value) for value in values]
    if sum(len(name) + 1 for name in names) <= TICK_LETTERS:
        axis.set_xticks([float(value) for value in values], names)
        axis.xaxis.set_minor_locator(NullLocator())
    elif min(values) >= 1e-3 and max(values) < 1e6:
        axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))


def _x_axis(axis: Axes, field: str, values: tuple[Any, ...], numbers: bool) -> None:
    axis.set_xlabel(field)
    if not field:
        axis.set_xticks([])
        for line in axis.lines:
            points = np.column_stack(line.get_data()).astype(float)
            for x, y in points.tolist():
                axis.annotate(f"{y:.5g}", (x, y), (6.0, 3.0), textcoords="offset points")
        return
    if numbers:
        if logarithmic(np.array(values, dtype=float)):
            axis.set_xscale("log")
            _log_ticks(axis, values)
        elif all(float(value).is_integer() for value in values):
            axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        return
    many = len(values) > FEW_NAMES
    every = range(0, len(values), 1 + len(values) // 30)
    axis.set_xticks(
        list(every),
        [shown(values[i]) for i in every],
        rotation=30.0 if not many else 90.0,
        ha="right" if not many else "center",
        fontsize="x-small",
    )
