"""All claims measured, and the two tables (claims, appendix) in the forms people read them in."""

import numpy as np
import pandas as pd
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from darkbattery.runs.studies.paper.appendix import (
    OCCUPATIONS,
    STARTS,
    compare,
    equation_32,
    steady_populations,
)
from darkbattery.runs.studies.paper.claims import Claim, Evidence, Verdict, judged
from darkbattery.runs.studies.paper.claims_appendix import APPENDIX_CLAIMS
from darkbattery.runs.studies.paper.claims_discharge import DISCHARGE_CLAIMS
from darkbattery.runs.studies.paper.claims_energy import ENERGY_CLAIMS
from darkbattery.runs.studies.paper.claims_entanglement import ENTANGLEMENT_CLAIMS
from darkbattery.runs.studies.paper.claims_ergotropy import ERGOTROPY_CLAIMS
from darkbattery.runs.studies.paper.claims_power import POWER_CLAIMS
from darkbattery.runs.studies.paper.claims_temperature import TEMPERATURE_CLAIMS

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


def tally(claims: pd.DataFrame) -> str:
    """How many claims got which verdict, in one line."""
    counts = claims["verdict"].value_counts()
    found = [(verdict, counts.get(str(verdict), 0)) for verdict in Verdict]
    return ", ".join(f"{verdict}: {count}" for verdict, count in found if count)


def rich_claims(claims: pd.DataFrame) -> Group:
    """The claims for a terminal: what is said, what was found, the verdict."""
    parts: list[RenderableType] = [Text("Claims of the paper", "bold")]
    for row in claims.itertuples(index=False):
        parts.append(_headed(row.verdict, f"{row.claim} ({row.place})"))
        parts.append(Padding(Text(row.statement), (0, 0, 0, 4)))
        parts.append(Padding(Text(f"found: {row.numbers}"), (0, 0, 0, 4)))
    return Group(*parts)


def rich_appendix(appendix: pd.DataFrame) -> Group:
    """The ten equations for a terminal."""
    parts: list[RenderableType] = [Text("Eqs. (18) to (27)", "bold")]
    for row in appendix.to_dict("records"):
        parts.append(_headed(row["verdict"], f"{row['equation']}, d{row['of']}/dt"))
        names = ["printed", "derived from Eq. (2)", "difference"]
        if row["difference"] == "none":
            names = names[:1]
        for name in names:
            parts.append(Padding(Text(f"{name}: {row[name]}"), (0, 0, 0, 4)))
    return Group(*parts)


def _headed(verdict: str, what: str) -> Text:
    return Text.assemble((f"{verdict}: ", COLOURS[Verdict(verdict)]), what)
