"""The cost of a definition as a table for people."""

from rich.console import Group
from rich.text import Text

from darkbattery.runs.choice.cost import Estimate
from darkbattery.runs.definitions.definition import RunDefinition
from darkbattery.runs.terminal.tables import Listing


def cost_table(definition: RunDefinition, estimate: Estimate, ranks: int) -> Group:
    """What a definition will take, a row a method."""
    many = f"on {ranks} rank{'s' if ranks != 1 else ''}"
    columns = ("method", "points", "one core", many, "memory\nof a rank")
    table = Listing(definition.title, columns, left=("method",))
    points = str(len(definition.points()))
    for cost in estimate.costs:
        name: str = cost.method
        if name == "sample":
            name += f", {definition.runs:,} runs a point"
        if definition.precision is not None:
            name += " at most"
        table.add_row(
            name,
            points,
            duration(cost.seconds),
            duration(cost.on_ranks(ranks)),
            f"+ {size(cost.bytes)}",
        )
    total = sum(cost.on_ranks(ranks) for cost in estimate.costs)
    seconds = sum(cost.seconds for cost in estimate.costs)
    table.add_row("all", points, duration(seconds), duration(total), size(estimate.rank_bytes))
    folder = f"result folder: at most {size(estimate.disk_bytes)} and figures"
    return Group(table, Text(folder))


def duration(seconds: float) -> str:
    """Such as 0.3 s, 12 min, 3.4 h, 2.1 days.

    >>> duration(0.31), duration(700.0), duration(1e5), duration(0.02)
    ('0.3 s', '12 min', '28 h', '< 0.1 s')
    """
    if seconds < 0.05:
        return "< 0.1 s"
    for unit, length, most in (("s", 1.0, 120.0), ("min", 60.0, 7200.0), ("h", 3600.0, 172800.0)):
        if seconds < most:
            return f"{_two_digits(seconds / length)} {unit}"
    return f"{_two_digits(seconds / 86400.0)} days"


def size(count: float) -> str:
    """Bytes such as 12 kB, 1.4 GB.

    >>> size(12_000), size(1.42e9)
    ('12 kB', '1.4 GB')
    """
    for unit, length in (("kB", 1e3), ("MB", 1e6), ("GB", 1e9)):
        if count < 1000.0 * length or unit == "GB":
            return f"{_two_digits(count / length)} {unit}"
    raise AssertionError


def _two_digits(value: float) -> str:
    return f"{value:.1f}" if value < 9.95 else f"{value:,.0f}"
