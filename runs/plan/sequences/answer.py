"""What `darkbattery plan` leaves and prints of a sequence."""

from pathlib import Path
from typing import Any

from rich.console import Console

from darkbattery.runs.figures.style import save_figure
from darkbattery.runs.plan.parameters import PARAMETERS
from darkbattery.runs.plan.sequences.drawing import draw_sequence
from darkbattery.runs.plan.sequences.plan import SequencePlan
from darkbattery.runs.plan.sequences.table import (
    answer,
    course_table,
    disconnecting,
    draw_table,
    how,
    limit_listing,
    limit_table,
    scan_table,
    stage_listing,
    stage_table,
    summary,
    summary_listing,
    verdict,
)
from darkbattery.runs.plan.table import write_tables
from darkbattery.runs.results.store import FIGURES


def record_of(plan: SequencePlan) -> dict[str, Any]:
    """What plan.json tells of it."""
    release, a = plan.release, plan.approximations
    return {
        "answer": answer(plan),
        "verdict": f"{disconnecting(plan)} {verdict(plan)}",
        "sequence": {
            "charge": plan.charge.name,
            "release": None if release is None else release.name,
            "best_duration_s": plan.scan.best,
            "window_s": list(plan.scan.window),
        },
        "subject": plan.subject.name,
        "title": plan.subject.title,
        "parameters": {name: one.read(plan.subject.model) for name, one in PARAMETERS.items()},
        "approximations": vars(a),
        "how": how(plan),
        "classes": a.classes,
        "draws": len(plan.drawn),
        "warnings": list(plan.warnings),
    }


def write(plan: SequencePlan, record: dict[str, Any], record_name: str, folder: Path) -> None:
    """Tables, figure and record."""
    tables = {
        "summary": summary(plan),
        "stages": stage_table(plan),
        "sensitivities": limit_table(plan),
        "scan": scan_table(plan),
        "curves": course_table(plan),
        "draws": draw_table(plan),
    }
    save_figure(draw_sequence(plan), folder / FIGURES, "plan")
    write_tables(tables, record, folder / record_name)


def show(plan: SequencePlan, console: Console) -> None:
    """For people."""
    console.print(answer(plan), highlight=False)
    console.print(summary_listing(summary(plan), len(plan.drawn)))
    for line in how(plan):
        console.print(line, highlight=False)
    console.print(stage_listing(stage_table(plan)))
    release = plan.release
    console.print(limit_listing(limit_table(plan), None if release is None else release.name))
    console.print(disconnecting(plan), highlight=False)
    console.print(verdict(plan), highlight=False)
    for warning in plan.warnings:
        console.print(f"warning: {warning}", highlight=False)
