"""What single runs are added up in: one accumulator, of whole numbers, for every sampler.

Samplers add batches of runs to arrays of whole numbers, which a study's bounds and bins shape
(`nvmodel.sums`); what they say is read by the study.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from darkbattery.nvmodel.refusal import InputError, whole_number
from darkbattery.nvmodel.sums import MOST_RUNS

if TYPE_CHECKING:
    from darkbattery.nvmodel.solution import Reading

Counts = NDArray[np.int64]


class Study(Protocol):
    """What the runs of a tally have in common: what fixes them, and how their counts are read."""

    @property
    def identity(self) -> tuple[Any, ...]:
        """Runs of equal identity belong together."""

    def read(self, spans: RunSpans, counts: Mapping[str, Counts]) -> Reading:
        """Means, standard errors and distributions over the runs in `spans`."""


@dataclass(frozen=True, eq=False)
class Tally:
    """Exactly additive counts of a set of single runs.

    Integers only, so that adding tallies is associative and commutative to the bit: however
    the runs were split over calls, blocks, ranks or restarts, the sum is the same.

    Attributes
    ----------
    study : Study
    spans : RunSpans
        Which runs it holds.
    counts : mapping of name to ndarray of int64
        Sums over these runs, each of one shape for the whole study.
    """

    study: Study
    spans: RunSpans
    counts: Mapping[str, Counts]

    def merge(self, other: Any) -> Tally:
        """The tally of both sets of runs; refused if they overlap or are of other studies."""
        if not isinstance(other, Tally) or self.study.identity != other.study.identity:
            raise InputError("merge", other, "not the same study")
        return replace(
            self,
            spans=self.spans.union(other.spans),
            counts={name: array + other.counts[name] for name, array in self.counts.items()},
        )

    def read(self) -> Reading:
        """Means, standard errors and distributions."""
        return self.study.read(self.spans, self.counts)

    def arrays(self) -> dict[str, Counts]:
        """All its counts, to be written to a file; with `spans` they are all it knows."""
        return dict(self.counts)

    def with_arrays(self, spans: RunSpans, arrays: Mapping[str, Counts]) -> Tally:
        """The same study with other counts; refused if they do not fit."""
        same_shapes(arrays, self.counts)
        return replace(self, spans=spans, counts={name: arrays[name] for name in self.counts})


def same_shapes(found: Mapping[str, Counts], expected: Mapping[str, Counts]) -> None:
    """Refuse counts that were not written by a tally like the one that has `expected`."""
    for name, array in expected.items():
        other = found.get(name)
        if other is None or other.shape != array.shape or other.dtype != array.dtype:
            shape = None if other is None else other.shape
            raise InputError(f"tally.{name}", shape, f"must have the shape {array.shape}")


@dataclass(frozen=True)
class RunSpans:
    """A set of run indices as sorted, disjoint, non-adjacent half-open spans.

    >>> RunSpans(((0, 10),)).union(RunSpans(((10, 20), (30, 40))))
    RunSpans(spans=((0, 20), (30, 40)))
    >>> RunSpans(((0, 10),)).union(RunSpans(((5, 6),)))
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: runs = [5, 6): already counted; ...
    """

    spans: tuple[tuple[int, int], ...]

    def missing_from(self, start: int, stop: int) -> tuple[tuple[int, int], ...]:
        """The spans of start ... stop - 1 that are not in this set.

        >>> RunSpans(((0, 5), (8, 9))).missing_from(2, 12)
        ((5, 8), (9, 12))
        """
        missing, at = [], start
        for a, b in self.spans:
            if a > at:
                missing.append((at, min(a, stop)))
            at = max(at, b)
        missing.append((at, stop))
        return tuple((a, b) for a, b in missing if a < b)

    def __len__(self) -> int:
        return sum(stop - start for start, stop in self.spans)

    def group_counts(self, groups: int) -> NDArray[np.int64]:
        """How many runs i are in each group i mod `groups`.

        >>> RunSpans(((0, 33), (64, 65))).group_counts(32)[:3]
        array([3, 1, 1])
        """
        g = np.arange(groups)
        found = np.zeros(groups, dtype=np.int64)
        for start, stop in self.spans:
            # numbers below a bound that are g modulo `groups`
            found += (stop - g + groups - 1) // groups - (start - g + groups - 1) // groups
        return found

    def union(self, other: RunSpans) -> RunSpans:
        """The runs of both, which must be disjoint."""
        merged: list[tuple[int, int]] = []
        for start, stop in sorted(self.spans + other.spans):
            if merged and start < merged[-1][1]:
                overlap = _Range(start, min(stop, merged[-1][1]))
                raise InputError("runs", overlap, "already counted; merged ranges must be disjoint")
            if merged and start == merged[-1][1]:
                merged[-1] = (merged[-1][0], stop)
            else:
                merged.append((start, stop))
        return RunSpans(tuple(merged))


def run_range(runs: int, first: int, seed: int) -> tuple[int, int, int]:
    """How many runs, from which one on, of the study with which seed, as whole numbers.

    Raises InputError for what no study has: runs 0 ... 2^32 - 1, seeds 0 ... 2^64 - 1.

    >>> run_range(10, 2**32 - 5, 1)
    Traceback (most recent call last):
        ...
    darkbattery.nvmodel.refusal.InputError: first = 4294967291: must be a whole number, ...
    """
    runs = whole_number("runs", runs, least=1, most=MOST_RUNS)
    first = whole_number("first", first, least=0, most=MOST_RUNS - runs)
    return runs, first, whole_number("seed", seed, least=0, most=(1 << 64) - 1)


class _Range(tuple[int, int]):
    def __new__(cls, start: int, stop: int) -> _Range:
        return super().__new__(cls, (start, stop))

    def __repr__(self) -> str:
        return f"[{self[0]}, {self[1]})"
