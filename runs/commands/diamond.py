"""The command that looks at NV centres in a field: diamond."""

from typing import Annotated

import typer

from darkbattery.runs.commands.speech import console_of


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
