"""Published devices and NV centres as tables for people."""

import math
from collections.abc import Iterable
from dataclasses import replace

from rich.console import Group
from rich.text import Text

from darkbattery.meanfield.averages.linear import threshold_cooperativity
from darkbattery.nvmodel.devices.datasheet import Device, Quantity
from darkbattery.nvmodel.devices.published import DEVICES
from darkbattery.nvmodel.devices.split import resonator_battery
from darkbattery.nvmodel.numbers import between, in_unit
from darkbattery.nvmodel.nv.levels import AXES, Branch, Diamond, zero_field_splitting
from darkbattery.nvmodel.nv.twolevel import BRANCHES, lines, two_level
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.resonator import ResonatorBattery
from darkbattery.runs.studies.experiments import Comparison
from darkbattery.runs.terminal.tables import Footnotes, Listing

LONG = 16  # letters of a range that fit beside the other columns
ELEMENT = "matrix element: |<e|n.S|g>| with n along the resonator's field"
AXIS_NAMES = ("[1 1 1]", "[1 -1 -1]", "[-1 1 -1]", "[-1 -1 1]")


def overview() -> Group:
    """One row a device; below, what each of them is."""
    headings = ("f\n(GHz)", "kappa\n(MHz)", "spins", "g sqrt N\n(MHz)", "line\n(MHz)", "T\n(K)")
    table = Listing("", ("name", *headings, "assumed"), left=("name",))
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
    what = [Text(f"{device.name}: {device.title}") for device in DEVICES.values()]
    return Group(
        table,
        Text("Frequencies are ordinary ones, kappa and line are full widths at half maximum."),
        *what,
        Text("darkbattery devices NAME: every number of one of them, with its source"),
    )


def data_sheet(device: Device) -> Group:
    """Every quantity as published and as the program takes it; sources below."""
    notes = Footnotes()
    columns = ("field", "as published", "taken as", "range", "status")
    table = Listing(device.title, columns, left=("field", "range", "status"), whole=("field",))
    for name, quantity in device.quantities.items():
        low, high = quantity.range
        unit = quantity.base_unit
        # of a polarised excess the spins are all that it takes
        value = device.number if quantity is device.spins else quantity.converted
        same = quantity.factor == 1.0 and value == quantity.converted
        published = " ".join(filter(None, (in_unit(quantity.value, quantity.unit, 6),
                                           _convention(quantity))))  # fmt: skip
        table.add_row(
            name,
            published,
            # said again only where the convention changes it
            "" if same else in_unit(value, unit, 6),
            "" if low == high else _whole(between(low, high, unit)),
            f"{quantity.status} {notes.mark(quantity.source)}",
        )
    shape: str = device.line_shape
    components = len(device.measured.hyperfine_hz) or device.hyperfine_lines
    if components > 1:
        shape += f", {components} components"
    if device.measured.axes:
        shape += f", {len(device.measured.axes)} axes"
    return Group(
        table,
        Text(f"line_shape: {shape}"),
        Text(f"device: {device.reference}"),
        *notes.lines(),
    )


def _whole(span: str) -> str:
    """A long range in two lines that begin with numbers, not with a unit."""
    return span.replace(" to ", " to\n") if len(span) > LONG else span


def _convention(quantity: Quantity) -> str:
    return "" if quantity.convention == "plain" else quantity.convention


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
) -> tuple[Listing, list[str]]:
    """Both transitions of the four axes; what a column is, and what speaks against two levels."""
    splitting = zero_field_splitting(diamond.temperature_k) / 1e6
    table = Listing(
        f"Transitions from the ground state; zero-field splitting D = {splitting:.2f} MHz",
        ("axis", "to\nlevel", "f (MHz)", "matrix\nelement", "polarised", "hyperfine\n(MHz)"),
        left=("axis", "to\nlevel"),
        whole=("axis",),
    )
    doubts: dict[str, list[str]] = {}
    for axis in range(len(AXES)):
        for branch in BRANCHES:
            pair = two_level(diamond, axis, direction, branch)
            table.add_row(
                AXIS_NAMES[axis],
                branch,
                f"{pair.frequency_hz / 1e6:.3f}",
                f"{pair.element:.4f}",
                f"{pair.polarisation:.3g}",
                _hyperfine(diamond, axis, direction, branch) if pair.element > 0.0 else "",
            )
            for doubt in pair.doubts(bandwidth_hz):
                doubts.setdefault(doubt, []).append(f"{AXIS_NAMES[axis]} {branch}")
    total = len(AXES) * len(BRANCHES)
    against = [
        f"not two levels, {'all of them' if len(which) == total else ', '.join(which)}: {doubt}"
        for doubt, which in doubts.items()
    ]
    return table, [ELEMENT, *against]


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


def comparison_table(rows: Iterable[Comparison]) -> Group:
    """Measured numbers beside ours, those of a device together."""
    notes = Footnotes()
    columns = ("quantity", "published", "computed", "unit", "remark")
    title = "Published and computed (a dash: the source gives no number)"
    table = Listing(title, columns, left=("quantity", "unit", "remark"))
    device = ""
    for row in rows:
        if row.device != device:
            device = row.device
            table.add_row(device, style="bold")
        published = "-" if row.published is None else f"{row.published:.5g}"
        found, mark = f"{row.found:.5g}", notes.mark(row.remark)
        table.add_row(f"  {row.quantity}", published, found, row.unit, mark)
    return Group(table, *notes.lines())
