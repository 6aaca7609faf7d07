"""The command line. Under mpirun every rank runs this; only rank 0 speaks."""

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from nvmodel.refusal import InputError, finite_number
from runs.signals import Stopped
from runs.world import communicator, has_terminal, rank_of

BAD_INPUT = 2
STOPPED = 3  # in order, before the end: the same command goes on

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
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing result.")] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start anew instead of going on.")
    ] = False,
    extend: Annotated[
        bool, typer.Option("--extend", help="Carry an existing result on to more runs.")
    ] = False,
    time_limit: Annotated[
        float | None, typer.Option(help="Stop in order after so many seconds.")
    ] = None,
    checkpoint_interval: Annotated[float, typer.Option(help="Seconds between checkpoints.")] = 60.0,
) -> None:
    """Carry out a run definition; under mpirun, on all ranks.

    An unfinished study is gone on with. SIGTERM, SIGINT, SIGUSR1 and --time-limit stop it in order:
    it is kept, and the exit status is 3.

    Examples: darkbattery run charging;  mpirun -n 4 darkbattery run my.toml --out results/mine
    """
    from runs.execute import Existing, Order, execute

    chosen: list[Existing] = []
    if replace:
        chosen.append("replace")
    if restart:
        chosen.append("restart")
    if extend:
        chosen.append("extend")
    if len(chosen) > 1:
        raise InputError("options", [f"--{name}" for name in chosen], "give one of them")
    if time_limit is not None:
        finite_number("--time-limit", time_limit, least=0.0, exclusive=True)
    finite_number("--checkpoint-interval", checkpoint_interval, least=0.0)
    existing = chosen[0] if chosen else "refuse"
    comm = communicator()
    console = Console(force_terminal=has_terminal(comm))
    execute(Order(definition, out, existing, time_limit, checkpoint_interval), comm, console)


@app.command()
def merge(
    folders: Annotated[list[Path], typer.Argument(help="Result folders of one study.")],
    out: Annotated[Path, typer.Option(help="Result folder of the whole.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing result.")] = False,
) -> None:
    """Join results of adjoining ranges of runs (run.first, run.runs), as if made at once."""
    from runs.execute import merge_results

    merge_results(folders, out, replace, Console())


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
def replay(
    folder: Annotated[Path, typer.Argument(help="A result folder with single runs.")],
    run: Annotated[int, typer.Option(help="Index of the run.")],
    point: Annotated[int, typer.Option(help="Number of the sweep's point, from 0.")] = 0,
) -> None:
    """Make one run again, to the bit, with its photons and its conditional state."""
    from runs.replay import DRAWN, save_replay
    from runs.replay import replay as again
    from runs.store import load

    one = again(load(folder), run, point)
    console = Console()
    last = one.states.iloc[-1]
    known = ", ".join(f"{name} {last[name]:.6g}" for name in DRAWN if name in last)
    console.print(f"run {run}, {len(one.jumps)} jumps; at the last time: {known}", highlight=False)
    for path in save_replay(one, folder / "replay", f"point-{point}-run-{run}"):
        console.print(str(path), highlight=False, soft_wrap=True)


@app.command()
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


@app.command()
def plot(folder: Annotated[Path, typer.Argument(help="A result folder.")]) -> None:
    """Draw the figures of a result again."""
    from runs.figures import save_figures
    from runs.store import FIGURES, load

    for path in save_figures(load(folder).study, folder / FIGURES):
        Console().print(str(path), highlight=False, soft_wrap=True)


@app.command()
def paper(
    figure: Annotated[int | None, typer.Option(help="Only this figure, 2 to 6.")] = None,
    out: Annotated[Path | None, typer.Option(help="Result folder [results/paper].")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing result.")] = False,
) -> None:
    """Every figure, equation and claim of the paper, each claim with a verdict.

    Examples: darkbattery paper;  darkbattery paper --figure 5 --out results/fig5
    """
    from runs.paper.command import RECORD, layouts_of, make_paper
    from runs.store import refuse_unusable
    from runs.world import on_root

    comm = communicator()
    console = Console(force_terminal=has_terminal(comm))
    folder = out if out is not None else Path("results/paper")

    def prepare() -> None:
        layouts_of(figure)
        refuse_unusable(folder, replace, mark=RECORD)

    on_root(comm, prepare)
    make_paper(figure, folder, comm, console)


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
    except Stopped:
        sys.exit(STOPPED)
    except OSError as error:
        print(f"darkbattery: {error.filename}: {error.strerror}", file=sys.stderr)  # noqa: T201
        sys.exit(BAD_INPUT)
    except Exception:
        # one rank's failure must not leave the others waiting
        traceback.print_exc(file=sys.__stderr__)
        if comm is not None:
            comm.Abort(1)
        sys.exit(1)
