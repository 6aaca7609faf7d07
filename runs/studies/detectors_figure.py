"""The figure of `runs.studies.detectors`: what records are worth."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from darkbattery.nvmodel.detector import DIFFUSIVE, KINDS
from darkbattery.runs.figures.style import COLOURS, figure_style, open_frames


def draw(panels: Mapping[str, Any], path: Path) -> None:
    """What each record adds over size; worth over time between its bounds; over efficiency.

    `panels` is that of `detectors.panels`.
    """
    with figure_style():
        figure, axes = plt.subplots(1, 3, figsize=(9.0, 3.0), layout="constrained")
        colours: dict[str, Any] = dict(zip(KINDS, COLOURS, strict=False))
        for kind, shape in zip(KINDS, ("o", "s", "^"), strict=True):
            values, errors = panels["added"][kind]
            axes[0].errorbar(
                panels["sizes"],
                values,
                errors,
                fmt=f"{shape}-",
                ms=4,
                lw=0.8,
                color=colours[kind],
                label=kind,
            )
            own = panels["efficiency"]
            own = own[own["detector.kind"] == kind].sort_values("detector.efficiency")
            axes[2].errorbar(
                own["detector.efficiency"],
                own["value"],
                own["error"],
                fmt=f"{shape}-",
                ms=4,
                lw=0.8,
                color=colours[kind],
            )
        axes[0].set(xscale="log", xlabel="$N_B$", ylabel="$W_d - W$ per spin  (ħω)")
        axes[0].set_xticks(panels["sizes"], [f"{size:.4g}" for size in panels["sizes"]])
        axes[0].minorticks_off()
        axes[0].set_ylim(bottom=0.0)
        axes[0].legend(frameon=False)
        axes[0].set_title("what a record adds", loc="left", fontsize="medium")
        _over_time(axes[1], panels, colours)
        axes[2].set(xlabel="efficiency η", ylabel="$W_d$ per spin  (ħω)")
        axes[2].axhline(panels["exact"]["ergotropy"][-1], color="0.5", lw=0.8, ls=":")
        axes[2].set_title(f"$N_B$ = {panels['drawn']}, in the end", loc="left", fontsize="medium")
        open_frames(figure)
        figure.savefig(path, dpi=150)
        plt.close(figure)


def _over_time(axis: Any, panels: Mapping[str, Any], colours: Mapping[str, Any]) -> None:
    times, exact = panels["times"], panels["exact"]
    axis.plot(times, exact["battery_energy"], color="0.5", lw=0.8, ls="--", label="mean energy")
    axis.plot(times, exact["ergotropy"], color="0.5", lw=0.8, ls=":", label="average state")
    axis.plot(times, exact["daemonic_ergotropy"], color=colours["photons"], lw=1.2)
    for kind in DIFFUSIVE:
        axis.plot(times, panels["courses"][kind]["value"], color=colours[kind], lw=1.2)
    axis.set(xlabel=r"time  $(1/\gamma)$", ylabel="per spin  (ħω)")
    axis.legend(frameon=False, fontsize="small")
    axis.set_title(f"$N_B$ = {panels['drawn']}", loc="left", fontsize="medium")
