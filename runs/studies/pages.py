"""Pages of the docs made of what their studies found.

`python -m darkbattery.runs.studies.pages NAME PAGE RESULTS` makes one, such as `fluctuations
docs/fluctuations.md results/fluctuations`. The study's definitions are carried out into the folder
RESULTS (under mpirun on all ranks), and the page is told what they gave: its tables stand between
marks, its figures beside it. What needs no results, as the table of all methods, is made of the
program's own tables.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from rich.console import Console

from darkbattery.nvmodel.refusal import InputError, known_name
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
from darkbattery.runs.studies.reference.definition import keys_tables
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


def main(given: list[str]) -> None:
    """`make` as the command line asks for it."""
    if len(given) not in (2, 3):
        raise InputError("arguments", given, "must be NAME PAGE, or NAME PAGE RESULTS")
    make(given[0], *map(Path, given[1:]))


if __name__ == "__main__":
    with ending_together():
        main(sys.argv[1:])
