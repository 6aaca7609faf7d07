"""How far two curves are apart: at most, at their peaks, at the end; in standard errors too."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from darkbattery.nvmodel.observables import OBSERVABLES, TIME_UNIT
from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.compare.matching import Pair, Series, time_factor, time_unit
from darkbattery.runs.definitions import units
from darkbattery.runs.definitions.definition import RunDefinition

Array = NDArray[np.float64]

SAME_TIME = 1e-9  # relative to the last time: grids of equal times by different arithmetic


@dataclass(frozen=True, eq=False)
class Curve:
    """Values over times with their standard errors (0 where deterministic)."""

    time: Array
    value: Array
    error: Array


@dataclass(frozen=True, eq=False)
class Overlaid:
    """Two curves at common times.

    Attributes
    ----------
    time, reference, other, error : ndarray (T,)
        `error` is that of the difference, 0 where both are deterministic.
    interpolated : bool
        Whether the second was interpolated to the reference's times.
    interpolation : float
        Estimated largest error of that: the change when every other point is left out.
    """

    time: Array
    reference: Array
    other: Array
    error: Array
    interpolated: bool
    interpolation: float

    @property
    def difference(self) -> Array:
        """The second less the reference."""
        return self.other - self.reference

    @property
    def z(self) -> Array:
        """The difference in standard errors; NaN where there is none."""
        known = self.error > 0.0
        return np.where(known, self.difference / np.where(known, self.error, 1.0), np.nan)


def unit_of(definition: RunDefinition, observable: str, scaled: bool) -> str:
    """Its unit in a study; that of a rate is per scaled time where times are scaled.

    >>> from darkbattery.runs.definitions.definition import parse_definition
    >>> content = {"model": {"n_battery": 1, "ratio": 2}, "run": {"method": "steady"}}
    >>> one = parse_definition(content)
    >>> [unit_of(one, "power", scaled) for scaled in (False, True)], unit_of(one, "photons", False)
    (['ħωγ', 'ħω'], '')
    """
    if not scaled:
        unit = units.unit_of(definition.model, observable)
        return "" if unit == "1" else unit
    unit = OBSERVABLES[observable].unit
    return "" if unit in ("1", TIME_UNIT) else unit.replace("γ", "").strip()


def curve_of(series: Series, observable: str, scaled: bool) -> Curve:
    r"""One observable of a series, in order of time.

    The standard error of a sampled mean is at least what would be missed: n runs without an event
    say that it happens to less than :math:`\sqrt2/n` of them (Agresti and Coull 1998, as in
    `runs.definitions.precision`), and an event may be as large as the curve ever is.
    """
    rows = series.table[series.table["observable"] == observable].sort_values("time")
    factor = time_factor(series, scaled)
    time = rows["time"].to_numpy(dtype=float) * factor
    value, error = (rows[name].to_numpy(dtype=float) for name in ("value", "error"))
    error = np.nan_to_num(error, nan=0.0)
    if series.method == "sample" and error.any():
        runs = runs_of(series)
        least = np.sqrt(2.0) / runs * (np.abs(value).max() + error.max() * np.sqrt(runs))
        error = np.maximum(error, least)
    if OBSERVABLES[observable].unit == TIME_UNIT:
        value, error = value * factor, error * factor
    elif "γ" in OBSERVABLES[observable].unit:
        value, error = value / factor, error / factor
    return Curve(time, value, error)


def runs_of(series: Series) -> float:
    """How many single runs a series has: as counted in its distributions, else as asked for."""
    counted = series.distributions
    counted = counted[counted["distribution"] == "battery_energy"]
    if len(counted):
        return float(counted[counted["time"] == counted["time"].max()]["weight"].sum())
    return float(series.source.study.definition.runs or 1)


def overlay(reference: Curve, other: Curve) -> Overlaid:
    """Both at common times; interpolated (monotone cubics) only where their grids differ.

    Raises InputError where they have no time in common.

    >>> one = Curve(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 2.0]), np.zeros(3))
    >>> two = Curve(np.array([0.0, 2.0]), np.array([0.0, 2.5]), np.array([0.0, 0.25]))
    >>> found = overlay(one, two)
    >>> found.difference, found.z, found.interpolated
    (array([0. , 0.5]), array([nan,  2.]), False)
    """
    if reference.time[0] == np.inf:  # steady states
        return _at(reference, other, np.zeros(1, int), np.zeros(1, int))
    slack = SAME_TIME * max(reference.time[-1], other.time[-1])
    nearest = np.clip(np.searchsorted(other.time, reference.time - slack), 0, other.time.size - 1)
    same = np.abs(other.time[nearest] - reference.time) <= slack
    low, high = max(reference.time[0], other.time[0]), min(reference.time[-1], other.time[-1])
    inside = [
        int(np.count_nonzero((c.time >= low - slack) & (c.time <= high + slack)))
        for c in (reference, other)
    ]
    # one grid may be a part of the other
    if same.any() and np.count_nonzero(same) == min(inside):
        return _at(reference, other, np.flatnonzero(same), nearest[same])
    within = np.flatnonzero((reference.time >= low) & (reference.time <= high))
    if within.size == 0 or other.time.size < 2:
        raise InputError("times", [low, high], "the results have no time in common")
    return _interpolated(reference, other, within)


def _at(reference: Curve, other: Curve, mine: NDArray, theirs: NDArray) -> Overlaid:
    return Overlaid(
        reference.time[mine],
        reference.value[mine],
        other.value[theirs],
        np.hypot(reference.error[mine], other.error[theirs]),
        interpolated=False,
        interpolation=0.0,
    )


def _interpolated(reference: Curve, other: Curve, within: NDArray) -> Overlaid:
    at = reference.time[within]
    values = PchipInterpolator(other.time, other.value)(at)
    change = 0.0
    if other.time.size >= 4:
        kept = np.r_[0 : other.time.size - 1 : 2, other.time.size - 1]
        coarse = PchipInterpolator(other.time[kept], other.value[kept])(at)
        change = float(np.abs(coarse - values).max())
    error = np.interp(at, other.time, other.error)
    return Overlaid(
        at,
        reference.value[within],
        values,
        np.hypot(reference.error[within], error),
        interpolated=True,
        interpolation=change,
    )


def observables_of(pair: Pair) -> list[str]:
    """What both have, in the reference's order."""
    theirs = set(pair.other.table["observable"].unique())
    return [str(n) for n in pair.reference.table["observable"].unique() if n in theirs]


def difference_rows(pair: Pair, scaled: bool) -> list[dict[str, object]]:
    """One row an observable; the columns are explained in docs/comparison.md."""
    definition, rows = pair.reference.source.study.definition, []
    for name in observables_of(pair):
        found = overlay(curve_of(pair.reference, name, scaled), curve_of(pair.other, name, scaled))
        row = _row(pair, name, unit_of(definition, name, scaled), found)
        rows.append(row | {"time_unit": time_unit(pair, scaled)})
    return rows


def difference_table(pairs: list[Pair], scaled: bool) -> pd.DataFrame:
    """The rows of all pairs."""
    return pd.DataFrame([row for pair in pairs for row in difference_rows(pair, scaled)])


def _row(pair: Pair, name: str, unit: str, found: Overlaid) -> dict[str, object]:
    difference, z = found.difference, found.z
    worst = int(np.argmax(np.abs(difference)))
    top, other_top = int(np.argmax(found.reference)), int(np.argmax(found.other))
    largest_z = float(np.nanmax(np.abs(z))) if np.isfinite(z).any() else np.nan
    size = float(np.abs(found.reference).max())
    higher = float(found.other[other_top] - found.reference[top])
    return {
        **pair.names,
        "observable": name,
        "unit": unit,
        "largest": float(difference[worst]),
        "largest_relative": float(abs(difference[worst])) / size if size > 0.0 else np.nan,
        "largest_at": float(found.time[worst]),
        "largest_errors": float(z[worst]),
        "most_errors": largest_z,
        "peak": float(found.reference[top]),
        "peak_difference": higher,
        "peak_errors": _in_errors(higher, float(found.error[other_top])),
        "peak_at": float(found.time[top]),
        "peak_shift": 0.0 if top == other_top else float(found.time[other_top] - found.time[top]),
        "end": float(found.reference[-1]),
        "end_difference": float(difference[-1]),
        "end_errors": float(z[-1]),
        "times": int(found.time.size),
        "interpolated": found.interpolated,
        "interpolation": found.interpolation,
    }


def _in_errors(difference: float, error: float) -> float:
    return difference / error if error > 0.0 else np.nan
