"""How wrong each semiclassical method is, by observable and size: the map, and what it allows.

An error is a share of the exact curve's largest value, the worst over the charging unless said
otherwise. `meanfield/errors.csv` is the map that `meanfield.expected` reads.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

ELIMINATED = "eliminated"
LEVELS = (0.2, 0.05, 0.01)
DIGITS = 4  # kept in the map: the sampled ones are not known better

# share of the final energy below which charging has not begun, above which it is over
STAGES = {"before the burst": (0.0, 0.05), "burst": (0.05, 0.95), "after the burst": (0.95, 2.0)}


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the study found, as tables.

    Attributes
    ----------
    differences : DataFrame
        As `runs.compare` makes them, with columns method, n_battery, ratio, nbar, spins.
    curves : DataFrame
        The battery's energy by stage s = (N_C - N_B) gamma t: method, n_battery, ratio, nbar,
        stage, exact, difference, error (standard error of the difference).
    steady : DataFrame
        n_battery, ratio, nbar, observable, value: closed forms.
    distances : DataFrame
        Wigner's distributions against those of quantum jumps.
    """

    differences: pd.DataFrame
    curves: pd.DataFrame
    steady: pd.DataFrame
    distances: pd.DataFrame


def error_map(evidence: Evidence) -> pd.DataFrame:
    """One row a method, observable and model in a reservoir, and what noise alone makes of it.

    Columns: ``largest`` over the charging, at the ``end``, of the ``peak`` and its ``peak_time``.
    """
    return _mapped(evidence.differences.assign(linewidth=np.inf))


def memory_map(memory: pd.DataFrame) -> pd.DataFrame:
    """The same at a resonator, from the rows of `read_memory`.

    Ends are the reservoir's, whatever kappa is, and are not told again. What a sampled reference
    cannot tell from chance is left out: it says nothing of a method.
    """
    by_chance = memory["sampled"] & (memory["largest_relative"] <= memory["noise"])
    return _mapped(memory[~by_chance]).assign(end=np.nan)


def whole_map(evidence: Evidence, memory: pd.DataFrame) -> pd.DataFrame:
    """Both, as `meanfield.expected` reads them."""
    return pd.concat([error_map(evidence), memory_map(memory)], ignore_index=True)


def in_reservoir(errors: pd.DataFrame) -> pd.DataFrame:
    """The rows of a map without a resonator."""
    return errors[np.isinf(errors["linewidth"])]


def _mapped(d: pd.DataFrame) -> pd.DataFrame:
    peak = d["peak"].abs().replace(0.0, np.nan)
    keys = ["method", "observable", "linewidth", "ratio", "nbar", "n_battery", "spins"]
    found = d[keys].assign(
        largest=d["largest_relative"],
        end=(d["end_difference"] / d["end"].replace(0.0, np.nan)).abs(),
        peak=d["peak_difference"].abs() / peak,
        peak_time=(d["peak_shift"] / d["peak_at"].replace(0.0, np.nan)).abs(),
        noise=d["noise"],
    )
    # only a power has a peak that the curve falls from again, and then ends at nothing
    rates = found["observable"].isin(("power", "emission_rate"))
    found.loc[~rates, ["peak", "peak_time"]] = np.nan
    found.loc[rates, "end"] = np.nan
    order = ["method", "observable", "linewidth", "ratio", "nbar", "spins"]
    return found.sort_values(order, kind="stable").reset_index(drop=True)


def stage_errors(evidence: Evidence) -> pd.DataFrame:
    """The same for the battery's energy by stage of the charging: largest error in each."""
    rows = []
    keys = ["method", "ratio", "nbar", "n_battery", "spins"]
    for key, curve in evidence.curves.groupby(keys, sort=False):
        final = float(curve["exact"].iloc[-1])
        share = curve["exact"] / final
        for stage, (low, high) in STAGES.items():
            inside = curve[(share >= low) & (share < high)]
            error = float(inside["difference"].abs().max()) / final if len(inside) else np.nan
            rows.append(dict(zip(keys, key, strict=True)) | {"observable": stage, "largest": error})
    return pd.DataFrame(rows)


def usable_from(table: pd.DataFrame, measure: str, level: float) -> int | None:
    """The least N from which on the error stays within `level` at all R and nbar.

    0: at all sizes studied. None: not even at the largest.

    >>> part = pd.DataFrame(dict(spins=[3, 30, 6, 60], ratio=[2, 2, 5, 5], nbar=0.0,
    ...                          largest=[0.3, 0.1, 0.2, 0.01]))
    >>> usable_from(part, "largest", 0.2), usable_from(part, "largest", 0.05)
    (30, None)
    """
    needed = 0
    for _, part in table.groupby(["ratio", "nbar"]):
        known = part[part[measure].notna()].sort_values("spins")
        bad = np.flatnonzero((known[measure] > level).to_numpy())
        if bad.size == 0:
            continue
        first = int(bad[-1]) + 1
        if first >= len(known):
            return None
        needed = max(needed, int(known["spins"].iloc[first]))
    return needed


def written(table: pd.DataFrame) -> str:
    """The map as its file holds it."""
    return table.to_csv(index=False, float_format=f"%.{DIGITS}g")
