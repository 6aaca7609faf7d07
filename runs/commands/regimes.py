"""The command that carries out the crossover study."""

from pathlib import Path
from typing import Annotated

import typer

from runs.commands.speech import console_of
from runs.world import communicator


def regimes(
    out: Annotated[Path | None, typer.Option(help="Result folder (results/regimes).")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing result.")] = False,
) -> None:
    """Where the semiclassical engine may stand in for the exact one, from 3 spins to 10^16.

    Examples:
    darkbattery regimes
    mpirun -n 2 darkbattery regimes --out results/regimes --replace
    """
    from runs.regimes.command import RECORD, make_regimes
    from runs.store import refuse_unusable
    from runs.world import on_root

    comm = communicator()
    folder = out if out is not None else Path("results/regimes")
    on_root(comm, lambda: refuse_unusable(folder, replace, mark=RECORD))
    make_regimes(folder, comm, console_of(comm))
