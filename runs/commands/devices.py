"""The command that shows published devices: devices."""

from typing import Annotated

import typer

from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.commands.speech import console_of


def devices(
    name: Annotated[
        str | None, typer.Argument(help="One of them, or a device file; none lists all.")
    ] = None,
    check: Annotated[
        str | None,
        typer.Option("--check", help="Say what a device file lacks, contradicts or has unlikely."),
    ] = None,
    checks: Annotated[
        bool, typer.Option("--checks", help="Compare what was measured with what is computed.")
    ] = False,
) -> None:
    """Published devices: every number with unit, convention, source and status.

    Examples:
    darkbattery devices
    darkbattery devices putz2014
    darkbattery devices --check device.toml
    darkbattery devices --checks
    """
    from darkbattery.runs.definitions.devicefile import device_named, doubts
    from darkbattery.runs.studies.devices import comparison_table, data_sheet, derived, overview
    from darkbattery.runs.studies.experiments import comparisons

    console = console_of()
    if checks:
        if name is not None:
            raise InputError("--checks", name, "takes no name: all devices are compared")
        console.print(comparison_table(comparisons()))
        return
    if check is not None:
        own = device_named("--check", check)
        found = doubts(own)
        for line in found:
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        missing = "no doubts" if not found else f"{len(found)} to look at"
        console.print(f"{own.name}: {len(own.quantities)} quantities, {missing}", highlight=False)
        return
    if name is None:
        console.print(overview())
        return
    device = device_named("device", name)
    console.print(data_sheet(device))
    for line in derived(device):
        console.print(line, highlight=False, markup=False)
