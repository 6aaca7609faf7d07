"""What single runs were asked: distributions, joint ones, and the energy of selected runs."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from darkbattery.runs.figures.axes import BAND, heading, legend_below, panels, time_scale
from darkbattery.runs.figures.sweep import Drawn, Plan, plan
from darkbattery.runs.study import Study, rows_of

MOST_CURVES = 8  # of points, in one panel
MOST_PANELS = 12
ENERGY = "battery_energy"


def draw_statistics(study: Study) -> Figure:
    """A panel a quantity, one for the selected runs' energy, and one a joint histogram."""
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
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
        chosen.hues.bar(figure, axes)
        legend_below(figure, entries)
        notes = list(chosen.notes)
        if asked.where:
            notes.append(f"selected: {asked.where}")
        if count > MOST_PANELS:
            notes.append(f"{count - MOST_PANELS} more in the tables")
        if asked.joint and len(definition.points()) > 1:
            notes.append("joint histograms: of the first point")
        heading(figure, definition.title, notes)
        sns.despine(figure)
        return figure


def _draw_histogram(
    axis: Axes, name: str, chosen: Plan, study: Study, entries: dict[str, Artist]
) -> None:
    """Shares of the runs that have the quantity, over its bins."""
    asked = study.definition.statistics
    assert asked is not None
    ways = [(name, "-", "solid: all runs")]
    if asked.where:
        ways.append((f"{name} where {asked.where}", "--", "dashed: selected runs"))
    for one in chosen.drawn:
        for called, style, words in ways:
            rows = study.distributions[study.distributions["distribution"] == called]
            centre, share = _shares(rows_of(rows, one.point))
            if centre.size:
                axis.step(centre, share, where="mid", color=one.colour, ls=style, lw=1.1)
                entries[words] = Line2D([], [], color="0.3", ls=style, lw=1.1)
    axis.set_xlabel(name.replace("_", " "))
    axis.set_ylabel("share of runs")


def _shares(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Middles of the bins from the first that holds runs to the last, and shares of them."""
    weight = rows["weight"].to_numpy(dtype=float)
    held = np.flatnonzero(weight)
    if not held.size:
        return np.zeros(0), np.zeros(0)
    here = slice(max(held[0] - 1, 0), held[-1] + 2)
    low, high = rows["low"].to_numpy(dtype=float)[here], rows["high"].to_numpy(dtype=float)[here]
    return np.where(np.isfinite(high), 0.5 * (low + high), low), weight[here] / weight.sum()


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
            axis.plot(time, value, color=one.colour, ls=style, lw=1.3)
            band = BAND * curve["error"]
            axis.fill_between(time, value - band, value + band, color=one.colour, alpha=0.2, lw=0)
    entries["solid: all runs"] = Line2D([], [], color="0.3", lw=1.1)
    entries["dashed: selected runs"] = Line2D([], [], color="0.3", ls="--", lw=1.1)
    axis.set_xlabel(label)
    axis.set_ylabel("$E_B$  (ħω)")


def _draw_joint(axis: Axes, pair: tuple[str, str], one: Drawn, study: Study) -> None:
    """Numbers of runs, darker where there are more."""
    table = rows_of(study.joints, one.point)
    rows = table[(table["one"] == pair[0]) & (table["other"] == pair[1]) & (table["where"] == "")]
    if len(rows):
        x, y = (_middles(rows, name) for name in ("one", "other"))
        size = 40.0 * np.sqrt(rows["weight"] / rows["weight"].max())
        axis.scatter(x, y, s=size, color=one.colour, alpha=0.7, lw=0)
    axis.set_xlabel(pair[0].replace("_", " "))
    axis.set_ylabel(pair[1].replace("_", " "))
    axis.set_title("area: number of runs", fontsize="medium", loc="left")


def _middles(rows: pd.DataFrame, name: str) -> np.ndarray:
    low, high = rows[f"{name}_low"], rows[f"{name}_high"]
    return np.where(np.isfinite(high), 0.5 * (low + high), low)
