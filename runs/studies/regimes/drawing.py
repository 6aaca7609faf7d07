"""The map as a figure: error of the battery's energy over time from half charge, and size."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from darkbattery.runs.figures.style import empty_figure
from darkbattery.runs.studies.kit import where
from darkbattery.runs.studies.regimes.errors import LEVELS, Evidence
from darkbattery.runs.studies.regimes.tables import METHODS

DPI = 110  # of PNGs
LEAST, MOST = 1e-4, 0.3  # errors shown, as shares of the final energy
DARK = 0.03  # from this error on the map is dark
FROM_HALF = np.linspace(-8.0, 15.0, 185)  # stage less that of half the final energy


def draw_map(evidence: Evidence) -> Figure:
    """A row for each R and nbar, a column a method; contours at 1, 5 and 20 %."""
    curves = evidence.curves
    models = curves[["ratio", "nbar"]].drop_duplicates().sort_values(["ratio", "nbar"])
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        shape = len(models), len(METHODS)
        figure = empty_figure(8.4, 7.0)
        grid = figure.subplots(*shape, sharex=True, sharey="row")
        mesh = None
        for row, (ratio, nbar) in zip(grid, models.itertuples(index=False), strict=True):
            for axis, method in zip(row, METHODS, strict=True):
                here = where(curves, method=method, ratio=ratio, nbar=nbar)
                mesh = _draw_panel(axis, here)
            row[0].set_ylabel(f"$N$   (R = {ratio:g}, n̄ = {nbar:g})")
        for axis, title in zip(grid[0], METHODS.values(), strict=True):
            axis.set_title(title, fontsize="medium")
        for axis in grid[-1]:
            axis.set_xlabel(r"$(N_C-N_B)\gamma\,(t-t_{1/2})$")
        assert mesh is not None
        bar = figure.colorbar(
            mesh, ax=grid, label="error of $E_B$ over its final value", shrink=0.6
        )
        for level in LEVELS:  # the contours, with what they are of
            bar.ax.axhline(level, color=_line(level), lw=0.8)
            bar.ax.text(
                -0.2, level, f"{100 * level:g} %", ha="right", va="center", fontsize="small",
                transform=bar.ax.get_yaxis_transform(),
            )  # fmt: skip
    return figure


def draw_power(evidence: Evidence) -> Figure:
    """Peak power and largest error of the energy over N, each method a curve."""
    d = evidence.differences
    cold = where(d[d["method"].isin(METHODS)], nbar=0.0, ratio=5.0)
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        figure = empty_figure(7.0, 2.8)
        (left, right) = figure.subplots(1, 2)
        for method, marker in zip(METHODS, "os^", strict=True):
            rows = where(cold, method=method).sort_values("spins")
            power = where(rows, observable="power")
            energy = where(rows, observable="battery_energy")
            ratio = 1.0 + power["peak_difference"] / power["peak"]
            look = {"marker": marker, "ms": 3.5, "lw": 1.2, "label": METHODS[method]}
            left.plot(power["spins"], ratio, **look)
            right.plot(energy["spins"], energy["largest_relative"], **look)
        left.axhline(1.0, color="0.6", lw=0.6)
        left.set_ylabel("peak power over the exact")
        right.set_ylabel("largest error of $E_B$")
        for axis in (left, right):
            axis.set_xscale("log")
            axis.set_xlabel("$N$")
        right.set_yscale("log")
        left.legend(frameon=False, fontsize="small")
        sns.despine(figure)
    return figure


def _draw_panel(axis: Axes, curves: pd.DataFrame) -> QuadMesh:
    sizes, rows = [], []
    for spins, curve in curves.groupby("spins"):
        final = float(curve["exact"].iloc[-1])
        half = np.interp(0.5 * final, curve["exact"], curve["stage"])
        share = curve["difference"].abs() / final
        # before the start there is nothing to be wrong about
        rows.append(np.interp(FROM_HALF + half, curve["stage"], share, left=0.0))
        sizes.append(float(spins))
    error = np.clip(np.array(rows), LEAST, MOST)
    axis.set_yscale("log")
    norm = LogNorm(LEAST, MOST)
    mesh = axis.pcolormesh(FROM_HALF, sizes, error, norm=norm, cmap="rocket_r", shading="gouraud")
    mesh.set_rasterized(True)
    if error.min() < LEVELS[0] and error.max() > LEVELS[-1]:
        levels = sorted(level for level in LEVELS if level < error.max())
        colours = [_line(level) for level in levels]
        axis.contour(FROM_HALF, sizes, error, levels=levels, colors=colours, linewidths=0.8)
    return mesh


def _line(level: float) -> str:
    """A colour that is seen on the map's own at that error."""
    return "black" if level < DARK else "white"
