"""The command that carries out the crossover study."""

from pathlib import Path
from typing import Annotated

import typer

from darkbattery.runs.commands.options import Replace, TimeLimit
from darkbattery.runs.commands.speech import console_of
from darkbattery.runs.ranks.world import working_communicator


def regimes(
    out: Annotated[Path | None, typer.Option(help="Result folder (results/regimes).")] = None,
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
    folder = out if out is not None else Path("results/regimes")
    make_regimes(Order(folder, replace, time_limit), comm, console_of(comm))
