"""What a report says of folders that hold no single study: plans, comparisons, the paper."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import RenderableType
from rich.text import Text

from darkbattery.runs.compare.tables import DIFFERENCES, tables
from darkbattery.runs.plan.sequences import table as sequences
from darkbattery.runs.plan.table import regime_listing, sensitivity_listing, summary_listing
from darkbattery.runs.report.mathematics import set_html
from darkbattery.runs.report.tables import tables_html
from darkbattery.runs.studies.regimes.tables import HEADINGS, in_a_sentence


@dataclass(frozen=True)
class Told:
    """A folder: its record, its answer, its tables as HTML, and how it was made."""

    title: str
    answer: str
    tables: str
    record: dict[str, Any]
    command: str
    warnings: tuple[str, ...] = ()


def picture(path: Path) -> dict[str, str]:
    """A figure that is stored as SVG, for an image element."""
    content = base64.b64encode(path.read_bytes()).decode()
    # such as Fig. 2, point 0 run 7
    name = re.sub(r"^fig(\d+)$", r"Fig. \1", path.stem).removeprefix("fig")
    return {"name": re.sub(r"[-_]", " ", name), "source": f"data:image/svg+xml;base64,{content}"}


def pictures(folder: Path) -> tuple[dict[str, str], ...]:
    """All figures of a folder, and of its folder of figures."""
    paths = sorted([*folder.glob("*.svg"), *(folder / "figures").glob("*.svg")])
    return tuple(map(picture, paths))


def told(folder: Path) -> Told | None:
    """What a folder says, where it is a plan, a comparison, the paper or the regimes."""
    for name, read in KINDS.items():
        if (folder / name).is_file():
            return read(folder, json.loads((folder / name).read_text("utf-8")))
    return None


def _plan(folder: Path, record: dict[str, Any]) -> Told:
    def parts() -> Iterator[RenderableType]:
        if "sequence" in record:
            yield from _sequence(folder, record)
            return
        yield summary_listing(pd.read_parquet(folder / "summary.parquet"), "")
        if (folder / "sensitivities.parquet").is_file():
            yield sensitivity_listing(pd.read_parquet(folder / "sensitivities.parquet"))
        yield regime_listing(record["regimes"])

    said = [record[key] for key in ("answer", "verdict") if key in record]
    return Told(
        title=f"Plan: {record['title']}",
        answer=" ".join(said),
        tables=tables_html(parts(), "Plan"),
        record=_kept(record, ("parameters", "classes", "class_error", "ranks", "wall_seconds")),
        command=f"darkbattery plan {record['subject']}",
        warnings=tuple(record.get("warnings", ())),
    )


def _sequence(folder: Path, record: dict[str, Any]) -> Iterator[RenderableType]:
    frames = {
        name: pd.read_parquet(folder / f"{name}.parquet")
        for name in ("summary", "stages", "sensitivities")
        if (folder / f"{name}.parquet").is_file()
    }
    yield sequences.summary_listing(frames["summary"], record["draws"])
    yield from map(Text, record["how"])
    yield sequences.stage_listing(frames["stages"])
    if "sensitivities" in frames:
        yield sequences.limit_listing(frames["sensitivities"], record["sequence"]["release"])


def _comparison(folder: Path, record: dict[str, Any]) -> Told:
    frames = [pd.read_parquet(folder / name) for name in (DIFFERENCES, "distances.parquet")]
    names = list(record["results"])
    said = record.get("answer") or " ".join(record["statements"][:1])
    return Told(
        title=f"{', '.join(names[1:])} beside {names[0]}",
        answer=said,
        tables=tables_html([*tables(*frames), *map(Text, record["remarks"])], "Comparison"),
        record={},
        command=f"darkbattery compare {' '.join(names)}{' --scaled' * bool(record['scaled'])}",
    )


def _paper(folder: Path, record: dict[str, Any]) -> Told:
    claims = pd.DataFrame()
    if (folder / "claims.parquet").is_file():
        claims = pd.read_parquet(folder / "claims.parquet")
    counts = claims["verdict"].value_counts() if len(claims) else pd.Series(dtype=int)
    answer = f"{len(claims)} claims of the paper: " + ", ".join(
        f"{verdict}: {count}" for verdict, count in counts.items()
    )
    return Told(
        title="Quach and Munro (2020), made again",
        answer=f"{answer}." if len(claims) else "Figures of the paper.",
        tables="".join(_claim(row) for row in claims.to_dict("records")),
        record=_kept(record, ("ranks", "wall_seconds", "git_revision")),
        command="darkbattery paper",
    )


def _claim(row: dict[str, Any]) -> str:
    return (
        f"<details><summary>{escape(row['verdict'])}: {set_html(row['statement'])} "
        f"({escape(row['place'])})</summary><p>Found: {set_html(row['numbers'])}. "
        f"Criterion: {set_html(row['criterion'])}</p></details>"
    )


def _regimes(folder: Path, record: dict[str, Any]) -> Told:
    frames = {
        name: pd.read_parquet(folder / "tables" / f"{name}.parquet")
        for name in HEADINGS
        if (folder / "tables" / f"{name}.parquet").is_file()
    }
    return Told(
        title="Where the semiclassical engine holds",
        answer=in_a_sentence(frames["usable"]) if "usable" in frames else "",
        tables="".join(_folded(frame, HEADINGS[name]) for name, frame in frames.items()),
        record=_kept(record, ("ranks", "wall_seconds", "git_revision")),
        command="darkbattery regimes",
    )


def _folded(frame: pd.DataFrame, heading: str) -> str:
    cells = frame.map(lambda value: escape(str(value))).rename(columns=set_html)
    return (
        f"<details><summary>{set_html(heading)}</summary>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(heading)}">'
        f"{cells.to_html(index=False, border=0, escape=False)}</div></details>"
    )


def _kept(record: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: record[name] for name in names if name in record}


# the file that marks a folder, and how it is told
KINDS: dict[str, Callable[[Path, dict[str, Any]], Told]] = {
    "plan.json": _plan,
    "comparison.json": _comparison,
    "paper.json": _paper,
    "regimes.json": _regimes,
}
