"""Figure of a plan of a sequence: energies, power, when to disconnect, what limits."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from darkbattery.runs.definitions.units import prefixed
from darkbattery.runs.figures.stages import name_above
from darkbattery.runs.figures.style import COLOURS, empty_figure, figure_style, open_frames
from darkbattery.runs.plan.sequences.plan import SequencePlan

FEW = 8  # shots that are drawn one by one
Colour = tuple[float, float, float]


def draw_sequence(plan: SequencePlan) -> Figure:
    """Four panels; stages are shaded in turn, thin lines are single shots."""
    with figure_style():
        figure = empty_figure(9.0, 6.4)
        grid = figure.subplots(2, 2)
        blue, orange, green = COLOURS[:3]
        _draw_energies(grid[0, 0], plan, blue, orange)
        _draw_power(grid[0, 1], plan, green)
        _draw_scan(grid[1, 0], plan, blue)
        _draw_limits(grid[1, 1], plan, blue, green)
        figure.suptitle(plan.subject.title, parse_math=False)
        open_frames(figure)
        return figure


def _draw_energies(axis: Axes, plan: SequencePlan, blue: Colour, orange: Colour) -> None:
    found, factor = plan.courses, _time_axis(axis, plan)
    t = factor * found.times
    for values, colour, label in (
        (found.battery, blue, "battery"),
        (found.charger, orange, "charger"),
    ):
        axis.plot(t, values[:, :FEW], color=colour, lw=0.5, alpha=0.4)
        axis.plot(t, values.mean(axis=1), color=colour, lw=1.6, label=label)
    axis.set_ylabel("energy per spin  (ħω)")
    axis.legend(frameon=False, fontsize="small")
    _name_stages(axis, plan, factor)


def _draw_power(axis: Axes, plan: SequencePlan, green: Colour) -> None:
    found, of_time = plan.courses, _time_axis(axis, plan)
    port = list(found.ports)[-1]
    power = found.ports[port] * found.power
    factor, unit = prefixed(float(power.max()), "W")
    axis.plot(of_time * found.times, factor * power[:, :FEW], color=green, lw=0.5, alpha=0.4)
    axis.plot(of_time * found.times, factor * power.mean(axis=1), color=green, lw=1.6)
    axis.set_ylabel(f"power out of {port}  ({unit})")
    _name_stages(axis, plan, of_time)


def _name_stages(axis: Axes, plan: SequencePlan, factor: float) -> None:
    names = {factor * one.begin: [one.name] for one in plan.stages}
    name_above(axis, names, factor * plan.stages[-1].end)


def _time_axis(axis: Axes, plan: SequencePlan) -> float:
    factor, unit = prefixed(plan.stages[-1].end, "s")
    axis.set_xlabel(f"t ({unit})")
    return factor


def _draw_scan(axis: Axes, plan: SequencePlan, blue: Colour) -> None:
    scan = plan.scan
    factor, unit = prefixed(float(scan.durations[-1]), "s")
    axis.errorbar(
        factor * scan.durations, scan.stored, scan.error, color=blue, fmt="o-", ms=3, lw=1.2
    )
    low, high = scan.window
    axis.axvspan(factor * low, factor * high, color=blue, alpha=0.12, lw=0)
    own = factor * plan.charge.stage.duration
    axis.axvline(own, color="0.3", lw=0.8, ls="--", label="of the sequence")
    axis.axvline(factor * scan.best, color=blue, lw=0.8, label="best")
    axis.set_xlabel(f"duration of {plan.charge.name}  ({unit})", parse_math=False)
    axis.set_ylabel("stored per battery spin  (ħω)")
    axis.legend(frameon=False, fontsize="small", loc="lower right")


def _draw_limits(axis: Axes, plan: SequencePlan, blue: Colour, green: Colour) -> None:
    found = plan.limits[::-1]
    places = np.arange(len(found), dtype=float)
    last = "while charging" if plan.release is None else f"from {plan.release.name} on"
    for shift, name, colour, label in (
        (0.2, "given", blue, "energy given"),
        (-0.2, "power", green, f"largest power {last}"),
    ):
        values = np.array([getattr(one, name) for one in found]).reshape(-1, 2)
        axis.barh(places + shift, values[:, 0], 0.36, xerr=values[:, 1], color=colour, label=label)
    axis.set_yticks(places, [one.name for one in found])
    axis.axvline(0.0, color="0.3", lw=0.7)
    axis.set_xlabel("per cent of it for one per cent of the parameter")
    axis.legend(
        frameon=False, fontsize="small", loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2
    )
