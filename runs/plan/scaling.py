r"""How charging grows with the number of spins or with R: exponents, and what would show them.

The slope of ln F over ln x at points even in ln x, with the standard error of the straight line: a
curve that is no power law has a large one. Varied are the spins N at constant coupling of one spin
(fixed resonator: C grows with N) or with g falling like :math:`N^{-1/2}` (fixed cooperativity), or
R at constant N. Charging is superextensive where the peak power of the whole battery grows faster
than its spins.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from darkbattery.nvmodel import ResonatorBattery
from darkbattery.nvmodel.refusal import InputError, finite_number, known_name
from darkbattery.runs.plan.forecast import Forecast, numbers
from darkbattery.runs.plan.parameters import PARAMETERS
from darkbattery.runs.plan.window import BRIEF
from darkbattery.runs.ranks.world import spread

POINTS = 7
SIGMAS = 3.0
# noise of one shot's peak power for which shots are counted
NOISES = (0.03, 0.1, 0.3)
# an exponent this close to 1 is 1: what the classes of a forecast leave of it
LEAST_EXCESS = 0.01
FORM = "must be spins=start:stop or ratio=start:stop"


@dataclass(frozen=True)
class Scaling:
    """What is varied, and from where to where."""

    name: str
    start: float
    stop: float


def parse_scaling(text: str) -> Scaling:
    """As typed.

    >>> parse_scaling("spins=3e11:3e13")
    Scaling(name='spins', start=300000000000.0, stop=30000000000000.0)
    """
    name, equals, span = text.partition("=")
    known_name("--scaling", name.strip(), ("spins", "ratio"))
    parts = span.split(":")
    try:
        first, last = (float(part) for part in parts)
    except ValueError:
        raise InputError("--scaling", text, FORM) from None
    if not equals:
        raise InputError("--scaling", text, FORM)
    first = finite_number("--scaling start", first, least=0.0, exclusive=True)
    last = finite_number("--scaling stop", last, least=first, exclusive=True)
    return Scaling(name.strip(), first, last)


def scaling_table(model: ResonatorBattery, asked: Scaling, comm: Any = None) -> pd.DataFrame:
    """Exponents, the same on every rank.

    Columns along, at, quantity, exponent, error, points, C_low, C_high. The last two are the net
    cooperativities at both ends: a burst needs more than 1, and close to it exponents are those of
    the threshold, not of superradiance.
    """
    x = np.geomspace(asked.start, asked.stop, POINTS)
    ways = ("fixed resonator", "fixed cooperativity") if asked.name == "spins" else ("fixed N",)
    rows: list[tuple[Any, ...]] = []
    for way in ways:
        models = [_moved(model, asked.name, float(value), way) for value in x]
        found = spread(comm, partial(numbers, classes=BRIEF), models)
        battery = np.array([one.battery.number for one in models if one.battery is not None])
        rows += _exponents(asked.name, way, x, battery, found)
    columns = ["along", "at", "quantity", "exponent", "error", "points", "C_low", "C_high"]
    return pd.DataFrame(rows, columns=columns)


def shots_needed(exponent: float, noise: float, start: float, stop: float) -> float:
    """Shots at each of the points that show an exponent above 1 at three standard deviations.

    `noise` is the relative standard deviation of one shot's peak power; infinity where the
    exponent is not above 1.

    >>> shots_needed(2.0, 0.1, 1e11, 1e13)
    1.0
    >>> shots_needed(1.1, 0.3, 1e11, 1e13)
    5.0
    """
    if exponent <= 1.0:
        return math.inf
    logs = np.linspace(math.log(start), math.log(stop), POINTS)
    single = noise / math.sqrt(float(((logs - logs.mean()) ** 2).sum()))
    return float(max(1, math.ceil((SIGMAS * single / (exponent - 1.0)) ** 2)))


def shots_lines(table: pd.DataFrame, asked: Scaling) -> list[str]:
    """What would show it, in words."""
    found = []
    powers = table[table["quantity"] == "peak power"]
    for row in powers.itertuples():
        if asked.name != "spins":
            continue
        # a straight line's own error, and what the classes leave
        if not row.exponent - 1.0 > max(SIGMAS * row.error, LEAST_EXCESS):
            found.append(f"not superextensive at {row.at}")
            continue
        counts = [shots_needed(row.exponent, noise, asked.start, asked.stop) for noise in NOISES]
        said = ", ".join(
            f"{count:.0f} at {100.0 * noise:g} %"
            for count, noise in zip(counts, NOISES, strict=True)
        )
        found.append(
            f"superextensive at {row.at} (exponent {row.exponent:.3f}): 3 sigma need, at each of "
            f"{POINTS} numbers of spins, shots: {said} of noise in one shot's peak power"
        )
    return found


def _moved(model: ResonatorBattery, name: str, value: float, way: str) -> ResonatorBattery:
    found = PARAMETERS[name].change(model, value)
    if way == "fixed cooperativity":
        now = PARAMETERS["cooperativity"].read(model)
        assert now is not None
        found = PARAMETERS["cooperativity"].change(found, now)
    return found


def _exponents(
    name: str, way: str, x: np.ndarray, battery: np.ndarray, found: list[Forecast]
) -> list[tuple[Any, ...]]:
    ends = [found[i].estimates.net_cooperativity for i in (0, -1)]
    bursts = np.array([one.bursts and one.peak_power > 0.0 for one in found])
    quantities = {
        "peak power": [one.peak_power for one in found],
        "peak power per battery spin": [
            one.peak_power / n for one, n in zip(found, battery, strict=True)
        ],
        "stored energy per spin": [one.energy for one in found],
    }
    rows = []
    for quantity, values in quantities.items():
        exponent = error = math.nan
        if bursts.sum() >= 3:
            exponent, error = _slope(np.log(x[bursts]), np.log(np.array(values)[bursts]))
        rows.append((name, way, quantity, exponent, error, int(bursts.sum()), *ends))
    return rows


def _slope(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Least squares, and the standard error of the slope."""
    x = x - x.mean()
    slope = float(x @ y / (x @ x))
    left = y - y.mean() - slope * x
    return slope, math.sqrt(float(left @ left) / (x.size - 2) / float(x @ x))
