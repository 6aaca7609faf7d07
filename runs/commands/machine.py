"""The command that looks at the machine: doctor."""

from rich.console import Console

from runs.world import communicator


def doctor() -> None:
    """Say which MPI, ranks, cores, threads and versions are used, and warn of usual mistakes."""
    from rich.table import Table

    from runs.doctor import examine

    facts, warnings = examine(communicator())
    table = Table(show_header=False)
    for fact in facts:
        table.add_row(*fact)
    console = Console()
    console.print(table)
    for warning in warnings:
        console.print(f"warning: {warning}", soft_wrap=True)
