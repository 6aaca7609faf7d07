"""What a result's tables, figures and reports read alike: its points, its peaks, its names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from darkbattery.nvmodel.numbers import counted, plain
from darkbattery.nvmodel.observables import in_words
from darkbattery.runs.choice.choice import exact_averages
from darkbattery.runs.definitions.definition import RunDefinition
from darkbattery.runs.definitions.units import prefixed, symbol, unit_of
from darkbattery.runs.results.table import Key, Study, swept_names, time_scale, value_scale

if TYPE_CHECKING:
    import pandas as pd

FEW = 4  # points whose numbers of runs are told one by one
PEAKED = ("power", "emission_rate", "output_power")  # whose largest value is asked for
CLOSE = 2.0  # standard errors: a mean so near the largest one may be the largest in truth


@dataclass(frozen=True)
class Ends:
    """One observable of one point by one method: its last value, and its largest.

    Without any number both are NaN. `unsure`: the largest of sampled means may be so by chance,
    for another one is as near as noise.
    """

    observable: str
    method: str
    last: float
    last_error: float
    largest: float
    largest_error: float
    largest_time: float
    unsure: bool


@dataclass(frozen=True)
class Quantity:
    """What is told of a sweep: an observable's "value", that in the "end", its "peak" or when."""

    name: str
    kind: str

    @property
    def title(self) -> str:
        """In words."""
        words = in_words(self.name)
        return {
            "value": words,
            "end": f"{words} at the end",
            "peak": f"{words}: largest",
            "time": f"{words}: time of the largest",
        }[self.kind]

    def scale(self, study: Study, found: pd.DataFrame) -> tuple[float, str]:
        """Factor from values that were found of it to an axis, and the axis's label."""
        if self.kind == "time":
            return time_scale(study)
        factor, unit = value_scale(study, self.name)
        if self.kind == "peak":
            largest = float(found["value"].abs().max())
            factor, unit = prefixed(largest, unit_of(study.definition.model, self.name))
        return factor, symbol(self.name, unit)

    def of(self, curve: Ends) -> tuple[float, float]:
        """Value and standard error that a curve has of it."""
        if self.kind == "time" and not np.isnan(curve.largest):
            return curve.largest_time, np.nan
        if self.kind == "peak" and not np.isnan(curve.largest):
            return curve.largest, curve.largest_error
        return curve.last, curve.last_error


def ends(study: Study) -> dict[Key, list[Ends]]:
    """What is read of every curve, by point, in the sweep's order.

    In one pass over the table: a search for each point's rows costs points times rows.
    """
    table, names = study.table, [*swept_names(study), "observable", "method"]
    if not len(table):
        return {}
    curve = table.groupby(names, sort=False, dropna=False).ngroup().to_numpy()
    value, error = table["value"].to_numpy(dtype=float), table["error"].to_numpy(dtype=float)
    count, rows = int(curve.max()) + 1, np.arange(curve.size)
    last = np.zeros(count, dtype=np.int64)
    last[curve] = rows  # the last of equal ones stays
    known = np.where(np.isnan(value), -np.inf, value)
    largest = np.full(count, -np.inf)
    np.maximum.at(largest, curve, known)
    hits = np.flatnonzero(known == largest[curve])[::-1]
    top = last.copy()
    top[curve[hits]] = hits  # the first of equal ones
    sampled = np.flatnonzero(~np.isnan(error))
    of = curve[sampled]
    apart = np.hypot(error[sampled], error[top][of])
    near = np.bincount(of[largest[of] - known[sampled] <= CLOSE * apart], minlength=count)
    found: dict[Key, list[Ends]] = {}
    labels, time = table[names].iloc[last], table["time"].to_numpy(dtype=float)
    for i, (*point, observable, method) in enumerate(labels.itertuples(index=False, name=None)):
        j, k = last[i], top[i]
        found.setdefault(tuple(point), []).append(
            Ends(
                observable, method, value[j], error[j], value[k], error[k], time[k],
                method == "sample" and near[i] > 1,
            )
        )  # fmt: skip
    return found


def quantities(study: Study) -> Iterator[Quantity]:
    """What is drawn of a study against its swept field."""
    timed = study.timed
    over_time = set(timed["observable"].unique()) if timed["time"].nunique() > 1 else set()
    for name in map(str, study.table["observable"].unique()):
        if name in PEAKED and name in over_time:
            yield Quantity(name, "peak")
            yield Quantity(name, "time")
        else:
            yield Quantity(name, "end" if name in over_time else "value")


def read_of(
    of_point: Mapping[Key, Iterable[Ends]], quantity: Quantity
) -> dict[Key, list[tuple[str, float, float]]]:
    """Method, value and error of each curve that has the quantity, by point."""
    peaks = quantity.kind in ("peak", "time")
    return {
        key: [
            (curve.method, *quantity.of(curve))
            for curve in curves
            if curve.observable == quantity.name and not (peaks and curve.method == "steady")
        ]
        for key, curves in of_point.items()
    }


def label(study: Study, key: Key) -> str:
    """Such as ``n_battery=2, nbar=0.5``; empty without a sweep."""
    return ", ".join(f"{n}={_shown(v)}" for n, v in zip(swept_names(study), key, strict=True))


def runs_made(study: Study) -> list[tuple[str, int]]:
    """Label of each point that has single runs, and how many were made there."""
    sampled = study.table[study.table["method"] == "sample"]
    names = swept_names(study)
    first = sampled.drop_duplicates(names) if names else sampled.head(1)
    keys = first[names].itertuples(index=False, name=None)
    return [(label(study, key), int(runs)) for key, runs in zip(keys, first["runs"], strict=True)]


def runs_line(study: Study) -> str:
    """How many single runs were made, and what for; empty where none were.

    A precision is answered: so many were enough, or were not. Run i draws the same numbers at every
    point of a sweep, so that the deviations of its points are not independent: said where it is so.
    """
    made = runs_made(study) if "sample" in study.definition.methods else []
    numbers = sorted({number for _, number in made})
    if not numbers or not numbers[-1]:
        return ""
    if len(numbers) == 1:
        text = counted(numbers[0], "single run") + (" at each point" if len(made) > 1 else "")
    elif len(made) <= FEW:
        text = "single runs: " + "; ".join(f"{number:,} at {label}" for label, number in made)
    else:
        text = f"{numbers[0]:,} to {numbers[-1]:,} single runs a point (column runs of the table)"
    precision = study.definition.precision
    if precision is None:
        return text + (", from the same random numbers" if len(made) > 1 else "")
    missed = any(f"precision of {precision.observable} not reached" in w for w in study.warnings)
    return f"{text}: {'not enough' if missed else 'enough'} for {precision.words}"


def averages_name(definition: RunDefinition) -> str:
    """What averages of the semiclassical engine are averages of."""
    if definition.engine == "auto":
        return "averages"
    return "averaged" if definition.delays == "averaged" else "modal"


def averages_words(definition: RunDefinition) -> str:
    """The same for a legend; a modal run is no average, and is not called so."""
    if exact_averages(definition):
        return "averages"
    words = {"averages": "averages", "averaged": "average over delays", "modal": "modal run"}
    return words[averages_name(definition)]


def average_over_runs(study: Study, part: pd.DataFrame) -> pd.DataFrame:
    """The curve in `part` that single runs have as their average: exact, or of the runs.

    A modal run is none: at its burst it has the ripples that averages have lost.
    """
    exact = part[part["method"] == "evolve"]
    if len(exact) and exact_averages(study.definition):
        return exact
    return part[part["method"] == "sample"]


def fan_observable(runs: pd.DataFrame) -> str:
    """What is drawn of single runs: the stored energy where it is kept, else what is kept first.

    >>> import pandas as pd
    >>> fan_observable(pd.DataFrame({"observable": ["power", "charger_energy"]}))
    'charger_energy'
    """
    stored = [str(name) for name in runs["observable"].unique()]
    energies = [name for name in ("battery_energy", "charger_energy") if name in stored]
    return (energies or stored)[0]


def _shown(value: Any) -> str:
    return plain(float(value)) if isinstance(value, (float, np.floating)) else str(value)
