"""Figures of a result: averages with their error bands, and single runs one by one."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from nvmodel.battery import CollectiveBattery
from nvmodel.observables import OBSERVABLES, TIME_UNIT
from nvmodel.protocol import boundaries
from runs.choice import exact_averages
from runs.study import Study
from runs.summary import curves

BAND = 2.0  # half-width of error bands in standard errors
MARKERS = 15  # sampled points shown on a curve
MOST_PANELS = 6
MOST_CURVES = 6  # for which fans of single runs are drawn


def draw(study: Study) -> Figure:
    """All panels of a study in one figure: observables, deviations, fans of single runs."""
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        observables = [str(n) for n in study.table["observable"].unique()]
        timed = study.table[np.isfinite(study.table["time"])]
        shown = [n for n in observables if n in set(timed["observable"])][:MOST_PANELS]
        compared = exact_averages(study.definition) and _has_both(timed)
        points = curves(study, timed)
        fans = curves(study, study.single_runs)[:MOST_CURVES] if len(study.single_runs) else []
        n_panels = len(shown) + compared + len(fans)
        columns = min(3, max(1, n_panels))
        rows = -(-max(n_panels, 1) // columns)
        figure, grid = plt.subplots(
            rows,
            columns,
            figsize=(3.4 * columns, 2.7 * rows),
            squeeze=False,
            layout="constrained",
        )
        axes = list(grid.flat)
        colours = sns.color_palette("colorblind", max(len(points), 1))
        for axis, name in zip(axes, shown, strict=False):
            _draw_observable(axis, name, points, study, colours)
        if compared:
            _draw_deviation(axes[len(shown)], points, study, colours)
        for i, (label, runs) in enumerate(fans):
            _draw_fan(axes[len(shown) + compared + i], label, runs, points[i][1], study, colours[i])
        for axis in axes[:n_panels]:
            _draw_boundaries(axis, study)
        for axis in axes[n_panels:]:
            axis.set_axis_off()
        if points and points[0][0]:
            figure.legend(
                *axes[0].get_legend_handles_labels(),
                loc="outside lower center",
                ncols=_legend_columns(points, figure),
                frameon=False,
            )
        figure.suptitle(study.definition.title, parse_math=False)
        sns.despine(figure)
        return figure


def save_figures(study: Study, folder: Path) -> list[Path]:
    """Draw into `folder` as PNG and SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    if not np.isfinite(study.table["time"]).any():
        return []
    figure = draw(study)
    paths = [folder / "charging.png", folder / "charging.svg"]
    # a fixed salt and no date: equal studies give equal files
    with plt.rc_context({"svg.hashsalt": "darkbattery"}):
        figure.savefig(paths[0], dpi=200)
        figure.set_layout_engine("none")  # laid out already, which is half of the work
        figure.savefig(paths[1], metadata={"Date": None})
    plt.close(figure)
    return paths


def _legend_columns(points: list[tuple[str, pd.DataFrame]], figure: Figure) -> int:
    """As many as the figure's width holds of the longest label: some 14 letters an inch."""
    longest = max(len(label) for label, _ in points) + 6  # the line before it
    return max(1, min(len(points), 6, int(14.0 * figure.get_figwidth() / longest)))


def time_label(study: Study) -> str:
    """Seconds with a resonator; 1/omega of a closed battery; else units of 1/gamma, or gamma's."""
    names = {name.partition(".")[0] for name, _ in study.definition.model}
    if "resonator" in names:
        return "t (s)"
    if "dicke" in names:
        return r"$\omega t$"
    return "t" if "gamma" in names else r"$\gamma t$"


def observable_unit(study: Study, name: str) -> str:
    """Unit of an observable, its rates and times in the unit of `time_label`."""
    if OBSERVABLES[name].unit == TIME_UNIT:
        own = {"t (s)": "s", r"$\omega t$": "1/ω", "t": "[t]"}
        return own.get(time_label(study), TIME_UNIT)
    rate = {"t (s)": "/s", r"$\omega t$": "ω", "t": "/[t]"}.get(time_label(study), "γ")
    return OBSERVABLES[name].unit.replace("γ", rate)


def _time_axis(axis: Axes, study: Study) -> None:
    """Label, and a logarithmic scale where the output times are spaced so."""
    axis.set_xlabel(time_label(study))
    times = np.array(study.definition.times)
    if times.size > 2 and times[0] > 0.0:
        ratios = times[1:] / times[:-1]
        # far from even spacing, and even in the logarithm
        if times[-1] > 30.0 * times[0] and np.ptp(ratios) < 1e-6 * ratios[0]:
            axis.set_xscale("log")


def _has_both(timed: pd.DataFrame) -> bool:
    energies = timed[timed["observable"] == "battery_energy"]
    return {"evolve", "sample"} <= set(energies["method"])


def _draw_observable(
    axis: Axes,
    name: str,
    points: list[tuple[str, pd.DataFrame]],
    study: Study,
    colours: list[tuple[float, float, float]],
) -> None:
    """Exact curves as lines, sampled means as points with error bars in a band of two errors."""
    for (label, part), colour in zip(points, colours, strict=False):
        series = part[part["observable"] == name]
        exact = series[series["method"] == "evolve"]
        sampled = series[series["method"] == "sample"]
        if len(exact):
            axis.plot(exact["time"], exact["value"], color=colour, lw=1.4, label=label)
        if len(sampled):
            low = sampled["value"] - BAND * sampled["error"]
            high = sampled["value"] + BAND * sampled["error"]
            axis.fill_between(sampled["time"], low, high, color=colour, alpha=0.3, lw=0)
            every = sampled.iloc[:: max(1, len(sampled) // MARKERS)]
            axis.errorbar(
                every["time"],
                every["value"],
                BAND * every["error"],
                fmt="o",
                ms=2.5,
                mfc="white",
                color=colour,
                lw=0.8,
                label=None if len(exact) else label,
            )
    steady = study.table[(study.table["method"] == "steady") & (study.table["observable"] == name)]
    for value, colour in zip(steady["value"], colours, strict=False):
        axis.axhline(value, color=colour, lw=0.7, ls=":")
    observable = OBSERVABLES[name]
    _time_axis(axis, study)
    axis.set_ylabel(f"{observable.symbol}  ({observable_unit(study, name)})")
    axis.set_title(name.replace("_", " "), fontsize="medium", loc="left")


def _draw_boundaries(axis: Axes, study: Study) -> None:
    """Where a protocol switches, with the names of its stages and pulses; not where it is swept."""
    models = [point.model for point in study.definition.points()]
    found = {boundaries(m.protocol) for m in models if isinstance(m, CollectiveBattery)}
    if len(found) != 1:
        return
    low, high = axis.get_xlim()
    times = study.definition.times
    names: dict[float, list[str]] = {}
    for time, name in found.pop():
        if times[0] <= time < times[-1]:
            names.setdefault(time, []).append(name)
    for time, here in names.items():
        axis.axvline(time, color="0.6", lw=0.7, ls="--", zorder=0)
        axis.text(
            time + 0.01 * (high - low),
            0.98,
            ", ".join(filter(None, here)),
            transform=axis.get_xaxis_transform(),
            rotation="vertical",
            va="top",
            fontsize="x-small",
            color="0.4",
            parse_math=False,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5},
        )


def _draw_deviation(
    axis: Axes,
    points: list[tuple[str, pd.DataFrame]],
    study: Study,
    colours: list[tuple[float, float, float]],
) -> None:
    """(sampled - exact)/standard error of the battery's energy: stays within +-2 mostly."""
    axis.axhspan(-2, 2, color="0.92", lw=0)
    for (_, part), colour in zip(points, colours, strict=False):
        energy = part[part["observable"] == "battery_energy"].set_index("time")
        exact = energy[energy["method"] == "evolve"]["value"]
        sampled = energy[energy["method"] == "sample"]
        known = sampled["error"] > 0
        z = ((sampled["value"] - exact) / sampled["error"])[known]
        axis.plot(z.index, z, color=colour, lw=1)
    _time_axis(axis, study)
    axis.set_ylabel("z")
    axis.set_title("battery energy: (sampled − exact)/error", fontsize="medium", loc="left")


def fan_observable(runs: pd.DataFrame) -> str:
    """What is drawn of single runs: the stored energy where it is kept, else what is kept first.

    >>> fan_observable(pd.DataFrame({"observable": ["power", "charger_energy"]}))
    'charger_energy'
    """
    stored = [str(name) for name in runs["observable"].unique()]
    energies = [name for name in ("battery_energy", "charger_energy") if name in stored]
    return (energies or stored)[0]


def _draw_fan(
    axis: Axes,
    label: str,
    runs: pd.DataFrame,
    point: pd.DataFrame,
    study: Study,
    colour: tuple[float, float, float],
) -> None:
    """One quantity of the first single runs, and the average over them all."""
    name = fan_observable(runs)
    energy = runs[runs["observable"] == name]
    for _, one in energy.groupby("run"):
        axis.plot(one["time"], one["value"], color=colour, lw=0.6, alpha=0.5)
    mean = point[point["observable"] == name]
    for method in ("evolve", "sample"):
        curve = mean[mean["method"] == method]
        if len(curve):
            axis.plot(curve["time"], curve["value"], color="black", lw=1.6)
            break
    if name in ("battery_energy", "charger_energy"):
        axis.set_ylim(-0.02, 1.02)
    _time_axis(axis, study)
    unit = observable_unit(study, name)
    axis.set_ylabel(f"{OBSERVABLES[name].symbol} of single runs  ({unit})")
    count = energy["run"].nunique()
    title = f"{count} single runs"
    axis.set_title(f"{title}, {label}" if label else title, fontsize="medium", loc="left")
