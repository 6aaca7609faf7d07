"""`darkbattery plan`: find the subject, solve, draw, write, print."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from threadpoolctl import threadpool_limits

from darkbattery.nvmodel.numbers import counted
from darkbattery.runs.plan.drawing import draw_map, draw_plan, save
from darkbattery.runs.plan.maps import Vary, make_map, models_of, parse_axes
from darkbattery.runs.plan.parameters import PARAMETERS
from darkbattery.runs.plan.plan import Plan, make_plan
from darkbattery.runs.plan.subject import Subject, find_subject
from darkbattery.runs.plan.table import (
    answer,
    burst_count,
    curves,
    rich_regimes,
    rich_sensitivities,
    rich_summary,
    sensitivity_table,
    summary,
    uncertainty_table,
    verdict,
)
from darkbattery.runs.provenance import surroundings
from darkbattery.runs.store import FIGURES
from darkbattery.runs.workplace import workplace
from darkbattery.runs.world import on_root, rank_of, size_of

RECORD = "plan.json"


@dataclass(frozen=True)
class Order:
    """A plan as asked for."""

    name: str
    ratio: float | None
    vary: tuple[str, ...]
    out: Path | None
    replace: bool
    time_limit_seconds: float | None = None


@dataclass(frozen=True)
class _Prepared:
    subject: Subject
    axes: tuple[Vary, ...]
    out: Path


def execute(order: Order, comm: Any, console: Console) -> None:
    """Carry out an order on all ranks; rank 0 leaves the result folder and prints the tables.

    Raises Stopped when asked to stop; points of a map that are finished by then are kept.
    """
    started = time.perf_counter()
    prepared = on_root(comm, lambda: _prepare(order))
    limit = order.time_limit_seconds
    with workplace(prepared.out, order.replace, RECORD, limit, comm, console) as at:
        plan = make_plan(prepared.subject, comm)
        table = None
        if prepared.axes:
            with threadpool_limits(limits=1):
                table = make_map(prepared.subject.model, prepared.axes, comm, at.partial)
        if rank_of(comm) != 0:
            return
        seconds = time.perf_counter() - started
        record = _record(prepared, plan, size_of(comm), seconds)
        with at.result() as aside:
            _write(plan, prepared, table, record, aside)
    _print(plan, console)
    console.print(f"{seconds:.1f} s on {counted(size_of(comm), 'rank')}", highlight=False)
    console.print(str(at.out), highlight=False, soft_wrap=True)


def _prepare(order: Order) -> _Prepared:
    """Everything that can be refused is refused here, before any work."""
    subject = find_subject(order.name, order.ratio)
    axes = parse_axes(order.vary)
    models_of(subject.model, axes)
    out = order.out if order.out is not None else Path("results") / f"plan-{subject.name}"
    return _Prepared(subject, axes, out)


def _record(prepared: _Prepared, plan: Plan, ranks: int, seconds: float) -> dict[str, Any]:
    model, limiting = prepared.subject.model, plan.sensitivities.limiting
    return {
        "answer": answer(plan),
        "verdict": verdict(plan),
        "subject": prepared.subject.name,
        "title": prepared.subject.title,
        "parameters": {name: one.read(model) for name, one in PARAMETERS.items()},
        "vary": {axis.name: list(axis.values) for axis in prepared.axes},
        "classes": plan.forecast.classes,
        "class_error": plan.forecast.class_error,
        "limiting": None if limiting is None else limiting.name,
        "regimes": [[one.question, one.measure, one.answer] for one in plan.regimes],
        "warnings": list(plan.forecast.warnings),
        "ranks": ranks,
        "wall_seconds": round(seconds, 3),
        **surroundings(),
    }


def _write(
    plan: Plan,
    prepared: _Prepared,
    table: pd.DataFrame | None,
    record: dict[str, Any],
    folder: Path,
) -> None:
    tables = {
        "summary": summary(plan),
        "curves": curves(plan),
        "sensitivities": sensitivity_table(plan),
        "uncertainties": uncertainty_table(plan),
    }
    save(draw_plan(plan), "plan", folder / FIGURES)
    if table is not None:
        tables["map"] = table
        save(draw_map(table, prepared.axes, plan.subject.title), "map", folder / FIGURES)
    for name, frame in tables.items():
        if len(frame):
            frame.to_parquet(folder / f"{name}.parquet", index=False)
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _print(plan: Plan, console: Console) -> None:
    console.print(answer(plan), highlight=False)
    console.print(rich_summary(plan))
    console.print(rich_regimes(plan))
    console.print(rich_sensitivities(plan))
    console.print(verdict(plan), highlight=False)
    if counted := burst_count(plan):
        console.print(counted, highlight=False)
    for warning in plan.forecast.warnings:
        console.print(f"warning: {warning}", highlight=False)
