"""Single runs over MPI ranks: blocks from a shared counter, exact sums, one answer.

A block is a fixed range of run indices. Ranks take the next blocks from a counter that lives on
rank 0 and is advanced without its help; rank 0 works like any other. What a rank made is added up
where it was made: tallies are whole numbers, so the sum is the same, to the bit, in whatever order
blocks were taken and sums were added. Only at the end does one tally a job travel from each rank,
down a tree.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from nvmodel.refusal import whole_number
from nvmodel.solution import Solution
from nvmodel.sums import MOST_RUNS
from runs.world import rank_of, size_of

BLOCK = 256  # runs; the least that one rank takes
CLAIM_SECONDS = 0.2  # what a rank takes at once should last about this long
FIRST_CLAIM = 1


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
    ) -> Solution:
        """Single runs first ... first + runs - 1."""


class Progress(Protocol):
    """What is told about the work on rank 0; see `runs.progress`."""

    def update(self, done: int, total: int, mine: Solution | None) -> None:
        """`done` of `total` runs are taken; `mine` is rank 0's share of the present job."""


@dataclass(frozen=True)
class Job:
    """Runs first ... first + runs - 1 of one study."""

    sample: Sample
    model: Any
    times: Any
    runs: int
    seed: int
    first: int = 0
    observables: tuple[str, ...] | None = None

    @property
    def blocks(self) -> int:
        """How many blocks it has; the last may be short."""
        return -(-self.runs // BLOCK)

    def make(self, first_block: int, blocks: int) -> Solution:
        """The runs of some of its blocks."""
        start = first_block * BLOCK
        count = min(blocks * BLOCK, self.runs - start)
        return self.sample(
            self.model,
            self.times,
            runs=count,
            seed=self.seed,
            first=self.first + start,
            observables=self.observables,
        )


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

    Returns
    -------
    Solution or None
        The whole study on rank 0; None on the others.

    Examples
    --------
    >>> import trajectories
    >>> from nvmodel import CollectiveBattery
    >>> distribute(trajectories.sample, CollectiveBattery(1, 5), [0, 1], runs=1000, seed=7).runs
    1000
    """
    whole_number("runs", runs, least=1, most=MOST_RUNS)
    names = None if observables is None else tuple(observables)
    job = Job(sample, model, times, runs, seed, first, names)
    found = distribute_all([job], comm, progress)
    return None if found is None else found[0]


def distribute_all(
    jobs: Sequence[Job], comm: Any = None, progress: Progress | None = None
) -> list[Solution] | None:
    """Several studies at once: their blocks stand in one line, so no rank waits between them.

    Returns the Solutions in the order of `jobs` on rank 0, None on the others.
    """
    starts = np.concatenate([[0], np.cumsum([job.blocks for job in jobs])]).astype(int)
    total_blocks = int(starts[-1])
    total_runs = sum(job.runs for job in jobs)
    counter = _Counter(comm)
    mine: list[Solution | None] = [None] * len(jobs)
    claim = FIRST_CLAIM
    try:
        while True:
            begin = counter.take(claim)
            if begin >= total_blocks:
                break
            end = min(begin + claim, total_blocks)
            started = time.perf_counter()
            for j, first_block, blocks in _split(starts, begin, end):
                made = jobs[j].make(first_block, blocks)
                known = mine[j]
                mine[j] = made if known is None else known.merge(made)
            seconds = time.perf_counter() - started
            claim = _next_claim(end - begin, seconds, total_blocks - end, size_of(comm))
            if progress is not None and rank_of(comm) == 0:
                done = total_runs * min(counter.taken(), total_blocks) // total_blocks
                progress.update(done, total_runs, mine[j])
    finally:
        counter.close()
    return _collect(mine, comm)


def _split(starts: Any, begin: int, end: int) -> Iterable[tuple[int, int, int]]:
    """(job, first block in it, number of blocks) for the blocks begin ... end - 1 of the line."""
    j = int(np.searchsorted(starts, begin, side="right")) - 1
    while begin < end:
        stop = min(end, int(starts[j + 1]))
        if stop > begin:
            yield j, begin - int(starts[j]), stop - begin
        begin, j = stop, j + 1


def _next_claim(blocks: int, seconds: float, left: int, ranks: int) -> int:
    """As many blocks as last CLAIM_SECONDS, fewer towards the end so that all finish together."""
    wanted = blocks * min(8.0, CLAIM_SECONDS / max(seconds, 1e-9))
    return max(1, min(int(wanted), left // (2 * ranks)))


def _collect(mine: list[Solution | None], comm: Any) -> list[Solution] | None:
    whole = mine if comm is None else comm.reduce(mine, op=_merge_lists, root=0)
    return None if whole is None else [solution for solution in whole if solution is not None]


def _merge_lists(one: list[Solution | None], other: list[Solution | None]) -> list[Solution | None]:
    return [
        b if a is None else a if b is None else a.merge(b) for a, b in zip(one, other, strict=True)
    ]


class _Counter:
    """The number of blocks taken so far, shared by all ranks; it lives on rank 0."""

    def __init__(self, comm: Any) -> None:
        self._comm, self._here = comm, 0
        if comm is not None:
            from mpi4py import MPI

            self._mpi = MPI
            bytes_here = MPI.INT64_T.Get_size() if comm.Get_rank() == 0 else 0
            self._window = MPI.Win.Allocate(bytes_here, comm=comm)
            if comm.Get_rank() == 0:
                memory: Any = self._window.tomemory()
                np.frombuffer(memory, dtype=np.int64)[:] = 0
            comm.Barrier()

    def take(self, blocks: int) -> int:
        """Advance by `blocks`; the value before."""
        if self._comm is None:
            self._here += blocks
            return self._here - blocks
        before = np.empty(1, dtype=np.int64)
        amount = np.array([blocks], dtype=np.int64)
        self._window.Lock(0, self._mpi.LOCK_SHARED)
        self._window.Fetch_and_op(amount, before, 0, 0, self._mpi.SUM)
        self._window.Unlock(0)
        return int(before[0])

    def taken(self) -> int:
        """The present value."""
        return self.take(0)

    def close(self) -> None:
        if self._comm is not None:
            self._window.Free()
