"""The folder of an unfinished study: checkpoints on the way, resume, extension, merging."""

import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import tomli_w
from rich.console import Console

from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.solution import Solution
from darkbattery.nvmodel.tally import RunSpans, same_shapes
from darkbattery.runs.definitions.definition import RunDefinition, parse_definition
from darkbattery.runs.definitions.tomlfile import read_toml
from darkbattery.runs.ranks.checkpoint import Kept, read_tallies, write_tallies
from darkbattery.runs.ranks.parts import RECORDS, Parts, point_folder
from darkbattery.runs.results.store import (
    DEFINITION,
    PROVENANCE,
    definition_content,
    result_definition,
)
from darkbattery.runs.start.owner import OWNER, partial_folder

TALLIES = "tallies.bin"
WALL = "wall_seconds.json"


@dataclass
class Checkpoint:
    """Writes the tallies of a study to one file, at intervals. A `runs.ranks.distribute.Keeper`.

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


def open_partial(definition: RunDefinition, out: Path, restart: bool) -> bool:
    """Begin, or go on with, the unfinished study of `out`; whether it begins.

    The folder exists and is owned. Raises InputError where it holds another study. A study that
    was begun and of which nothing was made, because it was refused or killed, is in nobody's way.
    """
    folder = partial_folder(out)
    present = {path.name for path in folder.iterdir()} - {OWNER}
    unmade = DEFINITION in present and present <= {DEFINITION, RECORDS}  # rows that none counted
    if present and (restart or (unmade and not continues(definition, out))):
        if DEFINITION not in present:
            raise InputError("--restart", str(folder), "is not an unfinished study; not removed")
        clear(folder)
        present = set()
    if not present:
        content = tomli_w.dumps(definition_content(definition))
        (folder / DEFINITION).write_text(content, encoding="utf-8")
        return True
    if not continues(definition, out):
        raise InputError(
            "definition",
            definition.title,
            f"differs from the unfinished study in {folder}; give --restart or another --out",
        )
    return False


def continues(definition: RunDefinition, out: Path) -> bool:
    """Whether the unfinished study of `out` is the one of `definition`."""
    folder = partial_folder(out)
    if not (folder / DEFINITION).is_file():
        return False
    return _definition_in(folder).digest() == definition.digest()


def clear(folder: Path) -> None:
    """Remove everything from the folder of an unfinished study but its owner's lock."""
    for path in folder.iterdir():
        if path.name == OWNER:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def kept_so_far(definition: RunDefinition, out: Path) -> list[Kept | None] | None:
    """What the unfinished study of `out` has, if anything.

    Raises InputError for a damaged checkpoint, and where rows of counted runs are missing.
    """
    folder = partial_folder(out)
    kept = _tallies(folder, definition) if (folder / TALLIES).exists() else None
    for i in range(len(definition.points())):
        point = None if kept is None else kept[i]
        counted = RunSpans(()) if point is None else point.spans
        parts = Parts(point_folder(folder, i))
        parts.drop_uncounted(counted)
        if definition.records is not None:
            parts.refuse_gaps(counted)
    return kept


def begin_extension(definition: RunDefinition, out: Path) -> None:
    """Copy the runs of the finished study in `out` into its unfinished one, to go on from there.

    Refused where `out` holds runs of another definition, or more of them than asked for.
    """
    if not (out / DEFINITION).is_file():
        raise InputError("--extend", str(out), "is not a result folder")
    known = result_definition(out)
    if known.study_digest() != definition.study_digest():
        raise InputError("--extend", str(out), "holds the runs of another definition")
    if definition.first != known.first:
        raise InputError("run.first", definition.first, f"must be {known.first}, as in {out}")
    made = max((len(kept.spans) for kept in _tallies(out, definition) if kept), default=0)
    if definition.runs is not None and definition.runs < made:
        raise InputError("run.runs", definition.runs, f"must be at least the {made} in {out}")
    folder = partial_folder(out)
    if definition.records is not None:
        if not (out / RECORDS).exists():
            raise InputError("run.records", definition.records, f"{out} was made without")
        if known.records != definition.records:
            raise InputError("run.records", definition.records, f"must be {known.records}")
        _refuse_other_columns(definition, out)
        shutil.copytree(out / RECORDS, folder / RECORDS, dirs_exist_ok=True)
    shutil.copy2(out / TALLIES, folder / TALLIES)
    add_wall_seconds(folder, _wall_seconds_of(out))


def _wall_seconds_of(out: Path) -> float:
    seconds = _recorded(out, "wall_seconds")
    return float(seconds) if isinstance(seconds, (int, float)) else 0.0


def common_name(folders: Sequence[Path]) -> str | None:
    """Of the definition that all results were made from; None where they were several or none."""
    first, *others = (_recorded(folder, "definition_name") for folder in folders)
    return first if isinstance(first, str) and all(name == first for name in others) else None


def _recorded(out: Path, name: str) -> object:
    """One entry of a result's record; None in unfinished studies and those of old versions."""
    try:
        return json.loads((out / PROVENANCE).read_text("utf-8")).get(name)
    except (OSError, ValueError, AttributeError):
        return None


def _refuse_other_columns(definition: RunDefinition, out: Path) -> None:
    """Rows that another version wrote, without swept fields, do not go with ours."""
    for i, point in enumerate(definition.points()):
        there = Parts(point_folder(out, i)).columns()
        needed = [name for name, _ in point.swept]
        if any(name.startswith("time_to") for name in there):  # there is a battery
            needed += definition.records_columns
        if there and not set(needed) <= set(there):
            raise InputError(
                "run.records", str(out / RECORDS), f"have no {needed}: another version"
            )


def merged(folders: Sequence[Path]) -> tuple[RunDefinition, list[Kept | None]]:
    """One study from several of disjoint ranges of runs: its definition and its tallies.

    The ranges must join without a gap: the merged study is then the one that a single start with
    ``first`` and ``runs`` would have made, to the bit.
    """
    if len(folders) < 2:
        raise InputError("DIR", [str(f) for f in folders], "give at least two result folders")
    definitions = [result_definition(folder) for folder in folders]
    for folder, definition in zip(folders, definitions, strict=True):
        if definition.study_digest() != definitions[0].study_digest():
            raise InputError("DIR", str(folder), f"is another study than {folders[0]}")
        if definition.runs is None:
            raise InputError("DIR", str(folder), "holds no single runs")
        if definition.records != definitions[0].records:
            raise InputError("DIR", str(folder), f"has other run.records than {folders[0]}")
        if definition.records is not None:
            _refuse_other_columns(definition, folder)
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


def wall_seconds_so_far(folder: Path) -> float:
    """Seconds that earlier starts of the study in `folder` took; 0 where none is known."""
    try:
        return max(0.0, float(json.loads((folder / WALL).read_text("utf-8"))))
    except (OSError, ValueError, TypeError):
        return 0.0


def add_wall_seconds(folder: Path, seconds: float) -> None:
    """Keep that so many more were spent; what cannot be kept (a full disk) is not worth a stop."""
    total = wall_seconds_so_far(folder) + seconds
    try:
        (folder / WALL).write_text(f"{total:.3f}\n", encoding="utf-8")
    except OSError:
        return
