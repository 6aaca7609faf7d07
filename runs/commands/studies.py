"""Commands that make our own studies again: paper, regimes."""

from pathlib import Path
from typing import Annotated

import typer

from darkbattery.runs.commands.options import Replace, TimeLimit
from darkbattery.runs.commands.speech import console_of
from darkbattery.runs.ranks.world import working_communicator


def paper(
    figure: Annotated[int | None, typer.Option(help="Only this figure, 2 to 6.")] = None,
    out: Annotated[Path, typer.Option(help="Result folder.")] = Path("results/paper"),
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
    make_paper(Order(figure, out, replace, time_limit), comm, console_of(comm))


def regimes(
    out: Annotated[Path, typer.Option(help="Result folder.")] = Path("results/regimes"),
    replace: Replace = False,
    time_limit: TimeLimit = None,
) -> None:
    """Where the semiclassical engine may stand in for the exact one, from 3 spins to 10^16.

    Examples:
    darkbattery regimes
    mpirun -n 2 darkbattery regimes --out results/regimes --replace
    """
    from darkbattery.runs.studies.regimes.command import Order, make_regimes

    comm = working_communicator()
    make_regimes(Order(out, replace, time_limit), comm, console_of(comm))
