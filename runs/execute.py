"""From a definition to a result folder: begin or go on, carry out, store, draw."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from nvmodel.refusal import InputError
from nvmodel.solution import RunSpans
from runs.campaign import (
    TALLIES,
    Checkpoint,
    extended,
    merged,
    open_partial,
    partial_folder,
)
from runs.checkpoint import Kept, write_tallies
from runs.choice import choice_lines, observables_of
from runs.definition import RunDefinition, find_definition, read_definition
from runs.parts import RECORDS, Parts, point_folder
from runs.progress import reporter
from runs.provenance import provenance
from runs.signals import Stopped, stop_on_signals
from runs.store import FIGURES, refuse_unusable, save, written_aside
from runs.study import Campaign, Study, run_study
from runs.summary import rich_table
from runs.world import on_root, rank_of, size_of

# what to do with an earlier result or an unfinished one in the same place
Existing = Literal["refuse", "replace", "restart", "extend"]


@dataclass(frozen=True)
class Order:
    """A study to be carried out, and how."""

    definition: str
    out: Path | None = None
    existing: Existing = "refuse"
    time_limit_seconds: float | None = None
    checkpoint_seconds: float = 60.0


@dataclass(frozen=True)
class _Prepared:
    definition: RunDefinition
    out: Path
    kept: list[Kept | None] | None


def execute(order: Order, comm: Any, console: Console) -> None:
    """Carry out an order on all ranks; rank 0 leaves the result folder and prints the summary.

    Raises Stopped when stopped before the end: the unfinished study is kept beside `out`, and the
    same order goes on with it.
    """
    started = time.perf_counter()
    prepared = on_root(comm, lambda: _prepare(order, console))
    definition, out = prepared.definition, prepared.out
    keeper = None
    if rank_of(comm) == 0 and "sample" in definition.methods:
        keeper = Checkpoint(
            partial_folder(out) / TALLIES,
            definition.study_digest(),
            order.checkpoint_seconds,
            console,
        )
    with stop_on_signals(order.time_limit_seconds) as stop, reporter(console) as progress:
        try:
            study = run_study(
                definition,
                comm,
                Campaign(progress, prepared.kept, keeper, stop, partial_folder(out)),
            )
        except Stopped:
            if keeper is not None and keeper.failure is not None:
                console.print(f"stopped ({stop.reason}); nothing newer than the last checkpoint")
            elif rank_of(comm) == 0:
                console.print(
                    f"stopped ({stop.reason or 'on another rank'}); "
                    "the same command goes on from here",
                    soft_wrap=True,
                )
            raise
    if study is None:
        return
    seconds = time.perf_counter() - started
    _finish(study, out, provenance(definition, size_of(comm), seconds), console)
    console.print(f"{seconds:.1f} s on {size_of(comm)} rank(s)", highlight=False)
    console.print(str(out.absolute()), highlight=False, soft_wrap=True)


def merge_results(folders: list[Path], out: Path, replace: bool, console: Console) -> None:
    """Join studies of adjoining ranges of runs into one result folder."""
    refuse_unusable(out, replace)
    definition, kept = merged(folders)
    started = time.perf_counter()
    study = run_study(definition, campaign=Campaign(kept=kept))
    assert study is not None
    _finish(study, out, provenance(definition, 1, time.perf_counter() - started), console)
    console.print(str(out.absolute()), highlight=False, soft_wrap=True)


def _prepare(order: Order, console: Console) -> _Prepared:
    path = find_definition(order.definition)
    definition = read_definition(path)
    for method in definition.methods:
        observables_of(definition, method)
    for line in choice_lines(definition):
        console.print(line, highlight=False, soft_wrap=True)
    out = order.out if order.out is not None else Path("results") / path.stem
    samples = "sample" in definition.methods
    if order.existing == "extend":
        if not samples:
            raise InputError("--extend", str(out), 'only with method = "sample"')
        kept: list[Kept | None] | None = extended(definition, out)
        refuse_unusable(out, replace=True)
        open_partial(definition, out, restart=True)
        if definition.records is not None:
            if not (out / RECORDS).exists():
                raise InputError("run.records", definition.records, f"{out} was made without")
            shutil.copytree(out / RECORDS, partial_folder(out) / RECORDS)
        console.print("extending the finished study", highlight=False)
        return _Prepared(definition, out, kept)
    refuse_unusable(out, replace=order.existing == "replace")
    if not samples:
        return _Prepared(definition, out, None)
    kept = open_partial(definition, out, restart=order.existing in ("restart", "replace"))
    _drop_uncounted_parts(definition, out, kept)
    if kept is not None:
        done = sum(len(point.spans) for point in kept if point is not None)
        console.print(f"going on with {done:,} runs made before", highlight=False)
    return _Prepared(definition, out, kept)


def _drop_uncounted_parts(
    definition: RunDefinition, out: Path, kept: list[Kept | None] | None
) -> None:
    for i in range(len(definition.points())):
        point = None if kept is None else kept[i]
        counted = RunSpans(()) if point is None else point.spans
        Parts(point_folder(partial_folder(out), i)).drop_uncounted(counted)


def _finish(study: Study, out: Path, record: dict[str, Any], console: Console) -> None:
    from runs.figures import save_figures  # slow to import, and drawing is rank 0's alone

    with written_aside(out) as aside:
        save(study, record, aside)
        save_figures(study, aside / FIGURES)
        if study.sampled:
            goals = [solution.runs or 0 for solution in study.sampled]
            digest = study.definition.study_digest()
            write_tallies(aside / TALLIES, digest, study.sampled, goals)
            if (partial_folder(out) / RECORDS).exists():
                shutil.move(partial_folder(out) / RECORDS, aside / RECORDS)
    shutil.rmtree(partial_folder(out), ignore_errors=True)
    console.print(rich_table(study))
    # never kept to itself: numbers outside a solver's validity are not handed out in silence
    teller = Console(stderr=True) if console.quiet else console
    for warning in study.warnings:
        teller.print(f"warning: {warning}", markup=False)
