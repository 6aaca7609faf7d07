"""What a study gave, as tidy tables: their rows by point of the sweep, and the units of axes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from darkbattery.nvmodel.numbers import ROUNDING
from darkbattery.nvmodel.refusal import is_real
from darkbattery.nvmodel.solution import Solution
from darkbattery.runs.definitions.definition import Point, RunDefinition
from darkbattery.runs.definitions.models import shown
from darkbattery.runs.definitions.units import SECONDS, clock, prefixed, unit_of, unit_of_asked

if TYPE_CHECKING:
    import pandas as pd

Key = tuple[Any, ...]  # of a point: its swept fields as the table's columns hold them


def no_table() -> pd.DataFrame:
    """Of a study that has none of its kind."""
    import pandas as pd

    return pd.DataFrame()


@dataclass(frozen=True, eq=False)
class Study:
    """What a definition gave, as tidy tables; the swept fields are their first columns.

    Attributes
    ----------
    definition : RunDefinition
    table : DataFrame
        Columns: swept fields, method, time, observable, value, error, runs (single runs made; 0
        for averages).
    distributions : DataFrame
        Swept fields, method, distribution, quantity, time, low, high, weight.
    single_runs : DataFrame
        Swept fields, run, time, observable, value: the first few runs that were made, one by one,
        and what a receiver records of them, at its own times.
    warnings : tuple of str
    statistics : DataFrame
        Swept fields, method, quantity, where, time, statistic, value, error: of
        `nvmodel.Statistics`.
    joints : DataFrame
        Swept fields, method, one, other, where, and the bins of both that hold runs.
    sampled : tuple of Solution
        The single runs of each point, with their tallies; empty where read from tables.
    """

    definition: RunDefinition
    table: pd.DataFrame
    distributions: pd.DataFrame
    single_runs: pd.DataFrame
    warnings: tuple[str, ...]
    sampled: tuple[Solution, ...] = ()
    statistics: pd.DataFrame = field(default_factory=no_table)
    joints: pd.DataFrame = field(default_factory=no_table)

    @cached_property
    def timed(self) -> pd.DataFrame:
        """The table at output times, without steady states; itself where it has none."""
        at_times = np.isfinite(self.table["time"].to_numpy())
        return self.table if at_times.all() else self.table[at_times]

    @cached_property
    def largest(self) -> Mapping[str, float]:
        """The largest finite modulus of each observable: what the units of its axes go by."""
        known = self.table["value"].abs()
        known = known[known < np.inf]
        found = known.groupby(self.table["observable"], sort=False).max()
        return {str(name): float(value) for name, value in found.items()}


def swept_names(study: Study) -> list[str]:
    """Fields that the definition sweeps."""
    return [name for name, values in study.definition.model if len(values) > 1]


def swept_columns(points: Sequence[Point]) -> list[tuple[tuple[str, Any], ...]]:
    """The swept fields of each point as columns hold them, each of one kind at all points.

    >>> from darkbattery.runs.definitions.definition import parse_definition
    >>> content = {
    ...     "model": {"n_battery": 1, "n_charger": 2, "nbar": [0, 0.5]},
    ...     "run": {"method": "steady"},
    ... }
    >>> swept_columns(parse_definition(content).points())
    [(('nbar', 0.0),), (('nbar', 0.5),)]
    """
    rows = [[(name, in_column(value)) for name, value in point.swept] for point in points]
    kinds = [{type(row[i][1]) for row in rows} for i in range(len(rows[0]))]
    for row in rows:
        for i, (name, value) in enumerate(row):
            if kinds[i] == {int, float}:
                row[i] = (name, float(value))
            elif len(kinds[i]) > 1:
                row[i] = (name, str(value))
    return [tuple(row) for row in rows]


def key_of(point: Point) -> Key:
    """Its swept fields as columns hold them."""
    return tuple(in_column(value) for _, value in point.swept)


def rows_of(frame: pd.DataFrame, point: Point) -> pd.DataFrame:
    """The rows of one point of the sweep in one of a study's tables."""
    return rows_of_points(frame, [point])


def rows_of_points(frame: pd.DataFrame, points: Iterable[Point]) -> pd.DataFrame:
    """The rows of some of its points, in the table's order."""
    of_any = np.zeros(len(frame), dtype=bool)
    for point in points:
        here = np.full(len(frame), True)
        for name, value in point.swept:
            here &= (frame[name] == in_column(value)).to_numpy()
        of_any |= here
    return frame[of_any]


def in_column(value: Any) -> Any:
    """A swept field's value as it stands in a table: a number, or its text."""
    if not is_real(value):
        return shown(value)
    # mixed whole and real numbers in one sweep are one column of reals
    return value if isinstance(value, int) and abs(value) < 1 << 62 else float(value)


def time_scale(study: Study) -> tuple[float, str]:
    """Factor from the table's times to the axis, and the axis's label."""
    times = study.table["time"].to_numpy(dtype=float)
    return time_axis(study.definition, float(np.max(times[np.isfinite(times)], initial=0.0)))


def time_axis(definition: RunDefinition, longest: float) -> tuple[float, str]:
    """The same of times up to the longest."""
    units = clock(definition.model)
    if units is not SECONDS:
        return 1.0, units.axis
    factor, unit = prefixed(longest, "s")
    return factor, f"t ({unit})"


def value_scale(study: Study, name: str) -> tuple[float, str]:
    """Factor from the table's values of an observable to the axis, and its unit there."""
    return prefixed(study.largest.get(name, 0.0), unit_of(study.definition.model, name))


def asked_scale(study: Study, name: str) -> tuple[float, str]:
    """Factor from the numbers of a distribution's bins to the axis, and its unit there."""
    bins = study.distributions[study.distributions["distribution"] == name]
    ends = bins.loc[bins["weight"] > 0, "low"].to_numpy(dtype=float)
    largest = np.max(np.abs(ends[np.isfinite(ends)]), initial=0.0)
    return prefixed(float(largest), unit_of_asked(study.definition.model, name))


def zero_throughout(study: Study, table: pd.DataFrame) -> list[str]:
    """The observables that are zero in every row: said in a line, a panel would show nothing else.

    None where all of them are. An energy per spin of 1e-17 is rounding, and zero.
    """
    largest = table["value"].abs().groupby(table["observable"], sort=False).max()
    zero = [
        str(name)
        for name, most in largest.items()
        if most <= (ROUNDING if unit_of(study.definition.model, str(name)) == "ħω" else 0.0)
    ]
    return zero if len(zero) < len(largest) else []
