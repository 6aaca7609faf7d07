"""Tables of all single runs as Parquet parts: one file a claim of blocks, nothing in memory."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from nvmodel.solution import RunSpans

RECORDS = "records"


@dataclass(frozen=True)
class Parts:
    """Where the tables of one point go; read with ``pandas.read_parquet(folder)``."""

    folder: Path

    def write(self, start: int, stop: int, table: pd.DataFrame) -> None:
        """Write the rows of runs start ... stop - 1, aside and renamed."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"part-{start:012d}-{stop:012d}.parquet"
        # a leading dot: readers of the folder pass over it
        aside = path.with_name(f".{path.name}.new")
        table.to_parquet(aside, index=False)
        os.replace(aside, path)

    def drop_uncounted(self, counted: RunSpans) -> None:
        """Remove parts whose runs are in no checkpoint: they will be made again."""
        for path in self.folder.glob("part-*.parquet"):
            named = re.fullmatch(r"part-(\d+)-(\d+)", path.stem)
            if named is None:
                continue  # not one of ours
            start, stop = int(named[1]), int(named[2])
            if counted.missing_from(start, stop):
                path.unlink()
        for path in self.folder.glob(".part-*.new"):
            path.unlink()


def point_folder(root: Path, point: int) -> Path:
    """The folder of the parts of point number `point` of a sweep."""
    return root / RECORDS / f"point-{point:04d}"
