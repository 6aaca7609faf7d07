"""A report: everything one reads about results, in one HTML file that needs no network."""

import base64
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
import plotly.offline
import tomli_w

from runs.definition import Point, RunDefinition
from runs.report.charts import Chart, charts
from runs.report.equations import equation, explanation
from runs.store import Result, definition_content
from runs.summary import summarise


@dataclass(frozen=True, eq=False)
class Section:
    """What the page says of one result."""

    anchor: str
    title: str
    question: str
    equation: str
    explanation: str
    warnings: tuple[str, ...]
    summary: str
    figures: tuple[dict[str, str], ...]
    provenance: tuple[tuple[str, str], ...]
    toml: str
    toml_link: str
    file_name: str
    command: str


def report_page(results: Sequence[Result]) -> str:
    """The whole page for some results, in their order."""
    sections = [_section(i, result) for i, result in enumerate(results)]
    folder = jinja2.PackageLoader("runs.report", ".")
    environment = jinja2.Environment(loader=folder, autoescape=True, trim_blocks=True)
    return environment.get_template("page.html").render(
        title=" / ".join(section.title for section in sections),
        sections=sections,
        library=_packed(plotly.offline.get_plotlyjs()),
    )


def _packed(text: str) -> str:
    """Deflated, in base 85 with "," for "<", which could begin a comment: a third of the size."""
    return base64.b85encode(zlib.compress(text.encode(), 9)).decode().replace("<", ",")


def _file_name(title: str, anchor: str) -> str:
    """A name for the definition's file made from its title.

    >>> _file_name("Energy & ergotropy, at the end", "result-1")
    'energy_ergotropy_at_the_end'
    """
    words = re.findall(r"[a-z0-9]+", title.lower())
    return "_".join(words)[:60] or anchor


def _section(number: int, result: Result) -> Section:
    study = result.study
    definition, points = study.definition, study.definition.points()
    toml = tomli_w.dumps(definition_content(definition))
    encoded = base64.b64encode(toml.encode()).decode()
    anchor = f"result-{number + 1}"
    name = _file_name(definition.title, anchor)
    return Section(
        anchor=anchor,
        title=definition.title,
        question=_question(definition, points),
        equation=equation(points[0].model),
        explanation=explanation(points[0].model),
        warnings=study.warnings,
        summary=_table(summarise(study).set_index("model").T.rename_axis(columns=None), index=True),
        figures=tuple(_figure(f"{anchor}-{i + 1}", one) for i, one in enumerate(charts(study))),
        provenance=tuple(_flat(result.provenance)),
        toml=toml,
        toml_link=f"data:application/toml;base64,{encoded}",
        file_name=f"{name}.toml",
        command=f"darkbattery run {name}.toml --out results/{name}",
    )


def _question(definition: RunDefinition, points: Sequence[Point]) -> str:
    """What was asked, in a sentence made from the definition."""
    verbs = {
        "steady": "the steady state",
        "evolve": "averages over time",
        "sample": f"{definition.runs} single runs",
    }
    asked = ", ".join(verbs[method] for method in definition.methods)
    swept = [name for name, values in definition.model if len(values) > 1]
    over = f", for {len(points)} values of {', '.join(swept)}" if swept else ""
    span = f", up to t = {definition.times[-1]:g}" if definition.times else ""
    kind = "Automatically chosen" if definition.engine == "auto" else definition.engine.capitalize()
    return f"{kind} description: {asked}{over}{span}."


def _figure(anchor: str, chart: Chart) -> dict[str, str]:
    content = json.loads(chart.figure.to_json())
    content["layout"].pop("template", None)  # the page has its own colours
    # "</" would end the script element that carries the figure
    text = json.dumps(content, separators=(",", ":")).replace("</", "<\\/")
    return {
        "anchor": anchor,
        "name": chart.name,
        "caption": chart.caption,
        "json": text,
        "table": _table(chart.table),
    }


def _table(frame: pd.DataFrame, index: bool = False) -> str:
    return str(
        frame.to_html(
            index=index, border=0, float_format=lambda x: f"{x:.6g}", na_rep="", escape=True
        )
    )


def _flat(record: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in record.items():
        if isinstance(value, dict):
            rows += _flat(value, f"{prefix}{name} ")
        elif name != "warnings":
            shown = f"{value:.6g}" if isinstance(value, (float, np.floating)) else str(value)
            rows.append((f"{prefix}{name}".replace("_", " "), shown))
    return rows


def write_report(results: Sequence[Result], out: Path) -> None:
    """Write the page aside and rename it, so that a page that exists is whole."""
    aside = out.with_name(f".{out.name}.part")
    try:
        aside.write_text(report_page(results), encoding="utf-8")
        aside.replace(out)
    finally:
        aside.unlink(missing_ok=True)
