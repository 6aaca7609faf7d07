"""Command: one page about results."""

from pathlib import Path
from typing import Annotated

import typer

from darkbattery.nvmodel.refusal import InputError
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
    from darkbattery.runs.report.page import write_report

    def make() -> None:
        if out.exists() and not (replace and out.is_file()):
            raise InputError("--out", str(out), "exists already; give --replace or another name")
        if not out.absolute().parent.is_dir():
            raise InputError("--out", str(out), "is in a folder that does not exist")
        write_report(folders, out)
        console_of().print(str(out), highlight=False, soft_wrap=True)

    on_root(communicator(), make)
