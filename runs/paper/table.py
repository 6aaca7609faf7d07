"""All claims measured, and the two tables (claims, appendix) in the forms people read them in."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from rich.markup import escape
from rich.table import Table

from runs.paper.appendix import OCCUPATIONS, STARTS, compare, equation_32, steady_populations
from runs.paper.claims import Claim, Verdict, judged
from runs.paper.claims_appendix import APPENDIX_CLAIMS
from runs.paper.claims_discharge import DISCHARGE_CLAIMS
from runs.paper.claims_energy import ENERGY_CLAIMS
from runs.paper.claims_entanglement import ENTANGLEMENT_CLAIMS
from runs.paper.claims_ergotropy import ERGOTROPY_CLAIMS
from runs.paper.claims_power import POWER_CLAIMS
from runs.paper.claims_temperature import TEMPERATURE_CLAIMS
from runs.paper.evidence import Evidence
from runs.typeset import typeset

CLAIMS: tuple[Claim, ...] = (
    *ENERGY_CLAIMS,
    *ERGOTROPY_CLAIMS,
    *POWER_CLAIMS,
    *DISCHARGE_CLAIMS,
    *ENTANGLEMENT_CLAIMS,
    *TEMPERATURE_CLAIMS,
    *APPENDIX_CLAIMS,
)
COLOURS = {
    Verdict.HOLDS: "green",
    Verdict.LIMITED: "yellow",
    Verdict.FAILS: "red",
    Verdict.LEFT: "dim",
}


def claims_table(evidence: Evidence) -> pd.DataFrame:
    """Every claim measured: name, place, statement, numbers, criterion, verdict."""
    rows = []
    for claim in CLAIMS:
        measured = claim.measure(evidence)
        rows.append(
            {
                "claim": claim.name,
                "place": claim.place,
                "statement": claim.statement,
                "numbers": measured.numbers,
                "criterion": claim.criterion,
                "verdict": str(measured.verdict),
            }
        )
    return pd.DataFrame(rows)


def appendix_table() -> pd.DataFrame:
    """The ten equations: number, left-hand side, printed, derived, difference, verdict."""
    return pd.DataFrame(
        [
            {
                "equation": f"({one.number})",
                "of": f"ρ{one.element[0]}{one.element[1]}",
                "printed": one.printed,
                "derived from Eq. (2)": one.derived,
                "difference": one.difference,
                "verdict": str(judged(one.agrees, one.rates_agree)),
            }
            for one in compare()
        ]
    )


def two_spins_table() -> pd.DataFrame:
    """Where two spins end: populations of |1> ... |4> and <J_B^z>, beside Eqs. (32) and (13).

    Eq. (32) with the dark state's weight of Eq. (30), which is what Eq. (13) follows from.
    """
    rows = []
    for nbar in OCCUPATIONS:
        for start in STARTS:
            found = np.diag(steady_populations(nbar, start)).real
            paper = np.diag(equation_32(nbar, dark_kept=True)).real
            row: dict[str, float | str] = {"nbar": nbar, "start": start}
            row |= {f"ρ{i}{i}": p for i, p in enumerate(found, 1)}
            row["largest difference to (32)"] = float(np.abs(found - paper).max())
            row["<J_B^z>"] = float(found[0] - found[3]) / 2.0
            row["Eq. (13)"] = -(2.0 * nbar + 1.0) / (12.0 * nbar * (nbar + 1.0) + 4.0)
            rows.append(row)
    return pd.DataFrame(rows)


def markdown(table: pd.DataFrame) -> str:
    """The table as Markdown, with its notation set as mathematics.

    >>> print(markdown(pd.DataFrame({"a": ["x|y"], "N_B": ["z"]})))
    | a | $N_B$ |
    | --- | --- |
    | x\\|y | z |
    """
    lines = [_row(table.columns), "|" + " --- |" * len(table.columns)]
    return "\n".join(lines + [_row(map(_cell, row)) for row in table.itertuples(index=False)])


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(typeset(cell).replace("|", r"\|") for cell in cells) + " |"


def _cell(value: object) -> str:
    # below 1e-9 a number read from a long evolution is rounding
    if isinstance(value, float):
        return f"{value if abs(value) > 1e-9 else 0.0:.6g}"
    return str(value)


def tally(claims: pd.DataFrame) -> str:
    """How many claims got which verdict, in one line."""
    counts = claims["verdict"].value_counts()
    return ", ".join(f"{counts.get(str(v), 0)} {v}" for v in Verdict)


def rich_claims(claims: pd.DataFrame) -> Table:
    """The claims for a terminal: what is said, what was found, the verdict."""
    table = Table(title="Claims of the paper", title_justify="left", show_lines=True)
    for name in ("claim", "place", "statement", "numbers"):
        table.add_column(name, ratio=3 if name in ("statement", "numbers") else 1)
    table.add_column("verdict", min_width=9)
    for row in claims.itertuples(index=False):
        colour = COLOURS[Verdict(row.verdict)]
        shown = (row.claim, row.place, row.statement, row.numbers)
        table.add_row(*map(escape, shown), f"[{colour}]{row.verdict}[/{colour}]")
    return table


def rich_numbers(table: pd.DataFrame, title: str) -> Table:
    """A table of numbers for a terminal."""
    shown = Table(title=title, title_justify="left")
    for name in table.columns:
        shown.add_column(str(name), justify="right")
    for row in table.itertuples(index=False):
        shown.add_row(*map(_cell, row))
    return shown


def rich_appendix(appendix: pd.DataFrame) -> Table:
    """The ten equations for a terminal."""
    table = Table(title="Eqs. (18) to (27)", title_justify="left", show_lines=True)
    for name in appendix.columns:
        table.add_column(str(name))
    for row in appendix.itertuples(index=False):
        colour = COLOURS[Verdict(row.verdict)]
        table.add_row(*map(escape, row[:-1]), f"[{colour}]{row.verdict}[/{colour}]")
    return table


def save_table(table: pd.DataFrame, folder: Path, name: str) -> None:
    """Write a table as Parquet and CSV."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_parquet(folder / f"{name}.parquet", index=False)
    table.to_csv(folder / f"{name}.csv", index=False)
