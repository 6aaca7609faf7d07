"""Brings the table of devices in docs/planning.md up to date.

The results are the folders of `darkbattery plan NAME`, one a device, as `make plans` leaves them.
"""

import json
import math
from pathlib import Path

import pandas as pd

from darkbattery.runs.pages.marks import fill

RECORD = "plan.json"
ROUNDING = 1e-14
MOST_LIMITS = 2  # parameters named as those that limit most
# quantity of the summary, heading, factor, whether the perfect ensemble stands beside it
COLUMNS = (
    ("C of the net inversion", "C", 1.0, False),
    ("stored energy per spin", "$E_B$ (ħω)", 1.0, False),
    ("of that from the charger", "from the charger (ħω)", 1.0, False),
    ("ergotropy per spin, local", "local ergotropy (ħω)", 1.0, False),
    ("stored energy", "stored (pJ); perfect", 1e12, True),
    ("peak power, mean over runs", "peak power (µW); perfect", 1e6, True),
    ("charging time", "charging time (µs)", 1e6, False),
)


def tell(results: Path, page: Path) -> None:
    """Put a row for each device planned under `results` into `page`, between its marks."""
    fill(page, {"devices": table(results)})


def table(results: Path) -> pd.DataFrame:
    """A row a device; a star where its plan warns."""
    rows = []
    for record in sorted(results.glob(f"*/{RECORD}")):
        plan = json.loads(record.read_text(encoding="utf-8"))
        found = pd.read_parquet(record.parent / "summary.parquet").set_index("quantity")
        star = " *" if plan["warnings"] else ""
        cells = [_cell(found.loc[name], factor, best) for name, _, factor, best in COLUMNS]
        rows.append([plan["subject"] + star, *cells, _limits(record.parent)])
    headings = ["device", *(heading for _, heading, _, _ in COLUMNS), "limits most"]
    return pd.DataFrame(rows, columns=headings)


def _cell(row: pd.Series, factor: float, best: bool) -> str:
    """The value, in brackets what the ranges allow; what rounding left of the largest is zero."""
    ends = [row["value"], row["low"], row["high"]]
    least = ROUNDING * max(abs(end) for end in ends if not math.isnan(end))
    value, low, high = (digits(0.0 if abs(end) < least else factor * end) for end in ends)
    text = f"{value} ({low} to {high})" if row["low"] < row["high"] else value
    return f"{text}; {digits(factor * row['perfect'])}" if best else text


def _limits(folder: Path) -> str:
    path = folder / "sensitivities.parquet"
    if not path.exists():
        return ""
    found = pd.read_parquet(path)
    first = [f"`{x.parameter}` {x.elasticity:+.2g}" for x in found.head(MOST_LIMITS).itertuples()]
    needed = found[found["needed"].notna()].head(MOST_LIMITS + 1)
    text = ", ".join(first)
    if len(needed):
        text += "; needed: " + ", ".join(
            f"`{x.parameter}` {digits(x.needed, 3)}" for x in needed.itertuples()
        )
    return text


def digits(value: float, count: int = 2) -> str:
    r"""So many digits, powers of ten set as mathematics; a dash for none.

    >>> digits(0.0614), digits(6789.0), digits(float("nan"))
    ('0.061', '$6.8\\times10^{3}$', '-')
    """
    if math.isnan(value):
        return "-"
    mantissa, _, exponent = f"{value:.{count}g}".partition("e")
    return f"${mantissa}\\times10^{{{int(exponent)}}}$" if exponent else mantissa
