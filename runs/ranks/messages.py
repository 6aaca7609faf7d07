"""Messages between ranks that nobody waits for in vain: a tree of ranks, polled.

Every exchange is a generator that yields while an answer is under way. It moves on when it is asked
to, so a rank that computes takes part between two pieces of its work; and where a rank has nothing
else to do, `Ranks.finish` asks again and again, sleeping in between. No call here blocks: signals,
the clock and a silent partner are seen in the midst of any exchange.

Rank r's parent is (r - 1) // 4, so that 10,000 ranks are seven steps deep.
"""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Exchange = Generator[None, None, T]

FAN_OUT = 4
PATIENCE_SECONDS = 300.0  # for an answer, in the midst of single runs; compiling may take minutes
TIMES_PIECE = 20.0  # as long as so many pieces of work, where those are long
LONGEST_NAP = 1e-3  # s; between two looks of a rank that has nothing to do
STOP_SECONDS = 10.0  # after a request to stop, so long for others to answer
_UP, _DOWN = 7101, 7102  # tags; the program's communicator carries no other messages


class Stop(Protocol):
    """Whether this process was asked to stop; see `runs.ranks.signals`."""

    @property
    def requested(self) -> bool:
        """True from the first request on."""


class Unanswered(Exception):  # noqa: N818 - an outcome, as Stopped is
    """The other ranks did not answer in time: a dead host or link, or work that does not end."""


class Ranks:
    """An MPI communicator whose exchanges can be polled, left, and given up.

    Attributes
    ----------
    comm : MPI communicator
    rank, size : int
    """

    def __init__(self, comm: Any) -> None:
        self.comm = comm
        self.rank: int = comm.Get_rank()
        self.size: int = comm.Get_size()
        first = FAN_OUT * self.rank + 1
        self._children = range(first, max(first, min(first + FAN_OUT, self.size)))
        self._parent = (self.rank - 1) // FAN_OUT
        self._sending: list[Any] = []
        self._receiving: dict[tuple[int, int], Any] = {}
        self._stop: Stop | None = None
        self._piece_seconds: float | None = None

    def Get_rank(self) -> int:  # noqa: N802 - as a communicator has it
        """This rank's number."""
        return self.rank

    def Get_size(self) -> int:  # noqa: N802
        """How many ranks there are."""
        return self.size

    def Abort(self, status: int) -> None:  # noqa: N802
        """End all ranks at once."""
        self.comm.Abort(status)

    @contextmanager
    def heeding(self, stop: Stop | None) -> Iterator[None]:
        """Within the block, a request to stop ends exchanges that others do not take part in."""
        before, self._stop = self._stop, stop
        try:
            yield
        finally:
            self._stop = before

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Within the block, others are given up when they are silent for long; see `bear`."""
        self.bear(0.0)
        try:
            yield
        finally:
            self._piece_seconds = None

    def bear(self, piece_seconds: float) -> None:
        """Ranks look at their messages about every `piece_seconds`: silence is judged by that."""
        self._piece_seconds = piece_seconds

    def bcast(self, value: T, root: int = 0) -> T:
        """Rank 0's value on every rank."""
        return self.finish(self._down([value] * (1 + len(self._children))))

    def gather(self, value: T, root: int = 0) -> list[T] | None:
        """All values in the order of ranks on rank 0, None on the others."""
        found = self.reduce({self.rank: value}, lambda one, other: one | other)
        return None if found is None else [found[rank] for rank in range(self.size)]

    def allgather(self, value: T) -> list[T]:
        """All values in the order of ranks, on every rank."""
        found: Any = self.gather(value)
        everywhere: list[T] = self.bcast(found)
        return everywhere

    def reduce(self, value: T, combine: Callable[[T, T], T]) -> T | None:
        """All values combined on rank 0, None on the others; in an order that depends on size."""
        parts = self.finish(self._up(value, combine))
        self.settle()
        return _together(parts, combine) if self.rank == 0 else None

    def exchange(
        self,
        mine: Any,
        combine: Callable[[Any, Any], Any],
        decide: Callable[[Any], Any],
        divide: Callable[[Any, list[Any]], list[Any]],
    ) -> Exchange[Any]:
        """What rank 0 decides from all contributions together, each rank its share of it.

        Parameters
        ----------
        mine
            This rank's contribution.
        combine : callable
            Two contributions as one.
        decide : callable
            Rank 0's answer to all of them.
        divide : callable
            An answer, and the contributions that share it -> a share for each of them.
        """
        parts = yield from self._up(mine, combine)
        answer = decide(_together(parts, combine)) if self.rank == 0 else None
        if self.rank != 0:
            answer = yield from self._received(self._parent, _DOWN)
        own, *others = divide(answer, parts)
        for child, share in zip(self._children, others, strict=True):
            self._send(share, child, _DOWN)
        return own

    def finish(self, exchange: Exchange[T]) -> T:
        """Carry an exchange to its end, sleeping in between.

        Raises Unanswered when the others do not answer in time.
        """
        started, nap = time.monotonic(), 0.0
        asked: float | None = None
        while True:
            try:
                next(exchange)
            except StopIteration as end:
                answer: T = end.value
                return answer
            now = time.monotonic()
            if asked is None and self._stop is not None and self._stop.requested:
                asked = now
            piece = self._piece_seconds
            if asked is not None and now - asked > max(STOP_SECONDS, 2.0 * (piece or 0.0)):
                raise Unanswered(
                    f"asked to stop, but other ranks do not answer for {now - asked:.0f} s"
                )
            if piece is not None and now - started > max(PATIENCE_SECONDS, TIMES_PIECE * piece):
                raise Unanswered(f"no answer from other ranks for {now - started:.0f} s")
            time.sleep(nap)
            nap = min(LONGEST_NAP, 1.5 * nap + 2e-5)

    def settle(self) -> None:
        """Wait until all that was sent is on its way: nobody else moves it on meanwhile."""

        def sent() -> Exchange[None]:
            while self._unsent():
                yield

        self.finish(sent())

    def _up(self, mine: T, combine: Callable[[T, T], T]) -> Exchange[list[T]]:
        """My value and those of my children's branches; the parent gets them as one."""
        parts = [mine]
        for child in self._children:
            parts.append((yield from self._received(child, _UP)))
        if self.rank != 0:
            self._send(_together(parts, combine), self._parent, _UP)
        return parts

    def _down(self, values: list[T]) -> Exchange[T]:
        if self.rank != 0:
            one = yield from self._received(self._parent, _DOWN)
            values = [one] * len(values)
        for child, value in zip(self._children, values[1:], strict=True):
            self._send(value, child, _DOWN)
        while self._unsent():
            yield
        return values[0]

    def _send(self, value: Any, rank: int, tag: int) -> None:
        self._sending.append(self.comm.isend(value, dest=rank, tag=tag))

    def _unsent(self) -> bool:
        """Whether anything is still to be sent; looking is also what moves it on."""
        self._sending = [request for request in self._sending if not request.test()[0]]
        return bool(self._sending)

    def _received(self, rank: int, tag: int) -> Exchange[Any]:
        while True:
            self._unsent()
            request = self._receiving.pop((rank, tag), None)
            if request is None:
                message = self.comm.improbe(source=rank, tag=tag)
                request = None if message is None else message.irecv()
            if request is not None:
                done, value = request.test()
                if done:
                    return value
                self._receiving[rank, tag] = request
            yield


def ranks_of(comm: Any) -> Ranks | None:
    """`comm` as Ranks; None for a world of one."""
    if comm is None or isinstance(comm, Ranks):
        return comm
    return Ranks(comm) if comm.Get_size() > 1 else None


def _together(parts: list[T], combine: Callable[[T, T], T]) -> T:
    whole = parts[0]
    for part in parts[1:]:
        whole = combine(whole, part)
    return whole
