"""The map of errors that comes with the package, and what it lets one expect.

`errors.csv` beside this file is made by `darkbattery regimes`; docs/regimes.md tells how. It holds
for a shared reservoir, and for a resonator by kappa over g sqrt N (infinite in a reservoir),
without drive or line, and is a guide elsewhere.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from darkbattery.meanfield.classes.moments import BATTERY, CHARGER, System

if TYPE_CHECKING:
    import pandas as pd

MAP = "errors.csv"
# whose end a warning judges; the charger's falls like 1/N, and a share of it says nothing
JUDGED = "battery_energy"
# error of an energy at the end, as a share of it, from which on a Solution warns
TOLD = 0.01


@dataclass(frozen=True)
class Expected:
    """The error to expect of a method, and where that was measured."""

    error: float
    spins: int
    covered: bool


def read_map() -> pd.DataFrame:
    """The map that comes with the package, as a table of the caller's own."""
    return _kept_map().copy()


@cache
def _kept_map() -> pd.DataFrame:
    import pandas as pd

    with resources.as_file(resources.files("darkbattery.meanfield") / MAP) as path:
        return pd.read_csv(path)


def expected_error(
    table: pd.DataFrame,
    method: str,
    observable: str,
    spins: float,
    ratio: float,
    nbar: float,
    measure: str = "largest",
    linewidth: float = math.inf,
) -> Expected | None:
    r"""What the study found at the largest size not above this, the worst of its R, :math:`\bar n`.

    At a resonator `linewidth` is :math:`\kappa/(g\sqrt N)`, and the worse of the two next to it
    that were studied is told. `covered` is false where R or :math:`\bar n` lie outside what was
    studied, or size or linewidth below: the number is then a guide only. None for an observable
    that was not studied. `measure` is a column of the map: the largest error over the charging, or
    that at the end, which does not depend on the linewidth.
    """
    part = table[(table["method"] == method) & (table["observable"] == observable)]
    return _worst(_curves(part, measure), spins, ratio, nbar, linewidth)


# by linewidth, then by R and nbar: sizes and errors
Curves = dict[float, dict[tuple[float, float], tuple[list[float], list[float]]]]


def _curves(part: pd.DataFrame, measure: str) -> Curves:
    """Sizes, increasing, and errors for each linewidth, R and nbar of a method and observable."""
    found: Curves = {}
    rows = part[part[measure].notna()].sort_values("spins", kind="stable")
    columns = (rows[name].tolist() for name in ("linewidth", "ratio", "nbar", "spins", measure))
    for linewidth, ratio, nbar, spins, error in zip(*columns, strict=True):
        sizes, errors = found.setdefault(linewidth, {}).setdefault((ratio, nbar), ([], []))
        sizes.append(spins)
        errors.append(error)
    return found


@cache
def _kept_curves(method: str, observable: str, measure: str) -> Curves:
    table = _kept_map()
    return _curves(
        table[(table["method"] == method) & (table["observable"] == observable)], measure
    )


def _worst(
    curves: Curves, spins: float, ratio: float, nbar: float, linewidth: float
) -> Expected | None:
    if not curves or (math.isinf(linewidth) and linewidth not in curves):
        return None
    studied = sorted(curves)
    beside = {
        max((one for one in studied if one <= linewidth), default=studied[0]),
        min((one for one in studied if one >= linewidth), default=studied[-1]),
    }
    worst, at, inside = 0.0, 0, linewidth >= studied[0]
    for here in (curves[one] for one in sorted(beside)):
        ratios, occupations = zip(*here, strict=True)
        inside = inside and min(ratios) <= ratio <= max(ratios)
        inside = inside and min(occupations) <= nbar <= max(occupations)
        for sizes, errors in (here[key] for key in sorted(here)):
            below = bisect_right(sizes, spins)
            inside = inside and below > 0
            row = max(below - 1, 0)
            if errors[row] >= worst:
                worst, at = errors[row], int(sizes[row])
    return Expected(worst, at, bool(inside))


def expectations(
    method: str, system: System, names: Iterable[str]
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Expected errors of the named observables, and a warning where energies end wrong.

    Errors are shares of each curve's largest value, the worst over the charging. With a drive, a
    protocol or without a battery there are none: the map has no such systems.

    Parameters
    ----------
    method : "first", "second", "delay" or "wigner"

    Examples
    --------
    >>> from darkbattery.meanfield.classes.moments import system_of
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> errors, warnings = expectations(
    ...     "second", system_of(CollectiveBattery(1, 2), 1), ["battery_energy"]
    ... )
    >>> print(errors, len(warnings))
    {'battery_energy': 0.1631} 1
    """
    battery, charger = system.size(BATTERY), system.size(CHARGER)
    if system.driven or system.protocol or not battery:
        return {}, ()
    place = (battery + charger, charger / battery, system.nbar, system.relative_linewidth)
    names = tuple(names)
    largest = {name: _worst(_kept_curves(method, name, "largest"), *place) for name in names}
    known = {name: one.error for name, one in largest.items() if one is not None}
    end = _worst(_kept_curves(method, JUDGED, "end"), *place)
    largest_share = _worst(_kept_curves(method, JUDGED, "largest"), *place)
    if end is None or largest_share is None or not known or end.error <= TOLD:
        return known, ()
    at_most, at_end = 100.0 * largest_share.error, 100.0 * min(end.error, largest_share.error)
    text = f"expect {JUDGED} to be wrong by up to {at_most:.2g} %, at the end by {at_end:.2g} %"
    return known, (f"{text}: too few spins for this method",)
