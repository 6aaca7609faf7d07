"""Forecasts over one or two parameters, points shared out over the ranks."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from nvmodel import ResonatorBattery
from nvmodel.refusal import InputError, finite_number, known_name, whole_number
from runs.plan.forecast import Forecast, numbers
from runs.plan.parameters import PARAMETERS, changed
from runs.plan.window import BRIEF
from runs.world import spread

FORM = "must be FIELD=start:stop:points, or FIELD=start:stop:points:log"
MOST_POINTS = 10_000
# columns of a map's table, from a Forecast and its Estimates
FORECAST = (
    "growth_rate",
    "energy",
    "gained",
    "ergotropy",
    "energy_joule",
    "ergotropy_joule",
    "peak_power",
    "charging_time",
    "charging_spread",
    "kept",
    "storage_time",
)
ESTIMATES = ("cooperativity", "net_cooperativity", "bad_cavity", "thermal_photons")


@dataclass(frozen=True)
class Vary:
    """One axis of a map."""

    name: str
    values: tuple[float, ...]


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


def make_map(model: ResonatorBattery, axes: Sequence[Vary], comm: Any = None) -> pd.DataFrame:
    """One row a point: the axes, whether it bursts, estimates and forecast, on every rank."""
    models = models_of(model, axes)
    found: list[Forecast] = spread(comm, lambda one: numbers(one, BRIEF), models)
    points = itertools.product(*(axis.values for axis in axes))
    rows = []
    for point, one in zip(points, found, strict=True):
        row: dict[str, Any] = dict(zip((axis.name for axis in axes), point, strict=True))
        # an axis that is itself an estimate keeps its name
        estimated = {name: getattr(one.estimates, name) for name in ESTIMATES if name not in row}
        rows.append(
            row
            | {"bursts": one.bursts}
            | estimated
            | {name: getattr(one, name) for name in FORECAST}
            | {"classes": one.classes, "warnings": "; ".join(one.warnings)}
        )
    return pd.DataFrame(rows)
