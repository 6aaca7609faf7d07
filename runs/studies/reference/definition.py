"""The tables of all keys in the docs."""

import pandas as pd

from darkbattery.runs.definitions.schema import (
    AT_RESONATOR,
    CLOSED,
    COLLECTIVE,
    RUN,
    Table,
    rows_of,
)


def tables() -> dict[str, pd.DataFrame]:
    """A row a key, by the name of its table's marks."""
    kinds: dict[str, Table] = {
        "reservoir": COLLECTIVE,
        "resonator": AT_RESONATOR,
        "dicke": CLOSED,
        "run": RUN,
    }
    return {name: _table(keys) for name, keys in kinds.items()}


def _table(keys: Table) -> pd.DataFrame:
    rows = [(f"`{name}`", meaning, default) for name, meaning, default in rows_of(keys)]
    return pd.DataFrame(rows, columns=["key", "meaning", "default"])
