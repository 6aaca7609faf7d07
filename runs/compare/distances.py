r"""Kolmogorov and Smirnov's distance of distributions, from rows of runs or from bins.

.. math:: D = \sup_x|F_1(x)-F_2(x)|

Binned counts know F at the edges of their bins only: the distance is then the largest over the
edges that both have, which is at most D.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from darkbattery.nvmodel.solution import PROFILES
from darkbattery.runs.compare.matching import Pair, Series, time_factor, time_unit
from darkbattery.runs.ranks.parts import point_folder

Array = NDArray[np.float64]

LEVEL = 0.01  # of the test that two distributions are one
# columns of the rows of single runs that are compared; those in units of time are scaled
ROWS = ("final_energy", "emitted_photons", "burst_time", "peak_emission_time")
TIMES = ("burst_time", "peak_emission_time")
# whose values scale with the number of spins, so that they say nothing across sizes
EXTENSIVE = ("emitted_photons", "dark_state")
SAME_EDGE = 1e-9


@dataclass(frozen=True, eq=False)
class Cumulative:
    """F at points; of so many runs (infinite: deterministic; NaN: of a sampled average)."""

    at: Array
    value: Array
    runs: float


@dataclass(frozen=True)
class Distance:
    """A distance, the resolution it was measured with, and what chance alone gives.

    Attributes
    ----------
    resolution : float
        Widest bin between common edges, in the quantity's unit; 0 for rows of runs.
    critical : float
        Exceeded by chance with probability `LEVEL`; 0 where both are deterministic, NaN where one
        is the mean of conditional distributions, whose scatter is not kept.
    """

    value: float
    resolution: float
    critical: float


def distance_rows(pair: Pair, scaled: bool) -> list[dict[str, object]]:
    """One row a distribution that both have: from rows of runs, else at the worst and last time."""
    rows = run_distance_rows(pair, scaled)
    for name in _common_names(pair):
        found = _over_time(pair, name, scaled)
        for time, distance in found:
            rows.append(_row(pair, name, "bins", time, distance))
    return [row | {"time_unit": time_unit(pair, scaled)} for row in rows]


def distance_table(pairs: list[Pair], scaled: bool) -> pd.DataFrame:
    """The rows of all pairs."""
    return pd.DataFrame([row for pair in pairs for row in distance_rows(pair, scaled)])


def two_samples(one: Array, two: Array) -> Distance:
    """Distance of two sets of values.

    >>> two_samples(np.array([0.0, 1.0]), np.array([2.0, 3.0])).value
    1.0
    """
    return Distance(
        float(stats.ks_2samp(one, two, method="asymp").statistic),
        0.0,
        critical_distance(one.size, two.size),
    )


def critical_distance(one: float, two: float) -> float:
    """Smirnov's bound for samples of these sizes at `LEVEL`; infinitely many runs add nothing.

    >>> round(critical_distance(10_000, np.inf), 4)
    0.0163
    """
    inverse = (1.0 / one if one else np.inf) + (1.0 / two if two else np.inf)
    return float(stats.kstwobign.isf(LEVEL) * np.sqrt(inverse))


def binned(one: Cumulative, two: Cumulative) -> Distance | None:
    """Distance over the edges that both have; None without any.

    >>> a = Cumulative(np.array([1.0, 2.0]), np.array([0.5, 1.0]), 10.0)
    >>> b = Cumulative(np.array([0.5, 1.0, 2.0]), np.array([0.1, 0.25, 1.0]), np.inf)
    >>> binned(a, b).value
    0.25
    """
    span = max(np.abs(one.at[np.isfinite(one.at)]).max(initial=0.0), 1e-300)
    place = np.clip(np.searchsorted(two.at, one.at - SAME_EDGE * span), 0, two.at.size - 1)
    same = np.isclose(two.at[place], one.at, rtol=0.0, atol=SAME_EDGE * span)
    if np.count_nonzero(same) < 2:
        return None
    edges, gap = one.at[same], np.abs(one.value[same] - two.value[place[same]])
    finite = edges[np.isfinite(edges)]
    widest = float(np.diff(finite).max()) if finite.size > 1 else np.inf
    return Distance(float(gap.max()), widest, critical_distance(one.runs, two.runs))


def read_rows(series: Series) -> pd.DataFrame | None:
    """The rows of all single runs of a series, where they were asked for."""
    source = series.source
    if source.folder is None or series.method != "sample":
        return None
    folder = point_folder(source.folder, series.index)
    return pd.read_parquet(folder) if folder.is_dir() else None


def run_distance_rows(pair: Pair, scaled: bool) -> list[dict[str, object]]:
    """One row a column of the rows of single runs, with means and deviations; none without rows."""
    one, two = read_rows(pair.reference), read_rows(pair.other)
    if one is None or two is None:
        return []
    found = []
    for name in ROWS:
        if name in EXTENSIVE and not pair.same_size:
            continue
        if name not in one or name not in two:
            continue
        values = []
        for rows, series in ((one, pair.reference), (two, pair.other)):
            factor = time_factor(series, scaled) if name in TIMES else 1.0
            values.append(rows[name].dropna().to_numpy(dtype=float) * factor)
        if min(part.size for part in values):
            row = _row(pair, name, "runs", np.nan, two_samples(*values))
            means = [float(part.mean()) for part in values]
            spreads = [float(part.std(ddof=1)) if part.size > 1 else np.nan for part in values]
            found.append(
                row
                | {"mean": means[0], "mean_compared": means[1]}
                | {"deviation": spreads[0], "deviation_compared": spreads[1]}
            )
    return found


def _common_names(pair: Pair) -> list[str]:
    mine, theirs = (set(s.distributions["distribution"]) for s in (pair.reference, pair.other))
    shared = mine & theirs - set(PROFILES)
    return sorted(name for name in shared if pair.same_size or name not in EXTENSIVE)


def _over_time(pair: Pair, name: str, scaled: bool) -> list[tuple[float, Distance]]:
    """The worst and the last of the common times, or the one distance of whole runs."""
    tables = []
    for series in (pair.reference, pair.other):
        rows = series.distributions
        rows = rows[rows["distribution"] == name]
        tables.append(dict(iter(rows.groupby("time", dropna=False))))
    factors = [time_factor(series, scaled) for series in (pair.reference, pair.other)]
    found: list[tuple[float, Distance]] = []
    moments = {key: float(key) * factors[1] for key in tables[1]}
    for key, rows in tables[0].items():
        time = float(key) * factors[0]
        partner = _at_time(moments, time)
        if partner is None:
            continue
        distance = binned(
            _cumulative(rows, pair.reference, name, factors[0]),
            _cumulative(tables[1][partner], pair.other, name, factors[1]),
        )
        if distance is not None:
            found.append((time, distance))
    if len(found) < 2:
        return found
    worst = max(found, key=lambda item: item[1].value)
    return [worst, found[-1]] if worst is not found[-1] else [worst]


def _at_time(moments: dict[float, float], time: float) -> float | None:
    for key, moment in moments.items():
        if (np.isnan(moment) and np.isnan(time)) or moment == time:
            return key
        if np.isclose(moment, time, rtol=1e-9, atol=0.0):
            return key
    return None


def _cumulative(rows: pd.DataFrame, series: Series, name: str, factor: float) -> Cumulative:
    rows = rows.sort_values("high")
    weight = rows["weight"].to_numpy(dtype=float)
    at = rows["high"].to_numpy(dtype=float)
    if name == "populations":  # on the ladder: as a share, for comparisons across sizes
        at = at / max(series.facts.n_battery, 1)
    if name in TIMES:
        at = at * factor
    total = weight.sum()
    counted = series.method == "sample" and np.all(weight == np.rint(weight)) and total > 1.5
    value = np.cumsum(weight) / max(total, 1e-300)
    runs = float(total) if counted else np.nan if series.method == "sample" else np.inf
    return Cumulative(at, value, runs)


def _row(pair: Pair, name: str, source: str, time: float, distance: Distance) -> dict[str, object]:
    return {
        **pair.names,
        "distribution": name,
        "from": source,
        "time": time,
        "distance": distance.value,
        "critical": distance.critical,
        "resolution": distance.resolution,
    }
