"""Where a longer command works: a result folder that one process owns, and an end on request."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from darkbattery.nvmodel.refusal import InputError, finite_number
from darkbattery.runs.definitions.definition import RunDefinition
from darkbattery.runs.ranks.distribute import Campaign
from darkbattery.runs.ranks.parts import RECORDS
from darkbattery.runs.ranks.signals import Stopped, StopRequest, stop_on_signals
from darkbattery.runs.ranks.world import on_root, rank_of, size_of
from darkbattery.runs.results.provenance import provenance
from darkbattery.runs.results.store import load, save, usable_folder, written_aside
from darkbattery.runs.results.study import run_study
from darkbattery.runs.results.table import Study
from darkbattery.runs.start.owner import Owner, partial_folder


@dataclass(frozen=True)
class Workplace:
    """The result folder to be made, the folder of what is finished so far, and the stop."""

    out: Path
    partial: Path
    replace: bool
    stop: StopRequest

    def study(self, name: str, definition: RunDefinition, comm: Any) -> Study | None:
        """The study of `definition` on rank 0; read where an earlier start finished it."""
        folder = self.partial / name
        if on_root(comm, lambda: _finished(folder, definition)):
            return load(folder).study if rank_of(comm) == 0 else None
        beside = partial_folder(folder)
        # rows of runs that were not finished are made again
        on_root(comm, lambda: shutil.rmtree(beside / RECORDS, ignore_errors=True))
        study = run_study(definition, comm, Campaign(stop=self.stop, folder=beside))
        if study is not None:
            with self.stop.held(), written_aside(folder, replace=True) as aside:
                save(study, provenance(definition, size_of(comm), 0.0), aside)
                if (beside / RECORDS).exists():
                    shutil.move(beside / RECORDS, aside / RECORDS)
            shutil.rmtree(beside, ignore_errors=True)
        return study

    @contextmanager
    def result(self) -> Iterator[Path]:
        """A folder that becomes the result; requests to stop are held meanwhile."""
        with self.stop.held(), written_aside(self.out, self.replace) as aside:
            yield aside


@contextmanager
def workplace(
    out: Path,
    replace: bool,
    mark: str,
    time_limit_seconds: float | None,
    comm: Any,
    console: Console,
) -> Iterator[Workplace]:
    """Own `out` while the block makes it; a request to stop raises Stopped within the block.

    What is finished stays beside `out`, and the same command goes on with it. InputError where
    `out` cannot be used; `mark` is the file by which an earlier result is known.
    """
    if time_limit_seconds is not None:
        finite_number("--time-limit", time_limit_seconds, least=0.0, exclusive=True)
    owner, whole = Owner(), False
    found = on_root(comm, lambda: _own(owner, out, replace, mark, console))
    partial = partial_folder(found)
    try:
        with stop_on_signals(time_limit_seconds) as stop, stop.at_once():
            try:
                yield Workplace(found, partial, replace, stop)
                whole = True
            except Stopped:
                text = f"stopped ({stop.reason or 'on another rank'}); the same command goes on"
                console.print(text, soft_wrap=True)
                raise
    finally:
        if rank_of(comm) == 0:
            owner.dissolve(partial, whole)


def _own(owner: Owner, out: Path, replace: bool, mark: str, console: Console) -> Path:
    found = usable_folder(out, replace, mark)
    partial = partial_folder(found)
    partial.mkdir(exist_ok=True)
    word = owner.take(partial)
    if word is not None:
        console.print(word, highlight=False, soft_wrap=True)
    return found


def _finished(folder: Path, definition: RunDefinition) -> bool:
    """Whether `folder` holds this study, made by this version."""
    try:
        result = load(folder)
    except InputError:
        return False
    now = provenance(definition, 1, 0.0)
    same = result.study.definition.digest() == definition.digest()
    return same and result.provenance.get("versions") == now.get("versions")
