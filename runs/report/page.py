"""A report: everything one reads about results, in one HTML file that needs no network."""

import base64
import json
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
import tomli_w
from latex2mathml.converter import convert
from rich.console import RenderableType
from rich.text import Text

from darkbattery.nvmodel.numbers import counted, with_error
from darkbattery.runs.compare.tables import DIFFERENCES, tables
from darkbattery.runs.definitions.definition import Point, RunDefinition
from darkbattery.runs.definitions.textfile import write_whole
from darkbattery.runs.plan.sequences import table as sequences
from darkbattery.runs.plan.table import regime_listing, sensitivity_listing, summary_listing
from darkbattery.runs.report.charts import Chart, charts
from darkbattery.runs.report.mathematics import set_html
from darkbattery.runs.report.packing import drawing_library, packed
from darkbattery.runs.report.tables import tables_html
from darkbattery.runs.results.store import Result, definition_content, load
from darkbattery.runs.results.summary import ends, label, runs_line
from darkbattery.runs.results.table import Study
from darkbattery.runs.studies.regimes.tables import HEADINGS, in_a_sentence
from darkbattery.runs.terminal.screen import SI, Found, found, result_tables

# what the answer is about
FIRST = ("battery energy", "charger energy")  # asked for most
WORDS = {
    "steady state": "{} in the steady state",
    "at the end": "{} at the end",
    "largest": "largest {}",
}
MOMENTS = ("steady state", "at the end")
LONGEST_NAME = 40  # letters of a file's name


@dataclass(frozen=True, eq=False)
class Section:
    """What the page says of one folder; `toml` is empty where no definition made it."""

    anchor: str
    title: str
    answer: str
    warnings: tuple[str, ...]
    figures: tuple[dict[str, Any], ...]
    pictures: tuple[dict[str, str], ...]
    tables: str
    command: str
    provenance: tuple[tuple[str, str], ...]
    runs: str = ""
    question: str = ""
    equation: str = ""
    explanation: str = ""
    toml: str = ""
    toml_link: str = ""
    file_name: str = ""


@dataclass(frozen=True)
class Told:
    """A folder: its record, its answer, its tables as HTML, and how it was made."""

    title: str
    answer: str
    tables: str
    record: dict[str, Any]
    command: str
    warnings: tuple[str, ...] = ()


def report_page(folders: Sequence[Path]) -> str:
    """The whole page for some folders, in their order."""
    sections = [_section(f"result-{i + 1}", folder) for i, folder in enumerate(folders)]
    loader = jinja2.PackageLoader("darkbattery.runs.report", ".")
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    # the library is a third of a page: only where something is drawn with it
    drawn = [figure for section in sections for figure in section.figures]
    plots = {figure["anchor"]: figure["plot"] for figure in drawn}
    return environment.get_template("page.html").render(
        title=" / ".join(section.title for section in sections),
        sections=sections,
        library=drawing_library() if drawn else packed(""),
        plots=packed(json.dumps(plots, separators=(",", ":"))),
    )


def _section(anchor: str, folder: Path) -> Section:
    found = told(folder)
    if found is not None:
        return _of_folder(anchor, found, folder)
    return _of_study(anchor, load(folder), folder)


def _of_folder(anchor: str, found: Told, folder: Path) -> Section:
    return Section(
        anchor=anchor,
        title=found.title,
        answer=found.answer,
        warnings=found.warnings,
        figures=(),
        pictures=pictures(folder),
        tables=found.tables,
        command=found.command,
        provenance=tuple(_flat(found.record)),
    )


def _file_name(title: str, anchor: str) -> str:
    """A name for the definition's file made from its title.

    >>> _file_name("Energy & ergotropy, at the end", "result-1")
    'energy_ergotropy_at_the_end'
    """
    words = re.findall(r"[a-z0-9]+", title.lower())
    return "_".join(words)[:LONGEST_NAME].strip("_") or anchor


def _of_study(anchor: str, result: Result, folder: Path) -> Section:
    study = result.study
    definition, points = study.definition, study.definition.points()
    toml = tomli_w.dumps(definition_content(definition))
    encoded = base64.b64encode(toml.encode()).decode()
    # results of earlier versions do not tell
    name = result.provenance.get("definition_name") or _file_name(definition.title, anchor)
    return Section(
        anchor=anchor,
        title=definition.title,
        answer=answer(study),
        warnings=study.warnings,
        figures=tuple(_figure(f"{anchor}-{i + 1}", one) for i, one in enumerate(charts(study))),
        # runs that were made again
        pictures=tuple(map(picture, sorted((folder / "replay").glob("*.svg")))),
        tables=tables_html(result_tables(study), definition.title),
        command=shlex.join(["darkbattery", "run", f"{name}.toml"]),
        provenance=tuple(_flat(result.provenance)),
        runs=runs_line(study),
        question=_question(definition, points),
        equation=convert(points[0].model.equation, display="block"),
        explanation=points[0].model.symbols,
        toml=toml,
        toml_link=f"data:application/toml;base64,{encoded}",
        file_name=f"{name}.toml",
    )


def answer(study: Study) -> str:
    """The stored energy at the end, and the largest power; over a sweep, from where to where."""
    points = [(label(study, key), found(study, curves)) for key, curves in ends(study).items()]
    rows = [one for _, here in points for one in here]
    if not rows:
        return "Nothing was asked for."
    quantity = next((name for name in FIRST if any(o.quantity == name for o in rows)), None)
    parts = [_about(points, quantity or rows[0].quantity, MOMENTS)]
    if any(one.quantity == "power" and one.moment == "largest" for one in rows):
        parts.append(_about(points, "power", ("largest",)))
    text = "; ".join(filter(None, parts))
    return f"{text[:1].upper()}{text[1:]}."


def _about(points: Sequence[tuple[str, list[Found]]], quantity: str, moments: Sequence[str]) -> str:
    """One quantity, at the first of the moments that it has."""
    for moment in moments:
        chosen = [
            (label, [o for o in here if o.quantity == quantity and o.moment == moment])
            for label, here in points
        ]
        chosen = [(label, here) for label, here in chosen if here]
        if chosen:
            return f"{WORDS[moment].format(quantity)}: {_range(chosen)}"
    return ""


def _range(chosen: Sequence[tuple[str, list[Found]]]) -> str:
    if len(chosen) == 1:
        return _all_methods(chosen[0][1])
    low = min(chosen, key=lambda item: item[1][0].value)
    high = max(chosen, key=lambda item: item[1][0].value)
    return f"from {_first(*low)} to {_first(*high)}"


def _first(label: str, here: Sequence[Found]) -> str:
    return f"{_said(here[0])} ({label.replace('=', ' = ')})"


def _all_methods(here: Sequence[Found]) -> str:
    values = [f"{_said(one)} {one.method}" for one in here if one.method != "deviation"]
    apart = [f"{one.shown} standard errors apart" for one in here if one.method == "deviation"]
    return ", ".join([*values, *apart])


def _said(one: Found) -> str:
    """The number with its unit, which one with a prefix has already."""
    unit = "" if one.unit in ("1", *SI) else one.unit
    return f"{one.shown} {unit}".rstrip()


def _question(definition: RunDefinition, points: Sequence[Point]) -> str:
    """What was asked, in a sentence made from the definition."""
    verbs = {
        "steady": "the steady state",
        "evolve": "averages over time",
        "sample": counted(definition.runs or 0, "single run"),
    }
    asked = ", ".join(verbs[method] for method in definition.methods)
    swept = [name for name, values in definition.model if len(values) > 1]
    over = f", for {len(points)} values of {', '.join(swept)}" if swept else ""
    span = f", up to t = {definition.times[-1]:g}" if definition.times else ""
    kind = "Automatically chosen" if definition.engine == "auto" else definition.engine.capitalize()
    return f"{kind} description: {asked}{over}{span}."


def _figure(anchor: str, chart: Chart) -> dict[str, Any]:
    content = json.loads(chart.figure.to_json())
    content["layout"].pop("template", None)  # the page has its own colours
    return {
        "anchor": anchor,
        "name": chart.name,
        "caption": chart.caption,
        "plain": chart.plain,
        "plot": content,
        "table": _table(chart.table),
    }


def _table(frame: pd.DataFrame) -> str:
    """The numbers of a figure, with their errors in brackets."""
    if {"value", "error"} <= set(frame.columns):
        pairs = zip(frame["value"], frame["error"], strict=True)
        frame = frame.drop(columns="error").assign(value=[with_error(v, e) for v, e in pairs])
    text = frame.to_html(
        index=False, border=0, float_format=lambda x: f"{x:.6g}", na_rep="", escape=True
    )
    return re.sub(r">\s+<", "><", text)  # a quarter of a page is blanks otherwise


def _flat(record: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in record.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{name} ")
        elif name != "warnings":
            shown = f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)
            rows.append((f"{prefix}{name}".replace("_", " "), shown))
    return rows


def write_report(folders: Sequence[Path], out: Path) -> None:
    """Write the page aside and rename it, so that a page that exists is whole."""
    write_whole(out, report_page(folders))


# --- folders that hold no single study: plans, comparisons, the paper


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
