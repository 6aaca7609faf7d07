"""The command line. Under mpirun every rank runs this; only rank 0 speaks."""

import os
import sys
import time
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from nvmodel.refusal import InputError
from runs.world import communicator, has_terminal, on_root, rank_of, size_of

BAD_INPUT = 2

app = typer.Typer(
    name="darkbattery",
    help="Charge a quantum battery through dark states: exactly and run by run.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _commands() -> None:
    """Charge a quantum battery through dark states: exactly and run by run."""


@app.command()
def run(
    definition: Annotated[str, typer.Argument(help="A TOML file, or a shipped name (charging).")],
    out: Annotated[Path | None, typer.Option(help="Result folder [results/NAME].")] = None,
    replace: Annotated[bool, typer.Option(help="Replace an existing result.")] = False,
) -> None:
    """Carry out a run definition; under mpirun, on all ranks.

    Examples: darkbattery run charging;  mpirun -n 4 darkbattery run my.toml --out results/mine
    """
    from runs.definition import RunDefinition, find_definition, read_definition
    from runs.figures import save_figures
    from runs.progress import reporter
    from runs.provenance import provenance
    from runs.store import FIGURES, refuse_unusable, save, written_aside
    from runs.study import observables_of, run_study
    from runs.summary import rich_table

    comm = communicator()
    console = Console(force_terminal=has_terminal(comm))
    started = time.perf_counter()

    def prepare() -> tuple[RunDefinition, Path]:
        path = find_definition(definition)
        known = read_definition(path)
        for method in known.methods:
            observables_of(known, method)
        folder = out if out is not None else Path("results") / path.stem
        refuse_unusable(folder, replace)
        return known, folder

    known, folder = on_root(comm, prepare)
    with reporter(console) as progress:
        study = run_study(known, comm, progress)
    if study is None:
        return
    seconds = time.perf_counter() - started
    with written_aside(folder) as aside:
        save(study, provenance(known, size_of(comm), seconds), aside)
        save_figures(study, aside / FIGURES)
    console.print(rich_table(study))
    for warning in study.warnings:
        console.print(f"warning: {warning}")
    where = folder.absolute()
    console.print(f"{seconds:.1f} s on {size_of(comm)} rank(s)", highlight=False)
    console.print(str(where), highlight=False, soft_wrap=True)


@app.command()
def show(folder: Annotated[Path, typer.Argument(help="A result folder.")]) -> None:
    """Print a result as a table for people."""
    from runs.store import load
    from runs.summary import rich_table

    result = load(folder)
    console = Console()
    console.print(rich_table(result.study))
    for warning in result.study.warnings:
        console.print(f"warning: {warning}")
    record = result.provenance
    console.print(
        f"seed {record['seed']}, {record['ranks']} rank(s), {record['wall_seconds']} s, "
        f"finished {record['finished_utc']}",
        highlight=False,
    )


@app.command()
def plot(folder: Annotated[Path, typer.Argument(help="A result folder.")]) -> None:
    """Draw the figures of a result again."""
    from runs.figures import save_figures
    from runs.store import FIGURES, load

    for path in save_figures(load(folder).study, folder / FIGURES):
        Console().print(str(path), highlight=False, soft_wrap=True)


def main() -> None:
    """Entry point: refusals are one line and exit status 2, anything else is a bug with a trace."""
    comm: Any = None
    try:
        comm = communicator()
        if rank_of(comm) != 0:
            silent = open(os.devnull, "w")  # noqa: SIM115 - lives as long as the process
            sys.stdout, sys.stderr = silent, silent
        app(standalone_mode=True)
    except InputError as error:
        print(f"darkbattery: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(BAD_INPUT)
    except OSError as error:
        print(f"darkbattery: {error.filename}: {error.strerror}", file=sys.stderr)  # noqa: T201
        sys.exit(BAD_INPUT)
    except Exception:
        # one rank's failure must not leave the others waiting
        traceback.print_exc(file=sys.__stderr__)
        if comm is not None:
            comm.Abort(1)
        sys.exit(1)
