"""What a receiver at a port shows of single runs: a few shots as an oscilloscope has them."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from darkbattery.nvmodel.numbers import counted
from darkbattery.nvmodel.receiver import UNITS, Receiver
from darkbattery.runs.definitions.units import prefixed
from darkbattery.runs.figures.style import COLOURS

MOST = 3  # shots in a panel: traces of more hide each other


def draw_received_power(
    axis: Axes, shots: pd.DataFrame, receiver: Receiver, of_time: float
) -> None:
    """Powers of the first shots on a logarithmic scale: noise and signal are decades apart."""
    name = receiver.names[2]
    shots = shots[shots["observable"] == name]
    factor, unit = prefixed(float(shots["value"].max()), UNITS["received_power"])
    drawn = list(shots.groupby("run"))[:MOST]
    for (run, one), colour in zip(drawn, COLOURS, strict=False):
        axis.plot(
            one["time"] * of_time, one["value"] * factor, color=colour, lw=0.6, label=f"run {run}"
        )
    axis.set_yscale("log")
    # a sample may be near zero by chance
    low = float(np.quantile(shots["value"], 0.005)) * factor
    axis.set_ylim(max(low, 1e-300), float(shots["value"].max()) * factor * 3.0)
    axis.set_ylabel(f"power ({unit})")
    title = f"received at port {receiver.port}: {counted(len(drawn), 'shot')}"
    axis.set_title(title, fontsize="medium", loc="left", parse_math=False)


def draw_received_field(
    axis: Axes, shots: pd.DataFrame, receiver: Receiver, of_time: float
) -> None:
    """I and Q of the first shot."""
    first = shots[shots["run"] == shots["run"].min()]
    largest = float(first[first["observable"].isin(receiver.names[:2])]["value"].abs().max())
    # square roots of watts have no prefixes: those of the power are shown
    factor, unit = prefixed(largest**2, "W")
    for name, label, style in zip(receiver.names, ("I", "Q"), ("-", "--"), strict=False):
        one = first[first["observable"] == name]
        axis.plot(
            one["time"] * of_time, one["value"] * np.sqrt(factor), ls=style, lw=0.7, label=label
        )
    axis.set_ylabel(f"field (√{unit})")
    title = f"I and Q of run {int(first['run'].min())} at port {receiver.port}"
    axis.set_title(title, fontsize="medium", loc="left", parse_math=False)
    axis.legend(frameon=False, ncols=2, fontsize="small", loc="upper right")
