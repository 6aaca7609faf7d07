"""Commands about experiments: devices, diamond, plan, fit."""

from pathlib import Path
from typing import Annotated

import typer

from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.commands.options import Replace, TimeLimit
from darkbattery.runs.commands.speech import console_of
from darkbattery.runs.ranks.world import working_communicator


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


def diamond(
    field: Annotated[
        tuple[float, float, float],
        typer.Option(help="Magnetic field along the cubic axes, tesla."),
    ] = (0.0, 0.0, 0.0),
    temperature: Annotated[float, typer.Option(help="Kelvin, 0 to 500.")] = 300.0,
    nitrogen: Annotated[int, typer.Option(help="14, 15, or 0 to leave the nucleus out.")] = 14,
    strain: Annotated[float, typer.Option(help="E of the spectrum without a field, Hz.")] = 0.0,
    direction: Annotated[
        tuple[float, float, float],
        typer.Option(help="Of the resonator's magnetic field, along the cubic axes."),
    ] = (1.0, 0.0, 0.0),
    bandwidth: Annotated[
        float, typer.Option(help="Largest of coupling and widths, Hz, to judge two levels by.")
    ] = 1e7,
) -> None:
    """Transitions of NV centres in a field, and whether two levels are a spin 1/2.

    Example: darkbattery diamond --field 0 0 9.4e-3 --temperature 0.025
    """
    from darkbattery.nvmodel.nv.levels import Diamond, Strain
    from darkbattery.runs.studies.devices import transitions

    centre = Diamond(
        field_t=field,
        temperature_k=temperature,
        nitrogen=nitrogen or None,
        strain=Strain(m_x_hz=strain),
    )
    console = console_of()
    table, remarks = transitions(centre, direction, bandwidth)
    console.print(table)
    for remark in remarks:
        console.print(remark, highlight=False, markup=False)


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
