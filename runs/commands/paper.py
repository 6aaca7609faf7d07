"""The command that reproduces the paper."""

from pathlib import Path
from typing import Annotated

import typer

from runs.commands.speech import console_of
from runs.world import communicator


def paper(
    figure: Annotated[int | None, typer.Option(help="Only this figure, 2 to 6.")] = None,
    out: Annotated[Path | None, typer.Option(help="Result folder (results/paper).")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing result.")] = False,
) -> None:
    """Every figure, equation and claim of the paper, each claim with a verdict.

    Examples:
    darkbattery paper
    darkbattery paper --figure 5 --out results/fig5
    """
    from runs.paper.command import RECORD, layouts_of, make_paper
    from runs.store import refuse_unusable
    from runs.world import on_root

    comm = communicator()
    console = console_of(comm)
    folder = out if out is not None else Path("results/paper")

    def prepare() -> None:
        layouts_of(figure)
        refuse_unusable(folder, replace, mark=RECORD)

    on_root(comm, prepare)
    make_paper(figure, folder, comm, console)
