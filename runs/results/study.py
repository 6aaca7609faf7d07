"""A run definition carried out: its points spread over ranks, its answers in tidy tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from darkbattery.nvmodel.solution import Solution
from darkbattery.runs.choice.choice import (
    chosen,
    engine_name,
    engine_of,
    not_everywhere,
    observables_of,
)
from darkbattery.runs.definitions.definition import Point, RunDefinition
from darkbattery.runs.definitions.schema import Method
from darkbattery.runs.ranks.averages import Averages, Key
from darkbattery.runs.ranks.distribute import Campaign, Job, distribute_all
from darkbattery.runs.ranks.messages import ranks_of
from darkbattery.runs.ranks.parts import Parts, point_folder
from darkbattery.runs.ranks.signals import Stopped
from darkbattery.runs.ranks.world import on_root, rank_of, size_of
from darkbattery.runs.results.table import Study, in_column, swept_columns

if TYPE_CHECKING:
    import pandas as pd

RECEIVED = ("run", "time", "observable", "value")  # columns of what a receiver records
# stored of single runs where nothing is asked for by name
FAN = ("battery_energy", "charger_energy", "ergotropy", "emitted_photons")


def run_study(
    definition: RunDefinition, comm: Any = None, campaign: Campaign | None = None
) -> Study | None:
    """Carry out `definition` on all ranks of `comm`; the Study on rank 0, None on the others.

    Raises Stopped on every rank when asked to stop before the last run.

    Linear algebra runs on one thread a rank: ranks are the parallelism, and sums made by several
    threads would not be the same bits on every machine.
    """
    points, campaign = definition.points(), campaign or Campaign()
    comm = ranks_of(comm)
    heeding = nullcontext() if comm is None else comm.heeding(campaign.stop)
    with threadpool_limits(limits=1), heeding:
        averages = _averages(definition, points, comm, campaign)
        sampled = _single_runs(definition, points, comm, campaign)
        if averages is None or sampled is None:
            return None
        solutions = averages | sampled
        ordered = [
            (point, method, solutions[i, method])
            for i, point in enumerate(points)
            for method in definition.methods
        ]
        return Study(
            definition=definition,
            table=_joined(ordered, _table_columns),
            distributions=_joined(ordered, Solution.distribution_columns),
            single_runs=_fans(definition, points, sampled),
            warnings=(
                *not_everywhere(definition),
                *(
                    f"{point.label or 'model'}, {method}: {warning}"
                    for point, method, solution in ordered
                    for warning in (
                        *solution.warnings,
                        *_unreached(definition, method, solution),
                        *_approximate(definition, point, method),
                    )
                ),
            ),
            sampled=tuple(s for _, method, s in ordered if method == "sample"),
            statistics=_joined(ordered, Solution.statistic_columns),
            joints=_joined(ordered, Solution.joint_columns),
        )


def refuse_unread(definition: RunDefinition) -> None:
    """Refuse what single runs do not know, before many are made: one run of each point tells.

    A precision of what they do not read unless they are asked to (where observables are asked for
    by name, the definition knows), and statistics of what they do not have.
    """
    precision = definition.precision if definition.observables is None else None
    if precision is None and definition.statistics is None:
        return
    for point in definition.points():
        job = _job(definition, point, None)
        made = job.make(job.first, job.first + 1)
        if precision is not None:
            precision.next_goal(made, 1)


def _averages(
    definition: RunDefinition, points: tuple[Point, ...], comm: Any, campaign: Campaign
) -> dict[Key, Solution] | None:
    """The averages of every point by every method but `sample`; None but on rank 0.

    Those that an earlier start kept are not made again. Raises Stopped on every rank when one was
    asked to stop; what all have finished by then is kept.
    """
    for method in definition.methods:
        observables_of(definition, method)
    averages = Averages(campaign.folder)
    kept = on_root(comm, averages.kept)
    tasks = [
        (i, method)
        for i in range(len(points))
        for method in definition.methods
        if method != "sample" and (i, method) not in kept
    ]
    mine: dict[Key, Solution] = {}
    stopped = False
    try:
        with campaign.stop.at_once() if campaign.stop is not None else nullcontext():
            for i, method in tasks[rank_of(comm) :: size_of(comm)]:
                mine[i, method] = one = _average(definition, points[i], method)
                averages.add((i, method), one)
    except Stopped:
        stopped = True
    # every rank asks, a stopped one too: else the others would wait for its answer
    if any([stopped] if comm is None else comm.allgather(stopped)):
        averages.flush()
        raise Stopped
    if comm is None:
        return kept | mine
    parts = comm.gather(mine, root=0)
    return None if parts is None else kept | {key: s for part in parts for key, s in part.items()}


def _average(definition: RunDefinition, point: Point, method: Method) -> Solution:
    one = chosen(definition, point, method)
    engine, times = engine_of(one.definition), definition.times_of(point.model)
    average = engine.steady if method == "steady" else engine.evolve
    return average(one.model, times, one.observables)


def _single_runs(
    definition: RunDefinition, points: tuple[Point, ...], comm: Any, campaign: Campaign
) -> dict[tuple[int, Method], Solution] | None:
    if "sample" not in definition.methods:
        return {} if rank_of(comm) == 0 else None
    assert definition.runs is not None
    jobs = [
        _job(definition, point, parts)
        for point, parts in zip(points, _parts(definition, points, campaign), strict=True)
    ]
    outcome = distribute_all(jobs, comm, campaign)
    finished = None if outcome is None else outcome.finished
    if comm is not None:
        finished = comm.bcast(finished, root=0)
    if not finished:
        raise Stopped
    if outcome is None:
        return None
    return {(i, "sample"): solution for i, solution in enumerate(outcome.solutions)}


def _job(definition: RunDefinition, point: Point, parts: Parts | None) -> Job:
    assert definition.runs is not None
    one = chosen(definition, point, "sample")
    engine = engine_of(one.definition)
    return Job(
        engine.sample,
        one.model,
        definition.times_of(point.model),
        definition.runs,
        definition.seed,
        definition.first,
        one.observables,
        definition.precision,
        parts,
        definition.records,
        engine.block_runs,
        definition.statistics,
    )


def _parts(
    definition: RunDefinition, points: tuple[Point, ...], campaign: Campaign
) -> list[Parts | None]:
    if definition.records is None or campaign.folder is None:
        return [None] * len(points)
    return [
        Parts(point_folder(campaign.folder, i), swept)
        for i, swept in enumerate(swept_columns(points))
    ]


def _unreached(definition: RunDefinition, method: Method, solution: Solution) -> tuple[str, ...]:
    """A warning where all runs were made and the precision asked for was still not reached."""
    precision = definition.precision
    if method != "sample" or precision is None or solution.runs != definition.runs:
        return ()
    if precision.next_goal(solution, 1) == solution.runs:
        return ()
    return (f"precision of {precision.observable} not reached in {solution.runs} runs",)


def _approximate(definition: RunDefinition, point: Point, method: Method) -> tuple[str, ...]:
    """A warning where the engine was chosen for the user and is not exact."""
    one = chosen(definition, point, method)
    if not one.error:
        return ()
    return (f"{engine_name(one.definition, method)}: {one.reason}; expect {one.error}",)


def _fans(
    definition: RunDefinition,
    points: tuple[Point, ...],
    sampled: dict[tuple[int, Method], Solution],
) -> pd.DataFrame:
    """The first `single_runs` of the runs that were made, one by one."""
    import pandas as pd

    parts = []
    for i, point in enumerate(points if "sample" in definition.methods else ()):
        made = sampled[i, "sample"].runs or 0
        choice = chosen(definition, point, "sample")
        engine, times = engine_of(choice.definition), definition.times_of(point.model)
        names = choice.observables
        if names is None:
            offered = engine.available(choice.model, "sample")
            names = tuple(name for name in FAN if name in offered)
        kept = min(definition.single_runs, made)
        for run in range(definition.first, definition.first + kept):
            # the ergotropy of one run's average state is that of its conditional state
            one = engine.sample(
                choice.model, times, runs=1, seed=definition.seed, first=run, observables=names
            )
            for name in names:
                if np.isnan(one[name]).all():  # a variance over runs, of one run
                    continue
                part = pd.DataFrame(
                    {"run": run, "time": times, "observable": name, "value": one[name]}
                )
                parts.append(_with_swept(part, point))
        if definition.receiver is not None and kept:
            heard = received(definition, point, definition.first, kept)
            parts.append(_with_swept(heard, point))
    if not parts:
        return pd.DataFrame({"run": [], "time": [], "observable": [], "value": []})
    return pd.concat(parts, ignore_index=True)


def _joined(
    ordered: list[tuple[Point, Method, Solution]],
    columns: Callable[[Solution], Mapping[str, NDArray[Any]]],
) -> pd.DataFrame:
    """The tables of all solutions below each other, with the method and what is swept in front.

    Columns are joined, not tables: a table of its own for each of a thousand small points took
    longer than its physics.
    """
    import pandas as pd

    parts = [columns(solution) for _, _, solution in ordered]
    lengths = [next(iter(part.values())).size for part in parts]
    methods = pd.Series([method for _, method, _ in ordered])
    swept = [[in_column(value) for _, value in point.swept] for point, _, _ in ordered]
    front = {
        name: pd.Series([values[i] for values in swept])
        for i, (name, _) in enumerate(ordered[0][0].swept)
    }
    front = {name: one.repeat(lengths).array for name, one in (front | {"method": methods}).items()}
    filled = [part for part, length in zip(parts, lengths, strict=True) if length] or parts[:1]
    joined = {name: np.concatenate([part[name] for part in filled]) for name in filled[0]}
    return pd.DataFrame(front | {name: _few_texts(column) for name, column in joined.items()})


def _few_texts(column: NDArray[Any]) -> Any:
    """A column of names as pandas holds texts: each of a few is made once, not in every row."""
    import pandas as pd

    if column.dtype.kind != "O" or not column.size:
        return column
    codes, names = pd.factorize(column)
    return pd.Series(names).array.take(codes, allow_fill=True)


def _table_columns(solution: Solution) -> dict[str, NDArray[Any]]:
    columns = solution.columns()
    runs = np.full(columns["time"].size, solution.runs or 0, dtype=np.int64)
    return columns | {"runs": runs}


def _with_swept(frame: pd.DataFrame, point: Point) -> pd.DataFrame:
    for position, (name, value) in enumerate(point.swept):
        frame.insert(position, name, in_column(value))
    return frame


def received(definition: RunDefinition, point: Point, first: int, runs: int) -> pd.DataFrame:
    """I, Q and power of the runs first, first + 1, ...; no rows where nothing listens."""
    import pandas as pd

    receiver, choice = definition.receiver, chosen(definition, point, "sample")
    if receiver is None or runs == 0:
        return pd.DataFrame({name: [] for name in RECEIVED})
    heard = engine_of(choice.definition).port_records(
        choice.model, definition.times_of(point.model), runs, definition.seed, receiver, first
    )
    parts = []
    for i, signal in enumerate(heard.signal):
        values = (signal.real, signal.imag, np.abs(signal) ** 2)
        for name, value in zip(receiver.names, values, strict=True):
            columns = (first + i, heard.times, name, value)
            parts.append(pd.DataFrame(dict(zip(RECEIVED, columns, strict=True))))
    return pd.concat(parts, ignore_index=True)
