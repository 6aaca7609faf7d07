"""Published devices and NV centres as tables for people."""

import math
from dataclasses import replace

from rich import box
from rich.table import Table

from meanfield.linear import threshold_cooperativity
from nvmodel.datasheet import Device, Quantity
from nvmodel.devices import DEVICES
from nvmodel.diamond import AXES, Branch, Diamond, zero_field_splitting
from nvmodel.refusal import InputError
from nvmodel.resonator import ResonatorBattery
from nvmodel.split import resonator_battery
from nvmodel.twolevel import BRANCHES, lines, two_level
from runs.experiments import comparisons

AXIS_NAMES = ("[1 1 1]", "[1 -1 -1]", "[-1 1 -1]", "[-1 -1 1]")


def overview() -> Table:
    """One row a device."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    table.add_column("name", no_wrap=True)
    headings = ("f\n(GHz)", "kappa\n(MHz)", "spins", "g sqrt N\n(MHz)", "line\n(MHz)", "T\n(K)")
    for column in (*headings, "assumed"):
        table.add_column(column, justify="right", no_wrap=True)
    what = [f"{device.name}: {device.title}" for device in DEVICES.values()]
    table.caption = "\n".join(["frequencies are ordinary, widths FWHM", *what])
    table.caption_justify = "left"
    for device in DEVICES.values():
        quantities = device.quantities
        guesses = sum(quantity.status == "assumed" for quantity in quantities.values())
        table.add_row(
            device.name,
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


def transitions(
    diamond: Diamond, direction: tuple[float, float, float], bandwidth_hz: float
) -> tuple[Table, list[str]]:
    """Both transitions of the four axes, and what speaks against two levels, one line each."""
    table = Table(title=f"D = {zero_field_splitting(diamond.temperature_k) / 1e6:.2f} MHz")
    table.add_column("axis")
    table.add_column("to the")
    for column in ("f (MHz)", "|<e|n.S|g>|", "polarised", "hyperfine (MHz)"):
        table.add_column(column, justify="right")
    remarks = []
    for axis in range(len(AXES)):
        for branch in BRANCHES:
            pair = two_level(diamond, axis, direction, branch)
            table.add_row(
                AXIS_NAMES[axis],
                f"{branch} level",
                f"{pair.frequency_hz / 1e6:.3f}",
                f"{pair.element:.4f}",
                f"{pair.polarisation:.3g}",
                _hyperfine(diamond, axis, direction, branch) if pair.element > 0.0 else "",
            )
            for doubt in pair.doubts(bandwidth_hz):
                remarks.append(f"not two levels, {AXIS_NAMES[axis]} {branch}: {doubt}")
    return table, remarks


def _hyperfine(
    diamond: Diamond, axis: int, direction: tuple[float, float, float], branch: Branch
) -> str:
    """Lines with more than a hundredth of the strength, from the mean."""
    try:
        found = lines(diamond, axis, direction, branch)
    except InputError:  # lines of m_s = +-1 overlap, as they do without a field
        return "overlap"
    centre = float(found.frequencies_hz @ found.strengths)
    strong = found.frequencies_hz[found.strengths > 0.01] - centre
    return " ".join(f"{x / 1e6:+.2f}" for x in strong) if strong.size > 1 else ""


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
