"""The result folder: written aside, renamed when whole, read back; a changed byte is noticed."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from darkbattery.nvmodel.method import Summary
from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.definitions.definition import RunDefinition, parse_definition
from darkbattery.runs.definitions.models import nested, written
from darkbattery.runs.definitions.textfile import refused_writing
from darkbattery.runs.definitions.tomlfile import read_toml
from darkbattery.runs.results.table import Study, no_table

if TYPE_CHECKING:
    import pandas as pd

RESULTS = Path("results")  # where a run leaves its folder unless it is told
DEFINITION = "definition.toml"
TABLE = "table.parquet"
DISTRIBUTIONS = "distributions.parquet"
SINGLE_RUNS = "single_runs.parquet"
STATISTICS = "statistics.parquet"
JOINTS = "joints.parquet"
PROVENANCE = "provenance.json"
FIGURES = "figures"
CHECKSUMS = "SHA256SUMS"
FORMAT = 1  # of the folder; another one is refused
LEAST_SPACE = 1 << 20  # bytes that must be free before a study begins

COLUMNS = {
    TABLE: ("method", "time", "observable", "value", "error", "runs"),
    DISTRIBUTIONS: ("method", "distribution", "quantity", "time", "low", "high", "weight"),
    SINGLE_RUNS: ("run", "time", "observable", "value"),
    STATISTICS: ("method", "quantity", "where", "time", "statistic", "value", "error"),
    JOINTS: (
        *("method", "one", "other", "where", "one_low", "one_high", "other_low", "other_high"),
        "weight",
    ),
}
SUMMED = (DEFINITION, TABLE, DISTRIBUTIONS, SINGLE_RUNS, STATISTICS, JOINTS, PROVENANCE)
# all that a result folder may hold of ours; what else lies there is a user's
OWN = frozenset((*SUMMED, CHECKSUMS, FIGURES, "tallies.bin", "records"))
TEXT = (
    *("method", "observable", "distribution", "quantity", "where", "statistic", "one", "other"),
)


@dataclass(frozen=True, eq=False)
class Result:
    """A result folder, read."""

    study: Study
    provenance: dict[str, Any]


def usable_folder(out: Path, replace: bool, mark: str = PROVENANCE) -> Path:
    """Where a result may be put, links followed; refused before any work where it can not.

    Only a folder that holds the file `mark` is one of ours and may be replaced: a definition may
    stand in any, as `definition.toml` too. A trial beside it is written and renamed, as the result
    will be.
    """
    with refused_writing(out):
        if out.is_symlink() and not out.exists():
            raise InputError("--out", str(out), "is a link to nothing")
        found = out.resolve()
        if found.exists() and not replace:
            raise InputError("--out", str(out), "exists already; give --replace or another name")
        if found.exists() and not (found / mark).is_file():
            raise InputError("--out", str(out), "is not a result folder; it is never replaced")
        found.parent.mkdir(parents=True, exist_ok=True)
        _try_writing(found)
    return found


def _try_writing(out: Path) -> None:
    trial = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    moved = trial.with_name(trial.name + ".moved")
    try:
        (trial / "trial").write_bytes(b"written")
        os.replace(trial, moved)
        if shutil.disk_usage(moved).free < LEAST_SPACE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        for folder in (trial, moved):
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def written_aside(out: Path, replace: bool = False) -> Iterator[Path]:
    """A folder beside `out` that takes its place when the block ends, and vanishes if it fails.

    What came to stand at `out` meanwhile stays, unless `replace`: the new result then stays beside
    it, and InputError says where.
    """
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    kept = False
    try:
        yield aside
        aside.chmod(0o777 & ~_umask())
        if out.exists() and not replace:
            kept = True
            raise InputError("--out", str(out), f"came to exist meanwhile; the result is {aside}")
        if out.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
            _rename(out, old / out.name)
            _rename(aside, out)
            shutil.rmtree(old)
        else:
            _rename(aside, out)
    finally:
        if aside.exists() and not kept:
            shutil.rmtree(aside)


def _rename(folder: Path, to: Path) -> None:
    """Rename; copy where a file system (an overlay) cannot rename what lies in its lower layer."""
    try:
        os.replace(folder, to)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copytree(folder, to, symlinks=True)
        shutil.rmtree(folder)


def save(study: Study, provenance: dict[str, Any], folder: Path) -> None:
    """Write everything but the figures into an existing, empty folder."""
    (folder / DEFINITION).write_text(
        tomli_w.dumps(definition_content(study.definition)), encoding="utf-8"
    )
    # the tables hold no time, host or rank: equal studies give equal bytes
    study.table.to_parquet(folder / TABLE, index=False)
    study.distributions.to_parquet(folder / DISTRIBUTIONS, index=False)
    for name, table in (
        (SINGLE_RUNS, study.single_runs),
        (STATISTICS, study.statistics),
        (JOINTS, study.joints),
    ):
        if len(table):
            table.to_parquet(folder / name, index=False)
    record = {"format": FORMAT, **provenance, "warnings": list(study.warnings)}
    (folder / PROVENANCE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    write_checksums(folder, SUMMED)


def result_definition(folder: Path) -> RunDefinition:
    """The definition in a result folder; refused as `load` refuses one."""
    if not folder.is_dir():
        here = RESULTS / folder
        instead = f"; {here} is a result" if (here / DEFINITION).is_file() else ""
        raise InputError("result folder", str(folder), f"is no folder here{instead}")
    if not (folder / DEFINITION).is_file():
        raise InputError("result folder", str(folder), f"holds no {DEFINITION}")
    verify(folder, SUMMED)
    return parse_definition(read_toml("result folder", folder / DEFINITION))


def load(folder: Path) -> Result:
    """Read a result folder; InputError if it is not one, not whole, or not as it was written."""
    definition = result_definition(folder)
    record = _record(folder)
    study = Study(
        definition=definition,
        table=_table(folder, TABLE, definition),
        distributions=_table(folder, DISTRIBUTIONS, definition),
        single_runs=_table_if_there(folder, SINGLE_RUNS, definition),
        warnings=tuple(record["warnings"]),
        statistics=_table_if_there(folder, STATISTICS, definition),
        joints=_table_if_there(folder, JOINTS, definition),
    )
    return Result(study, record)


def _record(folder: Path) -> dict[str, Any]:
    try:
        record = json.loads((folder / PROVENANCE).read_text("utf-8"))
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        version = record.get("format") if isinstance(record, dict) else None
        raise InputError("result folder", str(folder), f"has format {version}, readable: {FORMAT}")
    needed: dict[str, Any] = {
        "seed": int,
        "ranks": int,
        "wall_seconds": (int, float),
        "finished_utc": str,
        "warnings": list,
    }
    for name, kind in needed.items():
        if not isinstance(record.get(name), kind):
            raise InputError("result folder", str(folder), f"{PROVENANCE} has no valid {name}")
    return record


def _table_if_there(folder: Path, name: str, definition: RunDefinition) -> pd.DataFrame:
    return _table(folder, name, definition) if (folder / name).exists() else no_table()


def _table(folder: Path, name: str, definition: RunDefinition) -> pd.DataFrame:
    """A table whose columns are those that `name` has, texts and numbers in their places."""
    import pandas as pd

    try:
        frame = pd.read_parquet(folder / name)
    except (OSError, ValueError, KeyError, TypeError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError("result folder", str(folder), f"{name} cannot be read: {text}") from None
    swept = [field for field, values in definition.model if len(values) > 1]
    expected = [*swept, *COLUMNS[name]]
    if name == TABLE and list(frame.columns) == expected[:-1]:
        frame["runs"] = 0  # written by a version that did not tell
    if list(frame.columns) != expected:
        raise InputError("result folder", str(folder), f"{name} must have the columns {expected}")
    for column in COLUMNS[name]:
        kind = pd.api.types.is_string_dtype if column in TEXT else pd.api.types.is_numeric_dtype
        if len(frame) and not kind(frame[column]):
            raise InputError("result folder", str(folder), f"{name}: bad values of {column}")
    return frame


def definition_content(definition: RunDefinition) -> dict[str, Any]:
    """The definition as its TOML file holds it: what `parse_definition` takes."""
    values = {name: [written(one) for one in v] for name, v in definition.model}
    model = nested({name: v if len(v) > 1 else v[0] for name, v in values.items()})
    run: dict[str, Any] = {
        "engine": definition.engine,
        "method": list(definition.methods),
        "seed": definition.seed,
        "single_runs": definition.single_runs,
    }
    if definition.times:
        times = list(definition.times)
        scaled = definition.time_unit != "model"
        run["times"] = {"values": times, "unit": definition.time_unit} if scaled else times
    if definition.delays != "modal":
        run["delays"] = definition.delays
    if definition.runs is not None:
        run["runs"] = definition.runs
    for name in ("order", "classes"):
        if getattr(definition, name) is not None:
            run[name] = getattr(definition, name)
    if definition.first:
        run["first"] = definition.first
    if definition.records is not None:
        rows = definition.records
        plain = rows == Summary()
        run["records"] = "summary" if plain else {n: list(v) for n, v in asdict(rows).items()}
    if definition.statistics is not None:
        asked = definition.statistics
        table = {"of": list(asked.of), "joint": [list(pair) for pair in asked.joint]}
        run["statistics"] = {name: v for name, v in table.items() if v}
        if asked.where is not None:
            run["statistics"]["where"] = asked.where
    if definition.receiver is not None:
        fields = asdict(definition.receiver)
        run["receiver"] = {name: v for name, v in fields.items() if v is not None}
    if definition.precision is not None:
        fields = asdict(definition.precision)
        run["precision"] = {name: v for name, v in fields.items() if v is not None}
    if definition.observables is not None:
        run["observables"] = list(definition.observables)
    return {"title": definition.title, "model": model, "run": run}


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_checksums(folder: Path, names: Iterable[str]) -> None:
    """Write the checksums of those of the files `names` that are there."""
    lines = [f"{_sha256(folder / name)}  {name}\n" for name in names if (folder / name).is_file()]
    (folder / CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def verify(folder: Path, names: Iterable[str]) -> None:
    """Refuse a folder of which one of the files `names` is not as it was written.

    A file that is not there must not be listed, and the other way round.
    """
    try:
        lines = (folder / CHECKSUMS).read_text("ascii").splitlines()
        listed = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except (OSError, ValueError):
        raise _refused(folder, f"cannot be checked: {CHECKSUMS} is missing or damaged") from None
    for name in names:
        present = (folder / name).is_file()
        if name in listed and not present:
            raise _refused(folder, f"is not whole: {name} is missing")
        if present and _sha256(folder / name) != listed.get(name):
            raise _refused(folder, f"{name} was changed or damaged, or {CHECKSUMS} was")


def _refused(folder: Path, reason: str) -> InputError:
    return InputError("result folder", str(folder), reason)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
