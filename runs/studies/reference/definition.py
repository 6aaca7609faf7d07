"""The tables of all keys of a run definition: what each means, and its default."""

from collections.abc import Iterator

import pandas as pd

from darkbattery.runs.definitions.schema import (
    ANY_NAME,
    AT_RESONATOR,
    CLOSED,
    COLLECTIVE,
    RUN,
    Entry,
    Section,
    Table,
)


def keys_tables() -> dict[str, pd.DataFrame]:
    """A row a key, by the name of its table's marks."""
    kinds: dict[str, Table] = {
        "reservoir": COLLECTIVE,
        "resonator": AT_RESONATOR,
        "dicke": CLOSED,
        "run": RUN,
    }
    return {name: _table(keys) for name, keys in kinds.items()}


def _table(keys: Table) -> pd.DataFrame:
    rows = [(f"`{name}`", meaning, default) for name, meaning, default in keys_of(keys)]
    return pd.DataFrame(rows, columns=["key", "meaning", "default"])


def keys_of(table: Table) -> Iterator[tuple[str, str, str]]:
    """Key, meaning and default of all that a table holds, tables' keys by dotted names.

    Keys that several tables share are told once.

    >>> next(keys_of(CLOSED["dicke"].keys))
    ('n_battery', 'number of spins, and of photons at the start', 'required')
    """
    yield from _rows(table, "", {})


def _rows(table: Table, prefix: str, told: dict[int, str]) -> Iterator[tuple[str, str, str]]:
    for key, entry in table.items():
        name = f"{prefix}{'NAME' if key == ANY_NAME else key}"
        inner = entry.keys if isinstance(entry, Section) else entry.table
        first = told.setdefault(id(inner), name)
        again = inner is not None and first != name
        same = f"; keys as in `{first}`" if again else ""
        yield name, _meaning(entry) + same, entry.default
        if inner is not None and not again:
            yield from _rows(inner, f"{name}.", told)


def _meaning(entry: Entry) -> str:
    if isinstance(entry, Section) or len(entry.choices) > 5:
        return entry.meaning
    words = entry.choices or entry.words
    return entry.meaning + (": " + ", ".join(f"`{one}`" for one in words) if words else "")
