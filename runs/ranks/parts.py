"""Tables of all single runs as Parquet parts: one file a claim of blocks, nothing in memory."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.tally import RunSpans

if TYPE_CHECKING:
    import pandas as pd

RECORDS = "records"


@dataclass(frozen=True)
class Parts:
    """Where the tables of one point go; read with ``pandas.read_parquet(folder)``.

    The folder above, with the rows of all points, is read alike.
    """

    folder: Path
    swept: tuple[tuple[str, Any], ...] = ()  # columns of every row, in front

    def write(self, start: int, stop: int, table: pd.DataFrame) -> None:
        """Write the rows of runs start ... stop - 1, aside and renamed."""
        for position, (name, value) in enumerate(self.swept):
            table.insert(position, name, [value] * len(table))
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"part-{start:012d}-{stop:012d}.parquet"
        # a leading dot: readers of the folder pass over it
        aside = path.with_name(f".{path.name}.new")
        table.to_parquet(aside, index=False)
        os.replace(aside, path)

    def columns(self) -> list[str]:
        """Names of the columns of what is there; empty where nothing is."""
        from pyarrow.parquet import read_schema

        for path, _, _ in self._parts():
            return list(read_schema(path).names)
        return []

    def drop_uncounted(self, counted: RunSpans) -> None:
        """Remove parts whose runs are in no checkpoint: they will be made again."""
        for path, start, stop in self._parts():
            if counted.missing_from(start, stop):
                path.unlink()
        for path in self.folder.glob(".part-*.new"):
            path.unlink()

    def refuse_gaps(self, counted: RunSpans) -> None:
        """Raise InputError where rows of `counted` runs are missing."""
        there = RunSpans(())
        for _, start, stop in sorted(self._parts(), key=lambda part: part[1]):
            there = there.union(RunSpans(((start, stop),)))
        for start, stop in counted.spans:
            for first, end in there.missing_from(start, stop):
                raise InputError(
                    "run.records",
                    str(self.folder),
                    f"lacks the rows of runs {first} ... {end - 1}: every rank must see this "
                    "folder, and nobody else may write there",
                )

    def copy_into(self, other: Parts) -> None:
        """Copy all rows into another folder."""
        other.folder.mkdir(parents=True, exist_ok=True)
        for path, _, _ in self._parts():
            shutil.copy2(path, other.folder / path.name)

    def _parts(self) -> list[tuple[Path, int, int]]:
        """Files of ours, with the runs whose rows they hold."""
        found = []
        for path in self.folder.glob("part-*.parquet"):
            named = re.fullmatch(r"part-(\d+)-(\d+)", path.stem)
            if named is not None:
                found.append((path, int(named[1]), int(named[2])))
        return found


def point_folder(root: Path, point: int) -> Path:
    """The folder of the parts of point number `point` of a sweep."""
    return root / RECORDS / f"point-{point:04d}"
