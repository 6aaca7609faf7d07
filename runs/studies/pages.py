"""Pages of the docs made of what their studies found.

`python -m darkbattery.runs.studies.pages NAME PAGE RESULTS` makes one, such as `fluctuations
docs/fluctuations.md results/fluctuations`. The study's definitions are carried out into the folder
RESULTS (under mpirun on all ranks), and the page is told what they gave: its tables stand between
marks, its figures beside it. What needs no results, as the table of all methods, is made of the
program's own tables.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console

from darkbattery.nvmodel.refusal import known_name
from darkbattery.runs.definitions.schema import (
    ANY_NAME,
    AT_RESONATOR,
    CLOSED,
    COLLECTIVE,
    RUN,
    Entry,
    Section,
    Table,
)
from darkbattery.runs.figures.save import save_figures
from darkbattery.runs.pages.marks import fill
from darkbattery.runs.ranks.world import (
    ending_together,
    has_terminal,
    rank_of,
    working_communicator,
)
from darkbattery.runs.start.execute import Order, execute
from darkbattery.runs.studies import detectors, fluctuations, gallery, planning
from darkbattery.runs.studies.baselines import figure as baselines
from darkbattery.runs.studies.paper import command as paper
from darkbattery.runs.studies.reference.methods import methods_table
from darkbattery.runs.studies.reference.observables import observables_table
from darkbattery.runs.studies.regimes import command as regimes

Tell = Callable[[Path, Path], None]


@dataclass(frozen=True)
class Study:
    """What a page is made of.

    Attributes
    ----------
    tell : callable
        Brings a page up to date, from the folder of results.
    definitions : tuple of str
        Shipped ones, carried out for it into a folder each; none where a command of its own did it.
    """

    tell: Tell
    definitions: tuple[str, ...] = ()


def keys_tables() -> dict[str, pd.DataFrame]:
    """A row a key, by the name of its table's marks."""
    kinds: dict[str, Table] = {
        "reservoir": COLLECTIVE,
        "resonator": AT_RESONATOR,
        "dicke": CLOSED,
        "run": RUN,
    }
    return {name: _table(keys) for name, keys in kinds.items()}


def _table(keys: Table) -> pd.DataFrame:
    rows = [(f"`{name}`", meaning, default) for name, meaning, default in rows_of(keys)]
    return pd.DataFrame(rows, columns=["key", "meaning", "default"])


def rows_of(table: Table) -> Iterator[tuple[str, str, str]]:
    """Key, meaning and default of all that a table holds, tables' keys by dotted names.

    Keys that several tables share are told once.

    >>> next(rows_of(CLOSED["dicke"].keys))
    ('n_battery', 'number of spins, and of photons at the start', 'required')
    """
    yield from _rows(table, "", {})


def _rows(table: Table, prefix: str, told: dict[int, str]) -> Iterator[tuple[str, str, str]]:
    for key, entry in table.items():
        name = f"{prefix}{'NAME' if key == ANY_NAME else key}"
        inner = entry.keys if isinstance(entry, Section) else entry.table
        first = told.setdefault(id(inner), name)
        again = inner is not None and first != name
        same = f"; keys as in `{first}`" if again else ""
        yield name, _meaning(entry) + same, entry.default
        if inner is not None and not again:
            yield from _rows(inner, f"{name}.", told)


def _meaning(entry: Entry) -> str:
    if isinstance(entry, Section) or len(entry.choices) > 5:
        return entry.meaning
    words = entry.choices or entry.words
    return entry.meaning + (": " + ", ".join(f"`{one}`" for one in words) if words else "")


def _of_tables(tables: Callable[[], Mapping[str, pd.DataFrame]]) -> Study:
    """A page of the program's own tables."""
    return Study(lambda results, page: fill(page, tables()))


STUDIES = {
    "baselines": Study(baselines.tell, baselines.DEFINITIONS),
    "definition": _of_tables(keys_tables),
    "detectors": Study(detectors.tell, detectors.DEFINITIONS),
    "fluctuations": Study(fluctuations.tell, fluctuations.DEFINITIONS),
    "gallery": Study(gallery.tell, gallery.DEFINITIONS),
    "methods": _of_tables(lambda: {"methods": methods_table()}),
    "observables": _of_tables(lambda: {"observables": observables_table()}),
    "paper": Study(paper.tell),
    "planning": Study(planning.tell),
    "regimes": Study(regimes.tell),
}


def make(name: str, page: Path, results: Path = Path()) -> None:
    """Carry out the study of that name on all ranks, and bring `page` up to date on one."""
    study = STUDIES[known_name("study", name, STUDIES)]
    comm = working_communicator()
    console = Console(force_terminal=has_terminal(comm), quiet=rank_of(comm) != 0)
    for definition in study.definitions:
        out = results / definition.replace("/", "-")
        execute(Order(definition, out, "replace", draw=save_figures), comm, console)
    if rank_of(comm) == 0:
        study.tell(results, page)


if __name__ == "__main__":
    with ending_together():
        make(sys.argv[1], *map(Path, sys.argv[2:]))
