"""The command that plans an experiment."""

from pathlib import Path
from typing import Annotated

import typer

from darkbattery.runs.commands.options import Replace, TimeLimit
from darkbattery.runs.commands.speech import console_of
from darkbattery.runs.world import working_communicator


def plan(
    name: Annotated[
        str, typer.Argument(metavar="DEVICE|FILE", help="A published device, or a TOML file.")
    ],
    ratio: Annotated[
        float | None, typer.Option(help="N_C/N_B (5 for a device, the file's own).")
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(help="FIELD=start:stop:points, or with :log; twice for a map of two."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Result folder (results/plan-NAME).")] = None,
    replace: Replace = False,
    time_limit: TimeLimit = None,
) -> None:
    """From a device's data sheet to joules, watts, storage time, and what limits most.

    Examples:
    darkbattery plan kersten2023 --ratio 5
    mpirun -n 4 darkbattery plan angerer2018 --vary cooperativity=1:20:20 --vary ratio=2:10:20
    """
    from darkbattery.runs.plan.command import Order, execute

    comm = working_communicator()
    order = Order(name, ratio, tuple(vary or ()), out, replace, time_limit)
    execute(order, comm, console_of(comm))
