"""Published devices as tables for people."""

import math
from dataclasses import replace

from rich.table import Table

from meanfield.linear import threshold_cooperativity
from nvmodel.datasheet import Device, Quantity
from nvmodel.devices import DEVICES
from nvmodel.resonator import ResonatorBattery
from nvmodel.split import resonator_battery
from runs.experiments import comparisons


def overview() -> Table:
    """One row a device."""
    table = Table(title="published devices (frequencies are ordinary, widths FWHM)")
    table.add_column("name", no_wrap=True)
    table.add_column("what")
    for column in ("f (GHz)", "kappa (MHz)", "spins", "g sqrt(N) (MHz)", "line (MHz)", "T (K)"):
        table.add_column(column, justify="right")
    table.add_column("assumed", justify="right")
    for device in DEVICES.values():
        quantities = device.quantities
        guesses = sum(quantity.status == "assumed" for quantity in quantities.values())
        table.add_row(
            device.name,
            device.title,
            f"{device.frequency_hz.converted / 1e9:.4g}",
            f"{device.linewidth_fwhm_hz.converted / 1e6:.3g}",
            f"{device.number:.2g}",
            f"{device.coupling_hz * math.sqrt(device.number) / 1e6:.3g}",
            f"{device.spin_linewidth_fwhm_hz.converted / 1e6:.3g}",
            f"{device.temperature_k.converted:g}",
            f"{guesses} of {len(quantities)}",
        )
    return table


def data_sheet(device: Device) -> Table:
    """Every quantity as published and converted, with its source and status."""
    table = Table(title=f"{device.title}\n{device.reference}")
    for column in ("field", "as published", "converted", "range", "status", "source"):
        table.add_column(column, no_wrap=column == "field")
    for name, quantity in device.quantities.items():
        low, high = quantity.range
        table.add_row(
            name,
            _published(quantity),
            f"{quantity.converted:.6g}",
            "" if low == high else f"{low:.3g} to {high:.3g}",
            quantity.status,
            quantity.source,
        )
    line: str = device.line_shape
    if device.hyperfine_hz is not None:
        line += f", {device.hyperfine_lines} components"
    table.add_row("line_shape", line, "", "", "", "")
    return table


def derived(device: Device) -> list[str]:
    """What follows from the sheet, one line each."""
    model = resonator_battery(device, ratio=1.0)
    # all spins inverted, as for a burst without a battery
    maser = ResonatorBattery(replace(model.charger, number=round(device.number)), model.resonator)
    collective = device.coupling_hz * math.sqrt(device.number)
    kappa = device.linewidth_fwhm_hz.converted
    lines = [
        f"coupling of one spin g_0/2pi: {device.coupling_hz:.3g} Hz",
        f"collective coupling g_0 sqrt(N)/2pi: {collective / 1e6:.3g} MHz",
        f"kappa/(g_0 sqrt(N)): {kappa / collective:.3g} (bad cavity where far above 2)",
        f"cooperativity of all spins, inverted as given: {threshold_cooperativity(maser):.3g} "
        "(burst above 1)",
        f"thermal photons: {model.nbar:.3g}",
    ]
    if device.note:
        lines.append(f"note: {device.note}")
    return lines


def comparison_table() -> Table:
    """Measured numbers beside ours."""
    table = Table(title="published and computed")
    for column in ("device", "quantity", "published", "computed", "unit", "remark"):
        right = column in ("published", "computed")
        table.add_column(column, justify="right" if right else "left")
    for row in comparisons():
        published = "" if row.published is None else f"{row.published:.5g}"
        found = f"{row.found:.5g}"
        table.add_row(row.device, row.quantity, published, found, row.unit, row.remark)
    return table


def _published(quantity: Quantity) -> str:
    parts = [f"{quantity.value:g}"]
    if quantity.unit != "1":
        parts.append(quantity.unit)
    if quantity.convention != "plain":
        parts.append(quantity.convention)
    return " ".join(parts)
