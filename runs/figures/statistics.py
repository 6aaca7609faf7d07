"""What single runs were asked: distributions, joint ones, and the energy of selected runs."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from darkbattery.runs.figures.axes import banded, panels
from darkbattery.runs.figures.histograms import shares_of
from darkbattery.runs.figures.style import figure_style
from darkbattery.runs.figures.sweep import Drawn, Plan, plan
from darkbattery.runs.results.table import Study, asked_scale, rows_of, time_scale

MOST_CURVES = 8  # of points, in one panel
MOST_PANELS = 12
SIDES = ("one", "other")  # of a joint histogram
ENERGY = "battery_energy"


def draw_statistics(study: Study) -> Figure:
    """A panel a quantity, one for the selected runs' energy, and one a joint histogram."""
    with figure_style():
        definition = study.definition
        assert definition.statistics is not None
        asked = definition.statistics
        chosen = plan(study, along=False, most=MOST_CURVES)
        entries: dict[str, Artist] = chosen.hues.entries()
        single = [*asked.of, *([ENERGY] if asked.where else [])]
        count = len(single) + len(asked.joint)
        figure, axes = panels(min(count, MOST_PANELS))
        for axis, name in zip(axes, single, strict=False):
            if name == ENERGY:
                _draw_selected(axis, chosen, study, entries)
            else:
                _draw_histogram(axis, name, chosen, study, entries)
        for axis, pair in zip(axes[len(single) :], asked.joint, strict=False):
            _draw_joint(axis, pair, chosen.drawn[0], study)
        notes = []
        if asked.where:
            notes.append(f"selected: {asked.where}")
        if count > MOST_PANELS:
            notes.append(f"{count - MOST_PANELS} more in the tables")
        if asked.joint and len(definition.points()) > 1:
            notes.append("joint histograms: of the first point")
        chosen.finish(figure, axes, entries, definition.title, notes)
        return figure


def _draw_histogram(
    axis: Axes, name: str, chosen: Plan, study: Study, entries: dict[str, Artist]
) -> None:
    """Shares of the runs that have the quantity, over its bins."""
    asked = study.definition.statistics
    assert asked is not None
    ways = [(name, "-", "solid: all runs")]
    factor, unit = asked_scale(study, name)
    if asked.where:
        ways.append((f"{name} where {asked.where}", "--", "dashed: selected runs"))
    for one in chosen.drawn:
        for called, style, words in ways:
            rows = study.distributions[study.distributions["distribution"] == called]
            if _draw_shares(axis, rows_of(rows, one.point), factor, one.colour, style):
                entries[words] = Line2D([], [], color="0.3", ls=style, lw=1.1)
    axis.set_xlabel(name.replace("_", " ") + (f"  ({unit})" if unit else ""))
    axis.set_ylabel("share of runs")
    if not axis.has_data():
        axis.set(xticks=[], yticks=[])
        axis.text(0.5, 0.5, "no run reached it", ha="center", transform=axis.transAxes)


def _draw_shares(axis: Axes, rows: pd.DataFrame, factor: float, colour: Any, style: str) -> bool:
    """The share of runs in each bin, if any run has the quantity."""
    found = shares_of(rows)
    if not found.share.size:
        return False
    if found.are_values:
        values = factor * found.low
        axis.plot(values, found.share, color=colour, ls=style, lw=1.1, marker="o", ms=4)
        axis.xaxis.set_major_locator(_numbers(values))
    else:
        axis.stairs(found.share, factor * found.edges, color=colour, ls=style, lw=1.1)
    return True


def _numbers(values: np.ndarray) -> MaxNLocator:
    """Ticks at whole numbers where values are such, and at halves where spins may be."""
    whole = bool(np.all(values == np.round(values)))
    return MaxNLocator(nbins=8, integer=whole, min_n_ticks=1)


def _draw_selected(axis: Axes, chosen: Plan, study: Study, entries: dict[str, Artist]) -> None:
    """Mean energy of all runs and of those selected."""
    of_time, label = time_scale(study)
    every = study.table[(study.table["observable"] == ENERGY) & (study.table["method"] == "sample")]
    chosen_rows = study.statistics[
        (study.statistics["quantity"] == ENERGY) & study.statistics["time"].notna()
    ]
    for one in chosen.drawn:
        for rows, style in ((every, "-"), (chosen_rows, "--")):
            curve = rows_of(rows, one.point)
            time, value = curve["time"] * of_time, curve["value"]
            banded(axis, time, value, curve["error"], 0.2, color=one.colour, ls=style, lw=1.3)
    entries["solid: all runs"] = Line2D([], [], color="0.3", lw=1.1)
    entries["dashed: selected runs"] = Line2D([], [], color="0.3", ls="--", lw=1.1)
    axis.set_xlabel(label)
    axis.set_ylabel("$E_B$  (ħω)")


def _draw_joint(axis: Axes, pair: tuple[str, str], one: Drawn, study: Study) -> None:
    """Numbers of runs, as areas."""
    table = rows_of(study.joints, one.point)
    rows = table[(table["one"] == pair[0]) & (table["other"] == pair[1]) & (table["where"] == "")]
    if len(rows):
        of_one, of_other = (shares_of(rows, f"{name}_low", f"{name}_high") for name in SIDES)
        # a marker's size is its area
        size = 160.0 * of_one.share / of_one.share.max()
        axis.scatter(of_one.middle, of_other.middle, s=size, color=one.colour, alpha=0.7, lw=0)
        for ticks, side in ((axis.xaxis, of_one), (axis.yaxis, of_other)):
            if side.are_values:
                ticks.set_major_locator(_numbers(side.low))
    axis.set_xlabel(pair[0].replace("_", " "))
    axis.set_ylabel(pair[1].replace("_", " "))
    axis.set_title("area: number of runs", fontsize="medium", loc="left")
