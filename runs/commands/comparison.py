"""Command: results over each other."""

from pathlib import Path
from typing import Annotated

import typer

from darkbattery.runs.commands.speech import console_of


def compare(
    folders: Annotated[list[Path], typer.Argument(help="Result folders, the reference first.")],
    out: Annotated[Path | None, typer.Option(help="Folder for tables and figure.")] = None,
    scaled: Annotated[bool, typer.Option("--scaled", help="Times in 1/(N gamma).")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Also compare what is unlike.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing folder.")] = False,
) -> None:
    """Results of any engine over each other: what agrees within what.

    Examples:
    darkbattery compare exact wigner
    darkbattery compare small large --scaled --out both
    """
    from darkbattery.runs.compare.command import compare_results

    compare_results(folders, out, scaled, anyway, replace, console_of())
