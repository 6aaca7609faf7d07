"""The table and the figure of `peers.py`, and where they go in the documentation."""

import platform
import statistics
import textwrap
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from contest import Line
from page import machine, versions

from darkbattery.runs.pages.typeset import typeset

NOT_EXPRESSED = (
    "pibs 0.1 has no line: its terms are a lossy mode, its coupling to one ensemble of identical\n"
    "spins, and their local loss and dephasing. It has no collective decay, and no second\n"
    "ensemble in another state."
)


def section(lines: list[Line], alternations: int, figure: str | None) -> str:
    """Facts about the run, the table in Markdown, the figure."""
    failed, calls = sum(line.failed for line in lines), sum(line.calls for line in lines)
    facts = [
        f"{machine()}, {platform.system()}.",
        f"{versions()}.",
        f"{alternations} alternations; {failed} of {calls} calls failed.",
    ]
    parts = [textwrap.fill(" ".join(facts), 100), "", table(lines), "", NOT_EXPRESSED]
    if figure:
        alt = "Seconds of each peer over ours, median and range over the alternations"
        parts += ["", f"![{alt}]({figure})"]
    return "\n".join(parts)


def table(lines: list[Line]) -> str:
    """A row a line: seconds a run, or for the averages at all times."""
    rows = [
        "| work | solver | seconds | ratio to ours | failed | differs from ours by |",
        "|---|---|---|---|---|---|",
    ]
    for line in lines:
        seconds = f"{statistics.median(line.seconds):.3g}" if line.seconds else ""
        failed = f"{line.failed} of {line.calls}" if line.failed else str(line.failed)
        cells = [line.work.title, line.solver, seconds, spread(line.ratios), failed, _apart(line)]
        rows.append("| " + " | ".join(map(typeset, cells)) + " |")
    return "\n".join(rows)


def _apart(line: Line) -> str:
    if line.difference is None or line is _ours(line):
        return line.remark
    unit = " standard errors" if line.work.bound is None else ""
    remark = f": {line.remark}" if line.remark else ""
    return f"{line.difference:.2g}{unit}{remark}"


def _ours(line: Line) -> Line | None:
    return line if line.solver == line.work.contenders[0].name else None


def spread(values: list[float]) -> str:
    """Median, smallest and largest.

    >>> spread([3.0, 1.0, 2.0]), spread([])
    ('2 (1 ... 3)', '')
    """
    if not values:
        return ""
    return f"{statistics.median(values):.3g} ({min(values):.3g} ... {max(values):.3g})"


def draw(lines: list[Line], path: Path) -> None:
    """Ratios to ours, a row a work, with the range over the alternations."""
    titles = list(dict.fromkeys(line.work.title for line in lines))
    peers = [line for line in lines if line.ratios and _ours(line) is None]
    names = list(dict.fromkeys(line.solver for line in peers))
    colours = dict(zip(names, sns.color_palette("colorblind", len(names)), strict=True))
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        figure, axis = plt.subplots(figsize=(5.6, 0.4 * len(titles) + 1.8), layout="constrained")
        for line in peers:
            rivals = [one for one in peers if one.work is line.work]
            row = titles.index(line.work.title) + 0.16 * (
                rivals.index(line) - (len(rivals) - 1) / 2
            )
            middle = statistics.median(line.ratios)
            apart = np.array([[middle - min(line.ratios)], [max(line.ratios) - middle]])
            axis.errorbar(middle, row, xerr=apart, fmt="o", ms=4, color=colours[line.solver])
        for name in names:
            axis.plot([], [], "o", ms=4, color=colours[name], label=name)
        axis.axvline(1.0, ls=":", color="black", label="darkbattery")
        axis.set_xscale("log")
        axis.set_xlabel("seconds over ours")
        axis.set_yticks(range(len(titles)), titles)
        axis.set_ylim(len(titles) - 0.5, -0.5)
        figure.legend(loc="outside lower center", ncols=3, frameon=False)
        sns.despine(figure)
        path.parent.mkdir(exist_ok=True)
        figure.savefig(path, dpi=150)
        plt.close(figure)
