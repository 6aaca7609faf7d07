r"""One figure: power over size of three batteries, and what spins hold together against apart.

Left, the largest dE_B/dt per spin over that of one spin: parallel charging stays at 1, the Dicke
battery grows as sqrt(N) (Ferraro et al. 2018), dark-state charging as N (Quach and Munro 2020).
Right, :math:`E_{R,M}/(M E_{R,1})`: above one, M spins in one reservoir hold more than M batteries
of one spin, each with R chargers of its own.
"""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from darkbattery.runs.figures.style import COLOURS, empty_figure, figure_style, open_frames
from darkbattery.runs.results.store import load

DEFINITIONS = ("baselines/dicke", "baselines/dark_power", "baselines/dark_capacity")


def peak_powers(dicke: pd.DataFrame, dark: pd.DataFrame) -> pd.DataFrame:
    """Largest power per spin over that of one spin: columns battery, n, gain."""
    rows = []
    for kind in ("collective", "parallel"):
        part = dicke[(dicke["dicke.arrangement"] == kind) & (dicke.observable == "power")]
        peaks = part.groupby("dicke.n_battery").value.max()
        name = "Dicke, collective" if kind == "collective" else "parallel"
        rows += [(name, n, peak / peaks.iloc[0]) for n, peak in peaks.items()]
    peaks = dark[dark.observable == "power"].groupby("n_battery").value.max()
    rows += [("dark states, R = 5", n, peak / peaks.iloc[0]) for n, peak in peaks.items()]
    return pd.DataFrame(rows, columns=["battery", "n", "gain"])


def capacities(steady: pd.DataFrame) -> pd.DataFrame:
    """E_{R,M} over M E_{R,1}: columns ratio, n, gain."""
    part = steady[steady.observable == "battery_energy"]
    single = part[part.n_battery == 1].set_index("ratio").value
    gain = part.value.to_numpy() / single.loc[part.ratio].to_numpy()
    # battery_energy is per spin, so that M cancels
    return pd.DataFrame({"ratio": part.ratio, "n": part.n_battery, "gain": gain})


def draw(powers: pd.DataFrame, held: pd.DataFrame) -> Figure:
    """Both panels."""
    with figure_style():
        figure = empty_figure(7.2, 3.0)
        (left, right) = figure.subplots(1, 2)
        markers = ("o", "s", "^")
        colours = COLOURS[:3]
        for (name, part), marker, colour in zip(
            powers.groupby("battery", sort=False), markers, colours, strict=True
        ):
            left.loglog(part.n, part.gain, marker=marker, ms=4, color=colour, label=name)
        sizes = np.array([powers.n.min(), powers.n.max()], dtype=float)
        for power, label in ((0.5, "√N"), (1.0, "N")):
            left.loglog(sizes, sizes**power, color="0.6", lw=0.8, ls=":")
            left.annotate(label, (sizes[1], sizes[1] ** power), color="0.4")
        left.set(xlabel="battery spins N", ylabel="peak power per spin / that of one")
        left.legend(frameon=False)
        for (ratio, part), marker, colour in zip(
            held.groupby("ratio", sort=False), markers, colours, strict=True
        ):
            right.plot(part.n, part.gain, marker=marker, ms=4, color=colour, label=f"R = {ratio:g}")
        right.axhline(1.0, color="0.6", lw=0.8, ls=":")
        right.set(xlabel="battery spins M", ylabel="$E_{R,M} / (M\\,E_{R,1})$", xscale="log")
        right.legend(frameon=False)
        open_frames(figure)
        return figure


def tell(results: Path, page: Path) -> None:
    """Draw the figure of the page."""
    dicke, dark, steady = (
        load(results / name.replace("/", "-")).study.table for name in DEFINITIONS
    )
    figure = draw(peak_powers(dicke, dark), capacities(steady))
    figure.savefig(page.parent / "figures" / "baselines.png", dpi=200)
