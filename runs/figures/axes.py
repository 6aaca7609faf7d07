"""Axes of figures: their labels, logarithmic scales, and one legend below all panels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from darkbattery.runs.figures.style import empty_figure

BAND = 2.0  # half-width of error bands in standard errors
WIDTH, HEIGHT = 3.4, 2.7  # of a panel, inches


def logarithmic(values: NDArray[np.float64]) -> bool:
    """Whether values span decades and lie about evenly in the logarithm.

    >>> logarithmic(np.array([1.0, 10.0, 100.0])), logarithmic(np.linspace(1.0, 100.0, 20))
    (True, False)
    """
    values = np.unique(values[np.isfinite(values)])
    if values.size < 3 or values[0] <= 0.0 or values[-1] <= 30.0 * values[0]:
        return False
    ratios = np.diff(np.log(values))
    return bool(ratios.max() < 5.0 * ratios.min())


def banded(axis: Axes, time: Any, value: Any, error: Any, alpha: float, **look: Any) -> None:
    """A line, in a band of `BAND` standard errors where it has any."""
    axis.plot(time, value, **look)
    if np.nan_to_num(error).any():
        band = BAND * error
        axis.fill_between(time, value - band, value + band, color=look["color"], alpha=alpha, lw=0)


def panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels, three in a line."""
    columns = min(3, max(1, count))
    rows = -(-max(count, 1) // columns)
    figure = empty_figure(WIDTH * max(columns, 1.5), HEIGHT * rows + 0.5)
    grid = figure.subplots(rows, columns, squeeze=False)
    axes = list(grid.flat)
    for axis in axes[count:]:
        axis.set_axis_off()
    return figure, axes[:count]


def settle_titles(axes: Sequence[Axes]) -> None:
    """Titles at the left stay right above their panels, but where a power of ten stands there.

    To find whether one does, matplotlib lays out all numbers of the y axis anew whenever it needs
    the title's place: for each file, and twice for the layout.
    """
    for axis in axes:
        numbers = axis.yaxis.get_major_formatter()
        numbers.set_locs(axis.get_yticks().tolist())
        if not numbers.get_offset():
            axis.set_title(axis.get_title("left"), fontsize="medium", loc="left", y=1.0)


def heading(figure: Figure, title: str, notes: Sequence[str]) -> None:
    """The title, and below it what the figure leaves out."""
    text = "\n".join((title, *(f"({note})" for note in notes)))
    letters = int(14.0 * figure.get_figwidth())
    lines = [line if len(line) <= letters else _wrapped(line, letters) for line in text.split("\n")]
    figure.suptitle("\n".join(lines), parse_math=False, fontsize="medium")


def _wrapped(line: str, letters: int) -> str:
    lines = [""]
    for word in line.split(" "):
        if len(lines[-1]) + len(word) > letters:
            lines.append("")
        lines[-1] += word + " "
    return "\n".join(part.rstrip() for part in lines)


def legend_below(figure: Figure, entries: Mapping[str, Artist]) -> None:
    """All entries below the panels, in lines that the width holds: some 14 letters an inch."""
    if not entries:
        return
    longest = max(map(len, entries)) + 6  # the line before it
    most = max(1, min(len(entries), 6, int(14.0 * figure.get_figwidth() / longest)))
    lines = -(-len(entries) // most)
    figure.legend(
        list(entries.values()),
        list(entries),
        loc="outside lower center",
        ncols=-(-len(entries) // lines),  # columns are filled first: as few as there need be
        frameon=False,
    )
