"""Who makes which blocks: ranks hold work for about a second, and ask for more before it is done.

Blocks stand in one line, known to all. Rank 0 keeps what is not dealt out; each rank holds some
blocks and works through them in pieces of a few hundredths of a second. Between two pieces it looks
at its messages. Every quarter of the time that is held, all ranks report along a tree (blocks in
hand, blocks a second), and rank 0's answer comes back down it with more blocks:

- All are to hold work for H seconds: a quarter of what is left, at most `MOST_HELD`, at least twice
  the time in which a report is answered. So nobody runs dry while an answer is under way.
- When less than that is left, all of it is dealt out, so that all finish together.
- Who holds far more than H, because blocks became dearer or its node slower, gives the rest back.

An answer needs rank 0 to look at its messages, between two pieces of its own work; nothing needs a
rank in the midst of a piece. The same messages carry a request to stop and the call to collect.
"""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Literal

from darkbattery.runs.ranks.messages import Exchange, Ranks

PIECE_SECONDS = 0.05  # between two looks at messages
LEAST_PIECE_SECONDS = 2e-3  # towards the end of the work
MOST_HELD = 1.0  # s of work in hand
FIRST_SHARE = 16  # dealt out before anything is known: this part of an even share
MEMORY_SECONDS = 1.0  # a rank's speed is that of its last second or so

Range = tuple[int, int]
Order = Literal["work", "collect", "stop", "last"]


@dataclass(frozen=True)
class Report:
    """What a rank, or a branch of ranks, says of itself.

    Attributes
    ----------
    held : int
        Blocks in hand.
    speed : float
        Blocks a second; of the ranks that know it.
    unknown, idle : int
        Ranks that do not know their speed; ranks without work.
    held_seconds, reaction : float
        Largest time for which a rank holds work, and in which it answers.
    piece : float
        Longest time between two looks at messages, seconds.
    returned : tuple of ranges
        Blocks given back.
    asked, due : bool
        Whether a rank was asked to stop; whether a checkpoint is due.
    ranks : int
        How many are meant.
    """

    held: int
    speed: float
    unknown: int
    idle: int
    held_seconds: float
    reaction: float
    piece: float
    returned: tuple[Range, ...] = ()
    asked: bool = False
    due: bool = False
    ranks: int = 1

    def __add__(self, other: "Report") -> "Report":
        return Report(
            held=self.held + other.held,
            speed=self.speed + other.speed,
            unknown=self.unknown + other.unknown,
            idle=self.idle + other.idle,
            held_seconds=max(self.held_seconds, other.held_seconds),
            reaction=max(self.reaction, other.reaction),
            piece=max(self.piece, other.piece),
            returned=self.returned + other.returned,
            asked=self.asked or other.asked,
            due=self.due or other.due,
            ranks=self.ranks + other.ranks,
        )


@dataclass(frozen=True)
class Answer:
    """What a branch of ranks is to do; `ranges` are for all of it."""

    order: Order
    ranges: tuple[Range, ...]
    held_seconds: float  # H
    typical_speed: float  # blocks/s; for ranks that do not know their own
    piece: float  # s; longest of all ranks

    def wanted(self, branch: Report) -> float:
        """Blocks that a branch lacks to hold work for H."""
        speed = branch.speed + branch.unknown * self.typical_speed
        return max(0.0, speed * self.held_seconds - branch.held)


def divide(answer: Answer, branches: list[Report]) -> list[Answer]:
    """An answer's blocks, shared out by what each branch lacks.

    >>> one = Report(0, 10.0, 0, 1, 0.0, 0.1, 0.1)
    >>> answer = Answer("work", ((0, 4), (6, 8)), 1.0, 10.0, 0.1)
    >>> [share.ranges for share in divide(answer, [one, replace(one, speed=20.0)])]
    [((0, 2),), ((2, 4), (6, 8))]
    """
    blocks = _count(answer.ranges)
    weights = [answer.wanted(branch) for branch in branches]
    if not sum(weights):
        weights = [float(branch.idle) for branch in branches]
    whole = sum(weights)
    bounds = [round(blocks * upto / whole) if whole else blocks for upto in accumulate(weights)]
    shares, rest = [], answer.ranges
    for bound, before in zip(bounds, [0, *bounds], strict=False):
        mine, rest = _split(rest, bound - before)
        shares.append(replace(answer, ranges=mine))
    return shares


class Pool:
    """Rank 0's: the blocks that nobody holds."""

    def __init__(self, ranges: Iterable[Range]) -> None:
        self._ranges = tuple(one for one in ranges if one[0] < one[1])
        self.unmade = _count(self._ranges)  # with those in ranks' hands, when they reported

    def answer(self, report: Report) -> Answer:
        """What all ranks together are to do, and the blocks for it."""
        self._ranges += report.returned
        left = _count(self._ranges)
        self.unmade = left + report.held
        typical = report.speed / max(1, report.ranks - report.unknown)
        speed = report.speed + report.unknown * typical
        if not speed:
            return Answer(_order(report, False), (), MOST_HELD, 0.0, report.piece)
        all_seconds = self.unmade / speed
        least = 2.0 * (report.reaction + report.piece)
        held = min(all_seconds, max(least, min(MOST_HELD, all_seconds / 4.0)))
        lacking = max(round(speed * held) - report.held, report.idle)
        given, self._ranges = _split(self._ranges, min(left, lacking))
        # what is left to be gained by another report is less than it takes
        even = report.held_seconds <= all_seconds + least / 2.0
        last = not self._ranges and all_seconds <= least and even
        return Answer(_order(report, last), given, held, typical, report.piece)


@dataclass
class Hand:
    """The blocks that one rank holds, and how fast it makes them."""

    ranges: tuple[Range, ...] = ()
    longest: float = 0.0  # s; of its pieces, lately
    _made: float = 0.0  # blocks, and the seconds they took: of the last second or so
    _seconds: float = 0.0

    @property
    def held(self) -> int:
        """How many blocks."""
        return _count(self.ranges)

    @property
    def speed(self) -> float:
        """Blocks a second; 0 as long as that is not known."""
        return self._made / self._seconds if self._seconds else 0.0

    @property
    def held_seconds(self) -> float:
        """How long they will take; 0 where that is not known."""
        return self.held / self.speed if self.speed else 0.0

    def take(self, seconds: float) -> Range:
        """The next blocks, neighbours, about `seconds` of work."""
        begin, end = self.ranges[0]
        # never many times more than was ever made at once
        blocks = max(1, min(int(self.speed * seconds), 8 * math.ceil(self._made)))
        stop = min(end, begin + blocks)
        self.ranges = ((stop, end), *self.ranges[1:]) if stop < end else self.ranges[1:]
        return begin, stop

    def made(self, blocks: int, seconds: float) -> None:
        """Take note of how long blocks took."""
        seconds = max(seconds, 1e-9)
        kept = math.exp(-seconds / MEMORY_SECONDS)
        self._made = kept * self._made + blocks
        self._seconds = kept * self._seconds + seconds
        self.longest = max(kept * self.longest, seconds)

    def give_back(self, held_seconds: float) -> tuple[Range, ...]:
        """What is far beyond `held_seconds` of work."""
        if self.held_seconds <= 1.25 * held_seconds + self.longest:
            return ()
        keep = math.ceil(held_seconds * self.speed)
        self.ranges, back = _split(self.ranges, keep)
        return back


@dataclass
class Team:
    """One rank's part in making `blocks` blocks together.

    Attributes
    ----------
    ranks : Ranks or None
        None: this process alone.
    blocks : int
    piece_seconds : float
        Work between two looks at messages.
    order : str
        "work"; "collect" and "stop" when all ranks are to come together; "last" when there is
        nothing to be dealt out any more.
    reaction : float
        Seconds in which the last report was answered.
    """

    ranks: Ranks | None
    blocks: int
    piece_seconds: float = PIECE_SECONDS
    order: Order = "work"
    hand: Hand = field(default_factory=Hand)
    reaction: float = 0.0
    _pool: Pool | None = None
    _exchange: Exchange[Answer] | None = None
    _held_seconds: float = MOST_HELD
    _reported: float = 0.0  # when
    _next_report: float = 0.0

    def __post_init__(self) -> None:
        rank, size = (0, 1) if self.ranks is None else (self.ranks.rank, self.ranks.size)
        each = self.blocks if size == 1 else max(1, self.blocks // (FIRST_SHARE * size))
        begin, end = (min(self.blocks, each * r) for r in (rank, rank + 1))
        self.hand.ranges = ((begin, end),) if begin < end else ()
        if self.ranks is None:
            self.order = "last"
        elif rank == 0:
            self._pool = Pool([(min(self.blocks, each * size), self.blocks)])

    @property
    def leads(self) -> bool:
        """Whether this is rank 0."""
        return self.ranks is None or self.ranks.rank == 0

    @property
    def made(self) -> int:
        """On rank 0: blocks that all ranks have made, about."""
        if self.order == "last" or self._pool is None:
            return self.blocks - self.hand.held
        return self.blocks - self._pool.unmade

    def next_piece(self, asked: bool, due: bool) -> Range | None:
        """The next blocks to make; None when all ranks are to come together.

        `asked`: this rank was asked to stop; `due`: a checkpoint is to be made.
        """
        if self.ranks is None and due:
            return None
        while self.order == "work":
            if self._exchange is None and (not self.hand.ranges or self._time_to_report()):
                self._report(self.ranks, asked, due)
            self._look(self.ranks)
            if self.hand.ranges:
                break
        if self.order in ("collect", "stop") or (asked and self.order == "last"):
            return None
        seconds = min(self.piece_seconds, max(self._held_seconds / 16.0, LEAST_PIECE_SECONDS))
        return self.hand.take(seconds) if self.hand.ranges else None

    def go_on(self) -> bool:
        """After all ranks came together: whether there is more to be made."""
        if self.order == "collect":
            self.order = "work"
        return self.order == "work" or bool(self.ranks is None and self.hand.ranges)

    def _time_to_report(self) -> bool:
        return self.hand.speed > 0.0 and time.monotonic() >= self._next_report

    def _report(self, ranks: Ranks | None, asked: bool, due: bool) -> None:
        assert ranks is not None
        back = self.hand.give_back(self._held_seconds)
        self._reported = time.monotonic()
        report = Report(
            held=self.hand.held,
            speed=self.hand.speed,
            unknown=int(not self.hand.speed),
            idle=int(not self.hand.ranges),
            held_seconds=self.hand.held_seconds,
            reaction=self.reaction,
            piece=self.hand.longest,
            returned=back,
            asked=asked,
            due=due,
        )
        decide = self._decide
        self._exchange = ranks.exchange(report, Report.__add__, decide, divide)

    def _decide(self, report: Report) -> Answer:
        assert self._pool is not None
        return self._pool.answer(report)

    def _look(self, ranks: Ranks | None) -> None:
        """See whether an answer is there; wait for it where there is nothing else to do."""
        if self._exchange is None or ranks is None:
            return
        busy = bool(self.hand.ranges)
        try:
            if busy:
                next(self._exchange)
                return
            answer = ranks.finish(self._exchange)
        except StopIteration as end:
            answer = end.value
        now = time.monotonic()
        if busy:  # else the others were not to be asked so soon
            self.reaction = now - self._reported
        self._exchange = None
        self.order, self._held_seconds = answer.order, answer.held_seconds
        self._next_report = now + answer.held_seconds / 4.0
        self.hand.ranges += answer.ranges
        ranks.bear(answer.piece)


def _order(report: Report, last: bool) -> Order:
    if report.asked:
        return "stop"
    return "last" if last else "collect" if report.due else "work"


def _count(ranges: Iterable[Range]) -> int:
    return sum(end - begin for begin, end in ranges)


def _split(ranges: tuple[Range, ...], blocks: int) -> tuple[tuple[Range, ...], tuple[Range, ...]]:
    """The first `blocks` blocks, and the rest.

    >>> _split(((0, 4), (6, 8)), 5)
    (((0, 4), (6, 7)), ((7, 8),))
    """
    first: list[Range] = []
    for i, (begin, end) in enumerate(ranges):
        if end - begin > blocks:
            middle = begin + blocks
            head = [(begin, middle)] if blocks else []
            return (*first, *head), ((middle, end), *ranges[i + 1 :])
        first.append((begin, end))
        blocks -= end - begin
    return tuple(first), ()
