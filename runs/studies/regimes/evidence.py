"""The study's definitions carried out, as result folders, and compared with the exact ones."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkbattery.runs.compare.differences import curve_of, difference_rows, overlay
from darkbattery.runs.compare.distances import run_distance_rows
from darkbattery.runs.compare.matching import Pair, Series, Source, matched
from darkbattery.runs.compare.statements import error_bound
from darkbattery.runs.definitions.definition import find_definition, read_definition
from darkbattery.runs.results.store import load
from darkbattery.runs.start.workplace import Workplace
from darkbattery.runs.studies.regimes.errors import Evidence

Array = NDArray[np.float64]

FOLDER = "regimes/"
GRIDS = ("small", "large")
METHODS = ("first", "second", "delay", "wigner")
NAMES = (
    *(f"{method}_{grid}" for grid in GRIDS for method in ("exact", *METHODS)),
    "steady",
    "ladder",
    "jumps",
    "paths",
)
NEAR_TOP = 0.95  # what a peak is fitted to
LADDER = "ladder"  # larger batteries, whose populations cost more than their energies


def carry_out(at: Workplace, comm: Any = None) -> None:
    """Every definition of the study on all ranks; rank 0 leaves a result folder each."""
    for name in NAMES:
        at.study(name, read_definition(find_definition(FOLDER + name)), comm)


def read_evidence(folder: Path) -> Evidence:
    """Compare the results that `carry_out` left."""
    sources = {name: Source(name, load(folder / name).study, folder / name) for name in NAMES}
    differences, curves = [], []
    for grid in GRIDS:
        others = [sources[f"{method}_{grid}"] for method in METHODS]
        pairs = matched([sources[f"exact_{grid}"], *others], False, False).pairs
        differences += differences_of(pairs)
        curves += [_curve(pair) for pair in pairs]
    ladder = matched([sources[LADDER], sources["wigner_large"]], False, False).pairs
    differences += [row for row in differences_of(ladder) if row["observable"] == "ergotropy"]
    runs = matched([sources["jumps"], sources["paths"]], False, False).pairs
    distances = [
        {**_model(pair.other), **row} for pair in runs for row in run_distance_rows(pair, False)
    ]
    return Evidence(
        pd.DataFrame(differences),
        pd.concat(curves, ignore_index=True),
        _steady(sources["steady"]),
        pd.DataFrame(distances),
    )


def differences_of(pairs: Iterable[Pair]) -> list[dict[str, object]]:
    """Rows of `Evidence.differences`."""
    return [row for pair in pairs for row in _differences(pair)]


def _differences(pair: Pair) -> list[dict[str, object]]:
    method = pair.other.source.name.split("_")[0]
    rows = difference_rows(pair, scaled=False)
    return [
        {"method": method, **_model(pair.other), **row, **_finer(pair, row["observable"])}
        for row in rows
    ]


def _finer(pair: Pair, observable: Any) -> dict[str, float]:
    """Peaks between the output times, the noise of the largest difference, the end's error.

    The noise is what chance alone makes of it, over the curve's largest value.
    """
    curves = [curve_of(series, observable, False) for series in (pair.reference, pair.other)]
    found = overlay(*curves)
    size = float(np.abs(found.reference).max())
    noise = error_bound(found.time.size) * float(found.error.max()) / size if size else 0.0
    table = pair.other.table
    last = table[table["observable"] == observable].sort_values("time").iloc[-1]
    peaks = [fitted_peak(found.time, values) for values in (found.reference, found.other)]
    return {
        "noise": noise,
        "end_error": float(last["error"]),
        "peak": peaks[0][1],
        "peak_at": peaks[0][0],
        "peak_difference": peaks[1][1] - peaks[0][1],
        "peak_shift": peaks[1][0] - peaks[0][0],
    }


def fitted_peak(time: Array, value: Array) -> tuple[float, float]:
    """Time and height of the top: of the parabola through all that lies within 5 % of it.

    Sampled curves have many equal tops; the parabola has one. Where there are fewer than four
    such times, the largest value itself.

    >>> t = np.linspace(0.0, 4.0, 41)
    >>> at, height = fitted_peak(t, 1.0 / np.cosh(t - 1.93) ** 2)
    >>> round(at, 3), round(height, 3)
    (1.93, 1.0)
    """
    top = int(np.argmax(value))
    low = high = top
    while low > 0 and value[low - 1] >= NEAR_TOP * value[top]:
        low -= 1
    while high < value.size - 1 and value[high + 1] >= NEAR_TOP * value[top]:
        high += 1
    around = slice(low, high + 1)
    if high - low < 3 or value[top] <= 0.0:
        return float(time[top]), float(value[top])
    unit = time[high] - time[low]
    shift = (time[around] - time[top]) / unit
    curvature, slope, height = np.polyfit(shift, value[around], 2)
    if curvature >= 0.0:
        return float(time[top]), float(value[top])
    place = -slope / (2.0 * curvature)
    return float(time[top] + unit * place), float(height - slope**2 / 4.0 / curvature)


def _curve(pair: Pair) -> pd.DataFrame:
    curves = [curve_of(s, "battery_energy", False) for s in (pair.reference, pair.other)]
    found = overlay(*curves)
    facts = pair.other.facts
    growth = facts.rate * (facts.ratio - 1.0) / (facts.ratio + 1.0)
    return pd.DataFrame(
        {
            "method": pair.other.source.name.split("_")[0],
            **_model(pair.other),
            "stage": found.time * growth,
            "exact": found.reference,
            "difference": found.difference,
            "error": found.error,
        }
    )


def _model(series: Series) -> Mapping[str, float]:
    facts = series.facts
    return {
        "n_battery": facts.n_battery,
        "ratio": facts.ratio,
        "nbar": facts.nbar,
        "spins": facts.spins,
    }


def _steady(source: Source) -> pd.DataFrame:
    names = ["n_battery", "ratio", "nbar", "observable", "value"]
    return source.study.table[names]
