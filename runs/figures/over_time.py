"""Over time: averages with their error bands, and single runs one by one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from darkbattery.nvmodel.observables import OBSERVABLES, in_words
from darkbattery.nvmodel.receiver import Receiver
from darkbattery.runs.choice.choice import exact_averages
from darkbattery.runs.definitions.units import symbol
from darkbattery.runs.figures.axes import BAND, logarithmic, panels, settle_titles
from darkbattery.runs.figures.shots import draw_received_field, draw_received_power
from darkbattery.runs.figures.stages import draw_line_map, draw_stages, line_maps, shade_stages
from darkbattery.runs.figures.style import figure_style
from darkbattery.runs.figures.sweep import (
    Curves,
    Drawn,
    Plan,
    curves_of,
    not_shown,
    own_unit,
    plan,
    spread,
)
from darkbattery.runs.results.jumps import drawn_run
from darkbattery.runs.results.summary import average_over_runs, averages_words, fan_observable
from darkbattery.runs.results.table import Study, rows_of, time_scale, value_scale, zero_throughout

MARKERS = 15  # sampled points shown on a curve
MOST_PANELS = 9
MOST_CURVES = 24  # in one panel
MOST_SAMPLED = 12  # where they have error bars
MOST_FANS = 6  # points whose single runs are drawn
MOST_SHARP = 20  # single runs of a panel that are made again to draw their jumps
MOST_STROKES = 40.0  # heights of a panel that lines of single runs go up and down; 300 fill it
WHOLE = ("emitted_photons", "absorbed_photons", "J")  # whole numbers in a single run

Panel = Callable[[Axes], None]  # draws into the panel that it is given
Scope = Callable[[Axes, pd.DataFrame, Receiver, float], None]


@dataclass(frozen=True, eq=False)
class _Sheet:
    """What all panels of a figure share: `near` at output times, `settled` in the steady state."""

    study: Study
    chosen: Plan
    near: Curves
    settled: Curves
    entries: dict[str, Artist]  # of the legend, where panels add theirs


def draw(study: Study) -> Figure:
    """All panels of a study in one figure: observables, deviations, fans of single runs."""
    with figure_style():
        timed, points = study.timed, study.definition.points()
        zero = zero_throughout(study, timed)
        names = [str(name) for name in timed["observable"].unique() if name not in zero]
        sheet = _sheet(study)
        fans = spread(sheet.chosen.drawn, MOST_FANS) if len(study.single_runs) else ()
        over_time = _over_time(sheet, names[:MOST_PANELS], fans)
        others = _maps_and_shots(study, fans)
        figure, axes = panels(len(over_time) + len(others))
        for axis, draw_panel in zip(axes, [*over_time, *others], strict=False):
            draw_panel(axis)
        for axis in axes[: len(over_time)]:
            draw_stages(axis, study, sheet.entries)
        notes = own_unit(study) + not_shown(zero, list(map(in_words, names[MOST_PANELS:])))
        if 0 < len(fans) < len(points):
            notes.append(f"single runs of {len(fans)} of {len(points)} points")
        sheet.chosen.finish(figure, axes, sheet.entries, study.definition.title, notes)
        settle_titles(axes)
        return figure


def _sheet(study: Study) -> _Sheet:
    timed, table = study.timed, study.table
    sampled = "sample" in set(timed["method"].unique())
    chosen = plan(study, along=False, most=MOST_SAMPLED if sampled else MOST_CURVES)
    near = curves_of(study, timed, chosen.drawn)
    settled = curves_of(study, table[table["method"] == "steady"], chosen.drawn)
    return _Sheet(study, chosen, near, settled, chosen.entries())


def _over_time(sheet: _Sheet, names: Sequence[str], fans: Sequence[Drawn]) -> list[Panel]:
    """Observables, what samples deviate from averages by, and single runs."""
    found: list[Panel] = [partial(_draw_observable, name=name, sheet=sheet) for name in names]
    if exact_averages(sheet.study.definition) and _has_both(sheet.study.timed):
        found.append(partial(_draw_deviation, sheet=sheet))
    return found + [partial(_draw_fan, one=one, sheet=sheet) for one in fans]


def _maps_and_shots(study: Study, fans: Sequence[Drawn]) -> list[Panel]:
    """What lines hold, and what a receiver has of the points whose single runs are drawn."""
    maps = line_maps(study).items()
    found: list[Panel] = [
        partial(draw_line_map, title=title, rows=rows, study=study) for title, rows in maps
    ]
    if study.definition.receiver is None:
        return found
    scopes = (draw_received_power, draw_received_field)
    return found + [
        partial(_draw_received, one=one, study=study, draw_one=scope)
        for one in fans
        for scope in scopes
    ]


def _has_both(timed: pd.DataFrame) -> bool:
    energies = timed[timed["observable"] == "battery_energy"]
    return {"evolve", "sample"} <= set(energies["method"].unique())


def _time_axis(axis: Axes, study: Study) -> None:
    """Label, and a logarithmic scale where the output times are spaced so."""
    axis.set_xlabel(time_scale(study)[1])
    if logarithmic(np.array(study.definition.times)):
        axis.set_xscale("log")


def _draw_observable(axis: Axes, name: str, sheet: _Sheet) -> None:
    """Exact curves as lines, sampled means as points with error bars in a band of two errors."""
    study, near, entries = sheet.study, sheet.near, sheet.entries
    of_time, (factor, unit) = time_scale(study)[0], value_scale(study, name)
    for one in sheet.chosen.drawn:
        averages = near.by(one.point, name, "evolve")
        if len(averages):
            _averages(axis, averages, one, of_time, factor)
            words = averages_words(study.definition)
            entries[f"line: {words}"] = Line2D([], [], color="0.3", lw=1.4)
        _sampled(axis, near.by(one.point, name, "sample"), one, of_time, factor, entries)
        for value in sheet.settled.of(one.point, name)["value"]:
            axis.plot(
                [1.0], [value * factor], color=one.colour, ls="none", marker="<", ms=4.5,
                clip_on=False, transform=axis.get_yaxis_transform(),
            )  # fmt: skip
            entries["steady state, at the right edge"] = Line2D(
                [], [], color="0.3", ls="none", marker="<", ms=4.5
            )
    _time_axis(axis, study)
    axis.set_ylabel(symbol(name, unit))
    axis.set_title(in_words(name), fontsize="medium", loc="left")


def _averages(axis: Axes, curve: pd.DataFrame, one: Drawn, of_time: float, factor: float) -> None:
    marker = "o" if len(curve) == 1 else None
    axis.plot(
        curve["time"].to_numpy() * of_time, curve["value"].to_numpy() * factor,
        color=one.colour, ls=one.style, lw=1.4, marker=marker, ms=3.0,
    )  # fmt: skip


def _sampled(
    axis: Axes,
    sampled: pd.DataFrame,
    one: Drawn,
    of_time: float,
    factor: float,
    entries: dict[str, Artist],
) -> None:
    if not len(sampled):
        return
    time, value = sampled["time"] * of_time, sampled["value"] * factor
    error = BAND * factor * sampled["error"]
    axis.fill_between(time, value - error, value + error, color=one.colour, alpha=0.3, lw=0)
    # where errors are small the band is thinner than a line
    axis.plot(time, value, color=one.colour, lw=0.8)
    step = max(1, len(sampled) // MARKERS)
    axis.errorbar(
        time.iloc[::step], value.iloc[::step], error.iloc[::step],
        fmt="o", ms=2.5, mfc="white", color=one.colour, lw=0.8,
    )  # fmt: skip
    entries["circles: mean over single runs"] = Line2D(
        [], [], color="0.3", ls="none", marker="o", ms=2.5, mfc="white"
    )
    entries[f"bars, band: ± {BAND:g} standard errors"] = Patch(color="0.3", alpha=0.3, lw=0)


def _draw_deviation(axis: Axes, sheet: _Sheet) -> None:
    """(sampled - exact)/standard error of the battery's energy: stays within +-2 mostly."""
    axis.axhspan(-2, 2, color="0.92", lw=0)
    sheet.entries["grey: ± 2, where 95 % should lie"] = Patch(color="0.92")
    for one in sheet.chosen.drawn:
        energy = sheet.near.of(one.point, "battery_energy").set_index("time")
        exact = energy[energy["method"] == "evolve"]["value"]
        sampled = energy[energy["method"] == "sample"]
        known = sampled["error"] > 0
        z = ((sampled["value"] - exact) / sampled["error"])[known]
        axis.plot(z.index * time_scale(sheet.study)[0], z, color=one.colour, ls=one.style, lw=1)
    _time_axis(axis, sheet.study)
    axis.set_ylabel("standard errors")
    axis.set_title("battery energy: sampled − exact", fontsize="medium", loc="left")


def _draw_fan(axis: Axes, one: Drawn, sheet: _Sheet) -> None:
    """One quantity of the first single runs, and the average over them all.

    Of runs that jump all the time so many are drawn as leave lines to be seen, one at least.
    """
    study, entries = sheet.study, sheet.entries
    name = fan_observable(study.single_runs)
    of_time, (factor, unit) = time_scale(study)[0], value_scale(study, name)
    runs = rows_of(study.single_runs, one.point)
    runs = runs[runs["observable"] == name]
    drawing: dict[str, Any] = {"drawstyle": "steps-post"} if name in WHOLE else {}
    lines = _fan_lines(runs, one, study, name)
    strokes = np.cumsum([_strokes(line["value"], runs["value"]) for line in lines])
    seen = max(1, int(np.count_nonzero(strokes <= MOST_STROKES)))
    width, alpha = (0.6, 0.8) if strokes[0] <= MOST_STROKES else (0.4, 0.8)
    for line in lines[:seen]:
        x, y = line["time"] * of_time, line["value"] * factor
        axis.plot(x, y, color=one.colour, lw=width, alpha=alpha, **drawing)
    mean = sheet.near.of(one.point, name)
    entries["thin: single runs"] = Line2D([], [], color="0.3", lw=0.6, alpha=0.7)
    curve = average_over_runs(study, mean)
    if len(curve):
        axis.plot(curve["time"] * of_time, curve["value"] * factor, color="black", lw=1.6)
        entries["black: average over all runs"] = Line2D([], [], color="black", lw=1.6)
    if OBSERVABLES[name].bounds == (0.0, 1.0) and not _is_sequence(one):
        axis.set_ylim(-0.02, 1.02)
    _time_axis(axis, study)
    axis.set_ylabel(symbol(name, unit))
    title = f"{len(lines)} single runs"
    if seen < len(lines):
        title = f"{seen} of {title}"
    axis.set_title(f"{title}\n{one.label}" if one.label else title, fontsize="medium", loc="left")


def _draw_received(axis: Axes, one: Drawn, study: Study, draw_one: Scope) -> None:
    """A receiver's power of a few shots, or I and Q of the first."""
    receiver, shots = study.definition.receiver, rows_of(study.single_runs, one.point)
    assert receiver is not None
    of_time, said = time_scale(study)
    draw_one(axis, shots, receiver, of_time)
    shade_stages(axis, study)
    axis.set_xlabel(said)
    if one.label:
        axis.set_title(f"{axis.get_title('left')}\n{one.label}", fontsize="medium", loc="left")


def _is_sequence(one: Drawn) -> bool:
    """What a sequence stores may be a small part of what a battery holds."""
    return one.point.model.resonator is not None and bool(one.point.model.protocol)


def _fan_lines(runs: pd.DataFrame, one: Drawn, study: Study, name: str) -> list[pd.DataFrame]:
    """Of each run its values over time; few of them are made again, with their jumps."""
    kept = [(int(str(number)), part) for number, part in runs.groupby("run")]
    if len(kept) > MOST_SHARP:
        return [part for _, part in kept]
    return [drawn_run(study.definition, one.point, run, name, part) for run, part in kept]


def _strokes(values: pd.Series, of_all: pd.Series) -> float:
    """How often a line goes through the height of all."""
    span = float(np.ptp(of_all)) or 1.0
    return float(np.abs(np.diff(values)).sum()) / span
