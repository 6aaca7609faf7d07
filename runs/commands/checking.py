"""Commands before a study: init writes a definition, schema what it may hold; check, doctor."""

from pathlib import Path
from typing import Annotated

import typer

from darkbattery.nvmodel.refusal import whole_number
from darkbattery.runs.commands.options import Definition, Engine
from darkbattery.runs.commands.speech import console_of
from darkbattery.runs.ranks.world import communicator, number_of_task, on_root, size_of


def init(
    question: Annotated[
        str | None, typer.Argument(help="Which; without one, all of them are listed.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file (QUESTION.toml).")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing file.")] = False,
) -> None:
    """Write a commented run definition for a question, or a device file, to be changed.

    Examples:
    darkbattery init
    darkbattery init device
    darkbattery init power --out my.toml
    """
    from darkbattery.runs.questions import DEVICE, QUESTIONS, write_question
    from darkbattery.runs.terminal.tables import Listing

    comm = communicator()
    console = console_of(comm)
    if question is None:
        columns = ("template", "question that it answers")
        table = Listing("", columns, left=columns, whole=("template",))
        for name, asked in {**QUESTIONS, "device": DEVICE}.items():
            table.add_row(name, asked)
        console.print(table)
        return
    path = on_root(comm, lambda: write_question(question, out, replace))
    console.print(str(path), highlight=False, soft_wrap=True)


def schema() -> None:
    """Print the JSON Schema of run definitions, by which editors complete and check them.

    Examples:
    darkbattery schema > darkbattery.schema.json
    """
    import json

    from darkbattery.runs.definitions.jsonschema import json_schema

    typer.echo(json.dumps(json_schema(), indent=1))


def check(
    definition: Definition,
    ranks: Annotated[
        int | None, typer.Option(help="How many ranks it is meant for (those that ask).")
    ] = None,
    engine: Engine = None,
) -> None:
    """Read a definition and say what it will take, without running it: time and memory of a rank.

    Seconds hold within a factor of three on a machine like this one. What a solver cannot hold is
    refused with the reason.

    Examples:
    darkbattery check charging
    darkbattery check my.toml --ranks 64
    """
    from darkbattery.runs.choice.cost import MANY_TURNS, estimate, field_turns
    from darkbattery.runs.definitions.definition import find_definition, read_definition
    from darkbattery.runs.results.study import refuse_unread
    from darkbattery.runs.terminal.cost_table import cost_table

    comm = communicator()
    console = console_of(comm)
    count = size_of(comm) if ranks is None else whole_number("--ranks", ranks, least=1)

    def tell() -> None:
        read = read_definition(find_definition(definition), engine)
        refuse_unread(read)
        if (turns := field_turns(read)) > MANY_TURNS:
            console.print(
                f"Fields that are sent in turn spins up to {turns:,.0f} times. Each turn is "
                "followed, in the trials that come now, too: this may take minutes. A field as "
                "strong as its pulse needs takes least; a pulse without a duration takes no time.",
                highlight=False,
            )
        console.print(cost_table(read, estimate(read), count))

    on_root(comm, tell)


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
