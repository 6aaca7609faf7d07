"""The one answer of every engine: `Solution`, and what it is made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nvmodel.display import solution_html
from nvmodel.errors import SIGMAS, confidence_factor
from nvmodel.refusal import InputError, finite_number, known_name

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Distribution:
    """Weights over bins, of single runs or of a state; at one time or at every output time.

    Attributes
    ----------
    quantity : str
        What is distributed, with its unit.
    low, high : ndarray (bins,)
        Edges of the bins, low <= x < high (the last bin is closed); equal for exact values.
    weight : ndarray (bins,) or (times, bins)
        Counts of runs (integers; runs that fall in no bin are in none), or probabilities.
    """

    quantity: str
    low: Array
    high: Array
    weight: NDArray[Any]

    @classmethod
    def of_values(cls, quantity: str, values: Array, weight: NDArray[Any]) -> Distribution:
        """A distribution over exact `values` rather than bins."""
        return cls(quantity, values, values, weight)


@dataclass(frozen=True, eq=False)
class Reading:
    """Numbers read from a state or from a tally: all a `Solution` shows."""

    values: Mapping[str, Array]
    errors: Mapping[str, Array | None] = field(default_factory=dict)
    distributions: Mapping[str, Distribution] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def copied(self) -> Reading:
        """The same numbers in arrays of their own: writing into them reaches nothing else."""
        return Reading(
            {name: np.array(values) for name, values in self.values.items()},
            {name: None if e is None else np.array(e) for name, e in self.errors.items()},
            {
                name: Distribution(
                    d.quantity, np.array(d.low), np.array(d.high), np.array(d.weight)
                )
                for name, d in self.distributions.items()
            },
            self.warnings,
        )


class Tally(Protocol):
    """Exactly additive counts of a set of single runs.

    Integers only, so that adding tallies is associative and commutative to the bit: however
    the runs were split over calls, blocks, ranks or restarts, the sum is the same.
    """

    @property
    def spans(self) -> RunSpans:
        """Which runs it holds."""

    def merge(self, other: Any) -> Any:
        """The tally of both sets of runs; refused if they overlap or differ in definition."""

    def read(self) -> Reading:
        """Means, standard errors and distributions."""

    def arrays(self) -> dict[str, NDArray[np.int64]]:
        """All its counts, to be written to a file; with `spans` they are all it knows."""

    def with_arrays(self, spans: RunSpans, arrays: Mapping[str, NDArray[np.int64]]) -> Any:
        """A tally of the same study with other counts; refused if they do not fit."""


def same_shapes(
    found: Mapping[str, NDArray[np.int64]], expected: Mapping[str, NDArray[np.int64]]
) -> None:
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
    nvmodel.refusal.InputError: runs = [5, 6): already counted; merged ranges must be disjoint
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


class _Range(tuple[int, int]):
    def __new__(cls, start: int, stop: int) -> _Range:
        return super().__new__(cls, (start, stop))

    def __repr__(self) -> str:
        return f"[{self[0]}, {self[1]})"


class Solution:
    """What an engine found: values over times, standard errors, distributions, warnings.

    Attributes
    ----------
    times : ndarray (T,)
        Output times; infinity for a steady state.
    values : mapping of name to ndarray (T,)
        See `nvmodel.observables` for names and units. ``solution["power"]`` is short for
        ``solution.values["power"]``.
    errors : mapping of name to ndarray (T,) or None
        Standard error (`nvmodel.errors`): None where the value is deterministic, NaN for one run.
    distributions : mapping of name to Distribution
    warnings : tuple of str
        Where the solver left its validity; empty if it did not.
    runs : int or None
        Number of single runs; None where deterministic.
    provenance : mapping
        What made it: solver, tolerances, versions.
    records : DataFrame or None
        One row a run, where asked for; merging drops it.

    Examples
    --------
    >>> solution = Solution([0.0, 1.0], Reading({"power": np.array([0.0, 2.0])}))
    >>> solution["power"]
    array([0., 2.])
    >>> solution.to_dataframe()
       time observable  value  error
    0   0.0      power    0.0    NaN
    1   1.0      power    2.0    NaN
    """

    def __init__(
        self,
        times: Iterable[float],
        found: Reading | Tally,
        provenance: Mapping[str, Any] | None = None,
        records: pd.DataFrame | None = None,
    ) -> None:
        self.times = np.array(times, dtype=float)
        self.tally: Tally | None = None if isinstance(found, Reading) else found
        self._found = found
        self.records = records
        self.provenance: Mapping[str, Any] = dict(provenance or {})

    @cached_property
    def _reading(self) -> Reading:
        # a tally is read when first asked, so that merging blocks costs additions only
        found = self._found if isinstance(self._found, Reading) else self._found.read()
        # tables of ladders are remembered for the next block of runs, and counts are the tally's
        return found.copied()

    @property
    def values(self) -> Mapping[str, Array]:
        """Values by observable."""
        return self._reading.values

    @property
    def errors(self) -> Mapping[str, Array | None]:
        """Standard errors by observable."""
        return {name: self._reading.errors.get(name) for name in self.values}

    @property
    def distributions(self) -> Mapping[str, Distribution]:
        """Distributions by name."""
        return self._reading.distributions

    @property
    def warnings(self) -> tuple[str, ...]:
        """Where the solver left its validity."""
        return self._reading.warnings

    @property
    def runs(self) -> int | None:
        """Number of single runs."""
        return None if self.tally is None else len(self.tally.spans)

    def __getitem__(self, name: str) -> Array:
        return self.values[known_name("observable", name, self.values)]

    def __repr__(self) -> str:
        kind = "averages" if self.runs is None else f"{self.runs} single runs"
        span = f"{self.times.size} times up to {self.times[-1]:g}"
        return f"<Solution: {kind}, {span}: {', '.join(self.values)}>"

    def _repr_html_(self) -> str:
        # what a notebook shows
        return solution_html(self)

    def interval(self, name: str, sigmas: float = SIGMAS) -> tuple[Array, Array]:
        """Both ends of the interval of `sigmas` standard errors, with Student's factor.

        value -+ t error, t = `nvmodel.errors.confidence_factor`: 2.03 for 2 sigma of 100 runs,
        13.97 of two. The value itself where it is deterministic, NaN for a single run.

        >>> solution = Solution([0.0], Reading({"power": np.array([2.0])}))
        >>> solution.interval("power")
        (array([2.]), array([2.]))
        """
        sigmas = finite_number("sigmas", sigmas, least=0.0, exclusive=True)
        value, error = self[name], self.errors[name]
        if error is None or self.runs is None:
            return value.copy(), value.copy()
        half = confidence_factor(self.runs, sigmas) * error
        return value - half, value + half

    def merge(self, other: Solution) -> Solution:
        """As if the runs of both had been sampled together, to the bit; see `Tally`.

        Raises InputError for averages, for overlapping runs and for different studies.
        """
        if self.tally is None or other.tally is None:
            raise InputError("merge", other, "only single runs can be merged")
        return Solution(self.times, self.tally.merge(other.tally), self.provenance)

    def with_counts(self, spans: RunSpans, arrays: Mapping[str, NDArray[np.int64]]) -> Solution:
        """The Solution of the same study with the counts of other runs, as read from a file."""
        assert self.tally is not None
        return Solution(self.times, self.tally.with_arrays(spans, arrays), self.provenance)

    def to_dataframe(self) -> pd.DataFrame:
        """Tidy table: one row per time and observable, with columns time, observable, value, error.

        `error` is NaN where the value is deterministic.
        """
        parts = []
        for name, values in self.values.items():
            error = self.errors[name]
            parts.append(
                pd.DataFrame(
                    {
                        "time": self.times,
                        "observable": name,
                        "value": values,
                        "error": np.nan if error is None else error,
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)

    def distributions_to_dataframe(self) -> pd.DataFrame:
        """Tidy table of the distributions: distribution, time, low, high, weight.

        `time` is NaN for distributions over whole runs.
        """
        parts = []
        for name, d in self.distributions.items():
            over_time = d.weight.ndim == 2
            times = self.times if over_time else np.array([np.nan])
            bins = d.low.size
            parts.append(
                pd.DataFrame(
                    {
                        "distribution": name,
                        "quantity": d.quantity,
                        "time": np.repeat(times, bins),
                        "low": np.tile(d.low, times.size),
                        "high": np.tile(d.high, times.size),
                        "weight": np.asarray(d.weight, dtype=float).ravel(),
                    }
                )
            )
        if not parts:
            columns = ["distribution", "quantity", "time", "low", "high", "weight"]
            return pd.DataFrame({column: [] for column in columns})
        return pd.concat(parts, ignore_index=True)
