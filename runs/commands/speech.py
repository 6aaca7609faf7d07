"""How loud the commands are, and colours only where a person looks."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from runs.world import has_terminal


@dataclass(frozen=True)
class Loudness:
    """What was asked for before or after the command's name."""

    quiet: bool = False
    verbose: bool = False


_asked: ContextVar[Loudness] = ContextVar("loudness")


def ask_for(wanted: Loudness) -> None:
    """Set the loudness of what follows."""
    _asked.set(wanted)


def loudness() -> Loudness:
    """That of the command being carried out."""
    return _asked.get(Loudness())


def console_of(comm: Any = None) -> Console:
    """Where a command speaks to: standard output, with colours on a terminal alone."""
    return Console(force_terminal=has_terminal(comm), quiet=loudness().quiet)
