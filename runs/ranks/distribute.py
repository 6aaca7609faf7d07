"""Single runs over MPI ranks: blocks handed out ahead of need, exact sums, one answer.

A block is a fixed range of run indices. Ranks hold blocks for about a second of work and are given
more before they are done, by messages that are looked at between two pieces of work; see
`runs.ranks.team`. What a rank made is added up where it was made: tallies are whole numbers, so the
sum is the same, to the bit, in whatever order blocks were made and sums were added. One tally a job
travels from each rank, up a tree, when a checkpoint is due, when the job is asked whether its
precision is reached, and at the end.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from darkbattery.nvmodel.method import Summary
from darkbattery.nvmodel.refusal import whole_number
from darkbattery.nvmodel.runstatistics import Statistics
from darkbattery.nvmodel.solution import Solution
from darkbattery.nvmodel.tally import MOST_RUNS, RunSpans
from darkbattery.runs.definitions.precision import Precision
from darkbattery.runs.ranks.checkpoint import Kept
from darkbattery.runs.ranks.messages import Ranks, ranks_of
from darkbattery.runs.ranks.parts import Parts
from darkbattery.runs.ranks.signals import StopRequest
from darkbattery.runs.ranks.team import PIECE_SECONDS, Team
from darkbattery.runs.ranks.world import on_root, rank_of

ALONE_SECONDS = 0.2  # of work between two looks at clock and signals, on one rank
ROWS_SECONDS = 0.2  # of work whose rows go into one file


class Sample(Protocol):
    """An engine's `sample`."""

    def __call__(
        self,
        model: Any,
        times: Any,
        /,
        runs: int,
        seed: int,
        first: int = 0,
        observables: Iterable[str] | None = None,
        records: Any = None,
        statistics: Any = None,
    ) -> Solution:
        """Single runs first ... first + runs - 1."""


class Progress(Protocol):
    """What is told about the work on rank 0; see `runs.terminal.progress`."""

    def update(self, done: int, total: int, mine: Solution | None, of_job: int) -> None:
        """`done` of `total` runs are taken, `of_job` of the job of which `mine` is rank 0's."""


class Keeper(Protocol):
    """Where the state of the work is kept; called on rank 0 alone. See `runs.start.campaign`."""

    @property
    def due(self) -> bool:
        """Whether it is time to keep again."""

    def keep(self, found: Sequence[Solution | None], goals: Sequence[int]) -> None:
        """Keep what all ranks found so far."""


@dataclass(frozen=True)
class Job:
    """Runs first ... first + runs - 1 of one study, or fewer if `precision` is reached before."""

    sample: Sample
    model: Any
    times: Any
    runs: int
    seed: int
    first: int = 0
    observables: tuple[str, ...] | None = None
    precision: Precision | None = None
    parts: Parts | None = None
    records: Summary | None = None
    block_runs: int | None = None
    statistics: Statistics | None = None

    @property
    def block(self) -> int:
        """Runs in a block: a function of the model alone, so that no machine changes it."""
        if self.block_runs is not None:
            return self.block_runs
        if self.model.reservoir is not None:
            return max(1, min(1024, (1 << 20) // sum(self.model.sizes)))
        return 64

    def make(self, start: int, stop: int) -> Solution:
        """The runs start ... stop - 1; their rows, where wanted, go straight to a file."""
        made = self.sample(
            self.model,
            self.times,
            runs=stop - start,
            seed=self.seed,
            first=start,
            observables=self.observables,
            records=None if self.parts is None else self.records,
            statistics=self.statistics,
        )
        if self.parts is not None and made.records is not None:
            self.parts.write(start, stop, made.records)
            made.records = None
        return made

    def resumed(self, kept: Kept) -> Solution:
        """The Solution that was kept; refused if its counts do not fit this job."""
        template = replace(self, parts=None).make(self.first, self.first + 1)
        return template.with_counts(kept.spans, kept.arrays)

    def next_goal(self, found: Solution | None) -> int:
        """Number of runs after which to ask again; the number there is when that is enough."""
        if self.precision is None:
            return self.runs
        if found is None:
            goal = self.precision.min_runs
        else:
            excitations = getattr(self.model, "n_charger", 1)
            goal = self.precision.next_goal(found, excitations)
            if goal == found.runs:
                return goal
        in_blocks = -(-goal // self.block) * self.block
        return min(self.runs, in_blocks)


@dataclass(frozen=True)
class Campaign:
    """How the single runs of a study are carried out; what they give does not depend on it.

    Attributes
    ----------
    progress : Progress, optional
        Told now and then on rank 0.
    kept : sequence of Kept or None, optional
        On rank 0: what an earlier start found, a point each; only what is missing is made.
    keeper : Keeper, optional
        On rank 0.
    stop : StopRequest, optional
        Asked after each claim of blocks. When any rank was asked to stop, all end in order.
    folder : Path, optional
        Of the unfinished study: where finished averages are kept, and where the rows of single
        runs go, if the definition asks for them.
    """

    progress: Progress | None = None
    kept: Sequence[Kept | None] | None = None
    keeper: Keeper | None = None
    stop: StopRequest | None = None
    folder: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """What was found, and whether the work is finished or was stopped before."""

    solutions: list[Solution]
    finished: bool


def distribute(
    sample: Sample,
    model: Any,
    times: ArrayLike,
    runs: int,
    seed: int,
    comm: Any = None,
    first: int = 0,
    observables: Iterable[str] | None = None,
    progress: Progress | None = None,
    precision: Precision | None = None,
    checkpoint: Keeper | None = None,
) -> Solution | None:
    """Sample single runs on all ranks of `comm`; the same bits for any number of ranks.

    Parameters
    ----------
    sample : callable
        An engine's `sample`, such as `trajectories.sample`.
    model, times, runs, seed, first, observables
        As `sample` takes them.
    comm : MPI communicator, optional
        Default: this process alone, without MPI.
    progress : Progress, optional
        Told now and then on rank 0.
    precision : Precision, optional
        Stop, after at most `runs`, when it is reached: after the same run for any number of ranks.
    checkpoint : Keeper, optional
        Keeps what was found so far when it is due.

    Returns
    -------
    Solution or None
        The whole study on rank 0; None on the others.

    Examples
    --------
    >>> from darkbattery import trajectories
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> distribute(trajectories.sample, CollectiveBattery(1, 5), [0, 1], runs=1000, seed=7).runs
    1000
    """
    whole_number("runs", runs, least=1, most=MOST_RUNS)
    names = None if observables is None else tuple(observables)
    job = Job(sample, model, times, runs, seed, first, names, precision)
    outcome = distribute_all([job], comm, Campaign(progress, keeper=checkpoint))
    return None if outcome is None else outcome.solutions[0]


def distribute_all(
    jobs: Sequence[Job], comm: Any = None, campaign: Campaign | None = None
) -> Outcome | None:
    """Several studies at once: their blocks stand in one line, so no rank waits between them.

    Parameters
    ----------
    jobs
        The same on every rank.
    campaign : Campaign, optional
        Default: all from the beginning to the end, and nothing told or kept.

    Returns
    -------
    Outcome or None
        Solutions in the order of `jobs` on rank 0 (of a stopped job what there is); None elsewhere.
    """
    campaign = campaign or Campaign()
    state = _State.start(jobs, campaign.kept) if rank_of(comm) == 0 else None
    ranks = ranks_of(comm)
    if ranks is None:
        asked = _all_plans(jobs, None, state, campaign)
    else:
        with ranks.heeding(campaign.stop), ranks.watched():
            asked = _all_plans(jobs, ranks, state, campaign)
    if state is None:
        return None
    finished = not asked or not state.plan(jobs)
    if not finished and campaign.keeper is not None:
        campaign.keeper.keep(state.found, state.goals)
    return Outcome([s for s in state.found if s is not None], finished)


def _all_plans(
    jobs: Sequence[Job], ranks: Ranks | None, state: "_State | None", campaign: Campaign
) -> bool:
    """Carry out one plan after the other until nothing is to be made; True if asked to stop."""
    while True:
        plan = on_root(ranks, lambda: None if state is None else state.plan(jobs))
        if not plan:
            return False
        if _carry_out(jobs, plan, ranks, state, campaign):
            return True


@dataclass
class _State:
    """What rank 0 knows: the sum of all that was made, and how far each job is to go."""

    found: list[Solution | None]
    goals: list[int]

    @classmethod
    def start(cls, jobs: Sequence[Job], kept: Sequence[Kept | None] | None) -> "_State":
        if kept is None:
            return cls([None] * len(jobs), [job.next_goal(None) for job in jobs])
        found = [None if k is None else job.resumed(k) for job, k in zip(jobs, kept, strict=True)]
        goals = [
            job.next_goal(None) if k is None else k.goal for job, k in zip(jobs, kept, strict=True)
        ]
        return cls(found, goals)

    def plan(self, jobs: Sequence[Job]) -> list[tuple[int, int, int]]:
        """What is to be made next: (job, start, stop) in units of runs; empty when all is done."""
        plan = []
        for j, job in enumerate(jobs):
            spans = self._missing(j, job)
            if not spans:
                # all runs up to the goal are there: the one place where precision is asked
                self.goals[j] = max(self.goals[j], job.next_goal(self.found[j]))
                spans = self._missing(j, job)
            plan += [(j, start, stop) for start, stop in spans]
        return plan

    def _missing(self, j: int, job: Job) -> tuple[tuple[int, int], ...]:
        solution = self.found[j]
        there = RunSpans(()) if solution is None or solution.tally is None else solution.tally.spans
        return there.missing_from(job.first, job.first + self.goals[j])

    def runs(self) -> list[int]:
        """Of each job, so far."""
        return [0 if solution is None else int(solution.runs or 0) for solution in self.found]

    def add(self, made: list[Solution | None]) -> None:
        self.found = _merge_lists(self.found, made)


def _carry_out(
    jobs: Sequence[Job],
    plan: list[tuple[int, int, int]],
    ranks: Ranks | None,
    state: _State | None,
    campaign: Campaign,
) -> bool:
    """Make all that is planned, collecting when a checkpoint is due; True if asked to stop."""
    keeper, stop = campaign.keeper, campaign.stop
    there = [0] * len(jobs) if state is None else state.runs()
    line = _Line(jobs, plan, there)
    piece = ALONE_SECONDS if ranks is None else PIECE_SECONDS
    rows = any(job.parts is not None for job in jobs)
    team = Team(ranks, line.blocks, ROWS_SECONDS if rows else piece)
    while True:
        made = _work(jobs, line, team, campaign)
        asked = stop is not None and stop.requested
        if ranks is not None:
            made, asked = _collected(ranks, made, asked)
        if state is not None:
            state.add(made)
            if keeper is not None and keeper.due:
                keeper.keep(state.found, state.goals)
        if asked or not team.go_on():
            return asked


def _work(
    jobs: Sequence[Job], line: "_Line", team: Team, campaign: Campaign
) -> list[Solution | None]:
    """Make blocks until none are left, or until the ranks are to come together."""
    progress, keeper, stop = campaign.progress, campaign.keeper, campaign.stop
    mine: list[Solution | None] = [None] * len(jobs)
    while True:
        asked = stop is not None and stop.requested
        piece = team.next_piece(asked, due=keeper is not None and keeper.due)
        if piece is None:
            return mine
        started = time.perf_counter()
        last = 0
        for j, start, stop_run in line.spans(*piece):
            made = jobs[j].make(start, stop_run)
            known = mine[j]
            mine[j], last = (made if known is None else known.merge(made)), j
        team.hand.made(piece[1] - piece[0], time.perf_counter() - started)
        if progress is not None and team.leads:
            done, of_job = line.runs_before(team.made), line.runs_of(last, team.made)
            progress.update(done, line.runs, mine[last], of_job)


def _collected(
    ranks: Ranks, made: list[Solution | None], asked: bool
) -> tuple[list[Solution | None], bool]:
    """On rank 0 the sum of what all made; on all, whether any rank was asked to stop."""
    whole = ranks.reduce((made, asked), lambda a, b: (_merge_lists(a[0], b[0]), a[1] or b[1]))
    return ([], ranks.bcast(False)) if whole is None else (whole[0], ranks.bcast(whole[1]))


class _Line:
    """The blocks of a plan, one after the other; of each job so many runs are there before."""

    def __init__(
        self, jobs: Sequence[Job], plan: list[tuple[int, int, int]], there: Sequence[int]
    ) -> None:
        self._plan, self._sizes = plan, [jobs[j].block for j, _, _ in plan]
        self._there = there
        counts = [
            -(-(stop - start) // size)
            for (_, start, stop), size in zip(plan, self._sizes, strict=True)
        ]
        self._starts = np.concatenate([[0], np.cumsum(counts)]).astype(int)
        self.blocks = int(self._starts[-1])
        self.runs = sum(stop - start for _, start, stop in plan)

    def spans(self, begin: int, end: int) -> Iterable[tuple[int, int, int]]:
        """(job, start, stop) in runs of the blocks begin ... end - 1."""
        i = int(np.searchsorted(self._starts, begin, side="right")) - 1
        while begin < end:
            j, start, stop = self._plan[i]
            upto, size = min(end, int(self._starts[i + 1])), self._sizes[i]
            offset = int(self._starts[i])
            if upto > begin:
                yield (
                    j,
                    start + (begin - offset) * size,
                    min(stop, start + (upto - offset) * size),
                )
            begin, i = upto, i + 1

    def runs_before(self, block: int) -> int:
        """How many runs the first blocks hold, about."""
        return self.runs * min(block, self.blocks) // self.blocks

    def runs_of(self, job: int, block: int) -> int:
        """How many runs of one job there are when the first blocks are made."""
        rows = zip(self._plan, self._starts, self._sizes, strict=False)
        return self._there[job] + sum(
            min(stop - start, max(0, block - int(first)) * size)
            for (j, start, stop), first, size in rows
            if j == job
        )


def _merge_lists(one: list[Solution | None], other: list[Solution | None]) -> list[Solution | None]:
    return [
        b if a is None else a if b is None else a.merge(b) for a, b in zip(one, other, strict=True)
    ]
