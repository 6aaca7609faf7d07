"""Exponents in N: of the exact battery, and of each method's error."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkbattery.runs.studies.paper.claims import PowerLaw, power_law
from darkbattery.runs.studies.regimes.errors import Evidence

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Law:
    """A quantity that follows a power of N = N_B + N_C between two sizes.

    Attributes
    ----------
    values : callable
        From the evidence at one R and nbar to sizes and values.
    least, most : float
        Sizes N that are fitted: above, the asymptote is reached; below, the noise is not.
    """

    name: str
    values: Callable[[Evidence, float, float], tuple[Array, Array]]
    least: float
    most: float


def _of(method: str, observable: str, column: str) -> Callable[..., tuple[Array, Array]]:
    def values(evidence: Evidence, ratio: float, nbar: float) -> tuple[Array, Array]:
        d = evidence.differences
        rows = d[
            (d["method"] == method)
            & (d["observable"] == observable)
            & (d["ratio"] == ratio)
            & (d["nbar"] == nbar)
        ].sort_values("spins")
        return rows["spins"].to_numpy(dtype=float), rows[column].abs().to_numpy(dtype=float)

    return values


def _lack(evidence: Evidence, ratio: float, nbar: float) -> tuple[Array, Array]:
    steady = evidence.steady
    rows = steady[
        (steady["observable"] == "battery_energy")
        & (steady["ratio"] == ratio)
        & (steady["nbar"] == nbar)
    ].sort_values("n_battery")
    sizes = rows["n_battery"].to_numpy(dtype=float) * (1.0 + ratio)
    return sizes, 1.0 - rows["value"].to_numpy(dtype=float)


ENERGY = "battery_energy"
LAWS = (
    Law("exact: peak power per spin", _of("second", "power", "peak"), 1e3, np.inf),
    # 1 - E is known to 1e-16
    Law("exact: 1 - E at the end", _lack, 1e2, 1e11),
    Law("second order: error of E at the end", _of("second", ENERGY, "end_difference"), 1e2, 1e4),
    Law("second order: largest error of E", _of("second", ENERGY, "largest"), 1e3, np.inf),
    Law("delay average: largest error of E", _of("delay", ENERGY, "largest"), 1e2, 1e8),
    # beyond, the error is within the noise of the runs
    Law("Wigner: largest error of E", _of("wigner", ENERGY, "largest"), 2.0, 70.0),
)


def laws_table(evidence: Evidence) -> pd.DataFrame:
    """The exponents, a column for each R and nbar, with the standard error of the fit."""
    rows = []
    models = evidence.differences[["ratio", "nbar"]].drop_duplicates()
    for law in LAWS:
        row = {"quantity": law.name, "N": _span(law)}
        for ratio, nbar in models.itertuples(index=False):
            row[f"R = {ratio:g}, nbar = {nbar:g}"] = str(fitted(law, evidence, ratio, nbar))
        rows.append(row)
    return pd.DataFrame(rows)


def fitted(law: Law, evidence: Evidence, ratio: float, nbar: float) -> PowerLaw:
    """The exponent and its error, from a line through the logarithms."""
    sizes, values = law.values(evidence, ratio, nbar)
    inside = (sizes >= law.least) & (sizes <= law.most)
    return power_law(sizes[inside], values[inside])


def _span(law: Law) -> str:
    most = "1e16" if np.isinf(law.most) else size_text(law.most)
    return f"{size_text(law.least)} to {most}"


def size_text(spins: float) -> str:
    """A number of spins, such as ``300``, ``6e6``.

    >>> size_text(9_999_999_999_999_996), size_text(6000), size_text(3_000_000)
    ('1e16', '6000', '3e6')
    """
    if spins < 1e5:
        return f"{spins:.0f}"
    mantissa, exponent = f"{spins:.1e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"
