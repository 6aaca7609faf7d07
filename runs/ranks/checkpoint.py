"""The checkpoint: one file with the tallies of a study and what they belong to.

Line 1 names the format, line 2 is a JSON header, line 3 the SHA-256 of the header, and the rest is
an npz archive of whole-number arrays whose SHA-256 the header holds. Nothing is unpickled. A file
is written aside and renamed: it is either the old one or the new one.
"""

import hashlib
import io
import json
import os
import platform
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.refusal import InputError
from darkbattery.nvmodel.solution import Solution
from darkbattery.nvmodel.tally import RunSpans

FAMILY = b"darkbattery tallies "
# raised whenever the same seed makes other runs, or counts come to mean something else: tallies of
# two such versions must not be added up
FORMAT = 3
MAGIC = FAMILY + b"%d\n" % FORMAT
# what reading bytes of another meaning raises
DAMAGED = (ValueError, KeyError, TypeError, AttributeError, EOFError)


@dataclass(frozen=True, eq=False)
class Kept:
    """The counts of one point, and the run its sampling is to reach before it is asked again."""

    spans: RunSpans
    arrays: dict[str, NDArray[np.int64]]
    goal: int


def write_tallies(
    path: Path, digest: str, solutions: Sequence[Solution | None], goals: Sequence[int]
) -> None:
    """Write the tallies of all points (None where a point has no runs yet)."""
    arrays: dict[str, NDArray[np.int64]] = {}
    points: list[dict[str, Any]] = []
    for j, (solution, goal) in enumerate(zip(solutions, goals, strict=True)):
        spans: tuple[tuple[int, int], ...] = ()
        if solution is not None and solution.tally is not None:
            spans = solution.tally.spans.spans
            arrays |= {f"{j}/{name}": a for name, a in solution.tally.arrays().items()}
        points.append({"spans": spans, "goal": goal})
    payload = io.BytesIO()
    np.savez_compressed(payload, allow_pickle=False, **arrays)
    content = payload.getvalue()
    header = json.dumps(
        {"study": digest, "points": points, "sha256": hashlib.sha256(content).hexdigest()}
    ).encode()
    # of this process alone, wherever it runs
    aside = path.with_name(f"{path.name}.{platform.node()}-{os.getpid()}.new")
    try:
        with aside.open("wb") as file:
            file.write(MAGIC + header + b"\n")
            file.write(hashlib.sha256(header).hexdigest().encode() + b"\n" + content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def read_tallies(path: Path, digest: str) -> list[Kept | None]:
    """The tallies of a study, one entry a point; InputError for any file that is not whole.

    `digest` is that of the study that wants them: tallies of another one are refused.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError("checkpoint", str(path), f"cannot be read: {error.strerror}") from None
    if content.startswith(FAMILY) and not content.startswith(MAGIC):
        version = content[len(FAMILY) : len(FAMILY) + 8].split(b"\n")[0].decode("ascii", "replace")
        raise InputError(
            "checkpoint",
            str(path),
            f"has format {version!r}, of a version that makes other runs; readable: {FORMAT}",
        )
    parts = content.removeprefix(MAGIC).split(b"\n", 2)
    if not content.startswith(MAGIC) or len(parts) < 3:
        raise InputError("checkpoint", str(path), "is not a checkpoint, or is cut short")
    header, header_sum, payload = parts
    if hashlib.sha256(header).hexdigest().encode() != header_sum:
        raise InputError(
            "checkpoint", str(path), "is damaged: its header does not fit its checksum"
        )
    try:
        known = json.loads(header)
        study, payload_sum, points = known["study"], known["sha256"], known["points"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError("checkpoint", str(path), "is damaged: no valid header") from None
    if hashlib.sha256(payload).hexdigest() != payload_sum:
        raise InputError("checkpoint", str(path), "is damaged or cut short: wrong checksum")
    if study != digest:
        raise InputError("checkpoint", str(path), "belongs to another definition")
    return _points(path, points, payload)


def _points(path: Path, points: list[Any], payload: bytes) -> list[Kept | None]:
    kept: list[Kept | None] = []
    try:
        with np.load(io.BytesIO(payload), allow_pickle=False) as archive:
            for j, point in enumerate(points):
                names = [name for name in archive.files if name.startswith(f"{j}/")]
                arrays = {name.split("/", 1)[1]: archive[name] for name in names}
                spans = _spans(point["spans"])
                kept.append(Kept(spans, arrays, int(point["goal"])) if len(spans) else None)
    except (*DAMAGED, OSError, zipfile.BadZipFile) as error:
        raise InputError("checkpoint", str(path), f"cannot be read: {error}") from None
    return kept


def _spans(found: list[list[int]]) -> RunSpans:
    """The spans of a header; ValueError where they overlap, touch or are not in order."""
    spans = tuple((int(a), int(b)) for a, b in found)
    bounds = [0, *(bound for span in spans for bound in span)]
    if any(b <= a for a, b in spans) or bounds != sorted(bounds):
        raise ValueError("spans of runs out of order")
    return RunSpans(spans)
