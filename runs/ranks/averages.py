"""Finished averages of an unfinished study: kept in its folder, and not made again.

One file a flush and rank, written aside and renamed: an npz archive of arrays, and a JSON header
that says what they are. Nothing is unpickled. A file that is not whole, or of another version of
the program, is passed over: its averages are made again.
"""

import io
import json
import os
import time
import zipfile
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from darkbattery.nvmodel.solution import Distribution, Reading, Solution
from darkbattery.runs.definitions.schema import Method
from darkbattery.runs.ranks.checkpoint import DAMAGED

AVERAGES = "averages"
SUFFIX = ".npz"
Key = tuple[int, Method]  # number of the point, method
KEEP_SECONDS = 60.0  # between flushes


class Averages:
    """The averages a rank has made, and where those of all ranks are kept (None: nowhere)."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = None if folder is None else folder / AVERAGES
        self._new: dict[Key, Solution] = {}
        self._last = time.monotonic()

    def kept(self) -> dict[Key, Solution]:
        """All that earlier starts kept."""
        found: dict[Key, Solution] = {}
        if self._folder is not None:
            for path in sorted(self._folder.glob(f"*{SUFFIX}")):
                found |= _read(path)
        return found

    def add(self, key: Key, solution: Solution) -> None:
        """One more; kept when it is time."""
        self._new[key] = solution
        if time.monotonic() - self._last > KEEP_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Keep what is new; a disk that is full keeps nothing and ends nothing."""
        if self._folder is not None and self._new:
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                point, method = next(iter(self._new))
                _write(self._folder / f"{point:06d}-{method}-{len(self._new)}{SUFFIX}", self._new)
                self._new = {}
            except OSError:
                pass  # tried again with the next
        self._last = time.monotonic()


def _write(path: Path, solutions: Mapping[Key, Solution]) -> None:
    arrays: dict[str, Any] = {}
    header = []
    for i, ((point, method), one) in enumerate(solutions.items()):
        names, errors = list(one.values), []
        distributions: dict[str, str] = {}
        arrays[f"{i}/times"] = one.times
        for j, name in enumerate(names):
            arrays[f"{i}/value/{j}"] = one.values[name]
            error = one.errors[name]
            if error is not None:
                arrays[f"{i}/error/{j}"] = error
                errors.append(j)
        for name, d in one.distributions.items():
            k = len(distributions)
            distributions[name] = d.quantity
            arrays |= {f"{i}/low/{k}": d.low, f"{i}/high/{k}": d.high, f"{i}/weight/{k}": d.weight}
        header.append(
            {
                "point": point,
                "method": method,
                "names": names,
                "errors": errors,
                "distributions": distributions,
                "warnings": list(one.warnings),
                "provenance": {k: v for k, v in one.provenance.items() if _plain(v)},
            }
        )
    text = json.dumps({"version": _version(), "averages": header}).encode()
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, header=np.frombuffer(text, np.uint8), **arrays)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_bytes(content.getvalue())
    os.replace(aside, path)


def _read(path: Path) -> dict[Key, Solution]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            known = json.loads(archive["header"].tobytes())
            if known["version"] != _version():
                return {}
            return {
                (int(one["point"]), one["method"]): _solution(i, one, archive)
                for i, one in enumerate(known["averages"])
            }
    except (*DAMAGED, OSError, zipfile.BadZipFile):
        return {}


def _solution(i: int, one: Mapping[str, Any], archive: Any) -> Solution:
    errors = {
        name: archive[f"{i}/error/{j}"] if j in one["errors"] else None
        for j, name in enumerate(one["names"])
    }
    reading = Reading(
        {name: archive[f"{i}/value/{j}"] for j, name in enumerate(one["names"])},
        errors,
        {
            name: Distribution(
                quantity,
                archive[f"{i}/low/{k}"],
                archive[f"{i}/high/{k}"],
                archive[f"{i}/weight/{k}"],
            )
            for k, (name, quantity) in enumerate(one["distributions"].items())
        },
        tuple(one["warnings"]),
    )
    return Solution(archive[f"{i}/times"], reading, one["provenance"])


def _plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) and _plain(one) for name, one in value.items())
    return isinstance(value, (str, int, float, bool)) or value is None


def _version() -> str:
    try:
        return metadata.version("darkbattery")
    except metadata.PackageNotFoundError:
        return "source tree"
