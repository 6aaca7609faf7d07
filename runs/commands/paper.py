"""The command that reproduces the paper."""

from pathlib import Path
from typing import Annotated

import typer

from darkbattery.runs.commands.options import Replace, TimeLimit
from darkbattery.runs.commands.speech import console_of
from darkbattery.runs.ranks.world import working_communicator


def paper(
    figure: Annotated[int | None, typer.Option(help="Only this figure, 2 to 6.")] = None,
    out: Annotated[Path | None, typer.Option(help="Result folder (results/paper).")] = None,
    replace: Replace = False,
    time_limit: TimeLimit = None,
) -> None:
    """Every figure, equation and claim of the paper, each claim with a verdict.

    Examples:
    darkbattery paper
    darkbattery paper --figure 5 --out results/fig5
    """
    from darkbattery.runs.studies.paper.command import Order, make_paper

    comm = working_communicator()
    folder = out if out is not None else Path("results/paper")
    make_paper(Order(figure, folder, replace, time_limit), comm, console_of(comm))
