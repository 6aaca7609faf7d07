r"""What single runs are added up in: sums of whole numbers, in which order does not matter.

Samplers add batches of runs to the arrays of a `Tally`, which a study's bounds and bins shape; what
they say is read by the study.

A value x with :math:`|x|\le\mathrm{bound}` becomes the integer
:math:`q=\mathrm{round}(2^{30}x/\mathrm{bound})`, and what is kept is the sum of q and the sum of
:math:`q^2=h\,2^{30}+l`, its limbs l and h summed apart. Each sum stays below :math:`2^{62}` for
:math:`2^{32}` runs, so no addition ever rounds or overflows, and any split of the runs over calls,
blocks, ranks or restarts gives the same bits. The price is a resolution of
:math:`\mathrm{bound}\cdot2^{-30}`, about 1e-9 bound, per value.

A kernel adds with `add_value` into three plain int64 arrays; numpy code uses `ExactSums.of`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from darkbattery.nvmodel.refusal import InputError, whole_number

if TYPE_CHECKING:
    from darkbattery.nvmodel.solution import Reading

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

BITS = 30
FULL = float(1 << BITS)  # the integer that stands for the bound
MOST_RUNS = 1 << 32
LEAST_BOUND = 1e-290  # 2^30 over it is finite, so that a value of 0 is the integer 0


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


# --- exact sums


def usable_bounds(bounds: ArrayLike) -> Array:
    """Bounds that values can be divided by: what is 0 for ever has one as well.

    >>> usable_bounds([1.0, 0.0])
    array([1.e+000, 1.e-290])
    """
    return np.maximum(np.asarray(bounds, dtype=float), LEAST_BOUND)


@njit(inline="always")
def quantised(x: Any, scale: Any) -> Any:
    r"""x times `scale`, rounded to an integer, cut off at :math:`\pm2^{30}`; `scale` = FULL/bound.

    NaN becomes :math:`2^{30}`. Use `is_clipped` beside it, so that nothing is cut in silence.
    """
    y = np.rint(x * scale)
    if y >= -FULL and y <= FULL:
        return np.int64(y)
    return np.int64(-FULL) if y < -FULL else np.int64(FULL)


@njit(inline="always")
def is_clipped(x: Any, scale: Any) -> Any:
    """Whether `quantised` had to cut x off (true for NaN)."""
    return not abs(x * scale) <= FULL + 0.5


@njit(inline="always")
def add_value(x: Any, scale: Any, total: Any, low: Any, high: Any, index: Any) -> None:
    """Add x to position `index` (an integer or a tuple) of the three arrays of limbs."""
    q = quantised(x, scale)
    square = q * q
    total[index] += q
    low[index] += square & np.int64((1 << BITS) - 1)
    high[index] += square >> BITS


@njit(inline="always")
def add_row(values: Any, scale: Any, total: Any, low: Any, high: Any) -> Any:
    """Add a row of values, position by position; returns how many had to be cut off."""
    clipped = 0
    for i in range(values.size):
        add_value(values[i], scale, total, low, high, i)
        clipped += is_clipped(values[i], scale)
    return clipped


@njit(inline="always")
def add_fine_row(values: Any, scale: Any, total: Any, remainder: Any) -> Any:
    r"""Add a row of values with 60 bits below the bound, no squares; returns how many were cut off.

    A value is :math:`q+r\,2^{-30}` steps, and both whole numbers are summed apart: for quantities
    whose bound is far above what they mostly are.
    """
    clipped = 0
    for i in range(values.size):
        q = quantised(values[i], scale)
        total[i] += q
        remainder[i] += quantised((values[i] * scale - q), FULL)
        clipped += is_clipped(values[i], scale)
    return clipped


@dataclass(frozen=True, eq=False)
class ExactSums:
    r"""Sums over `count` runs of an array of values and of their squares.

    Attributes
    ----------
    count : int
        Number of runs, at most :math:`2^{32}`.
    bound : float
        Largest magnitude a value may have; a function of the definition alone.
    total, square_low, square_high : ndarray of int64, any one shape
        Sums of q, of the lower 30 bits of :math:`q^2` and of :math:`\lfloor q^2/2^{30}\rfloor`.
    clipped : int
        How many values lay beyond `bound` (or were NaN) and were cut off.

    Examples
    --------
    >>> one = ExactSums.of([[0.25, 1.0]], bound=1.0)
    >>> both = one.merge(ExactSums.of([[0.75, 1.0]], bound=1.0))
    >>> both.mean(), both.variance()
    (array([0.5, 1. ]), array([0.125, 0.   ]))
    """

    count: int
    bound: float
    total: Counts
    square_low: Counts
    square_high: Counts
    clipped: int = 0

    @classmethod
    def of(cls, values: ArrayLike, bound: float) -> ExactSums:
        """Sums over the first axis of `values` (runs, ...)."""
        x = np.rint(np.asarray(values, dtype=float) * (FULL / bound))
        inside = np.abs(x) <= FULL
        q = np.where(inside, x, np.where(x < 0, -FULL, FULL)).astype(np.int64)
        square = q * q
        return cls(
            count=q.shape[0],
            bound=float(bound),
            total=q.sum(axis=0),
            square_low=(square & ((1 << BITS) - 1)).sum(axis=0),
            square_high=(square >> BITS).sum(axis=0),
            clipped=int(np.count_nonzero(~inside)),
        )

    def merge(self, other: ExactSums) -> ExactSums:
        """Sums over the runs of both; refused if bound or shape differ."""
        mine, theirs = (self.bound, self.total.shape), (other.bound, other.total.shape)
        if mine != theirs:
            raise InputError("bound and shape", theirs, f"must equal {mine} to be merged")
        if (count := self.count + other.count) > MOST_RUNS:
            raise InputError("runs", count, f"exact sums hold at most {MOST_RUNS}")
        return ExactSums(
            count,
            self.bound,
            self.total + other.total,
            self.square_low + other.square_low,
            self.square_high + other.square_high,
            self.clipped + other.clipped,
        )

    @property
    def resolution(self) -> float:
        """Half a step of the fixed point: by how much a value, and a mean, may be rounded.

        Zero where a step is one: such are whole numbers.
        """
        return 0.5 * self.bound / FULL if self.bound != FULL else 0.0

    def mean(self) -> Array:
        """Mean over runs; NaN without any."""
        return _ratio(self.total.astype(object), self.count) * (self.bound / FULL)

    def variance(self) -> Array:
        """Sample variance over runs, with count - 1; NaN for fewer than two.

        From integers of any length, so that nothing cancels.
        """
        n, total = self.count, self.total.astype(object)
        squares = self.square_low.astype(object) + self.square_high.astype(object) * (1 << BITS)
        return _ratio(n * squares - total * total, n * (n - 1)) * (self.bound / FULL) ** 2


def _ratio(integers: NDArray[Any], divisor: int) -> Array:
    if divisor == 0:
        return np.full(np.shape(integers), np.nan)
    # Python's division of integers of any length rounds once
    return np.asarray(integers / divisor, dtype=float)


def fine_mean(sums: ExactSums) -> Array:
    """Mean over runs of sums that `add_fine_row` made, its remainders in ``square_low``."""
    whole = sums.total.astype(object) * (1 << BITS) + sums.square_low.astype(object)
    return _ratio(whole, sums.count << BITS) * (sums.bound / FULL)
