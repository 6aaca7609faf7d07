"""How loud the commands are, and colours only where a person looks."""

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from darkbattery.runs.ranks.world import has_terminal
from darkbattery.runs.terminal.letters import plainly


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


class Speaker(Console):
    """A console that knows the letters of its terminal before it breaks lines."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """As any console; text in ASCII where the encoding has no more."""
        if isinstance(renderable, Text) and (options or self.options).ascii_only:
            renderable = Text(
                plainly(renderable.plain, self.encoding),
                style=renderable.style,
                overflow=renderable.overflow,
                no_wrap=renderable.no_wrap,
                end=renderable.end,
            )
        return super().render(renderable, options)


def console_of(comm: Any = None) -> Console:
    """Where a command speaks to: standard output, with colours on a terminal alone."""
    return Speaker(force_terminal=has_terminal(comm), quiet=loudness().quiet)
