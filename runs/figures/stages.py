"""What a protocol does over time: where it switches, and what the lines hold, as maps."""

from collections.abc import Iterable, Mapping
from itertools import pairwise

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.lines import Line2D

from darkbattery.nvmodel.observables import in_words
from darkbattery.nvmodel.protocol import boundaries
from darkbattery.nvmodel.solution import PROFILES
from darkbattery.runs.definitions.units import prefixed
from darkbattery.runs.results.table import Study, rows_of, time_scale

SAID = "dashed: stages and pulses begin"
UP_AND_DOWN = "RdBu_r"  # white at no inversion
INVERSION = r"$\langle\sigma_z\rangle$"
CALLED = {"evolve": "averages", "sample": "sampled"}


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


def line_maps(study: Study) -> dict[str, pd.DataFrame]:
    """Rows of each profile that a study holds, of its first point, by the panel's title.

    Averages and single runs have panels of their own: two estimates are not mixed in one map.
    """
    table = study.distributions
    if not len(table):
        return {}
    rows = rows_of(table, study.definition.points()[0])
    rows = rows[rows["distribution"].isin(PROFILES)]
    several = rows["method"].nunique() > 1
    return {
        in_words(name) + f", {CALLED[str(method)]}" * several: part
        for name in PROFILES
        for method, part in rows[rows["distribution"] == name].groupby("method", sort=False)
    }


def draw_line_map(axis: Axes, title: str, rows: pd.DataFrame, study: Study) -> None:
    """<sigma_z> in colours, detunings from the line's centre upwards, time to the right."""
    drawn = mesh_of(axis, rows, study)
    axis.set_xlabel(time_scale(study)[1])
    axis.set_title(title, fontsize="medium", loc="left")
    bar = axis.figure.colorbar(drawn, ax=axis, fraction=0.05, pad=0.02)
    bar.set_label(INVERSION)


def mesh_of(axis: Axes, rows: pd.DataFrame, study: Study) -> QuadMesh:
    """The map alone, with its axis of detunings and where stages begin."""
    of_time = time_scale(study)[0]
    table = rows.pivot(index="low", columns="time", values="weight")
    high = rows.groupby("low")["high"].first().loc[table.index]
    edges = np.append(table.index.to_numpy(dtype=float), float(high.iloc[-1]))
    inner = np.abs(edges[[len(edges) // 6, -1 - len(edges) // 6]]).max()
    factor, unit = prefixed(float(inner), "/s")
    times = table.columns.to_numpy(dtype=float) * of_time
    middle = 0.5 * (times[1:] + times[:-1])
    sides = np.concatenate([times[:1], middle, times[-1:]])
    drawn = axis.pcolormesh(
        sides, edges * factor, table.to_numpy(), cmap=UP_AND_DOWN, vmin=-1.0, vmax=1.0,
        rasterized=True,
    )  # fmt: skip
    axis.set_ylim(-inner * factor, inner * factor)
    for time in switches(study):
        if times[0] < time < times[-1]:
            axis.axvline(time, color="0.6", lw=0.7, ls="--")
    axis.set_ylabel(f"from the line's centre ({unit})")
    return drawn
