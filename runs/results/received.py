"""What a definition's receiver records of single runs, as rows of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkbattery.runs.choice.choice import chosen
from darkbattery.runs.choice.engines import engine_of
from darkbattery.runs.definitions.definition import Point, RunDefinition

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("run", "time", "observable", "value")


def received(definition: RunDefinition, point: Point, first: int, runs: int) -> pd.DataFrame:
    """I, Q and power of the runs first, first + 1, ...; no rows where nothing listens."""
    import pandas as pd

    receiver, choice = definition.receiver, chosen(definition, point, "sample")
    if receiver is None or runs == 0:
        return pd.DataFrame({name: [] for name in COLUMNS})
    heard = engine_of(choice.definition).port_records(
        choice.model, definition.times_of(point.model), runs, definition.seed, receiver, first
    )
    parts = []
    for i, signal in enumerate(heard.signal):
        values = (signal.real, signal.imag, np.abs(signal) ** 2)
        for name, value in zip(receiver.names, values, strict=True):
            columns = (first + i, heard.times, name, value)
            parts.append(pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))))
    return pd.concat(parts, ignore_index=True)
