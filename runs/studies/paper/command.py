"""`darkbattery paper`: carry out, draw, measure, write, print; and docs/paper.md from it."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from darkbattery.nvmodel.numbers import counted
from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.figures.style import save_figure
from darkbattery.runs.pages.marks import markdown, replaced
from darkbattery.runs.ranks.world import size_of
from darkbattery.runs.results.provenance import surroundings
from darkbattery.runs.start.workplace import Workplace, workplace
from darkbattery.runs.studies.paper.claims import Evidence
from darkbattery.runs.studies.paper.drawing import DPI, draw
from darkbattery.runs.studies.paper.evidence import gather
from darkbattery.runs.studies.paper.panels import LAYOUTS, Layout, panel_data, panels_of, tables_of
from darkbattery.runs.studies.paper.table import (
    appendix_table,
    claims_table,
    rich_appendix,
    rich_claims,
    tally,
    two_spins_table,
)
from darkbattery.runs.studies.telling import copy_figures, rich_numbers, save_table

FIGURES, DATA, RECORD = "figures", "data", "paper.json"
TABLES = ("claims", "appendix", "two_spins")


@dataclass(frozen=True)
class Order:
    """The paper, or one of its figures, as asked for."""

    figure: int | None
    out: Path
    replace: bool = False
    time_limit_seconds: float | None = None


def layouts_of(figure: int | None) -> tuple[Layout, ...]:
    """The figures to draw: one of the paper's, or all and those this page adds.

    >>> [layout.figure for layout in layouts_of(4)]
    ['4']
    """
    if figure is None:
        return LAYOUTS
    numbers = [int(layout.figure) for layout in LAYOUTS if layout.in_paper]
    if figure not in numbers:
        known = f"one of {', '.join(map(str, numbers))} (Fig. 1 is a sketch)"
        raise InputError("--figure", figure, f"must be {known}")
    return tuple(layout for layout in LAYOUTS if layout.figure == str(figure))


def make_paper(order: Order, comm: Any, console: Console) -> None:
    """Figures, data, appendix and claims into a folder; one figure and its data alone.

    Carried out on all ranks of `comm`; rank 0 draws, writes and prints. Raises Stopped when asked
    to stop; definitions that are finished by then are not made again.
    """
    layouts = layouts_of(order.figure)
    with workplace(order.out, order.replace, RECORD, order.time_limit_seconds, comm, console) as at:
        _make(order, layouts, at, comm, console)


def _make(
    order: Order, layouts: tuple[Layout, ...], at: Workplace, comm: Any, console: Console
) -> None:
    started = time.perf_counter()
    whole = order.figure is None
    needed = None if whole else set().union(*(tables_of(one) for one in layouts))
    evidence = gather(needed, comm, at.study)
    if evidence is None:
        return
    with at.result() as aside:
        for layout in layouts:
            write_figure(layout, evidence, aside)
        if whole:
            _write_tables(evidence, aside, console)
        seconds = time.perf_counter() - started
        record = {
            "definitions_sha256": {
                name: definition.digest() for name, definition in evidence.definitions.items()
            },
            "ranks": size_of(comm),
            "wall_seconds": round(seconds, 3),
            **surroundings(),
        }
        (aside / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    console.print(f"{seconds:.1f} s on {counted(size_of(comm), 'rank')}", highlight=False)
    console.print(str(at.out), highlight=False, soft_wrap=True)


def write_figure(layout: Layout, evidence: Evidence, folder: Path) -> list[Path]:
    """Draw one figure and write its panels' data; returns the paths of the drawings."""
    data = {panel.name: panel_data(panel, evidence) for panel in panels_of(layout)}
    for name, table in data.items():
        save_table(table, folder / DATA, name)
    return save_figure(draw(layout, data), folder / FIGURES, f"fig{layout.figure}", DPI)


def _write_tables(evidence: Evidence, folder: Path, console: Console) -> None:
    claims, appendix, two_spins = claims_table(evidence), appendix_table(), two_spins_table()
    for name, table in zip(TABLES, (claims, appendix, two_spins), strict=True):
        save_table(table, folder, name)
        (folder / f"{name}.md").write_text(markdown(table) + "\n", encoding="utf-8")
    console.print(rich_appendix(appendix))
    console.print(rich_numbers(two_spins, "Two spins in the end, beside Eqs. (32) and (13)", 2))
    console.print(rich_claims(claims))
    console.print(f"{len(claims)} claims; {tally(claims)}", highlight=False)


def tell(result: Path, page: Path) -> None:
    """Put the tables of a result of `darkbattery paper` into `page`, its PNGs beside it.

    They stand between marks: text around them is written by hand, and no verdict is.
    """
    text = page.read_text(encoding="utf-8")
    for name in TABLES:
        table = pd.read_parquet(result / f"{name}.parquet")
        content = markdown(table) + "\n"
        if name == "claims":
            content = f"{len(table)} claims; {tally(table)}.\n\n{content}"
        text = replaced(text, name, content)
    page.write_text(text, encoding="utf-8")
    copy_figures(result / FIGURES, page)
