"""`darkbattery plan`: find the subject, solve, draw, write, print."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console
from threadpoolctl import threadpool_limits

from darkbattery.nvmodel.numbers import counted
from darkbattery.nvmodel.refusal import InputError, whole_number
from darkbattery.runs.figures.style import save_figure
from darkbattery.runs.plan import table as burst
from darkbattery.runs.plan.drawing import draw_map, draw_plan
from darkbattery.runs.plan.forecast import Forecast
from darkbattery.runs.plan.intervals import (
    DRAWS,
    drawn_forecasts,
    drawn_sensitivities,
    interval_table,
)
from darkbattery.runs.plan.maps import make_map, models_of, parse_axes
from darkbattery.runs.plan.parameters import PARAMETERS, Vary
from darkbattery.runs.plan.plan import Plan, make_plan
from darkbattery.runs.plan.scaling import Scaling, parse_scaling, scaling_table, shots_lines
from darkbattery.runs.plan.sequences import table as sequence
from darkbattery.runs.plan.sequences.drawing import draw_sequence
from darkbattery.runs.plan.sequences.plan import DRAWS as SEQUENCE_DRAWS
from darkbattery.runs.plan.sequences.plan import SequencePlan, make_sequence_plan
from darkbattery.runs.plan.sequences.timeline import timed_stages
from darkbattery.runs.plan.subject import NO_ERRORS, Drawn, Subject, find_subject
from darkbattery.runs.ranks.world import on_root, rank_of, size_of
from darkbattery.runs.results.provenance import surroundings
from darkbattery.runs.results.store import FIGURES
from darkbattery.runs.start.workplace import workplace
from darkbattery.runs.terminal.tables import Listing

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
    drawn: list[Drawn[Forecast]]
    scaling: tuple[pd.DataFrame, ...]


@dataclass(frozen=True, eq=False)
class _Told:
    """What is left in the folder, and what is printed of it."""

    record: dict[str, Any]
    tables: dict[str, pd.DataFrame]
    figures: dict[str, Figure]
    said: list[str | Listing]


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
        made = {"ranks": size_of(comm), "wall_seconds": round(seconds, 3), **surroundings()}
        with at.result() as aside:
            if isinstance(answers, SequencePlan):
                told = _of_sequence(answers)
            else:
                told = _of_burst(answers, prepared)
            _write(told, made, aside)
    for part in told.said:
        console.print(part, highlight=False)
    console.print(f"{seconds:.1f} s on {counted(size_of(comm), 'rank')}", highlight=False)
    console.print(str(at.out), highlight=False, soft_wrap=True)


def _write(told: _Told, made: dict[str, Any], folder: Path) -> None:
    for name, figure in told.figures.items():
        save_figure(figure, folder / FIGURES, name)
    for name, table in told.tables.items():
        if len(table):
            table.to_parquet(folder / f"{name}.parquet", index=False)
    text = json.dumps(told.record | made, indent=2) + "\n"
    (folder / RECORD).write_text(text, encoding="utf-8")


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
        raise InputError("--draws", count, NO_ERRORS)
    return count


def _record(subject: Subject, answer: str, verdict: str) -> dict[str, Any]:
    """What plan.json tells of any subject."""
    return {
        "answer": answer,
        "verdict": verdict,
        "subject": subject.name,
        "title": subject.title,
        "parameters": {name: one.read(subject.model) for name, one in PARAMETERS.items()},
    }


def _of_burst(answers: _Answers, prepared: _Prepared) -> _Told:
    plan, drawn = answers.plan, answers.drawn
    answer, verdict = burst.answer(plan), burst.verdict(plan)
    regimes = [[one.question, one.measure, one.answer] for one in plan.regimes]
    limiting = plan.sensitivities.limiting
    record = _record(plan.subject, answer, verdict) | {
        "vary": {axis.name: list(axis.values) for axis in prepared.axes},
        "classes": plan.forecast.classes,
        "class_error": plan.forecast.class_error,
        "limiting": None if limiting is None else limiting.name,
        "regimes": regimes,
        "warnings": list(plan.forecast.warnings),
    }
    tables = {name: table(plan) for name, table in burst.TABLES.items()}
    figures = {"plan": draw_plan(plan)}
    said: list[str | Listing] = [
        answer,
        burst.summary_listing(tables["summary"], plan.title),
        burst.regime_listing(regimes),
        burst.sensitivity_listing(tables["sensitivities"]),
        verdict,
        *filter(None, [burst.burst_count(plan)]),
    ]
    if drawn:
        tables["intervals"] = interval_table(drawn)
        tables["drawn_sensitivities"] = drawn_sensitivities(drawn)
        tables["draws"] = pd.DataFrame([one.values for one in drawn])
        said.append(burst.interval_listing(tables["intervals"], len(drawn)))
        if len(tables["drawn_sensitivities"]):
            said.append(burst.drawn_listing(tables["drawn_sensitivities"]))
    if answers.scaling:
        tables["scaling"] = pd.concat(answers.scaling, ignore_index=True)
    for table, asked in zip(answers.scaling, prepared.scaling, strict=True):
        said += [burst.scaling_listing(table), *shots_lines(table, asked)]
    if answers.map is not None:
        tables["map"] = answers.map
        figures["map"] = draw_map(answers.map, prepared.axes, plan.subject.title)
    said += [f"warning: {warning}" for warning in plan.forecast.warnings]
    return _Told(record, tables, figures, said)


def _of_sequence(plan: SequencePlan) -> _Told:
    release = None if plan.release is None else plan.release.name
    answer, how = sequence.answer(plan), sequence.how(plan)
    moment, limits = sequence.disconnecting(plan), sequence.verdict(plan)
    record = _record(plan.subject, answer, f"{moment} {limits}") | {
        "sequence": {
            "charge": plan.charge.name,
            "release": release,
            "best_duration_s": plan.scan.best,
            "window_s": list(plan.scan.window),
        },
        "approximations": vars(plan.approximations),
        "how": how,
        "classes": plan.approximations.classes,
        "draws": len(plan.drawn),
        "warnings": list(plan.warnings),
    }
    tables = {name: table(plan) for name, table in sequence.TABLES.items()}
    said: list[str | Listing] = [
        answer,
        sequence.summary_listing(tables["summary"], len(plan.drawn)),
        *how,
        sequence.stage_listing(tables["stages"]),
        sequence.limit_listing(tables["sensitivities"], release),
        moment,
        limits,
        *(f"warning: {warning}" for warning in plan.warnings),
    ]
    return _Told(record, tables, {"plan": draw_sequence(plan)}, said)
