"""What agrees within what, in plain sentences, one for each observable and distribution."""

import numpy as np
import pandas as pd
from scipy import stats

# probability that a true agreement is called a difference, over all times of a curve together
FAMILY = 0.01
# what the exact solvers are known to, with room for sums: below it, curves are equal
EQUAL = 1e-9


def agrees(row: pd.Series) -> bool | None:
    """Whether a row of differences is within statistical error; None without a standard error.

    All times share the level `FAMILY` (Bonferroni): with 101 times, 3.89 standard errors.
    """
    if not np.isfinite(row["most_errors"]):
        return None
    return bool(row["most_errors"] <= error_bound(int(row["times"])))


def error_bound(times: int) -> float:
    """Standard errors that the worst of so many times stays within.

    >>> round(error_bound(101), 2)
    3.89
    """
    return float(stats.norm.isf(FAMILY / (2.0 * times)))


def statements(differences: pd.DataFrame, distances: pd.DataFrame) -> list[str]:
    """Sentences, the worst model of each pair of methods and observable."""
    found = []
    for (reference, compared, name), rows in _groups(differences, "observable"):
        found.append(f"{compared} against {reference}, {name}: {_about_curve(rows)}")
    for (reference, compared, name), rows in _groups(distances, "distribution"):
        found.append(f"{compared} against {reference}, distribution of {name}: {_about_bins(rows)}")
    return found


def _groups(table: pd.DataFrame, what: str) -> list[tuple[tuple[str, str, str], pd.DataFrame]]:
    if not len(table):
        return []
    grouped = table.groupby(["reference", "compared", what], sort=False)
    return [((str(a), str(b), str(c)), rows) for (a, b, c), rows in grouped]


def _about_curve(rows: pd.DataFrame) -> str:
    worst = rows.loc[rows["largest_relative"].fillna(0.0).idxmax()]
    if (rows["largest"].abs() <= EQUAL * rows["peak"].abs().clip(lower=1.0)).all():
        return f"equal to {rows['largest'].abs().max():.1g}"
    size = (
        f"at most {abs(worst['largest']):.2g} {worst['unit']}".rstrip()
        + f" ({100 * worst['largest_relative']:.2g} % of its largest value)"
        f" at t = {worst['largest_at']:.4g}"
    )
    where = f", {worst['model']}" if len(rows) > 1 else ""
    verdicts = [agrees(row) for _, row in rows.iterrows()]
    known = [verdict for verdict in verdicts if verdict is not None]
    if not known:
        return f"differs by {size}{where}"
    times = int(rows["times"].max())
    errors = f"{rows['most_errors'].max():.1f} standard errors over {times} times"
    if all(known):
        return f"agrees within statistical error ({errors}); differs by {size}{where}"
    bad = len(known) - sum(known)
    of = f" at {bad} of {len(rows)} models" if len(rows) > 1 else ""
    return f"differs beyond statistical error{of} ({errors}): by {size}{where}"


def _about_bins(rows: pd.DataFrame) -> str:
    excess = rows["distance"] - rows["critical"].fillna(0.0)
    worst = rows.loc[excess.idxmax()]
    where = f", {worst['model']}" if rows["model"].nunique() > 1 else ""
    when = f" at t = {worst['time']:.4g}" if np.isfinite(worst["time"]) else ""
    how = "every run" if worst["from"] == "runs" else f"bins of {worst['resolution']:.2g}"
    text = f"distance {worst['distance']:.3g}{when} ({how}){where}"
    if np.isnan(worst["critical"]) or worst["critical"] == 0.0:
        return text
    chance = f"chance alone stays below {worst['critical']:.2g}"
    if worst["distance"] <= worst["critical"]:
        return f"agrees within chance: {text}; {chance}"
    return f"differs: {text}; {chance}"
