"""Commands that read a result folder: show, plot."""

from pathlib import Path
from typing import Annotated

import typer

from darkbattery.nvmodel.numbers import counted
from darkbattery.runs.commands.speech import console_of


def show(folder: Annotated[Path, typer.Argument(help="A result folder.")]) -> None:
    """Print a result as a table for people.

    Examples:
    darkbattery show results/charging
    """
    from darkbattery.runs.results.store import load
    from darkbattery.runs.results.summary import runs_line
    from darkbattery.runs.terminal.screen import ResultTables

    result = load(folder)
    console = console_of()
    console.print(ResultTables(result.study))
    if line := runs_line(result.study):
        console.print(line, highlight=False, soft_wrap=True)
    for warning in result.study.warnings:
        whole = not console.is_terminal  # as `run` says them
        console.print(f"warning: {warning}", markup=False, highlight=False, soft_wrap=whole)
    record = result.provenance
    console.print(
        f"seed {record['seed']}, {counted(record['ranks'], 'rank')}, {record['wall_seconds']} s, "
        f"finished {record['finished_utc']}",
        highlight=False,
    )


def plot(folder: Annotated[Path, typer.Argument(help="A result folder.")]) -> None:
    """Draw the figures of a result again.

    Examples:
    darkbattery plot results/charging
    """
    from darkbattery.runs.figures.save import save_figures
    from darkbattery.runs.results.store import FIGURES, load

    for path in save_figures(load(folder).study, folder / FIGURES):
        console_of().print(str(path), highlight=False, soft_wrap=True)
