"""A result in key numbers: a row a point of the sweep."""

from typing import Any

import numpy as np
import pandas as pd

from nvmodel.numbers import plain
from runs.choice import exact_averages
from runs.definition import RunDefinition
from runs.study import Study

FEW = 4  # points whose numbers of runs are told one by one


def swept_names(study: Study) -> list[str]:
    """Fields that the definition sweeps."""
    return [name for name, values in study.definition.model if len(values) > 1]


def curves(study: Study, frame: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """`frame` split by the points of the sweep, with their labels, in the sweep's order."""
    names = swept_names(study)
    if not names:
        return [("", frame)]
    parts = []
    for key, part in frame.groupby(names, sort=False, dropna=False):
        keys = key if isinstance(key, tuple) else (key,)
        label = ", ".join(f"{name}={_shown(v)}" for name, v in zip(names, keys, strict=True))
        parts.append((label, part))
    return parts


def runs_made(study: Study) -> list[tuple[str, int]]:
    """Label of each point that has single runs, and how many were made there."""
    sampled = study.table[study.table["method"] == "sample"]
    return [(label, int(part["runs"].iloc[0])) for label, part in curves(study, sampled)]


def runs_line(study: Study) -> str:
    """How many single runs were made, and what for; empty where none were.

    A precision is answered: so many were enough, or were not.
    """
    made = runs_made(study) if "sample" in study.definition.methods else []
    numbers = sorted({number for _, number in made})
    if not numbers or not numbers[-1]:
        return ""
    if len(numbers) == 1:
        text = f"{numbers[0]:,} single runs" + (" at each point" if len(made) > 1 else "")
    elif len(made) <= FEW:
        text = "single runs: " + "; ".join(f"{number:,} at {label}" for label, number in made)
    else:
        text = f"{numbers[0]:,} to {numbers[-1]:,} single runs a point (column runs of the table)"
    precision = study.definition.precision
    if precision is None:
        return text
    missed = any(f"precision of {precision.observable} not reached" in w for w in study.warnings)
    return f"{text}: {'not enough' if missed else 'enough'} for {precision.words}"


def summarise(study: Study) -> pd.DataFrame:
    """One row a point: energy and ergotropies in the end, exact and sampled, and peak power.

    Columns are those for which the study has data. ``_ss`` is the steady state (t = infinity) from
    `steady`; ``_end`` the last output time, from `evolve` and `sample`. z is (sampled - exact)/
    standard error of the energy at the last output time. Averages of the semiclassical engine
    are called modal: at order 2 they are the single run at the most probable delay.
    """
    rows = []
    quantum = exact_averages(study.definition)
    averages = "exact" if quantum else averages_name(study.definition)
    for label, part in curves(study, study.table):
        row: dict[str, Any] = {"model": label or study.definition.title}
        evolved, sampled = _series(part, "evolve"), _series(part, "sample")
        steady = _series(part, "steady")
        if "battery_energy" in steady:
            row["E_ss exact"] = steady["battery_energy"].value.iloc[-1]
        if "battery_energy" in evolved:
            row[f"E_end {averages}"] = evolved["battery_energy"].value.iloc[-1]
        if "battery_energy" in sampled:
            last = sampled["battery_energy"].iloc[-1]
            row["E_end sampled"] = last.value
            row["+-"] = last.error
            if "E_end exact" in row and last.error > 0:
                row["z"] = (last.value - row["E_end exact"]) / last.error
        for method, series in ((averages, evolved), ("sampled", sampled)):
            if "battery_energy" not in series and "charger_energy" in series:
                row[f"E_C end {method}"] = series["charger_energy"].value.iloc[-1]
            if "power" in series:
                peak = series["power"].loc[series["power"].value.idxmax()]
                row[f"P_max {method}"] = peak.value
                row[f"at t {method}"] = peak.time
        row |= _ergotropies(steady, evolved, sampled, averages)
        rows.append(row)
    return pd.DataFrame(rows)


def _ergotropies(
    steady: dict[str, pd.DataFrame],
    evolved: dict[str, pd.DataFrame],
    sampled: dict[str, pd.DataFrame],
    averages: str,
) -> dict[str, float]:
    """Of the average state (W), and of the state that each run's record tells (W_d, daemonic)."""
    row = {}
    for symbol, name in (("W", "ergotropy"), ("W_d", "daemonic_ergotropy")):
        if name in steady:
            row[f"{symbol}_ss exact"] = steady[name].value.iloc[-1]
        if name in evolved:
            row[f"{symbol}_end {averages}"] = evolved[name].value.iloc[-1]
        if name in sampled:
            last = sampled[name].iloc[-1]
            row[f"{symbol}_end sampled"] = last.value
            row[f"{symbol} +-"] = last.error
    return row


def averages_name(definition: RunDefinition) -> str:
    """What averages of the semiclassical engine are averages of."""
    if definition.engine == "auto":
        return "averages"
    return "averaged" if definition.delays == "averaged" else "modal"


def _series(part: pd.DataFrame, method: str) -> dict[str, pd.DataFrame]:
    chosen = part[part["method"] == method]
    return {str(name): series for name, series in chosen.groupby("observable", sort=False)}


def _shown(value: Any) -> str:
    return plain(float(value)) if isinstance(value, (float, np.floating)) else str(value)
