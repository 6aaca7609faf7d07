"""What agrees within what, in plain sentences, one for each observable and distribution."""

import numpy as np
import pandas as pd
from scipy import stats

from darkbattery.nvmodel.numbers import counted, percent
from darkbattery.nvmodel.observables import in_words

# probability that a true agreement is called a difference, over all times of a curve together
FAMILY = 0.01
# what the exact solvers are known to, with room for sums: below it, curves are equal
EQUAL = 1e-9
IN_SI = ("W", "J", "√W")  # units that are no scale of a battery's quantities
MOST_CLAUSES = 3  # comparisons that the answer names one by one


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


def answer(differences: pd.DataFrame) -> str:
    """One sentence: which result differs from which, by how much, in errors where there are any."""
    grouped = differences.groupby(["reference", "compared"], sort=False)
    pairs = [(str(a), str(b), rows) for (a, b), rows in grouped]
    if len(pairs) <= MOST_CLAUSES:
        return "; ".join(_clause(*pair) for pair in pairs) + "."
    worst = max(pairs, key=lambda pair: _badness(pair[2]))
    apart = sum(any(agrees(row) is False for _, row in rows.iterrows()) for _, _, rows in pairs)
    return (
        f"{apart} of {counted(len(pairs), 'comparison')} differ beyond statistical error; "
        f"furthest apart: {_clause(*worst)}."
    )


def called(name: str) -> str:
    """A series in a sentence.

    >>> called("mine: quantum jumps")
    'mine (quantum jumps)'
    """
    source, _, method = name.partition(": ")
    return f"{source} ({method})" if method else source


def _badness(rows: pd.DataFrame) -> float:
    """In bounds of statistical error; of what has none, in per cent."""
    found = [
        100.0 * row["largest_relative"]
        if np.isnan(row["most_errors"])
        else row["most_errors"] / error_bound(int(row["times"]))
        for _, row in rows.iterrows()
    ]
    return float(np.nan_to_num(found).max())


def _clause(reference: str, compared: str, rows: pd.DataFrame) -> str:
    one, two = called(compared), called(reference)
    many = counted(rows["observable"].nunique(), "common quantity").replace(
        "quantitys", "quantities"
    )
    if equal(rows).all():
        return f"{one} equals {two} in {many}, to {rows['largest'].abs().max():.1g}"
    verdicts = [agrees(row) for _, row in rows.iterrows()]
    known = rows[[verdict is not None for verdict in verdicts]]
    if not len(known):
        worst = rows.loc[rows["largest_relative"].fillna(0.0).idxmax()]
        return f"{one} differs from {two} most in {_size(worst)}; it has no statistical error"
    worst = known.loc[known["most_errors"].idxmax()]
    furthest = f"{worst['most_errors']:.1f} standard errors"
    if all(verdict is not False for verdict in verdicts):
        return (
            f"{one} agrees with {two} in {many}: {furthest} at most "
            f"({in_words(worst['observable'])}), where chance alone reaches "
            f"{error_bound(int(worst['times'])):.1f}"
        )
    bad = rows[[verdict is False for verdict in verdicts]]
    others = [in_words(n) for n in bad["observable"].unique() if n != worst["observable"]]
    also = f", and in {', '.join(others)}" if others else ""
    return (
        f"{one} differs from {two} beyond statistical error, most in {_size(worst)}, "
        f"{furthest}{also}"
    )


def _size(row: pd.Series) -> str:
    return (
        f"{in_words(row['observable'])}: by {abs(row['largest']):.2g} {row['unit']}".rstrip()
        + f" ({percent(row['largest_relative'])})"
    )


def equal(rows: pd.DataFrame) -> pd.Series:
    """Which rows of differences are none: within what the exact solvers are known to."""
    # a watt is no size of what a port sends out: such are measured by their own
    of_order_one = np.where(rows["unit"].isin(IN_SI), 0.0, 1.0)
    return rows["largest"].abs() <= EQUAL * np.maximum(rows["peak"].abs(), of_order_one)


def statements(differences: pd.DataFrame, distances: pd.DataFrame) -> list[str]:
    """Sentences, the worst model of each pair of methods and observable."""
    found = []
    for (reference, compared, name), rows in _groups(differences, "observable"):
        found.append(f"{compared} against {reference}, {in_words(name)}: {_about_curve(rows)}")
    for (reference, compared, name), rows in _groups(distances, "distribution"):
        words = in_words(name)
        found.append(
            f"{compared} against {reference}, distribution of {words}: {_about_bins(rows)}"
        )
    return found


def _groups(table: pd.DataFrame, what: str) -> list[tuple[tuple[str, str, str], pd.DataFrame]]:
    if not len(table):
        return []
    grouped = table.groupby(["reference", "compared", what], sort=False)
    return [((str(a), str(b), str(c)), rows) for (a, b, c), rows in grouped]


def _about_curve(rows: pd.DataFrame) -> str:
    worst = rows.loc[rows["largest_relative"].fillna(0.0).idxmax()]
    if equal(rows).all():
        return f"equal to {rows['largest'].abs().max():.1g}"
    size = (
        f"at most {abs(worst['largest']):.2g} {worst['unit']}".rstrip()
        + f" ({percent(worst['largest_relative'])} of its largest value)"
        f" at t = {worst['largest_at']:.4g} {worst.get('time_unit', '')}".rstrip()
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
    when = f" at t = {worst['time']:.4g} {worst.get('time_unit', '')}".rstrip()
    when = when if np.isfinite(worst["time"]) else ""
    how = "every run" if worst["from"] == "runs" else f"bins of {worst['resolution']:.2g}"
    text = f"distance {worst['distance']:.3g}{when} ({how}){where}"
    if np.isnan(worst["critical"]) or worst["critical"] == 0.0:
        return text
    chance = f"chance alone stays below {worst['critical']:.2g}"
    if worst["distance"] <= worst["critical"]:
        return f"agrees within chance: {text}; {chance}"
    return f"differs: {text}; {chance}"
