"""Commands that read a result folder: show, plot."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def show(folder: Annotated[Path, typer.Argument(help="A result folder.")]) -> None:
    """Print a result as a table for people."""
    from runs.store import load
    from runs.summary import rich_table

    result = load(folder)
    console = Console()
    console.print(rich_table(result.study))
    for warning in result.study.warnings:
        console.print(f"warning: {warning}", markup=False)
    record = result.provenance
    console.print(
        f"seed {record['seed']}, {record['ranks']} rank(s), {record['wall_seconds']} s, "
        f"finished {record['finished_utc']}",
        highlight=False,
    )


def plot(folder: Annotated[Path, typer.Argument(help="A result folder.")]) -> None:
    """Draw the figures of a result again."""
    from runs.figures import save_figures
    from runs.store import FIGURES, load

    for path in save_figures(load(folder).study, folder / FIGURES):
        Console().print(str(path), highlight=False, soft_wrap=True)
