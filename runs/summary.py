"""What a result's tables, figures and reports read alike: its points, its peaks, its names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkbattery.nvmodel.numbers import counted, plain
from darkbattery.runs.choice import exact_averages
from darkbattery.runs.definition import RunDefinition
from darkbattery.runs.study import Study

if TYPE_CHECKING:
    import pandas as pd

FEW = 4  # points whose numbers of runs are told one by one
PEAKED = ("power", "emission_rate", "output_power")  # whose largest value is asked for
CLOSE = 2.0  # standard errors: a mean so near the largest one may be the largest in truth


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
    parts = [one for one in curves(study, sampled) if len(one[1])]
    return [(label, int(part["runs"].iloc[0])) for label, part in parts]


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


def unsure_peak(curve: pd.DataFrame) -> bool:
    """Whether the largest of sampled means may be so by chance: another one is as near as noise."""
    top = curve.loc[curve["value"].idxmax()]
    apart = np.hypot(curve["error"].to_numpy(dtype=float), float(top["error"]))
    near = top["value"] - curve["value"].to_numpy(dtype=float) <= CLOSE * apart
    return bool(np.count_nonzero(near) > 1)


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


def _shown(value: Any) -> str:
    return plain(float(value)) if isinstance(value, (float, np.floating)) else str(value)
