"""Commands that make single runs and averages: run, merge, replay."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from darkbattery.nvmodel.numbers import counted
from darkbattery.nvmodel.observables import in_words
from darkbattery.nvmodel.refusal import InputError, finite_number
from darkbattery.runs.commands.options import Definition, Engine, Replace, TimeLimit
from darkbattery.runs.commands.speech import console_of, loudness
from darkbattery.runs.ranks.world import on_root, size_of, working_communicator


def run(
    definition: Definition,
    out: Annotated[Path | None, typer.Option(help="Result folder (results/NAME).")] = None,
    replace: Replace = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start anew instead of going on.")
    ] = False,
    extend: Annotated[
        bool, typer.Option("--extend", help="Carry an existing result on to more runs.")
    ] = False,
    time_limit: TimeLimit = None,
    checkpoint_interval: Annotated[float, typer.Option(help="Seconds between checkpoints.")] = 60.0,
    alone: Annotated[
        bool, typer.Option("--alone", help="In this process, whatever a launcher started.")
    ] = False,
    engine: Engine = None,
) -> None:
    """Carry out a run definition; under mpirun, on all ranks.

    An unfinished study is gone on with. SIGTERM, SIGINT, SIGUSR1 and --time-limit stop it in order:
    it is kept, and the exit status is 3.

    Examples:
    darkbattery run charging
    mpirun -n 4 darkbattery run my.toml --out results/mine
    darkbattery run my.toml --engine semiclassical --out results/wigner
    """
    from darkbattery.runs.start.execute import Existing, Order, execute

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
    comm = working_communicator(alone)
    console = console_of(comm)
    if loudness().verbose:
        on_root(comm, lambda: _announce(definition, engine, size_of(comm), console))
    order = Order(definition, out, existing, time_limit, checkpoint_interval, engine, _draw)
    execute(order, comm, console)


def merge(
    folders: Annotated[list[Path], typer.Argument(help="Result folders of one study.")],
    out: Annotated[Path, typer.Option(help="Result folder of the whole.")],
    replace: Replace = False,
) -> None:
    """Join results of adjoining ranges of runs (run.first, run.runs), as if made at once.

    Examples:
    darkbattery merge results/first results/second --out results/both
    """
    from darkbattery.runs.start.execute import merge_results

    merge_results(folders, out, replace, _draw, console_of())


def replay(
    folder: Annotated[Path, typer.Argument(help="A result folder with single runs.")],
    run: Annotated[int, typer.Option(help="Index of the run.")],
    point: Annotated[int, typer.Option(help="Number of the sweep's point, from 0.")] = 0,
    to: Annotated[
        int | None, typer.Option(help="Index of the last run: tables of all, without figures.")
    ] = None,
    moment: Annotated[
        list[float] | None,
        typer.Option(help="A time at which the battery's sphere is drawn; may be repeated."),
    ] = None,
    film: Annotated[
        Path | None, typer.Option(help="Also a film: a path that ends in .gif or .mp4.")
    ] = None,
) -> None:
    """Make one run again, to the bit, with its record and its conditional state; or many.

    Examples:
    darkbattery replay results/charging --run 7
    darkbattery replay results/charging --run 7 --point 2
    darkbattery replay results/charging --run 0 --to 999
    darkbattery replay results/charging --run 7 --moment 0.1 --moment 0.4 --film run.gif
    """
    from darkbattery.nvmodel.refusal import InputError
    from darkbattery.runs.results.store import load
    from darkbattery.runs.start.replay import DRAWN, save_many, save_replay
    from darkbattery.runs.start.replay import replay as again
    from darkbattery.runs.start.story import (
        film_writer,
        refuse_pictures,
        save_film,
        save_story,
    )

    console = console_of()
    if film is not None:
        film_writer(film)  # refused before a run is made
    if to is not None:
        if moment or film:
            raise InputError("--to", to, "makes tables of many runs: no moments, no film of one")
        for path in save_many(load(folder), run, to, point, folder / "replay"):
            console.print(str(path), highlight=False, soft_wrap=True)
        return
    one = again(load(folder), run, point)
    refuse_pictures(one, moment or (), film)  # before anything is told or written
    last = one.states.iloc[-1]
    known = ", ".join(f"{in_words(name)} {last[name]:.6g} ħω" for name in DRAWN if name in last)
    if "photons" in last:
        known += f", {last['photons']:.6g} photons in the mode"
    jumps = counted(len(one.jumps), "jump")
    console.print(f"run {run}, {jumps}; at the last time: {known}", highlight=False)
    name = f"point-{point}-run-{run}"
    paths = save_replay(one, folder / "replay", name)
    paths += save_story(one, moment or (), folder / "replay", name)
    if film is not None:
        paths.append(save_film(one, film))
    for path in paths:
        console.print(str(path), highlight=False, soft_wrap=True)


def _draw(study: Any, folder: Path) -> None:
    """Figures of a study that is done: no rank loads matplotlib before."""
    from darkbattery.runs.figures.save import save_figures

    save_figures(study, folder)


def _announce(name: str, engine: str | None, ranks: int, console: Console) -> None:
    """What is about to be done, with what."""
    from darkbattery.runs.definitions.definition import find_definition, read_definition
    from darkbattery.runs.results.provenance import surroundings

    path = find_definition(name)
    definition = read_definition(path, engine)
    facts = {
        "definition": path.absolute(),
        "study": definition.study_digest()[:16],
        "engine": definition.engine,
        "methods": ", ".join(definition.methods),
        "points": len(definition.points()),
        "ranks": ranks,
        "versions": ", ".join(f"{n} {v}" for n, v in surroundings()["versions"].items()),
    }
    for fact, value in facts.items():
        console.print(f"{fact}: {value}", highlight=False, markup=False, soft_wrap=True)
