"""`darkbattery regimes`: carry out, compare, tabulate, draw, print; and docs/regimes.md."""

import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from darkbattery import meanfield
from darkbattery.meanfield.expected import MAP
from darkbattery.nvmodel.numbers import counted
from darkbattery.runs.figures.style import save_figure
from darkbattery.runs.pages.marks import fill
from darkbattery.runs.ranks.world import rank_of, size_of
from darkbattery.runs.results.provenance import surroundings
from darkbattery.runs.start.owner import OWNER
from darkbattery.runs.start.workplace import workplace
from darkbattery.runs.studies.kit import copy_figures, rich_numbers, save_table
from darkbattery.runs.studies.regimes import memory_page
from darkbattery.runs.studies.regimes.drawing import DPI, draw_map, draw_power
from darkbattery.runs.studies.regimes.errors import whole_map, written
from darkbattery.runs.studies.regimes.evidence import (
    carry_out,
    carry_out_memory,
    read_evidence,
    read_memory,
)
from darkbattery.runs.studies.regimes.memory_page import draw_memory
from darkbattery.runs.studies.regimes.tables import HEADINGS, all_tables

FIGURES, TABLES, RESULTS, RECORD = "figures", "tables", "results", "regimes.json"
PRINTED = ("usable", "stages", "laws", "memory_usable")
TITLES = HEADINGS | memory_page.HEADINGS


@dataclass(frozen=True)
class Order:
    """The study as asked for."""

    out: Path
    replace: bool = False
    time_limit_seconds: float | None = None


def make_regimes(order: Order, comm: Any, console: Console) -> None:
    """The crossover study into a folder, on all ranks of `comm`.

    Raises Stopped when asked to stop; definitions that are finished by then are not made again.
    """
    with workplace(order.out, order.replace, RECORD, order.time_limit_seconds, comm, console) as at:
        started = time.perf_counter()
        carry_out(at, comm)
        carry_out_memory(at, comm)
        if rank_of(comm) != 0:
            return
        with at.result() as aside:
            shutil.copytree(at.partial, aside / RESULTS, ignore=shutil.ignore_patterns(OWNER))
            write(aside, console)
            seconds = time.perf_counter() - started
            record = {"ranks": size_of(comm), "wall_seconds": round(seconds, 3), **surroundings()}
            (aside / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        console.print(f"{seconds:.1f} s on {counted(size_of(comm), 'rank')}", highlight=False)
        console.print(str(at.out), highlight=False, soft_wrap=True)


def write(folder: Path, console: Console) -> None:
    """Map, tables and figures of the results in `folder`."""
    evidence, memory = read_evidence(folder / RESULTS), read_memory(folder / RESULTS)
    errors = whole_map(evidence, memory)
    (folder / MAP).write_text(written(errors), encoding="utf-8")
    tables = all_tables(evidence, errors) | memory_page.memory_tables(memory, errors)
    for name, table in tables.items():
        save_table(table, folder / TABLES, name)
        if name in PRINTED:
            console.print(rich_numbers(table, TITLES[name]))
    save_figure(draw_map(evidence), folder / FIGURES, "regimes_map", DPI)
    save_figure(draw_power(evidence), folder / FIGURES, "regimes_size", DPI)
    save_figure(draw_memory(memory), folder / FIGURES, "regimes_memory", DPI)


def tell(result: Path, page: Path, package: Path = Path(meanfield.__file__).parent) -> None:
    """Put the tables of a result of `darkbattery regimes` into `page`, its PNGs beside it.

    The tables stand between marks; the map of errors in `meanfield/` is replaced by the result's.
    """
    tables = sorted((result / TABLES).glob("*.parquet"))
    fill(page, {path.stem: pd.read_parquet(path) for path in tables})
    copy_figures(result / FIGURES, page)
    shutil.copyfile(result / MAP, package / MAP)
