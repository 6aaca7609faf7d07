"""The command that fits a device to measured traces."""

from pathlib import Path
from typing import Annotated

import typer

from darkbattery.runs.commands.options import Replace
from darkbattery.runs.commands.speech import console_of


def fit(
    device: Annotated[
        str,
        typer.Argument(metavar="DEVICE|FILE", help="A published device, or a device file."),
    ],
    data: Annotated[
        list[Path], typer.Option(help="A trace, CSV or Touchstone; once for each of several.")
    ],
    free: Annotated[str, typer.Option(help="Quantities to be found, with commas between them.")],
    nuisance: Annotated[
        str, typer.Option(help="What else is free: s21.background, burst.gain, esr.none, ...")
    ] = "",
    posterior: Annotated[
        int, typer.Option(help="Steps of an ensemble sampler; 0: errors of the least squares.")
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of the sampler.")] = 1,
    out: Annotated[Path | None, typer.Option(help="Result folder (results/fit-DEVICE).")] = None,
    replace: Replace = False,
) -> None:
    """From measured traces to a device with errors, which plan takes.

    Examples:
    darkbattery fit device.toml --data s21.csv --free coupling_hz,line_fwhm_hz
    darkbattery fit kersten2023 --data s21.s2p --data burst.csv --free coupling_hz,inversion
    """
    from darkbattery.runs.fit.command import Order, execute

    named = tuple(filter(None, (text.strip() for text in free.split(","))))
    extra = tuple(filter(None, (text.strip() for text in nuisance.split(","))))
    order = Order(device, tuple(data), named, extra, posterior, seed, out, replace)
    execute(order, console_of())
