"""The paper's figures, from its panels."""

import itertools
from collections.abc import Mapping
from typing import Any

import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from darkbattery.runs.figures.style import empty_figure
from darkbattery.runs.studies.paper.panels import Layout, Panel, curve_label, panels_of

PANEL_INCHES = (2.75, 2.15)
DPI = 150  # of PNGs: print at journal width, and below 250 kB a figure
MARKERS_PER_CURVE = 9

# colours that the colour-blind tell apart, in the paper's order blue, orange, green, red; markers
# and dashes tell the same curves apart in grey
COLOURS = tuple(sns.color_palette("colorblind")[i] for i in (0, 1, 2, 3))
MARKERS = ("o", "s", "^", "D")
DASHES = ("-", (0, (5, 1.5)), (0, (5, 1.2, 1, 1.2)), (0, (1.5, 1)))
DOTTED = (0, (1, 1.3))


def draw(layout: Layout, data: Mapping[str, pd.DataFrame]) -> Figure:
    """One figure, laid out as in the paper; `data` holds the panels' data by panel name."""
    panels = panels_of(layout)
    rows = -(-len(panels) // layout.columns)
    with sns.axes_style("ticks"), sns.plotting_context("paper", font_scale=0.95):
        figure = empty_figure(PANEL_INCHES[0] * layout.columns, PANEL_INCHES[1] * rows)
        grid = figure.subplots(rows, layout.columns, squeeze=False)
        for axis, panel in zip(grid.flat, panels, strict=True):
            draw_panel(axis, panel, data[panel.name])
            letter = (
                f"Fig. {panel.figure}({panel.letter})" if layout.chosen else f"({panel.letter})"
            )
            axis.set_title(letter, loc="left", fontsize="medium", fontweight="bold")
        sns.despine(figure)
    return figure


def draw_panel(axis: Axes, panel: Panel, data: pd.DataFrame) -> None:
    """One panel with its labels and legend."""
    for layer in panel.layers:
        for i, value in enumerate(panel.values):
            curve = data[(data["quantity"] == layer.y) & (data[panel.by] == value)]
            every = 1 if panel.points else max(1, len(curve) // MARKERS_PER_CURVE)
            axis.plot(
                curve[panel.x],
                curve["value"],
                # each curve's markers start elsewhere, so that they do not hide each other
                markevery=(0 if panel.points else i * every // len(panel.values), every),
                ls={"solid": "-", "dotted": DOTTED}.get(layer.line, DASHES[i]),
                **_look(i),
            )
    if panel.scale == "log":
        axis.set_xscale("log")
        axis.set_yscale("log")
    elif panel.points and panel.x in ("n_battery", "ratio"):
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    if any(layer.y == "energy_slope" for layer in panel.layers):  # its sign is the point
        axis.axhline(0.0, color="0.6", lw=0.6, zorder=0)
    axis.set_xlabel(panel.x_label)
    axis.set_ylabel(panel.y_label)
    crowded = (
        len(panel.layers) > 1
    )  # above the letter, curves in one row and quantities in the next
    axis.legend(
        handles=_handles(panel),
        frameon=False,
        fontsize="small",
        handlelength=1.6 if crowded else 2.4,
        columnspacing=0.9,
        labelspacing=0.25,
        borderaxespad=0.2,
        loc="lower center" if crowded else "best",
        bbox_to_anchor=(0.5, 1.1) if crowded else None,
        ncols=3 if crowded else 1,
    )


def _look(i: int) -> dict[str, Any]:
    """Of curve i of a panel."""
    markers = {"marker": MARKERS[i], "ms": 3.4, "mew": 0.6, "mec": "white"}
    return {"color": COLOURS[i], "lw": 1.3, **markers}


def _handles(panel: Panel) -> list[Line2D]:
    two = len(panel.layers) > 1
    curves = [
        Line2D([], [], ls="-" if two else DASHES[i], label=curve_label(panel, value), **_look(i))
        for i, value in enumerate(panel.values)
    ]
    quantities = [
        Line2D(
            *([], []),
            color="0.25",
            lw=1.3,
            ls="-" if layer.line == "solid" else DOTTED,
            label=layer.symbol,
        )
        for layer in panel.layers
        if two
    ]
    # a legend fills its columns one by one: so that curves stand above quantities
    pairs = itertools.zip_longest(curves, quantities)
    return [handle for pair in pairs for handle in pair if handle is not None]
