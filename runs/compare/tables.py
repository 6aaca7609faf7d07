"""Differences and distances as tables for people."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from rich.console import RenderableType
from rich.text import Text

from darkbattery.nvmodel.numbers import percent, plain
from darkbattery.nvmodel.observables import in_words
from darkbattery.runs.compare.statements import EQUAL, agrees, called, equal
from darkbattery.runs.terminal.tables import Column, Fitted

MOST_ROWS = 40  # shown; beyond, the worst model of each pair of methods and observable
# headings of the numbers of a curve; those of a line stand together
SHOWN = (
    {
        "largest": "largest\ndifference",
        "largest_relative": "of its\nsize",
        "largest_at": "at t",
        "most_errors": "most\n(errors)",
    },
    {"peak_difference": "of the\npeaks", "peak_errors": "peaks\n(errors)"},
    {"end_difference": "at the\nend", "end_errors": "end\n(errors)"},
)
ERRORS = (
    "errors: standard errors of the difference; a dash where neither curve has one. "
    "agrees: less than chance alone reaches in one of 100 comparisons of so many times"
)
DISTANCES = (
    "distance: largest difference of the shares of runs below a value, 0 to 1; "
    "a dash where the scatter by chance is not known"
)
DIFFERENCES = "differences.parquet"
VERDICTS = {True: "agrees", False: "differs", None: "-"}


def tables(differences: pd.DataFrame, distances: pd.DataFrame) -> Iterator[RenderableType]:
    """For each pair of series its curves and its distributions; a model once if all share it."""
    models = differences["model"].unique() if len(differences) else []
    shared = models[0] if len(models) == 1 else None
    if shared is not None:
        yield Text(f"model: {shared}")
    shown = _worst(differences)
    for (reference, compared), rows in shown.groupby(["reference", "compared"], sort=False):
        yield Text(f"{called(str(compared))} less {called(str(reference))}", "bold")
        for model, here in rows.groupby("model", sort=False):
            # with many models each is a table, of the largest differences
            heading = "" if shared is not None else str(model)
            yield from _curves(here, SHOWN if shared is not None else SHOWN[:1], heading)
    if len(differences):
        yield Text(ERRORS)
    if shared is None and len(differences):
        yield Text(f"differences of peaks and at the end: {DIFFERENCES}, written with --out")
    if not len(distances):
        return
    for (reference, compared), rows in distances.groupby(["reference", "compared"], sort=False):
        yield Text(
            f"distributions, {called(str(compared))} beside {called(str(reference))}", "bold"
        )
        for model, here in rows.groupby("model", sort=False):
            names = [in_words(name) for name in here["distribution"]]
            heading = "" if shared is not None else str(model)
            yield Fitted([("distribution", names)], [_distances(here)], heading)
    yield Text(DISTANCES)


def _curves(
    rows: pd.DataFrame, parts: Sequence[Mapping[str, str]], heading: str
) -> Iterator[RenderableType]:
    """The quantities of one model, those that are equal in a line."""
    same = equal(rows)
    different = rows[~same]
    if len(different):
        columns = _curve_columns(different, parts)
        yield Fitted([("quantity", _named(different))], columns, heading)
    elif heading:
        yield Text(heading, "bold")
    if same.any():
        names = [in_words(name) for name in rows[same]["observable"]]
        yield Text(f"equal to {EQUAL:g}: {', '.join(names)}")


def _worst(rows: pd.DataFrame) -> pd.DataFrame:
    if len(rows) <= MOST_ROWS:
        return rows
    groups = rows.fillna({"largest_relative": 0.0}).groupby(
        ["reference", "compared", "observable"], sort=False
    )
    return rows.loc[groups["largest_relative"].idxmax()]


def _named(rows: pd.DataFrame) -> list[str]:
    return [
        f"{in_words(row['observable'])} ({row['unit']})".replace(" ()", "")
        for _, row in rows.iterrows()
    ]


def _curve_columns(rows: pd.DataFrame, parts: Sequence[Mapping[str, str]]) -> list[list[Column]]:
    groups: list[list[Column]] = [
        [
            (
                _in_seconds(heading, rows) if name == "largest_at" else heading,
                [_number(name, value) for value in rows[name]],
            )
            for name, heading in part.items()
        ]
        for part in parts
    ]
    verdicts = [VERDICTS[agrees(row)] for _, row in rows.iterrows()]
    groups[0].append(("", verdicts))
    return groups


def _distances(rows: pd.DataFrame) -> list[Column]:
    critical = rows["critical"].to_numpy(dtype=float)
    known = np.isfinite(critical) & (critical > 0.0)
    distance = rows["distance"].to_numpy(dtype=float)
    verdict = [
        VERDICTS[bool(d <= c) if k else None]
        for d, c, k in zip(distance, critical, known, strict=True)
    ]
    return [
        (_in_seconds("at t", rows), [plain(value, 4) for value in rows["time"]]),
        ("distance", [plain(value, 3) for value in distance]),
        (
            "by chance\nbelow",
            [plain(c, 2) if k else "-" for c, k in zip(critical, known, strict=True)],
        ),
        ("", verdict),
    ]


def _in_seconds(heading: str, rows: pd.DataFrame) -> str:
    """With the unit of times where all of them have one; a result of before names none."""
    units = set(rows["time_unit"]) if "time_unit" in rows else {""}
    unit = units.pop() if len(units) == 1 else ""
    return f"{heading} ({unit})" if unit else heading


def _number(name: str, value: float) -> str:
    if not np.isfinite(value):
        return "-" if np.isnan(value) else "inf"
    if name == "largest_relative":
        return percent(value)
    if name.endswith("errors"):
        return f"{round(value, 1) + 0.0:.1f}"  # no -0.0
    return f"{value:.3g}"
