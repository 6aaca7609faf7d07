"""The command that looks at the machine: doctor."""

from darkbattery.runs.commands.speech import console_of
from darkbattery.runs.ranks.world import communicator, number_of_task


def doctor() -> None:
    """Say which MPI, ranks, cores, threads and versions are used, and warn of usual mistakes.

    Examples:
    darkbattery doctor
    mpirun -n 2 darkbattery doctor
    """
    from rich.table import Table

    from darkbattery.runs.commands.doctor import examine

    comm = communicator()
    facts, warnings = examine(comm)
    if comm is None and number_of_task() > 0:
        return  # several worlds of one: the first speaks for all
    table = Table(show_header=False, box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for fact in facts:
        table.add_row(*fact)
    console = console_of()
    console.print(table)
    for warning in warnings:
        console.print(f"warning: {warning}", markup=False)
