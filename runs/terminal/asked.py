"""What was asked of single runs, as a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.text import Text

from darkbattery.nvmodel.numbers import with_error, with_unit
from darkbattery.runs.definitions.units import unit_of_asked
from darkbattery.runs.results.summary import label, swept_names
from darkbattery.runs.results.table import Study
from darkbattery.runs.terminal.tables import Listing

if TYPE_CHECKING:
    import pandas as pd

PREFIXED = "s"  # powers in ħω/s have no prefix
MOST_ROWS = 60  # printed; the others stand in the result folder
TOLD = {"share": "share", "mean": "mean", "standard_deviation": "sd"}
TOGETHER = "correlation"


def asked_tables(study: Study) -> Iterator[Listing | Text]:
    """Share, mean and standard deviation of each quantity, of all runs and of those selected."""
    if not len(study.statistics):
        return
    whole = study.statistics[study.statistics["time"].isna()]
    pairs = whole["statistic"] == TOGETHER
    whole, together = whole[~pairs], whole[pairs]
    rows = list(_rows(study, whole))
    labelled = bool(swept_names(study))
    named = ["point", "of single runs", "runs"] if labelled else ["of single runs", "runs"]
    table = Listing("", [*named, *TOLD.values()], left=named)
    for point, *cells in rows[:MOST_ROWS]:
        table.add_row(*([point] if labelled else []), *cells)
    if rows:
        yield table
    if len(together):
        yield _correlations(study, together, named[:-2])
    if len(rows) > MOST_ROWS:
        yield Text(f"{len(rows) - MOST_ROWS} more: statistics.parquet in the result folder")
    asked = study.definition.statistics
    if asked is not None and asked.where is not None:
        yield Text(f"selected: {asked.where}")


def _correlations(study: Study, together: pd.DataFrame, named: list[str]) -> Listing:
    """How the two quantities of each joint pair go together."""
    columns = [*named, "together", "runs"]
    table = Listing("", [*columns, TOGETHER], left=columns)
    for row in together.head(MOST_ROWS).to_dict("records"):
        point = tuple(row[name] for name in swept_names(study))
        name = str(row["quantity"]).replace("_", " ")
        told = with_error(float(row["value"]), float(row["error"]))
        runs = "selected" if row["where"] else "all"
        table.add_row(*([label(study, point)] if named else []), name, runs, told)
    return table


def _rows(study: Study, whole: pd.DataFrame) -> Iterator[tuple[str, ...]]:
    names = [*swept_names(study), "quantity", "where"]
    for key, about in whole.groupby(names, sort=False, dropna=False):
        *point, quantity, where = key
        found = about.set_index("statistic")
        unit = "" if quantity == "runs" else unit_of_asked(study.definition, str(quantity))
        numbers = [
            _told(found.loc[name], "" if name == "share" else unit) if name in found.index else ""
            for name in TOLD
        ]
        # the selection itself is a share of all runs
        runs = "selected" if where and quantity != "runs" else "all"
        name = "selected" if quantity == "runs" else str(quantity).replace("_", " ")
        behind = f" ({unit})" if unit not in ("", PREFIXED) else ""
        yield label(study, tuple(point)), name + behind, runs, *numbers


def _told(about: pd.Series, unit: str) -> str:
    """A number with its error; of seconds with their prefix."""
    value, error = float(about["value"]), float(about["error"])
    return with_unit(value, unit, error) if unit == PREFIXED else with_error(value, error)
