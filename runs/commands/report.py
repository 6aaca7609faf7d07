"""Command: one page about results."""

from pathlib import Path
from typing import Annotated

import typer

from darkbattery.runs.commands.speech import console_of
from darkbattery.runs.ranks.world import communicator, on_root


def report(
    folders: Annotated[list[Path], typer.Argument(help="Result folders.")],
    out: Annotated[Path, typer.Option(help="The page.")] = Path("report.html"),
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing page.")] = False,
) -> None:
    """Write one self-contained HTML page: answer, figures, tables, how to make it again.

    Of results, and of what plan, compare, paper and regimes leave. It needs no network. Figures
    zoom, and say value and error under the pointer.

    Examples:
    darkbattery report results/charging --out charging.html
    """
    from darkbattery.runs.definitions.textfile import usable_file
    from darkbattery.runs.report.page import write_report

    def make() -> None:
        usable_file(out, replace)
        write_report(folders, out)
        console_of().print(str(out), highlight=False, soft_wrap=True)

    on_root(communicator(), make)
