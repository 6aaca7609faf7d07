"""Curves over each other with their error bands, what sets them apart, and distributions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from nvmodel.observables import OBSERVABLES
from runs.comparison.differences import curve_of, observables_of, overlay, time_factor, unit_of
from runs.comparison.distances import TIMES
from runs.comparison.matching import Pair, Series

BAND = 2.0  # half-width of error bands in standard errors
MOST_PANELS = 4
MOST_MODELS = 4  # drawn; the tables hold all
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (5, 1.2, 1, 1.2)))
DRAWN_DISTRIBUTIONS = ("burst_time", "emitted_photons", "battery_energy")


@dataclass(frozen=True)
class Style:
    """A colour a model, dashes a method; and whether times are scaled."""

    scaled: bool
    colours: Mapping[str, tuple[float, float, float]]
    dashes: Mapping[str, Any]


def draw(pairs: Sequence[Pair], runs: Sequence[Pair], scaled: bool) -> Figure:
    """Above the curves, below their differences, then the distributions that `runs` have."""
    timed = [pair for pair in pairs if pair.reference.method != "steady"]
    models = list(dict.fromkeys(pair.model for pair in timed))[:MOST_MODELS]
    shown = [pair for pair in timed if pair.model in models]
    names = list(dict.fromkeys(name for pair in shown for name in observables_of(pair)))
    names = names[:MOST_PANELS]
    sampled = [pair for pair in (*runs, *shown) if pair.model in models]
    kinds = [kind for kind in DRAWN_DISTRIBUTIONS if any(_has(pair, kind) for pair in sampled)]
    columns = max(len(names), len(kinds), 1)
    rows = 2 + bool(kinds)
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        figure, grid = plt.subplots(
            rows, columns, figsize=(3.2 * columns, 2.4 * rows), squeeze=False, layout="constrained"
        )
        style = _style([*shown, *sampled], models, scaled)
        for axis, name in zip(grid[0], names, strict=False):
            _draw_curves(axis, name, shown, style)
        for axis, name in zip(grid[1], names, strict=False):
            _draw_differences(axis, name, shown, style)
        for axis, kind in zip(grid[-1], kinds, strict=False):
            _draw_distribution(axis, kind, sampled, style)
        used = [len(names), len(names), len(kinds)][:rows]
        for line, count in zip(grid, used, strict=True):
            for axis in line[count:]:
                axis.set_axis_off()
        _legend(figure, style)
        sns.despine(figure)
    return figure


def save(figure: Figure, folder: Path) -> list[Path]:
    """Write a figure as PNG and SVG, the same bytes for the same results; and close it."""
    paths = [folder / "compare.png", folder / "compare.svg"]
    with plt.rc_context({"svg.hashsalt": "darkbattery"}):
        figure.savefig(paths[0], dpi=150)
        figure.savefig(paths[1], metadata={"Date": None})
    plt.close(figure)
    return paths


def time_label(scaled: bool, pairs: Sequence[Pair]) -> str:
    """What the axis of times shows."""
    if scaled:
        return r"$N\gamma t$"
    names = pairs[0].reference.source.study.definition.model
    return "t (s)" if any(name.startswith("resonator.") for name, _ in names) else r"$\gamma t$"


def _style(pairs: Sequence[Pair], models: Sequence[str], scaled: bool) -> Style:
    palette = sns.color_palette("colorblind", len(models))
    methods = dict.fromkeys(s.name for pair in pairs for s in (pair.reference, pair.other))
    return Style(
        scaled,
        dict(zip(models, palette, strict=True)),
        {name: DASHES[i % len(DASHES)] for i, name in enumerate(methods)},
    )


def _series(pairs: Sequence[Pair]) -> list[tuple[str, Series]]:
    """Each series once, with the model it is drawn for."""
    found: dict[int, tuple[str, Series]] = {}
    for pair in pairs:
        for series in (pair.reference, pair.other):
            found.setdefault(id(series), (pair.model, series))
    return list(found.values())


def _draw_curves(
    axis: Axes,
    name: str,
    pairs: Sequence[Pair],
    style: Style,
) -> None:
    for model, series in _series(pairs):
        if name not in set(series.table["observable"]) or series.method == "steady":
            continue
        curve = curve_of(series, name, style.scaled)
        colour = style.colours[model]
        axis.plot(curve.time, curve.value, color=colour, ls=style.dashes[series.name], lw=1.3)
        if curve.error.any():
            low, high = curve.value - BAND * curve.error, curve.value + BAND * curve.error
            axis.fill_between(curve.time, low, high, color=colour, alpha=0.25, lw=0)
    unit = unit_of(name, style.scaled)
    axis.set_ylabel(f"{OBSERVABLES[name].symbol}  ({unit})" if unit else OBSERVABLES[name].symbol)
    axis.set_xlabel(time_label(style.scaled, pairs))
    axis.set_title(name.replace("_", " "), fontsize="medium", loc="left")


def _draw_differences(
    axis: Axes,
    name: str,
    pairs: Sequence[Pair],
    style: Style,
) -> None:
    axis.axhline(0.0, color="0.6", lw=0.6)
    for pair in pairs:
        if name not in observables_of(pair) or pair.reference.method == "steady":
            continue
        curves = [curve_of(series, name, style.scaled) for series in (pair.reference, pair.other)]
        found = overlay(*curves)
        colour, difference = style.colours[pair.model], found.difference
        axis.plot(found.time, difference, color=colour, ls=style.dashes[pair.other.name], lw=1.1)
        if found.error.any():
            low, high = difference - BAND * found.error, difference + BAND * found.error
            axis.fill_between(found.time, low, high, color=colour, alpha=0.25, lw=0)
    axis.set_ylabel("difference")
    axis.set_xlabel(time_label(style.scaled, pairs))


def _has(pair: Pair, kind: str) -> bool:
    return all(kind in set(s.distributions["distribution"]) for s in (pair.reference, pair.other))


def _draw_distribution(
    axis: Axes,
    kind: str,
    pairs: Sequence[Pair],
    style: Style,
) -> None:
    """Cumulative, which is what their distance is of; at the last time."""
    for model, series in _series([pair for pair in pairs if _has(pair, kind)]):
        rows = series.distributions[series.distributions["distribution"] == kind]
        if rows["time"].notna().any():
            rows = rows[rows["time"] == rows["time"].max()]
        factor = time_factor(series, style.scaled) if kind in TIMES else 1.0
        at = rows["high"].to_numpy(dtype=float) * factor
        share = np.cumsum(rows["weight"]) / max(float(rows["weight"].sum()), 1e-300)
        axis.step(
            at,
            share,
            where="post",
            color=style.colours[model],
            ls=style.dashes[series.name],
            lw=1.1,
        )
    label = kind.replace("_", " ")
    axis.set_xlabel(f"{label} ({time_label(style.scaled, pairs)})" if kind in TIMES else label)
    axis.set_ylabel("share of runs below")


def _legend(figure: Figure, style: Style) -> None:
    lines = [Line2D([], [], color=c, label=model) for model, c in style.colours.items()]
    lines += [Line2D([], [], color="0.3", ls=d, label=n) for n, d in style.dashes.items()]
    figure.legend(handles=lines, loc="outside lower center", ncols=2, frameon=False)
