"""`darkbattery compare`: read, pair, measure, print; write and draw if asked to."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from rich.console import Console

from darkbattery.nvmodel.observables import in_words
from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.compare.differences import (
    curve_of,
    difference_table,
    observables_of,
    overlay,
    unit_of,
)
from darkbattery.runs.compare.distances import TIMES, distance_table
from darkbattery.runs.compare.matching import Pair, Series, Source, matched, time_factor
from darkbattery.runs.compare.statements import answer, called, statements
from darkbattery.runs.compare.tables import DIFFERENCES, tables
from darkbattery.runs.definitions.units import symbol
from darkbattery.runs.figures.axes import BAND, banded, heading, legend_below
from darkbattery.runs.figures.style import (
    COLOURS,
    empty_figure,
    figure_style,
    open_frames,
    save_figure,
)
from darkbattery.runs.ranks.signals import stop_on_signals
from darkbattery.runs.results.provenance import surroundings
from darkbattery.runs.results.store import load
from darkbattery.runs.results.table import time_scale
from darkbattery.runs.start.workplace import workplace

RECORD, DISTANCES = "comparison.json", "distances.parquet"
DPI = 150  # of PNGs
BRIGHT = 0.25  # of bands
MOST_PANELS = 4
MOST_MODELS = 4  # drawn; the tables hold all
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (5, 1.2, 1, 1.2)))
DRAWN_DISTRIBUTIONS = ("burst_time", "emitted_photons", "battery_energy")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Results over each other.

    Attributes
    ----------
    pairs, runs : tuple of Pair
        Whose curves were compared, and whose distributions alone.
    differences : DataFrame
        One row a model, pair of methods and observable; columns as in docs/comparison.md.
    distances : DataFrame
        The same for distributions.
    statements, remarks : tuple of str
        What agrees within what; and what was left out, interpolated or forced.
    """

    pairs: tuple[Pair, ...]
    runs: tuple[Pair, ...]
    scaled: bool
    differences: pd.DataFrame
    distances: pd.DataFrame
    statements: tuple[str, ...]
    remarks: tuple[str, ...]


def read_sources(folders: Sequence[Path]) -> list[Source]:
    """Load result folders; names are the folders' last parts, longer where those are equal."""
    if len(folders) < 2:
        raise InputError("folders", [str(f) for f in folders], "give at least two results")
    whole = [folder.resolve() for folder in folders]
    if len(set(whole)) < len(whole):
        raise InputError("folders", [str(f) for f in folders], "must be different results")
    depth = 1
    while len({folder.parts[-depth:] for folder in whole}) < len(whole):
        depth += 1
    return [
        Source("/".join(path.parts[-depth:]), load(folder).study, folder)
        for path, folder in zip(whole, folders, strict=True)
    ]


def compare(sources: Sequence[Source], scaled: bool = False, anyway: bool = False) -> Comparison:
    """Measure all pairs of comparable curves and distributions; the first result is the reference.

    Raises InputError where results are not comparable, unless `anyway`.
    """
    found = matched(sources, scaled, anyway)
    pairs, remarks = found.pairs, found.remarks
    differences = difference_table(pairs, scaled)
    distances = distance_table(pairs + found.runs, scaled)
    remarks += list(dict.fromkeys(f"{p.model}: {note}" for p in pairs for note in p.notes))
    between = differences[differences["interpolated"]]
    for (name, observable), rows in between.groupby(["compared", "observable"], sort=False):
        remarks.append(
            f"{name}, {observable}: interpolated to the reference's times; "
            f"estimated error of that {rows['interpolation'].max():.1g}"
        )
    return Comparison(
        tuple(pairs),
        tuple(found.runs),
        scaled,
        differences,
        distances,
        tuple(statements(differences, distances)),
        tuple(remarks),
    )


def compare_results(
    folders: Sequence[Path],
    out: Path | None,
    scaled: bool,
    anyway: bool,
    replace: bool,
    console: Console,
) -> None:
    """Print a comparison of result folders, and write it into `out` if given."""
    if out is None:
        with stop_on_signals() as stop, stop.at_once():
            _say(compare(read_sources(folders), scaled, anyway), console)
        return
    with workplace(out, replace, RECORD, None, None, console) as at:
        sources = read_sources(folders)
        found = compare(sources, scaled, anyway)
        _say(found, console)
        with at.result() as aside:
            write(found, sources, aside)
        console.print(str(at.out), highlight=False, soft_wrap=True)


def _say(found: Comparison, console: Console) -> None:
    console.print(answer(found.differences), highlight=False, markup=False)
    for part in tables(found.differences, found.distances):
        console.print(part)
    for remark in found.remarks:
        console.print(f"note: {remark}", highlight=False, markup=False)


def write(found: Comparison, sources: Sequence[Source], folder: Path) -> None:
    """Tables, figure and record into an existing folder."""
    found.differences.to_parquet(folder / DIFFERENCES, index=False)
    found.distances.to_parquet(folder / DISTANCES, index=False)
    if any(pair.reference.method != "steady" for pair in found.pairs):
        save_figure(draw(found.pairs, found.runs, found.scaled), folder, "compare", DPI)
    record: dict[str, Any] = {
        "results": {s.name: s.study.definition.digest() for s in sources},
        "reference": sources[0].name,
        "scaled": found.scaled,
        "answer": answer(found.differences),
        "statements": list(found.statements),
        "remarks": list(found.remarks),
        **surroundings(),
    }
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


# --- curves over each other with their error bands, what sets them apart, and distributions


@dataclass(frozen=True)
class Style:
    """A colour a model, dashes a method; of one model, a colour a method too.

    Times are multiplied by `factor` where they are not `scaled`.
    """

    scaled: bool
    factor: float
    colours: Mapping[str, tuple[float, float, float]]
    dashes: Mapping[str, Any]
    methods: Mapping[str, tuple[float, float, float]]

    def colour(self, model: str, method: str) -> tuple[float, float, float]:
        """Of a curve."""
        return self.methods[method] if len(self.colours) == 1 else self.colours[model]


def draw(pairs: Sequence[Pair], runs: Sequence[Pair], scaled: bool) -> Figure:
    """Above the curves, below their differences, then the distributions that `runs` have."""
    timed = [pair for pair in pairs if pair.reference.method != "steady"]
    models = list(dict.fromkeys(pair.model for pair in timed))[:MOST_MODELS]
    shown = [pair for pair in timed if pair.model in models]
    names = list(dict.fromkeys(name for pair in shown for name in observables_of(pair)))
    names = names[:MOST_PANELS]
    sampled = [pair for pair in (*runs, *shown) if pair.model in models]
    kinds = [kind for kind in DRAWN_DISTRIBUTIONS if any(_has(pair, kind) for pair in sampled)]
    columns = max(len(names), len(kinds), 1)
    rows = 2 + bool(kinds)
    with figure_style():
        figure = empty_figure(3.2 * columns, 2.4 * rows)
        grid = figure.subplots(rows, columns, squeeze=False)
        style = _style([*shown, *sampled], models, scaled)
        for axis, name in zip(grid[0], names, strict=False):
            _draw_curves(axis, name, shown, style)
        for axis, name in zip(grid[1], names, strict=False):
            _draw_differences(axis, name, shown, style)
        for axis, kind in zip(grid[-1], kinds, strict=False):
            _draw_distribution(axis, kind, sampled, style)
        used = [len(names), len(names), len(kinds)][:rows]
        for line, count in zip(grid, used, strict=True):
            for axis in line[count:]:
                axis.set_axis_off()
        sampled_too = any(series.method == "sample" for _, series in _series(shown))
        _legend(figure, style, sampled_too)
        open_frames(figure)
    return figure


def time_label(scaled: bool, pairs: Sequence[Pair]) -> str:
    """What the axis of times shows."""
    if scaled:
        return r"$N\gamma t$"
    return time_scale(pairs[0].reference.source.study)[1]


def _style(pairs: Sequence[Pair], models: Sequence[str], scaled: bool) -> Style:
    methods = list(dict.fromkeys(s.name for pair in pairs for s in (pair.reference, pair.other)))
    factor = time_scale(pairs[0].reference.source.study)[0] if pairs and not scaled else 1.0
    return Style(
        scaled,
        factor,
        dict(zip(models, COLOURS, strict=False)),
        {name: DASHES[i % len(DASHES)] for i, name in enumerate(methods)},
        {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(methods)},
    )


def _series(pairs: Sequence[Pair]) -> list[tuple[str, Series]]:
    """Each series once, with the model it is drawn for."""
    found: dict[int, tuple[str, Series]] = {}
    for pair in pairs:
        for series in (pair.reference, pair.other):
            found.setdefault(id(series), (pair.model, series))
    return list(found.values())


def _draw_curves(axis: Axes, name: str, pairs: Sequence[Pair], style: Style) -> None:
    for model, series in _series(pairs):
        if name not in set(series.table["observable"].unique()) or series.method == "steady":
            continue
        curve = curve_of(series, name, style.scaled)
        colour, dashes = style.colour(model, series.name), style.dashes[series.name]
        time = style.factor * curve.time
        banded(axis, time, curve.value, curve.error, BRIGHT, color=colour, ls=dashes, lw=1.3)
    unit = unit_of(pairs[0].reference.source.study.definition, name, style.scaled)
    axis.set_ylabel(symbol(name, unit))
    axis.set_xlabel(time_label(style.scaled, pairs))
    axis.set_title(in_words(name), fontsize="medium", loc="left")


def _draw_differences(axis: Axes, name: str, pairs: Sequence[Pair], style: Style) -> None:
    axis.axhline(0.0, color="0.6", lw=0.6)
    for pair in pairs:
        if name not in observables_of(pair) or pair.reference.method == "steady":
            continue
        curves = [curve_of(series, name, style.scaled) for series in (pair.reference, pair.other)]
        found = overlay(*curves)
        method, time = pair.other.name, style.factor * found.time
        colour, dashes = style.colour(pair.model, method), style.dashes[method]
        banded(axis, time, found.difference, found.error, BRIGHT, color=colour, ls=dashes, lw=1.1)
    unit = unit_of(pairs[0].reference.source.study.definition, name, style.scaled)
    axis.set_ylabel(f"less the reference  ({unit})" if unit else "less the reference")
    axis.set_xlabel(time_label(style.scaled, pairs))


def _has(pair: Pair, kind: str) -> bool:
    return all(kind in set(s.distributions["distribution"]) for s in (pair.reference, pair.other))


def _draw_distribution(axis: Axes, kind: str, pairs: Sequence[Pair], style: Style) -> None:
    """Cumulative, which is what their distance is of; at the last time."""
    for model, series in _series([pair for pair in pairs if _has(pair, kind)]):
        rows = series.distributions[series.distributions["distribution"] == kind]
        if rows["time"].notna().any():
            rows = rows[rows["time"] == rows["time"].max()]
        own = time_factor(series, style.scaled) * style.factor
        factor = own if kind in TIMES else 1.0
        at = rows["high"].to_numpy(dtype=float) * factor
        share = np.cumsum(rows["weight"]) / max(float(rows["weight"].sum()), 1e-300)
        axis.step(
            at,
            share,
            where="post",
            color=style.colour(model, series.name),
            ls=style.dashes[series.name],
            lw=1.1,
        )
    label = in_words(kind)
    axis.set_xlabel(f"{label} ({time_label(style.scaled, pairs)})" if kind in TIMES else label)
    axis.set_ylabel("share of runs below")


def _legend(figure: Figure, style: Style, sampled: bool) -> None:
    """What colours, dashes and bands are, below all panels; one model in the title."""
    one = len(style.colours) == 1
    entries: dict[str, Artist] = {}
    if not one:
        entries |= {model: Line2D([], [], color=c) for model, c in style.colours.items()}
    for name, dashes in style.dashes.items():
        colour = style.methods[name] if one else "0.3"
        entries[called(name)] = Line2D([], [], color=colour, ls=dashes)
    if sampled:
        entries[f"band: ± {BAND:g} standard errors"] = Patch(color="0.3", alpha=BRIGHT, lw=0)
    legend_below(figure, entries)
    if one:
        heading(figure, next(iter(style.colours)), ())
