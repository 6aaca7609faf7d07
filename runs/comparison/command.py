"""`darkbattery compare`: read, pair, measure, print; and write if asked to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from runs.comparison.differences import difference_table
from runs.comparison.distances import distance_table
from runs.comparison.drawing import draw, save
from runs.comparison.matching import Pair, Source, matched, read_sources
from runs.comparison.statements import statements
from runs.provenance import surroundings
from runs.signals import stop_on_signals
from runs.workplace import workplace

RECORD, DIFFERENCES, DISTANCES = "comparison.json", "differences.parquet", "distances.parquet"
MOST_ROWS = 40  # printed; beyond, the worst model of each pair of methods and observable
# lengths of the numbers on the screen
SHOWN = {
    "largest": "largest Δ",
    "largest_at": "at t",
    "largest_relative": "of its size",
    "most_errors": "most (s.e.)",
    "peak_difference": "Δ of peaks",
    "peak_errors": "(s.e.)",
    "end_difference": "Δ at end",
    "end_errors": "(s.e.)",
}


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
    for text in found.statements:
        console.print(text, highlight=False)
    for table in _tables(found):
        console.print(table)
    for remark in found.remarks:
        console.print(f"note: {remark}", highlight=False)


def write(found: Comparison, sources: Sequence[Source], folder: Path) -> None:
    """Tables, figure and record into an existing folder."""
    found.differences.to_parquet(folder / DIFFERENCES, index=False)
    found.distances.to_parquet(folder / DISTANCES, index=False)
    if any(pair.reference.method != "steady" for pair in found.pairs):
        save(draw(found.pairs, found.runs, found.scaled), folder)
    record: dict[str, Any] = {
        "results": {s.name: s.study.definition.digest() for s in sources},
        "reference": sources[0].name,
        "scaled": found.scaled,
        "statements": list(found.statements),
        "remarks": list(found.remarks),
        **surroundings(),
    }
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _tables(found: Comparison) -> list[Table]:
    rows = found.differences
    if len(rows) > MOST_ROWS:
        groups = rows.fillna({"largest_relative": 0.0}).groupby(
            ["reference", "compared", "observable"], sort=False
        )
        rows = rows.loc[groups["largest_relative"].idxmax()]
    tables = []
    for (reference, compared), part in rows.groupby(["reference", "compared"], sort=False):
        table = Table(
            box=box.SIMPLE_HEAD,
            padding=(0, 0),
            title=f"{compared} less {reference}",
            title_justify="left",
        )
        table.add_column("observable")
        for name in SHOWN.values():
            # a word a line: no number is shortened at 80 columns
            table.add_column(name.replace(" ", "\n"), justify="right", no_wrap=True)
        for model, rows_of_one in part.groupby("model", sort=False):
            one = part["model"].nunique() == 1
            if one:
                table.caption, table.caption_justify = f"model: {model}", "left"
            else:
                table.add_section()
                table.add_row(str(model))
            for _, row in rows_of_one.iterrows():
                numbers = [_number(name, row[name]) for name in SHOWN]
                table.add_row(row["observable"].replace("_", " "), *numbers)
        tables.append(table)
    return tables


def _number(name: str, value: float) -> str:
    if not np.isfinite(value):
        return "-" if np.isnan(value) else "∞"
    if name == "largest_relative":
        return f"{100 * value:.2g} %"
    return f"{value:.1f}" if name.endswith("errors") else f"{value:.3g}"
