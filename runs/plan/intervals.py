"""What a device's uncertainty makes of a plan: forecasts of draws, shared by the ranks."""

import math
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from darkbattery.runs.plan.forecast import Forecast, numbers
from darkbattery.runs.plan.subject import Drawn, Subject, of_draws
from darkbattery.runs.plan.window import BRIEF

# draws of a device with a covariance unless said otherwise
DRAWS = 64
# the interval holds 95 % of the draws
LOW, HIGH = 2.5, 97.5
# share of the draws that must burst before their scatter is put down to parameters
ENOUGH = 0.3
READ = {
    "stored energy": ("J", lambda f: f.energy_joule),
    "ergotropy, local": ("J", lambda f: f.ergotropy_joule),
    "stored energy per spin": ("ħω", lambda f: f.energy),
    "peak power, mean over runs": ("W", lambda f: f.mean_peak_power),
    "time of the burst": ("s", lambda f: math.nan if f.delay is None else f.delay.mean),
    "charging time": ("s", lambda f: f.charging_time),
    "C of the net inversion": ("1", lambda f: f.estimates.net_cooperativity),
}


def drawn_forecasts(
    subject: Subject, count: int, rest: float | None, comm: Any = None, seed: int = 1
) -> list[Drawn[Forecast]]:
    """Forecasts of `count` draws of the subject's device, on every rank the same."""
    return of_draws(subject, count, partial(numbers, classes=BRIEF, rest=rest), comm, seed)


def interval_of(values: list[float]) -> tuple[float, float]:
    """The middle 95 % of some values; NaN of fewer than two, which have none.

    >>> interval_of([1.0, 3.0]), interval_of([2.0])
    ((1.05, 2.95), (nan, nan))
    """
    if len(values) < 2:
        return math.nan, math.nan
    low, high = np.percentile(values, (LOW, HIGH))
    return float(low), float(high)


def interval_table(drawn: list[Drawn[Forecast]]) -> pd.DataFrame:
    """Columns quantity, unit, median, low, high: the middle 95 % of the draws that burst."""
    found = [one.found for one in drawn if one.found is not None]
    bursting = [one for one in found if one.bursts]
    rows: list[tuple[str, str, float, float, float]] = []
    if found:
        chance, error = _share(len(bursting), len(found))
        low, high = max(0.0, chance - 2.0 * error), min(1.0, chance + 2.0 * error)
        rows.append(("probability of bursting", "1", chance, low, high))
    for name, (unit, read) in READ.items():
        values = [read(one) for one in (found if name.startswith("C ") else bursting)]
        values = [value for value in values if math.isfinite(value)]
        if values:
            rows.append((name, unit, float(np.median(values)), *interval_of(values)))
    return pd.DataFrame(rows, columns=["quantity", "unit", "median", "low", "high"])


def _share(hits: int, count: int) -> tuple[float, float]:
    """A share and its error, by the rule of succession: never zero."""
    middle = (hits + 1.0) / (count + 2.0)
    return hits / count, math.sqrt(middle * (1.0 - middle) / (count + 3.0))


def drawn_sensitivities(drawn: list[Drawn[Forecast]]) -> pd.DataFrame:
    """What the scatter of the draws is due to, by a regression of logarithms.

    Columns quantity, field, elasticity, error, share: of the variance, the rest unexplained. Empty
    where too few draws burst for so many fields.
    """
    columns = ["quantity", "field", "elasticity", "error", "share"]
    rows = []
    bursting = [one for one in drawn if one.found is not None and one.found.bursts]
    fields = sorted(bursting[0].values) if bursting else []
    if len(bursting) < max(len(fields) + 3, ENOUGH * len(drawn)):
        return pd.DataFrame(columns=columns)
    logs = np.log(np.maximum([[one.values[f] for f in fields] for one in bursting], 1e-300))
    logs = logs - logs.mean(axis=0)
    for name in ("stored energy per spin", "peak power, mean over runs", "time of the burst"):
        values = np.array([READ[name][1](one.found) for one in bursting])
        if not (values > 0.0).all() or np.ptp(values) == 0.0:
            continue
        y = np.log(values) - np.log(values).mean()
        slopes, *_ = np.linalg.lstsq(logs, y, rcond=1e-10)
        left = y - logs @ slopes
        inverse = np.linalg.pinv(logs.T @ logs, rcond=1e-10)
        freedom = max(1, y.size - len(fields) - 1)
        errors = np.sqrt(np.maximum(np.diag(inverse), 0.0) * (left @ left) / freedom)
        shares = (slopes * logs.std(axis=0)) ** 2 / y.var()
        for row in zip(fields, slopes, errors, shares, strict=True):
            rows.append((name, row[0], *(float(value) for value in row[1:])))
    found = pd.DataFrame(rows, columns=columns)
    return found.sort_values(["quantity", "share"], ascending=[True, False], ignore_index=True)
