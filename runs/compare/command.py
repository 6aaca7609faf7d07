"""`darkbattery compare`: read, pair, measure, print; and write if asked to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.compare.differences import difference_table
from darkbattery.runs.compare.distances import distance_table
from darkbattery.runs.compare.drawing import DPI, draw
from darkbattery.runs.compare.matching import Pair, Source, matched
from darkbattery.runs.compare.statements import answer, statements
from darkbattery.runs.compare.tables import DIFFERENCES, tables
from darkbattery.runs.figures.style import save_figure
from darkbattery.runs.ranks.signals import stop_on_signals
from darkbattery.runs.results.provenance import surroundings
from darkbattery.runs.results.store import load
from darkbattery.runs.start.workplace import workplace

RECORD, DISTANCES = "comparison.json", "distances.parquet"


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
