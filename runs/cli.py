"""The command line. Under mpirun every rank runs this; only rank 0 speaks."""

import functools
import gc
import inspect
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from darkbattery.nvmodel import kernelcache
from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.commands.checking import check, doctor, init, schema
from darkbattery.runs.commands.devices import devices, diamond, fit, plan
from darkbattery.runs.commands.output import forgiving
from darkbattery.runs.commands.results import compare, plot, report, show
from darkbattery.runs.commands.speech import Loudness, ask_for
from darkbattery.runs.commands.studies import paper, regimes
from darkbattery.runs.commands.study import merge, replay, run
from darkbattery.runs.ranks.signals import Stopped
from darkbattery.runs.ranks.world import (
    BAD_INPUT,
    STOPPED,
    communicator,
    ending_together,
    on_root,
    rank_of,
)

# in the order in which --help lists them
COMMANDS: tuple[Callable[..., None], ...] = (
    init,
    schema,
    check,
    run,
    merge,
    show,
    replay,
    plot,
    compare,
    report,
    paper,
    regimes,
    plan,
    fit,
    devices,
    diamond,
    doctor,
)

# these share their work, or look at every rank; all others are rank 0's
ON_ALL_RANKS = (init, check, run, report, paper, regimes, plan, doctor)

# typer carries its own copy of click, or needs click itself: this is the one that it raises
UsageError: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError"
)

# by a word of what typer says of a value that is none, whichever its version
NUMBERS = {"integer": "a whole number", "number": "a number", "float": "a number"}

EXIT_STATUSES = """Exit status: 0 done; 1 a fault of ours, with a trace; 2 bad input, one line on
standard error; 3 stopped in order before the end, and the same command goes on."""


class EverywhereGroup(TyperGroup):
    """Takes --quiet and --verbose before the command's name and after it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Move them to the front, as far as "--"."""
        end = args.index("--") if "--" in args else len(args)
        global_ = [a for a in args[:end] if a in ("-q", "--quiet", "-v", "--verbose")]
        rest = [a for a in args[:end] if a not in global_]
        return super().parse_args(ctx, [*global_, *rest, *args[end:]])


app = typer.Typer(
    name="darkbattery",
    cls=EverywhereGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def described(command: Callable[..., None]) -> tuple[str, str]:
    """What a command's docstring says, and its examples, line by line.

    They follow "Examples:", on lines of their own or one after the other with ";" between them.
    Under `python -OO` there are no docstrings, and nothing to say.
    """
    text, *rest = re.split(
        r"^Examples?:", inspect.cleandoc(command.__doc__ or ""), maxsplit=1, flags=re.MULTILINE
    )
    examples = rest[0] if rest else ""
    if examples.startswith("\n"):
        lines = examples.split("\n")
    else:
        lines = " ".join(examples.split()).split(";")
    shown = [line.strip() for line in lines if line.strip()]
    # a paragraph is one line: the help breaks it where the terminal ends
    text = "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))
    return text, "\n\n".join(["Examples:", *shown]) if shown else ""


def on_rank_0(command: Callable[..., None]) -> Callable[..., None]:
    """A command that knows nothing of ranks, carried out on rank 0 alone."""

    @functools.wraps(command)
    def alone(*arguments: Any, **options: Any) -> None:
        on_root(communicator(), lambda: command(*arguments, **options))

    return alone


for _command in COMMANDS:
    _help, _examples = described(_command)
    _shared = _command if _command in ON_ALL_RANKS else on_rank_0(_command)
    app.command(help=_help, epilog=_examples)(_shared)


def _tell_version(asked: bool) -> None:
    if not asked:
        return
    try:
        version = metadata.version("darkbattery")
    except metadata.PackageNotFoundError:
        version = "of a source tree, not installed"
    print(f"darkbattery {version}")  # noqa: T201
    raise typer.Exit


@app.callback(epilog=EXIT_STATUSES)
def _commands(
    context: typer.Context,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say nothing but warnings and refusals.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also say what is done, and trace refusals.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_tell_version, is_eager=True, help="The version.")
    ] = False,
) -> None:
    """Charge a quantum battery through dark states: exactly and run by run."""
    if quiet and verbose:
        raise InputError("options", ["--quiet", "--verbose"], "give one of them")
    ask_for(Loudness(quiet, verbose))
    if context.invoked_subcommand != "doctor":  # which always answers
        kernelcache.refuse_uncompiled()


def usage_line(error: Any, arguments: Sequence[str], commands: Sequence[str]) -> str:
    """What is wrong with `arguments`, and where to read what is allowed; "" after the help's text.

    >>> usage_line(UsageError("Missing argument 'folder'."), ["show"], ["show"])
    "missing argument 'folder' (darkbattery show --help says what there is)"
    """
    if number := _not_a_number(error, arguments):
        return number
    said = " ".join(error.format_message().split()).rstrip(".?")
    said = (said[:1].lower() + said[1:]).replace(". Did you", "; did you")
    command = next((word for word in arguments if word in commands), "")
    page = " ".join(filter(None, ["darkbattery", command, "--help"]))
    return f"{said} ({page} says what there is)" if said else ""


def _not_a_number(error: Any, arguments: Sequence[str]) -> str:
    words = error.format_message()
    number = next((kind for word, kind in NUMBERS.items() if word in words), None)
    for name in getattr(getattr(error, "param", None), "opts", ()):
        if number and (value := _given(name, arguments)) is not None:
            return f"{name} = {value!r}: must be {number}"
    return ""


def _given(option: str, arguments: Sequence[str]) -> str | None:
    """The value of an option, behind "=" or as the next word."""
    for word, following in zip(arguments, [*arguments[1:], None], strict=True):
        name, equals, value = word.partition("=")
        if name == option:
            return value if equals else following
    return None


# objects made between two searches for cycles: at Python's 700 a tenth of a small study's time goes
# into looking through what imports made, which stays
COLLECT_AFTER = 100_000


def main() -> None:
    """Entry point: refusals are one line and exit status 2, anything else is a bug with a trace."""
    gc.set_threshold(COLLECT_AFTER)
    sys.stdout, sys.stderr = forgiving(sys.stdout), forgiving(sys.stderr)
    with ending_together() as comm:
        if rank_of(comm) != 0:
            silent = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - lives as long as we
            sys.stdout, sys.stderr = silent, silent
        try:
            status = app(standalone_mode=False)
        except UsageError as error:
            # the same on every rank; those that are not the first are silent
            if line := usage_line(error, sys.argv[1:], [one.__name__ for one in COMMANDS]):
                print(f"darkbattery: {line}", file=sys.stderr)  # noqa: T201
            sys.exit(BAD_INPUT)
        except InputError:
            if {"-v", "--verbose"} & set(sys.argv):
                traceback.print_exc()
            raise
        except Stopped:
            sys.exit(STOPPED)
        sys.exit(status or 0)  # 130 after Ctrl-C
