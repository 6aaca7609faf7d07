"""The folder of an unfinished study: checkpoints on the way, resume, extension, merging."""

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import tomli_w
from rich.console import Console

from nvmodel.refusal import InputError
from nvmodel.solution import RunSpans, Solution, same_shapes
from runs.checkpoint import Kept, read_tallies, write_tallies
from runs.definition import RunDefinition, parse_definition
from runs.store import DEFINITION, definition_content
from runs.tomlfile import read_toml

TALLIES = "tallies.bin"


@dataclass
class Checkpoint:
    """Writes the tallies of a study to one file, at intervals. A `runs.distribute.Keeper`.

    A checkpoint that cannot be written (a full disk) leaves the one before, is reported, and is
    tried again after the next interval.
    """

    path: Path
    digest: str
    interval_seconds: float
    console: Console
    failure: str | None = None
    _last: float = field(default_factory=time.monotonic)

    @property
    def due(self) -> bool:
        """Whether the interval has passed."""
        return time.monotonic() - self._last > self.interval_seconds

    def keep(self, found: Sequence[Solution | None], goals: Sequence[int]) -> None:
        """Write what all ranks found so far."""
        try:
            write_tallies(self.path, self.digest, found, goals)
            self.failure = None
        except OSError as error:
            self.failure = f"checkpoint {self.path} cannot be written: {error.strerror}"
            self.console.print(f"warning: {self.failure}", soft_wrap=True)
        self._last = time.monotonic()


def partial_folder(out: Path) -> Path:
    """Where the unfinished study of the result folder `out` lives."""
    return out.with_name(out.name + ".partial")


def open_partial(definition: RunDefinition, out: Path, restart: bool) -> list[Kept | None] | None:
    """Begin, or go on with, the unfinished study of `out`; what it has so far, if anything.

    Raises InputError where the folder holds another study, or a damaged checkpoint.
    """
    folder = partial_folder(out)
    if restart and folder.exists():
        if not (folder / DEFINITION).is_file() and any(folder.iterdir()):
            raise InputError("--restart", str(folder), "is not an unfinished study; not removed")
        shutil.rmtree(folder)
    if not folder.exists():
        folder.mkdir(parents=True)
        (folder / DEFINITION).write_text(tomli_w.dumps(definition_content(definition)))
        return None
    known = _definition_in(folder)
    if known.digest() != definition.digest():
        raise InputError(
            "definition",
            definition.title,
            f"differs from the unfinished study in {folder}; give --restart or another --out",
        )
    return _tallies(folder, definition) if (folder / TALLIES).exists() else None


def extended(definition: RunDefinition, out: Path) -> list[Kept | None]:
    """The tallies of the finished study in `out`, for a definition with more runs of the same."""
    if not (out / DEFINITION).is_file():
        raise InputError("--extend", str(out), "is not a result folder")
    known = _definition_in(out)
    if known.study_digest() != definition.study_digest():
        raise InputError("--extend", str(out), "holds the runs of another definition")
    if definition.first != known.first:
        raise InputError("run.first", definition.first, f"must be {known.first}, as in {out}")
    return _tallies(out, definition)


def merged(folders: Sequence[Path]) -> tuple[RunDefinition, list[Kept | None]]:
    """One study from several of disjoint ranges of runs: its definition and its tallies.

    The ranges must join without a gap: the merged study is then the one that a single start with
    ``first`` and ``runs`` would have made, to the bit.
    """
    if len(folders) < 2:
        raise InputError("DIR", [str(f) for f in folders], "give at least two result folders")
    definitions = [_definition_in(folder) for folder in folders]
    for folder, definition in zip(folders, definitions, strict=True):
        if definition.study_digest() != definitions[0].study_digest():
            raise InputError("DIR", str(folder), f"is another study than {folders[0]}")
        if definition.runs is None:
            raise InputError("DIR", str(folder), "holds no single runs")
    kept = [_tallies(folder, definitions[0]) for folder in folders]
    points = [_merged_point([tallies[j] for tallies in kept]) for j in range(len(kept[0]))]
    for point in points:
        if len(point.spans.spans) != 1:
            raise InputError("DIR", point.spans.spans, "ranges of runs must join without a gap")
    first = min(point.spans.spans[0][0] for point in points)
    runs = max(len(point.spans) for point in points)
    whole = replace(definitions[0], first=first, runs=runs, precision=None)
    return whole, [replace(point, goal=len(point.spans)) for point in points]


def _merged_point(parts: Sequence[Kept | None]) -> Kept:
    spans, arrays = RunSpans(()), None
    for part in parts:
        if part is None:
            continue
        spans = spans.union(part.spans)
        if arrays is None:
            arrays = part.arrays
            continue
        same_shapes(part.arrays, arrays)
        arrays = {name: arrays[name] + part.arrays[name] for name in arrays}
    return Kept(spans, arrays or {}, len(spans))


def _tallies(folder: Path, definition: RunDefinition) -> list[Kept | None]:
    kept = read_tallies(folder / TALLIES, definition.study_digest())
    points = len(definition.points())
    if len(kept) != points:
        raise InputError("checkpoint", str(folder), f"holds {len(kept)} points, not {points}")
    return kept


def _definition_in(folder: Path) -> RunDefinition:
    return parse_definition(read_toml("study", folder / DEFINITION))
