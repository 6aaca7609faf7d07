"""`darkbattery regimes`: carry out, compare, tabulate, draw, print."""

import json
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from runs.paper.table import rich_numbers, save_table
from runs.provenance import surroundings
from runs.regimes.drawing import draw_map, draw_power, save
from runs.regimes.errors import error_map, written
from runs.regimes.evidence import carry_out, read_evidence
from runs.regimes.expected import MAP
from runs.regimes.tables import all_tables
from runs.store import written_aside
from runs.world import on_root, rank_of, size_of

FIGURES, TABLES, RESULTS, RECORD = "figures", "tables", "results", "regimes.json"
PRINTED = {
    "usable": "N from which the error stays below 20 / 5 / 1 %, at R = 2 and 5, nbar = 0 and 0.5",
    "stages": "The same for the battery's energy, by stage of the charging",
    "laws": "Exponents in N",
}


def make_regimes(out: Path, comm: Any, console: Console) -> None:
    """The crossover study into the folder `out`, on all ranks of `comm`."""
    started = time.perf_counter()
    if rank_of(comm) != 0:
        carry_out(on_root(comm, Path), comm)
        return
    with written_aside(out) as aside:
        carry_out(on_root(comm, lambda: aside / RESULTS), comm)
        write(aside, console)
        seconds = time.perf_counter() - started
        record = {"ranks": size_of(comm), "wall_seconds": round(seconds, 3), **surroundings()}
        (aside / RECORD).write_text(json.dumps(record, indent=2) + "\n")
    console.print(f"{seconds:.1f} s on {size_of(comm)} rank(s)", highlight=False)
    console.print(str(out.absolute()), highlight=False, soft_wrap=True)


def write(folder: Path, console: Console) -> None:
    """Map, tables and figures of the results in `folder`."""
    evidence = read_evidence(folder / RESULTS)
    errors = error_map(evidence)
    (folder / MAP).write_text(written(errors), encoding="utf-8")
    for name, table in all_tables(evidence, errors).items():
        save_table(table, folder / TABLES, name)
        if name in PRINTED:
            console.print(rich_numbers(table, PRINTED[name]))
    save(draw_map(evidence), "regimes_map", folder / FIGURES)
    save(draw_power(evidence), "regimes_size", folder / FIGURES)
