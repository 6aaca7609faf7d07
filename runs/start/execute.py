"""From a definition to a result folder: begin or go on, carry out, store, have it drawn."""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from darkbattery.nvmodel.numbers import counted
from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.tally import RunSpans
from darkbattery.runs.choice.choice import choice_lines, observables_of
from darkbattery.runs.definitions.definition import RunDefinition, find_definition, read_definition
from darkbattery.runs.ranks.checkpoint import Kept, write_tallies
from darkbattery.runs.ranks.distribute import Campaign
from darkbattery.runs.ranks.parts import RECORDS, Parts, point_folder
from darkbattery.runs.ranks.signals import Stopped, StopRequest, stop_on_signals
from darkbattery.runs.ranks.world import on_root, rank_of, size_of
from darkbattery.runs.results.provenance import provenance
from darkbattery.runs.results.store import FIGURES, OWN, RESULTS, save, usable_folder, written_aside
from darkbattery.runs.results.study import refuse_unread, run_study
from darkbattery.runs.results.summary import runs_made
from darkbattery.runs.results.table import Study
from darkbattery.runs.start.campaign import (
    TALLIES,
    Checkpoint,
    add_wall_seconds,
    begin_extension,
    common_name,
    continues,
    kept_so_far,
    merged,
    open_partial,
    wall_seconds_so_far,
)
from darkbattery.runs.start.owner import OWNER, Owner, partial_folder
from darkbattery.runs.terminal.progress import reporter
from darkbattery.runs.terminal.screen import tell

# what to do with an earlier result or an unfinished one in the same place
Existing = Literal["refuse", "replace", "restart", "extend"]
# figures of a study into a folder; those who order a study say how, so that ranks load no figures
Draw = Callable[[Study, Path], object]


@dataclass(frozen=True)
class Order:
    """A study to be carried out, and how; without `draw` there are no figures."""

    definition: str
    out: Path | None = None
    existing: Existing = "refuse"
    time_limit_seconds: float | None = None
    checkpoint_seconds: float = 60.0
    engine: str | None = None  # instead of the definition's own
    draw: Draw | None = None


@dataclass(frozen=True)
class _Prepared:
    name: str  # of the definition, which the folder need not have
    definition: RunDefinition
    out: Path
    begun: bool
    kept: list[Kept | None] | None


def execute(order: Order, comm: Any, console: Console) -> None:
    """Carry out an order on all ranks; rank 0 leaves the result folder and prints the summary.

    Raises Stopped when stopped before the end: the unfinished study is kept beside `out`, and the
    same order goes on with it.
    """
    started = time.perf_counter()
    owner = Owner()  # rank 0's
    try:
        # what asks while kept runs are read is answered as soon as they are
        with stop_on_signals(order.time_limit_seconds) as stop:
            prepared = on_root(comm, lambda: _prepare(order, owner, console))
            study, ended = _carry_out(order, prepared, comm, stop, console)
            # from here on signals are held: what is made is put away, on all ranks
            on_root(comm, lambda: _put_away(study, order, prepared, comm, started, console))
        if ended is not None:
            raise ended
    finally:
        owner.release()
    if study is not None:
        console.print(str(prepared.out), highlight=False, soft_wrap=True)


def _carry_out(
    order: Order, prepared: _Prepared, comm: Any, stop: StopRequest, console: Console
) -> tuple[Study | None, Stopped | None]:
    """The study on rank 0, or that it was stopped on all of them."""
    definition, folder = prepared.definition, partial_folder(prepared.out)
    refuse_unshared(definition, folder, comm)
    keeper = None
    if rank_of(comm) == 0 and "sample" in definition.methods:
        keeper = Checkpoint(
            folder / TALLIES, definition.study_digest(), order.checkpoint_seconds, console
        )
    try:
        with reporter(console) as progress:
            campaign = Campaign(progress, prepared.kept, keeper, stop, folder)
            return run_study(definition, comm, campaign), None
    except Stopped as ended:
        if keeper is not None and keeper.failure is not None:
            console.print(f"stopped ({stop.reason}); nothing newer than the last checkpoint")
        else:
            reason = stop.reason or "on another rank"
            text = f"stopped ({reason}); the same command goes on from here"
            console.print(text, soft_wrap=True)
        return None, ended
    except InputError:
        # nothing was made; the rank that was refused ends the others before they can tidy up
        if prepared.begun and not (folder / TALLIES).exists():
            shutil.rmtree(folder, ignore_errors=True)
        raise


def refuse_unshared(definition: RunDefinition, folder: Path, comm: Any) -> None:
    """Refuse rows of runs where some rank does not see the folder of the unfinished study."""
    if comm is None or definition.records is None:
        return
    blind = [r for r, seen in enumerate(comm.allgather(folder.is_dir())) if not seen]
    if blind:
        raise InputError(
            "--out", str(folder), f"is not seen by rank {blind[0]}; run.records needs it on all"
        )


def _put_away(
    study: Study | None,
    order: Order,
    prepared: _Prepared,
    comm: Any,
    started: float,
    console: Console,
) -> None:
    if study is None:
        spent = time.perf_counter() - started
        add_wall_seconds(partial_folder(prepared.out), spent)
        return
    seconds = time.perf_counter() - started
    # with what earlier starts and the extended study took
    total = seconds + wall_seconds_so_far(partial_folder(prepared.out))
    made_from = {"definition_name": prepared.name}
    record = made_from | provenance(prepared.definition, size_of(comm), total)
    _finish(study, prepared.out, order.existing, record, order.draw, console)
    together = f", {total:.1f} s with all before" if total > seconds else ""
    console.print(f"{seconds:.1f} s on {counted(size_of(comm), 'rank')}{together}", highlight=False)


def merge_results(
    folders: list[Path], out: Path, replace: bool, draw: Draw | None, console: Console
) -> None:
    """Join studies of adjoining ranges of runs into one result folder, rows of runs and all."""
    definition, kept = merged(folders)
    out = usable_folder(out, replace)
    partial = partial_folder(out)
    started = time.perf_counter()
    owner = Owner()
    try:
        partial.mkdir(exist_ok=True)
        owner.take(partial)
        if any(path.name != OWNER for path in partial.iterdir()):
            raise InputError("--out", str(out), f"has an unfinished study in {partial}")
        for folder in folders if definition.records is not None else ():
            for i in range(len(definition.points())):
                Parts(point_folder(folder, i)).copy_into(Parts(point_folder(partial, i)))
        study = run_study(definition, campaign=Campaign(kept=kept))
        if study is not None:
            made_from = {"definition_name": common_name(folders) or out.name}
            record = made_from | provenance(definition, 1, time.perf_counter() - started)
            _finish(study, out, "replace" if replace else "refuse", record, draw, console)
    finally:
        owner.release()
        shutil.rmtree(partial, ignore_errors=True)  # all that it holds is copied
    console.print(str(out), highlight=False, soft_wrap=True)


def _prepare(order: Order, owner: Owner, console: Console) -> _Prepared:
    """Everything that can be refused before any work; then the unfinished study, owned."""
    path = find_definition(order.definition)
    definition = read_definition(path, order.engine)
    for method in definition.methods:
        observables_of(definition, method)
    refuse_unread(definition)
    if order.existing == "extend" and "sample" not in definition.methods:
        raise InputError("--extend", str(order.out), 'only with method = "sample"')
    for line in choice_lines(definition):
        console.print(line, highlight=False, soft_wrap=True)
    asked = order.out if order.out is not None else RESULTS / path.stem
    may_stand = order.existing in ("replace", "extend")
    out = usable_folder(asked, may_stand)
    partial = partial_folder(out)
    new = not partial.exists()
    partial.mkdir(exist_ok=True)
    try:
        word = owner.take(partial)
        usable_folder(asked, may_stand)  # it may have been finished while we looked
        return _opened(path.stem, definition, out, order.existing, word, console)
    except (InputError, OSError) as error:
        if new:
            owner.release()
            shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError):
            reason = f"cannot be written: {error.strerror or error}"
            raise InputError("--out", str(out), reason) from None
        raise


def _opened(
    name: str,
    definition: RunDefinition,
    out: Path,
    existing: Existing,
    word: str | None,
    console: Console,
) -> _Prepared:
    if word is not None:
        console.print(word, highlight=False, soft_wrap=True)
    # what replaces a result goes on with its own beginning, and not with another study's
    anew = existing == "restart" or (existing == "replace" and not continues(definition, out))
    begun = open_partial(definition, out, restart=anew)
    if existing == "extend" and not (partial_folder(out) / TALLIES).exists():
        begin_extension(definition, out)
        console.print("extending the finished study", highlight=False)
    kept = kept_so_far(definition, out)
    if kept is not None:
        done = sum(len(point.spans) for point in kept if point is not None)
        console.print(f"going on with {done:,} runs made before", highlight=False)
    return _Prepared(name, definition, out, begun, kept)


def _finish(
    study: Study,
    out: Path,
    existing: Existing,
    record: dict[str, Any],
    draw: Draw | None,
    console: Console,
) -> None:
    """Store a whole study at `out` and print it; its unfinished folder goes last of all."""
    partial = partial_folder(out)
    try:
        figures_failed = _publish(study, out, existing, record, draw)
    except OSError as error:
        raise InputError(
            "--out",
            str(out),
            f"cannot be written: {error.strerror or error}; all runs are kept in {partial}, "
            "and the same command ends from there",
        ) from None
    shutil.rmtree(partial, ignore_errors=True)
    tell(study, console, figures_failed)


def _publish(
    study: Study, out: Path, existing: Existing, record: dict[str, Any], draw: Draw | None
) -> tuple[str, ...]:
    """The result folder, whole; warnings where figures could not be drawn."""
    partial = partial_folder(out)
    if made := runs_made(study):
        record |= {"runs_made": {label or "model": number for label, number in made}}
    _keep_tallies(study, partial)
    with written_aside(out, replace=existing in ("replace", "extend")) as aside:
        save(study, record, aside)
        if study.sampled:
            shutil.copy2(partial / TALLIES, aside / TALLIES)
        if study.definition.records is not None and study.sampled:
            for i, solution in enumerate(study.sampled):
                spans = RunSpans(()) if solution.tally is None else solution.tally.spans
                Parts(point_folder(partial, i)).refuse_gaps(spans)
            shutil.copytree(partial / RECORDS, aside / RECORDS)
        if existing == "extend":
            _carry_over(out, aside)
        return () if draw is None else _draw(draw, study, aside / FIGURES)


def _keep_tallies(study: Study, partial: Path) -> None:
    """A last checkpoint: whatever happens from now on, no run is made again."""
    if study.sampled:
        goals = [solution.runs or 0 for solution in study.sampled]
        write_tallies(partial / TALLIES, study.definition.study_digest(), study.sampled, goals)


def _carry_over(out: Path, aside: Path) -> None:
    """Replays, and whatever else a user put beside the result that is extended."""
    for path in out.iterdir():
        to = aside / path.name
        if path.name in OWN or to.exists():
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, to, symlinks=True)
        else:
            shutil.copy2(path, to, follow_symlinks=False)


def _draw(draw: Draw, study: Study, folder: Path) -> tuple[str, ...]:
    """Figures; what fails there (a font, a user's matplotlibrc) costs them alone."""
    try:
        draw(study, folder)
    except OSError:
        raise  # a full disk is a full disk
    except Exception as error:
        shutil.rmtree(folder, ignore_errors=True)
        reason = (str(error).splitlines() or [""])[0]
        return (
            f"no figures: {type(error).__name__}: {reason}; once that is mended: "
            "darkbattery plot on the result folder",
        )
    return ()
