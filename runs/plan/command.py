"""`darkbattery plan`: find the subject, solve, draw, write, print."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from threadpoolctl import threadpool_limits

from darkbattery.nvmodel.numbers import counted
from darkbattery.nvmodel.refusal import InputError, whole_number
from darkbattery.runs.figures.style import save_figure
from darkbattery.runs.plan.drawing import draw_map, draw_plan
from darkbattery.runs.plan.intervals import (
    DRAWS,
    Drawn,
    drawn_forecasts,
    drawn_sensitivities,
    interval_table,
)
from darkbattery.runs.plan.maps import Vary, make_map, models_of, parse_axes
from darkbattery.runs.plan.parameters import PARAMETERS
from darkbattery.runs.plan.plan import Plan, make_plan
from darkbattery.runs.plan.scaling import Scaling, parse_scaling, scaling_table, shots_lines
from darkbattery.runs.plan.sequences.answer import record_of, show, write
from darkbattery.runs.plan.sequences.plan import DRAWS as SEQUENCE_DRAWS
from darkbattery.runs.plan.sequences.plan import SequencePlan, make_sequence_plan
from darkbattery.runs.plan.sequences.timeline import timed_stages
from darkbattery.runs.plan.subject import Subject, find_subject
from darkbattery.runs.plan.table import (
    answer,
    burst_count,
    curves,
    drawn_listing,
    interval_listing,
    rich_regimes,
    rich_sensitivities,
    rich_summary,
    scaling_listing,
    sensitivity_table,
    summary,
    uncertainty_table,
    verdict,
    write_tables,
)
from darkbattery.runs.ranks.world import on_root, rank_of, size_of
from darkbattery.runs.results.provenance import surroundings
from darkbattery.runs.results.store import FIGURES
from darkbattery.runs.start.workplace import workplace

RECORD = "plan.json"
MOST_DRAWS = 10_000


@dataclass(frozen=True)
class Order:
    """A plan as asked for."""

    name: str
    ratio: float | None
    vary: tuple[str, ...]
    out: Path | None
    replace: bool
    time_limit_seconds: float | None = None
    draws: int | None = None
    scaling: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Prepared:
    subject: Subject
    axes: tuple[Vary, ...]
    out: Path
    draws: int
    scaling: tuple[Scaling, ...]


@dataclass(frozen=True, eq=False)
class _Answers:
    """The plan, and what was asked for beside it."""

    plan: Plan
    map: pd.DataFrame | None
    drawn: list[Drawn]
    scaling: tuple[pd.DataFrame, ...]


def execute(order: Order, comm: Any, console: Console) -> None:
    """Carry out an order on all ranks; rank 0 leaves the result folder and prints the tables.

    Raises Stopped when asked to stop; points of a map that are finished by then are kept.
    """
    started = time.perf_counter()
    prepared = on_root(comm, lambda: _prepare(order))
    limit = order.time_limit_seconds
    with workplace(prepared.out, order.replace, RECORD, limit, comm, console) as at:
        answers: _Answers | SequencePlan
        if prepared.subject.model.protocol:
            answers = make_sequence_plan(prepared.subject, prepared.draws, comm)
        else:
            answers = _answers(prepared, comm, at.partial)
        if rank_of(comm) != 0:
            return
        seconds = time.perf_counter() - started
        made = {
            "ranks": size_of(comm),
            "wall_seconds": round(seconds, 3),
            **surroundings(),
        }
        with at.result() as aside:
            if isinstance(answers, SequencePlan):
                write(answers, record_of(answers) | made, RECORD, aside)
            else:
                _write(answers, prepared, _record(prepared, answers.plan) | made, aside)
    if isinstance(answers, SequencePlan):
        show(answers, console)
    else:
        _print(answers, prepared, console)
    console.print(f"{seconds:.1f} s on {counted(size_of(comm), 'rank')}", highlight=False)
    console.print(str(at.out), highlight=False, soft_wrap=True)


def _answers(prepared: _Prepared, comm: Any, partial: Path) -> _Answers:
    subject, table, drawn = prepared.subject, None, []
    plan = make_plan(subject, comm)
    with threadpool_limits(limits=1):
        if prepared.axes:
            table = make_map(subject.model, prepared.axes, comm, partial)
        if prepared.draws:
            drawn = drawn_forecasts(subject, prepared.draws, plan.forecast.rest, comm)
        scaling = tuple(scaling_table(subject.model, one, comm) for one in prepared.scaling)
    return _Answers(plan, table, drawn, scaling)


def _prepare(order: Order) -> _Prepared:
    """Everything that can be refused is refused here, before any work."""
    subject = find_subject(order.name, order.ratio)
    if subject.model.protocol:
        timed_stages(subject.model.protocol)
        for name, asked in (("--vary", order.vary), ("--scaling", order.scaling)):
            if asked:
                text = "not of a sequence: its plan changes one parameter after the other"
                raise InputError(name, list(asked), text)
    axes = parse_axes(order.vary)
    models_of(subject.model, axes)
    scaling = tuple(parse_scaling(text) for text in order.scaling)
    out = order.out if order.out is not None else Path("results") / f"plan-{subject.name}"
    return _Prepared(subject, axes, out, _draws(order, subject), scaling)


def _draws(order: Order, subject: Subject) -> int:
    """So many as asked for; without a word those of a device whose errors were fitted."""
    if order.draws is None:
        if subject.device is not None and subject.model.protocol:
            return SEQUENCE_DRAWS
        fitted = subject.device is not None and subject.device.covariance is not None
        return DRAWS if fitted else 0
    count = whole_number("--draws", order.draws, least=0, most=MOST_DRAWS)
    if count and subject.device is None:
        raise InputError("--draws", count, "needs a device: a run definition has no errors")
    return count


def _record(prepared: _Prepared, plan: Plan) -> dict[str, Any]:
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
    }


def _write(answers: _Answers, prepared: _Prepared, record: dict[str, Any], folder: Path) -> None:
    plan = answers.plan
    tables = {
        "summary": summary(plan),
        "curves": curves(plan),
        "sensitivities": sensitivity_table(plan),
        "uncertainties": uncertainty_table(plan),
    }
    save_figure(draw_plan(plan), folder / FIGURES, "plan")
    if answers.drawn:
        tables["intervals"] = interval_table(answers.drawn)
        tables["drawn_sensitivities"] = drawn_sensitivities(answers.drawn)
        tables["draws"] = pd.DataFrame([one.values for one in answers.drawn])
    if answers.scaling:
        tables["scaling"] = pd.concat(answers.scaling, ignore_index=True)
    if answers.map is not None:
        tables["map"] = answers.map
        drawn = draw_map(answers.map, prepared.axes, plan.subject.title)
        save_figure(drawn, folder / FIGURES, "map")
    write_tables(tables, record, folder / RECORD)


def _print(answers: _Answers, prepared: _Prepared, console: Console) -> None:
    plan = answers.plan
    console.print(answer(plan), highlight=False)
    console.print(rich_summary(plan))
    console.print(rich_regimes(plan))
    console.print(rich_sensitivities(plan))
    console.print(verdict(plan), highlight=False)
    if counted := burst_count(plan):
        console.print(counted, highlight=False)
    if answers.drawn:
        console.print(interval_listing(interval_table(answers.drawn), len(answers.drawn)))
        blamed = drawn_sensitivities(answers.drawn)
        if len(blamed):
            console.print(drawn_listing(blamed))
    for table, asked in zip(answers.scaling, prepared.scaling, strict=True):
        console.print(scaling_listing(table))
        for line in shots_lines(table, asked):
            console.print(line, highlight=False)
    for warning in plan.forecast.warnings:
        console.print(f"warning: {warning}", highlight=False)
