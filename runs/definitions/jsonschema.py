"""What a definition may hold, for editors: the JSON Schema that `darkbattery schema` prints."""

from typing import Any

from darkbattery.runs.definitions.schema import (
    ANY_NAME,
    MODELS,
    RANGE,
    REQUIRED,
    RUN,
    Entry,
    Field,
    Section,
    Table,
)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a definition.

    >>> json_schema()["properties"]["run"]["properties"]["seed"]["type"]
    'integer'
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "darkbattery run definition",
        "type": "object",
        "additionalProperties": False,
        "required": ["model", "run"],
        "properties": {
            "title": {"type": "string", "description": "what the study is called"},
            "model": {"anyOf": [_object(table, swept=True) for table in MODELS]},
            "run": _object(RUN, swept=False),
        },
    }


def _object(table: Table, swept: bool) -> dict[str, Any]:
    if ANY_NAME in table:
        return {"type": "object", "additionalProperties": _entry(table[ANY_NAME], swept)}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [name for name, entry in table.items() if entry.default == REQUIRED],
        "properties": {name: _entry(entry, swept) for name, entry in table.items()},
    }


def _entry(entry: Entry, swept: bool) -> dict[str, Any]:
    told = {"description": f"{entry.meaning} ({entry.default})"}
    if isinstance(entry, Section):
        return _object(entry.keys, swept) | told
    return _values(entry, swept) | told


def _values(field: Field, swept: bool) -> dict[str, Any]:
    types = {"whole": "integer", "number": "number", "text": "string"}
    one: dict[str, Any] = {"type": types[field.kind]}
    if field.choices:
        one["enum"] = list(field.choices)
    if field.pattern:
        one = {"anyOf": [one, {"type": "string", "pattern": field.pattern}]}
    if field.words:
        return {"anyOf": [{"type": "array", "items": one}, {"enum": list(field.words)}]}
    # a swept start may be a table in a list
    single = [one] if field.table is None else [one, _object(field.table, swept=False)]
    ways = [*single]
    if field.several or swept:
        items = {"anyOf": single} if swept and len(single) > 1 else one
        if field.pairs:
            return {
                "type": "array",
                "items": {"type": "array", "items": one, "minItems": 2, "maxItems": 2},
            }
        ways.append({"type": "array", "items": items, "minItems": 1})
    if swept and field.kind != "text":
        ways.append(_object(RANGE, swept=False))
    return one if len(ways) == 1 else {"anyOf": ways}
