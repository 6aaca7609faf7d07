"""Figures of a plan: charging, storing, what limits; and maps."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from darkbattery.meanfield.averages.delay import averaged
from darkbattery.nvmodel import Solution
from darkbattery.runs.definitions.units import prefixed
from darkbattery.runs.figures.style import COLOURS, empty_figure, figure_style, open_frames
from darkbattery.runs.plan.forecast import Forecast
from darkbattery.runs.plan.parameters import PARAMETERS, Vary, shown
from darkbattery.runs.plan.plan import Plan
from darkbattery.runs.plan.sensitivity import OBJECTIVES

MICROSECOND = 1e-6
DWARFED = 10.0  # a peak so many times larger leaves nothing to see of the other
# panels of a map: column, title, factor, unit
PANELS = (
    ("energy", "stored energy per spin", 1.0, "ħω"),
    ("ergotropy", "ergotropy per spin, local", 1.0, "ħω"),
    ("charging_time", "charging time", 1e6, "µs"),
    ("peak_power", "peak power, modal run", 1e3, "mW"),
)


def draw_plan(plan: Plan) -> Figure:
    """Energies and power over time, beside the perfect ensemble; where the energy goes; limits."""
    with figure_style():
        figure = empty_figure(8.2, 6.4)
        grid = figure.subplots(2, 2)
        blue, orange, green = COLOURS[:3]
        _draw_energy(grid[0, 0], plan, (blue, orange, green))
        _draw_power(grid[0, 1], plan, (blue, green))
        _draw_budget(grid[1, 0], plan)
        _draw_limits(grid[1, 1], plan, (blue, orange))
        figure.suptitle(plan.title)
        open_frames(figure)
        return figure


def draw_map(table: pd.DataFrame, axes: tuple[Vary, ...], title: str) -> Figure:
    """Four panels over one or two parameters; the line is the threshold."""
    with figure_style():
        figure = empty_figure(8.2, 6.2)
        grid = figure.subplots(2, 2)
        for axis, (column, name, factor, unit) in zip(grid.flat, PANELS, strict=True):
            if len(axes) == 1:
                axis.plot(table[axes[0].name], factor * table[column], "o-", ms=3, lw=1.2)
                axis.set_ylabel(f"{name}  ({unit})")
            else:
                _draw_heat(axis, table, axes, column, factor, f"{name}  ({unit})")
            _label(axis, axes)
        figure.suptitle(title)
        if len(axes) == 1:
            open_frames(figure)
        return figure


def _burst_window(one: Forecast) -> float:
    assert one.delay is not None
    return 1.1 * max(one.charging_time, one.delay.mean) + 5.0 * one.charging_spread


def _mean(one: Forecast, curve: Solution, times: np.ndarray) -> Solution:
    return averaged(curve, times, one.growth_rate, observables=["battery_energy", "power"])


def _draw_energy(axis: Axes, plan: Plan, colours: tuple[tuple[float, float, float], ...]) -> None:
    own, ideal = plan.forecast, plan.perfect
    blue, orange, green = colours
    if own.curve is not None:
        last = _burst_window(own)
        shown = own.curve.times <= last
        t = own.curve.times[shown]
        axis.plot(t / MICROSECOND, own.curve["battery_energy"][shown], color=blue, label="battery")
        mean = _mean(own, own.curve, t)
        axis.plot(
            t / MICROSECOND, mean["battery_energy"], color=blue, ls=":", label="mean over runs"
        )
        axis.plot(
            t / MICROSECOND, own.curve["charger_energy"][shown], color=orange, label="charger"
        )
    elif ideal.curve is not None:
        last = _burst_window(ideal)
        axis.axhline(own.energy, color=blue, label="battery (no burst)")
    if ideal.curve is not None:
        shown = ideal.curve.times <= last
        axis.plot(
            ideal.curve.times[shown] / MICROSECOND,
            ideal.curve["battery_energy"][shown],
            color=green,
            ls="--",
            label="battery, perfect",
        )
    axis.axhline(0.5, color="0.8", lw=0.7, zorder=0, label="half of the spins up")
    axis.set_ylim(-0.02, 1.02)
    axis.set_xlabel("t (µs)")
    axis.set_ylabel("energy per spin  (ħω)")
    _legend_above(axis)


def _draw_power(axis: Axes, plan: Plan, colours: tuple[tuple[float, float, float], ...]) -> None:
    """Watts; the perfect ensemble's only where the device's are still seen beside them."""
    own, ideal = plan.forecast, plan.perfect
    pairs = ((own, colours[0], "modal run"), (ideal, colours[1], "perfect"))
    drawn = [one for one, _, _ in pairs if one.curve is not None]
    dwarfed = len(drawn) == 2 and ideal.peak_power > DWARFED * own.peak_power
    last = _burst_window(drawn[0]) if drawn else 1.0
    peaks = [one.peak_power for one in drawn if not (dwarfed and one is ideal)]
    factor, unit = prefixed(max(peaks, default=0.0), "W")
    for one, colour, label in pairs:
        if one.curve is None:
            continue
        if dwarfed and one is ideal:
            axis.plot([], [], " ", label=f"not drawn: perfect, peak {shown(one.peak_power, 'W')}")
            continue
        inside = one.curve.times <= last
        t, largest = one.curve.times[inside], one.curve["power"].max()
        # watts from the largest rate, which the forecast has in both units
        watt = factor * one.peak_power / largest if largest > 0.0 else 0.0
        style = "-" if one is own else "--"
        axis.plot(
            t / MICROSECOND, watt * one.curve["power"][inside], color=colour, ls=style, label=label
        )
        if one is own:
            mean = _mean(one, one.curve, t)["power"]
            axis.plot(t / MICROSECOND, watt * mean, color=colour, ls=":", label="mean over runs")
    axis.set_xlabel("t (µs)")
    axis.set_ylabel(f"power of the battery  ({unit})")
    _legend_above(axis)


def _draw_budget(axis: Axes, plan: Plan) -> None:
    """Where the energy of the start is when the battery is charged."""
    parts = (
        ("energy_joule", "stored"),
        ("left_joule", "left in the charger"),
        ("resonator_joule", "in the resonator"),
        ("out_joule", "sent out"),
    )
    colours = COLOURS[: len(parts)]
    for place, one in enumerate((plan.forecast, plan.perfect)):
        start = 0.0
        for (name, label), colour in zip(parts, colours, strict=True):
            share = max(getattr(one, name), 0.0) / one.initial_joule
            axis.barh(place, share, left=start, color=colour, label=label if place == 0 else None)
            start += share
    axis.set_yticks([0, 1], ["device", "perfect"])
    axis.set_xlabel("share of the energy at the start")
    axis.set_xlim(0.0, 1.02)
    axis.legend(
        frameon=False, fontsize="small", ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1)
    )


def _draw_limits(axis: Axes, plan: Plan, colours: tuple[tuple[float, float, float], ...]) -> None:
    found = plan.sensitivities.found[::-1]
    values = [one.elasticity for one in found]
    axis.barh(
        [one.name for one in found], values, color=[colours[0 if v > 0 else 1] for v in values]
    )
    axis.axvline(0.0, color="0.3", lw=0.7)
    axis.set_xlabel("per cent of it for one per cent of the parameter")
    axis.set_title(f"what limits the {OBJECTIVES[plan.sensitivities.objective]}", fontsize="medium")


def _legend_above(axis: Axes) -> None:
    axis.legend(
        frameon=False, fontsize="small", ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0)
    )


def _draw_heat(
    axis: Axes,
    table: pd.DataFrame,
    axes: tuple[Vary, ...],
    column: str,
    factor: float,
    label: str,
) -> None:
    x, y = np.array(axes[0].values), np.array(axes[1].values)
    shape = (x.size, y.size)
    value = factor * table[column].to_numpy(dtype=float).reshape(shape)
    mesh = axis.pcolormesh(x, y, value.T, shading="nearest", cmap="viridis")
    axis.figure.colorbar(mesh, ax=axis, label=label)
    C = table["net_cooperativity"].to_numpy(dtype=float).reshape(shape)
    if C.min() < 1.0 < C.max():
        axis.contour(x, y, C.T, levels=[1.0], colors="white", linewidths=1.2)


def _label(axis: Axes, axes: tuple[Vary, ...]) -> None:
    for place, one in enumerate(axes):
        unit = PARAMETERS[one.name].unit
        label = one.name if unit == "1" else f"{one.name}  ({unit})"
        steps = np.diff(one.values)
        scale = "linear" if np.allclose(steps, steps[0]) else "log"
        if place == 0:
            axis.set_xlabel(label)
            axis.set_xscale(scale)
        else:
            axis.set_ylabel(label)
            axis.set_yscale(scale)
