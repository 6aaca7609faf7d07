"""Forecasts over one or two parameters, points shared out over the ranks."""

import hashlib
import itertools
import json
import math
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from darkbattery.nvmodel import ResonatorBattery
from darkbattery.nvmodel.refusal import InputError, finite_number, known_name, whole_number
from darkbattery.runs.plan.forecast import Forecast, numbers
from darkbattery.runs.plan.parameters import PARAMETERS, Vary, changed
from darkbattery.runs.plan.window import BRIEF
from darkbattery.runs.ranks.world import on_root, spread
from darkbattery.runs.results.provenance import surroundings

FORM = "must be FIELD=start:stop:points, or FIELD=start:stop:points:log"
MOST_POINTS = 10_000
# columns of a map's table, from a Forecast and its Estimates
FORECAST = (
    "growth_rate",
    "energy",
    "gained",
    "given",
    "warmed",
    "ergotropy",
    "ergotropy_rotation",
    "energy_joule",
    "ergotropy_joule",
    "peak_power",
    "charging_time",
    "charging_spread",
    "kept",
    "storage_time",
)
ESTIMATES = ("cooperativity", "net_cooperativity", "bad_cavity", "thermal_photons")


def parse_vary(text: str) -> Vary:
    """An axis as typed.

    >>> parse_vary("ratio=2:10:3")
    Vary(name='ratio', values=(2.0, 6.0, 10.0))
    >>> [round(x) for x in parse_vary("cooperativity=1:100:3:log").values]
    [1, 10, 100]
    """
    name, equals, span = text.partition("=")
    known_name("--vary", name.strip(), PARAMETERS)
    parts = span.split(":")
    log = len(parts) == 4 and parts[3] == "log"
    if not equals or not (len(parts) == 3 or log):
        raise InputError("--vary", text, FORM)
    try:
        start, stop, points = float(parts[0]), float(parts[1]), float(parts[2])
    except ValueError:
        raise InputError("--vary", text, FORM) from None
    start = finite_number("--vary start", start, least=0.0, exclusive=log)
    stop = finite_number("--vary stop", stop, least=start, exclusive=True)
    count = whole_number("--vary points", points, least=2, most=MOST_POINTS)
    values = (np.geomspace if log else np.linspace)(start, stop, count)
    return Vary(name.strip(), tuple(values.tolist()))


def parse_axes(texts: Sequence[str]) -> tuple[Vary, ...]:
    """At most two different axes, with at most 10,000 points."""
    axes = tuple(parse_vary(text) for text in texts)
    if len(axes) > 2:
        raise InputError("--vary", list(texts), "may be given once or twice")
    if len({axis.name for axis in axes}) < len(axes):
        raise InputError("--vary", list(texts), "must be different parameters")
    if math.prod(len(axis.values) for axis in axes) > MOST_POINTS:
        raise InputError("--vary", list(texts), f"a map has at most {MOST_POINTS} points")
    return axes


def models_of(model: ResonatorBattery, axes: Sequence[Vary]) -> list[ResonatorBattery]:
    """The model at every point, the last axis varying fastest; refused if one cannot be."""
    names = [axis.name for axis in axes]
    return [
        changed(model, dict(zip(names, point, strict=True)))
        for point in itertools.product(*(axis.values for axis in axes))
    ]


def make_map(
    model: ResonatorBattery, axes: Sequence[Vary], comm: Any = None, keep: Path | None = None
) -> pd.DataFrame:
    """One row a point: the axes, whether it bursts, estimates and forecast, on every rank.

    Points whose rows an earlier start left in the folder `keep` are not made again.
    """
    models = models_of(model, axes)
    kept = Kept(keep, models)
    found = on_root(comm, kept.read)
    missing = [i for i in range(len(models)) if i not in found]
    made = spread(comm, lambda i: kept.add(i, _row(models[i])), missing)
    found |= dict(zip(missing, made, strict=True))
    points = itertools.product(*(axis.values for axis in axes))
    rows = []
    for i, point in enumerate(points):
        row: dict[str, Any] = dict(zip((axis.name for axis in axes), point, strict=True))
        # an axis that is itself an estimate keeps its name
        rows.append(row | {name: value for name, value in found[i].items() if name not in row})
    return pd.DataFrame(rows)


def _row(model: ResonatorBattery) -> dict[str, Any]:
    one: Forecast = numbers(model, BRIEF)
    return (
        {"bursts": bool(one.bursts)}
        | {name: float(getattr(one.estimates, name)) for name in ESTIMATES}
        | {name: float(getattr(one, name)) for name in FORECAST}
        | {"classes": int(one.classes), "warnings": "; ".join(one.warnings)}
    )


class Kept:
    """Rows of a map as lines of JSON, a file a process; a line that is not whole is passed over."""

    def __init__(self, folder: Path | None, models: Sequence[ResonatorBattery]) -> None:
        digest = hashlib.sha256(repr((*models, surroundings()["versions"])).encode()).hexdigest()
        self._folder, self._name = folder, f"map-{digest[:16]}"

    def read(self) -> dict[int, dict[str, Any]]:
        """Rows of earlier starts by the number of their point."""
        found: dict[int, dict[str, Any]] = {}
        for path in () if self._folder is None else self._folder.glob(f"{self._name}-*.jsonl"):
            for line in path.read_text("utf-8").splitlines():
                try:
                    number, row = json.loads(line)
                except (ValueError, TypeError):
                    continue
                found[int(number)] = row
        return found

    def add(self, number: int, row: dict[str, Any]) -> dict[str, Any]:
        """Keep a row; it is handed back."""
        if self._folder is not None and self._folder.is_dir():
            name = f"{self._name}-{platform.node()}-{os.getpid()}.jsonl"
            with (self._folder / name).open("a", encoding="utf-8") as file:
                file.write(json.dumps([number, row]) + "\n")
        return row
