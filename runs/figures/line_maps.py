"""What a line holds, as a map: inversion over frequency and time."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh

from darkbattery.nvmodel.observables import in_words
from darkbattery.nvmodel.solution import PROFILES
from darkbattery.runs.figures.axes import prefixed, time_scale
from darkbattery.runs.figures.stages import switches
from darkbattery.runs.results.table import Study, rows_of

UP_AND_DOWN = "RdBu_r"  # white at no inversion
INVERSION = r"$\langle\sigma_z\rangle$"
CALLED = {"evolve": "averages", "sample": "sampled"}


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
