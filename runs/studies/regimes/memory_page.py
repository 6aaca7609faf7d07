"""Tables and figure of docs/regimes.md about the resonator's memory, from the map and the rows."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from darkbattery.runs.figures.style import empty_figure
from darkbattery.runs.studies.kit import where
from darkbattery.runs.studies.regimes.errors import ELIMINATED, LEVELS
from darkbattery.runs.studies.regimes.tables import SHORT, good_from, size_text

HEADINGS = {
    "memory_usable": "At a resonator: spins N from which the error stays below 20 / 5 / 1 %, "
    "by kappa over g sqrt N, at R = 5 and nbar = 0",
    "memory": "At a resonator: the battery's energy exactly, and by what share each method is off",
}
METHODS = {**SHORT, ELIMINATED: "resonator eliminated"}
# question, observable, measure of the map; ends are the reservoir's
QUESTIONS = (
    ("energy, at all times", "battery_energy", "largest"),
    ("power, at all times", "power", "largest"),
    ("peak power", "power", "peak"),
    ("emitted photons, at all times", "emitted_photons", "largest"),
)
LEAST = 2e-3  # errors below it are noise in all panels but elimination's
RATIO = "kappa/(g sqrt N)"


def memory_usable(errors: pd.DataFrame) -> pd.DataFrame:
    """From which N on each method is good to 20, 5 and 1 %, by question and linewidth."""
    rows = []
    for question, observable, measure in QUESTIONS:
        here = where(errors, observable=observable)
        for linewidth, part in here[here["linewidth"] < float("inf")].groupby("linewidth"):
            row = {"question": question, RATIO: f"{linewidth:g}"}
            row |= good_from(part, measure, METHODS)
            rows.append(row | {"studied to N": size_text(part["spins"].max())})
    return pd.DataFrame(rows)


def memory_table(memory: pd.DataFrame) -> pd.DataFrame:
    """What is exact, what elimination says of itself, and how far each method is off."""
    rows = []
    energy = where(memory, observable="battery_energy")
    power = where(memory, observable="power")
    for (size, linewidth), here in energy.groupby(["n_battery", "linewidth"]):
        model = here.iloc[0]
        rate = where(power, n_battery=size, linewidth=linewidth)["top"].iloc[0]
        row = {
            "N_B": size_text(size),
            RATIO: f"{linewidth:g}",
            "largest E_B": f"{model['top']:.4f}",
            "at g t": f"{model['coupling'] * model['top_at']:.3f}",
            "largest dE_B/dt, in g": f"{rate / model['coupling']:.3f}",
            "elimination's estimate": f"{model['estimate']:.2g}",
        }
        by_method = here.set_index("method")
        for method, name in METHODS.items():
            row[name] = f"{by_method.loc[method, 'largest_relative']:.3f}"
        rows.append(row | {"noise of Wigner's": f"{by_method.loc['wigner', 'noise']:.3f}"})
    return pd.DataFrame(rows)


def memory_tables(memory: pd.DataFrame, errors: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Every table of the resonator's part of the page by its mark."""
    return {"memory_usable": memory_usable(errors), "memory": memory_table(memory)}


def draw_memory(memory: pd.DataFrame) -> Figure:
    """Largest error of the energy, a panel a method; open where chance alone explains it."""
    energy = where(memory, observable="battery_energy")
    sizes = sorted(energy["spins"].unique())
    colours = dict(zip(sizes, sns.color_palette("viridis_r", len(sizes)), strict=True))
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        figure = empty_figure(9.0, 2.9)
        axes = figure.subplots(1, len(METHODS), sharex=True, sharey=True)
        for axis, (method, name) in zip(axes, METHODS.items(), strict=True):
            here = where(energy, method=method)
            for level in LEVELS:
                axis.axhline(level, color="0.85", lw=0.8, zorder=0)
            for spins, curve in here.groupby("spins"):
                curve = curve.sort_values("linewidth")
                error = np.maximum(curve["largest_relative"], LEAST)
                look = {"color": colours[spins], "label": f"N = {size_text(spins)}"}
                axis.plot(curve["linewidth"], error, lw=1.1, **look)
                seen = curve["largest_relative"] > curve["noise"]
                for kind, face in ((seen, colours[spins]), (~seen, "white")):
                    axis.plot(
                        curve["linewidth"][kind], error[kind], "o", ms=3.5, mfc=face,
                        color=colours[spins],
                    )  # fmt: skip
            if method == ELIMINATED:
                told = here.drop_duplicates("linewidth").sort_values("linewidth")
                axis.plot(told["linewidth"], told["estimate"], "k--", lw=1.0, label="its estimate")
            axis.set_title(name, fontsize="medium")
            axis.set_xlabel(r"$\kappa/(g\sqrt{N})$")
        axes[0].set_xscale("log")
        axes[0].set_yscale("log")
        axes[0].set_ylim(0.8 * LEAST, 1.5)
        axes[0].set_ylabel("largest error of $E_B$, as a share")
        handles, labels = axes[-1].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right center", frameon=False, fontsize="small")
        sns.despine(figure)
    return figure
