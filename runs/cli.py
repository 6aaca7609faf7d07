"""The command line. Under mpirun every rank runs this; only rank 0 speaks."""

import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import typer

from nvmodel.refusal import InputError
from runs.commands.comparison import compare
from runs.commands.machine import doctor
from runs.commands.paper import paper
from runs.commands.report import report
from runs.commands.results import plot, show
from runs.commands.study import merge, replay, run
from runs.signals import Stopped
from runs.world import communicator, rank_of

BAD_INPUT = 2
STOPPED = 3  # in order, before the end: the same command goes on

# in the order in which --help lists them
COMMANDS: tuple[Callable[..., None], ...] = (
    run,
    merge,
    show,
    replay,
    plot,
    compare,
    report,
    paper,
    doctor,
)

app = typer.Typer(
    name="darkbattery",
    help="Charge a quantum battery through dark states: exactly and run by run.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _command in COMMANDS:
    app.command()(_command)


@app.callback()
def _commands() -> None:
    """Charge a quantum battery through dark states: exactly and run by run."""


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
