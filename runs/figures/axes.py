"""Axes of figures: units with prefixes, logarithmic scales, and one legend below all panels."""

from collections.abc import Mapping, Sequence

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from darkbattery.nvmodel.numbers import PREFIXES, ROUNDING
from darkbattery.nvmodel.observables import OBSERVABLES
from darkbattery.runs.definitions.definition import RunDefinition
from darkbattery.runs.definitions.units import SECONDS, clock, unit_of
from darkbattery.runs.results.table import Study

BAND = 2.0  # half-width of error bands in standard errors
WIDTH, HEIGHT = 3.4, 2.7  # of a panel, inches


def prefixed(largest: float, unit: str) -> tuple[float, str]:
    """Factor and unit in which `largest` (in s, J, W or a rate /s) is a number from 1 to 1000.

    >>> prefixed(4.3e-6, "s")
    (1000000.0, 'µs')
    >>> prefixed(0.7, "ħω")
    (1.0, 'ħω')
    >>> prefixed(2.5e6, "/s")
    (1e-06, 'MHz')
    >>> prefixed(1e23, "/s")  # beyond all prefixes
    (1.0, 'Hz')
    """
    if unit == "/s":
        unit = "Hz"
    if unit not in ("s", "J", "W", "Hz") or not 0.0 < largest < np.inf:
        return 1.0, unit
    power = int(3 * np.floor(np.log10(largest) / 3.0 + 1e-9))
    if power not in PREFIXES:
        return 1.0, unit  # as nvmodel.numbers.with_unit writes it
    return float(f"1e{-power}"), PREFIXES[power] + unit


def time_scale(study: Study) -> tuple[float, str]:
    """Factor from the table's times to the axis, and the axis's label."""
    times = study.table["time"].to_numpy(dtype=float)
    return time_axis(study.definition, float(np.max(times[np.isfinite(times)], initial=0.0)))


def time_axis(definition: RunDefinition, longest: float) -> tuple[float, str]:
    """The same of times up to the longest."""
    units = clock(definition)
    if units is not SECONDS:
        return 1.0, units.axis
    factor, unit = prefixed(longest, "s")
    return factor, f"t ({unit})"


def value_scale(study: Study, name: str) -> tuple[float, str]:
    """Factor from the table's values of an observable to the axis, and its unit there."""
    return prefixed(study.largest.get(name, 0.0), unit_of(study.definition, name))


def symbol(name: str, unit: str) -> str:
    """Label of an axis of an observable."""
    shown = OBSERVABLES[name].symbol
    return shown if unit in ("1", "") else f"{shown}  ({unit})"


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


def zero_throughout(study: Study, table: pd.DataFrame) -> list[str]:
    """The observables that are zero in every row: said in a line, a panel would show nothing else.

    None where all of them are. An energy per spin of 1e-17 is rounding, and zero.
    """
    largest = table["value"].abs().groupby(table["observable"], sort=False).max()
    zero = [
        str(name)
        for name, most in largest.items()
        if most <= (ROUNDING if unit_of(study.definition, str(name)) == "ħω" else 0.0)
    ]
    return zero if len(zero) < len(largest) else []


def panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure of `count` panels, three in a line."""
    columns = min(3, max(1, count))
    rows = -(-max(count, 1) // columns)
    figure, grid = plt.subplots(
        rows,
        columns,
        figsize=(WIDTH * max(columns, 1.5), HEIGHT * rows + 0.5),
        squeeze=False,
        layout="constrained",
    )
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
