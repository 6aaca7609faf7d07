"""The figure of the resonator's memory: errors over kappa/(g sqrt N), a curve a size."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from darkbattery.runs.studies.regimes.errors import LEVELS
from darkbattery.runs.studies.regimes.laws import size_text
from darkbattery.runs.studies.regimes.memory import ELIMINATED
from darkbattery.runs.studies.regimes.memory_tables import METHODS

LEAST = 2e-3  # errors below it are noise in all panels but elimination's


def draw_memory(memory: pd.DataFrame) -> Figure:
    """Largest error of the energy, a panel a method; open where chance alone explains it."""
    energy = memory[memory["observable"] == "battery_energy"]
    sizes = sorted(energy["spins"].unique())
    colours = dict(zip(sizes, sns.color_palette("viridis_r", len(sizes)), strict=True))
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        figure, axes = plt.subplots(
            1, len(METHODS), figsize=(9.0, 2.9), sharex=True, sharey=True, layout="constrained"
        )
        for axis, (method, name) in zip(axes, METHODS.items(), strict=True):
            here = energy[energy["method"] == method]
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
