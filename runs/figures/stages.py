"""Where a protocol switches, in figures over time."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from darkbattery.nvmodel.protocol import boundaries
from darkbattery.runs.figures.axes import time_scale
from darkbattery.runs.results.table import Study

SAID = "dashed: stages and pulses begin"


def switches(study: Study) -> Mapping[float, list[str]]:
    """Names of what begins at each time, in the unit of the axis; none where it is swept."""
    found = {boundaries(point.model.protocol) for point in study.definition.points()}
    if len(found) != 1 or not any(found):
        return {}
    of_time, times = time_scale(study)[0], study.definition.times
    names: dict[float, list[str]] = {}
    for time, name in found.pop():
        if times[0] <= time < times[-1]:
            names.setdefault(time * of_time, []).append(name)
    return names


def shade_stages(axis: Axes, study: Study) -> None:
    """Dashed lines, and every other stage shaded behind all else."""
    _shade(axis, switches(study), _end(study))


def _end(study: Study) -> float:
    return float(study.definition.times[-1] * time_scale(study)[0])


def _shade(axis: Axes, names: Iterable[float], end: float) -> None:
    names = list(names)
    for begin, until in list(pairwise([*names, end]))[1::2]:
        axis.axvspan(begin, until, color="0.95", lw=0, zorder=-1)
    for time in names:
        axis.axvline(time, color="0.6", lw=0.7, ls="--", zorder=0)


def draw_stages(axis: Axes, study: Study, entries: dict[str, Artist]) -> None:
    """The same, with the names of stages and pulses in a strip above all curves."""
    names = switches(study)
    if names:
        name_above(axis, names, _end(study))
        entries[SAID] = Line2D([], [], color="0.6", lw=0.7, ls="--")


def name_above(axis: Axes, names: Mapping[float, list[str]], end: float) -> None:
    """The same of what begins at each time, until `end`, both in the unit of the axis."""
    named = [time for time, here in names.items() if any(here)]
    rows = min(3, len(named))
    low, high = axis.get_ylim()
    axis.set_ylim(low, high + 0.11 * rows * (high - low))
    _shade(axis, names, end)
    for place, time in enumerate(named):
        _name_stage(axis, ", ".join(filter(None, names[time])), time, 1.0 - 0.085 * (place % rows))


def _name_stage(axis: Axes, name: str, time: float, height: float) -> None:
    """A stage's name right of its beginning, at a share of the axis's height."""
    axis.annotate(
        name,
        (time, height),
        xycoords=axis.get_xaxis_transform(),
        xytext=(2.0, -1.0),
        textcoords="offset points",
        va="top",
        fontsize="x-small",
        color="0.3",
        parse_math=False,
    )
