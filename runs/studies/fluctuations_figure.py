"""The figure of `runs.studies.fluctuations`: what single runs do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from darkbattery.runs.figures.style import COLOURS, figure_style, open_frames

BINS = 30


def draw(panels: Mapping[str, Any], path: Path) -> None:
    """Spreads over size beside closed forms, and the delays of one size beside Gumbel's density.

    `panels`: ``sizes``, ``energy``, ``work``, ``delay`` (value and error, each (points,)), the
    closed forms ``energy_exact``, ``work_exact``, ``delay_exact``, and ``scaled``: delays of single
    runs by N_B, times the growth rate, less Gumbel's location.
    """
    with figure_style():
        figure, axes = plt.subplots(1, 3, figsize=(9.0, 2.9), layout="constrained")
        colours = COLOURS
        for axis, names, title in (
            (axes[0], ("energy", "work"), "final energy and ergotropy"),
            (axes[1], ("delay",), "delay of the burst"),
        ):
            for name, colour in zip(names, colours, strict=False):
                _compare(axis, panels, name, colour)
            axis.set(xscale="log", yscale="log", xlabel="$N_B$")
            axis.set_title(title, loc="left", fontsize="medium")
        axes[0].set_ylabel("standard deviation per spin  (ħω)")
        axes[0].legend(frameon=False)
        axes[1].set_ylabel(r"standard deviation  $(1/\gamma)$")
        x = np.linspace(-3.0, 7.0, 201)
        for (size, scaled), colour in zip(panels["scaled"].items(), colours, strict=False):
            axes[2].hist(
                scaled,
                BINS,
                range=(-3.0, 7.0),
                density=True,
                histtype="step",
                color=colour,
                label=f"$N_B$ = {size}",
            )
        axes[2].plot(x, np.exp(-x - np.exp(-x)), color="black", lw=1.2, label="Gumbel")
        axes[2].set_xlabel(r"$(N_C - N_B)\,\gamma t - \ln[(N_C - N_B)^2/N_C]$")
        axes[2].set_ylabel("density of runs")
        axes[2].legend(frameon=False, fontsize="small")
        open_frames(figure)
        figure.savefig(path, dpi=150)
        plt.close(figure)


def _compare(axis: Axes, panels: Mapping[str, Any], name: str, colour: Any) -> None:
    value: NDArray[np.float64] = panels[name][0]
    labels = {"energy": "energy", "work": "ergotropy", "delay": "delay"}
    axis.errorbar(
        panels["sizes"], value, panels[name][1], fmt="o", ms=3.5, color=colour, label=labels[name]
    )
    axis.plot(panels["sizes"], panels[f"{name}_exact"], color=colour, lw=1.0)
