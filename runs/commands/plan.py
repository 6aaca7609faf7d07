"""The command that plans an experiment."""

from pathlib import Path
from typing import Annotated

import typer

from darkbattery.runs.commands.options import Replace, TimeLimit
from darkbattery.runs.commands.speech import console_of
from darkbattery.runs.ranks.world import working_communicator


def plan(
    name: Annotated[
        str,
        typer.Argument(
            metavar="DEVICE|FILE", help="A published device, or a TOML file of one or of a model."
        ),
    ],
    ratio: Annotated[
        float | None, typer.Option(help="N_C/N_B (5 for a device, the file's own).")
    ] = None,
    vary: Annotated[
        list[str] | None,
        typer.Option(help="FIELD=start:stop:points, or with :log; twice for a map of two."),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(help="Draws from the device's errors (64 of a fitted one, 32 of a sequence)."),
    ] = None,
    scaling: Annotated[
        list[str] | None,
        typer.Option(help="spins=start:stop or ratio=start:stop: exponents of power and energy."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Result folder (results/plan-NAME).")] = None,
    replace: Replace = False,
    time_limit: TimeLimit = None,
) -> None:
    """From a device's data sheet to joules, watts, storage time, and what limits most.

    A file with a protocol is followed through its stages.

    Examples:
    darkbattery plan kersten2023 --ratio 5
    darkbattery plan results/fit-device/device.toml --scaling spins=3e11:3e13
    mpirun -n 4 darkbattery plan angerer2018 --vary cooperativity=1:20:20 --vary ratio=2:10:20
    """
    from darkbattery.runs.plan.command import Order, execute

    comm = working_communicator()
    varied, asked = tuple(vary or ()), tuple(scaling or ())
    order = Order(name, ratio, varied, out, replace, time_limit, draws, asked)
    execute(order, comm, console_of(comm))
