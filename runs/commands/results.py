"""Commands that read result folders: show, plot, compare, report."""

from pathlib import Path
from typing import Annotated

import typer

from darkbattery.nvmodel.numbers import counted
from darkbattery.runs.commands.speech import console_of
from darkbattery.runs.ranks.world import communicator, on_root


def show(folder: Annotated[Path, typer.Argument(help="A result folder.")]) -> None:
    """Print a result as a table for people.

    Examples:
    darkbattery show results/charging
    """
    from darkbattery.runs.results.store import load
    from darkbattery.runs.terminal.screen import tell

    result = load(folder)
    console = console_of()
    tell(result.study, console)
    record = result.provenance
    console.print(
        f"seed {record['seed']}, {counted(record['ranks'], 'rank')}, {record['wall_seconds']} s, "
        f"finished {record['finished_utc']}",
        highlight=False,
    )


def plot(folder: Annotated[Path, typer.Argument(help="A result folder.")]) -> None:
    """Draw the figures of a result again.

    Examples:
    darkbattery plot results/charging
    """
    from darkbattery.runs.figures.save import save_figures
    from darkbattery.runs.results.store import FIGURES, load

    for path in save_figures(load(folder).study, folder / FIGURES):
        console_of().print(str(path), highlight=False, soft_wrap=True)


def compare(
    folders: Annotated[list[Path], typer.Argument(help="Result folders, the reference first.")],
    out: Annotated[Path | None, typer.Option(help="Folder for tables and figure.")] = None,
    scaled: Annotated[bool, typer.Option("--scaled", help="Times in 1/(N gamma).")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Also compare what is unlike.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing folder.")] = False,
) -> None:
    """Results of any engine over each other: what agrees within what.

    Examples:
    darkbattery compare exact wigner
    darkbattery compare small large --scaled --out both
    """
    from darkbattery.runs.compare.command import compare_results

    compare_results(folders, out, scaled, anyway, replace, console_of())


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
