"""The tables of docs/regimes.md, from the map of errors and the study's tables; exponents in N."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkbattery.runs.studies.kit import PowerLaw, power_law, where
from darkbattery.runs.studies.regimes.errors import (
    LEVELS,
    STAGES,
    Evidence,
    in_reservoir,
    stage_errors,
    usable_from,
)

Array = NDArray[np.float64]

METHODS = {
    "second": "second order (modal run)",
    "delay": "second order, delay average",
    "wigner": "truncated Wigner",
}
# what each table says, in the order of their reading
HEADINGS = {
    "usable": "Spins N = N_B + N_C from which the error stays below 20 / 5 / 1 %, "
    "at R = 2 and 5, nbar = 0 and 0.5",
    "stages": "The same for the battery's energy, by stage of the charging",
    "laws": "Exponents in N",
    "usable_by_model": "The same as the first, at each R and nbar",
    "peaks": "Peak power and its time: exact, and what each method makes of them",
    "ends": "Energy and ergotropies at the last time, and the methods' differences",
    "dark": "What is held back in dark states, and how wrong each method has it",
    "distributions": "Distributions over single runs: quantum jumps beside Wigner",
}
SHORT = {"second": "second order", "delay": "delay average", "wigner": "Wigner"}
# question, observable, measure of the map
QUESTIONS = (
    ("energy at the end", "battery_energy", "end"),
    ("energy, at all times", "battery_energy", "largest"),
    ("charger's energy, at all times", "charger_energy", "largest"),
    ("power, at all times", "power", "largest"),
    ("peak power", "power", "peak"),
    ("time of peak power", "power", "peak_time"),
    ("local ergotropy at the end", "ergotropy_local", "end"),
    ("local ergotropy, at all times", "ergotropy_local", "largest"),
    ("ergotropy over the ladder at the end", "ergotropy", "end"),
    ("ergotropy over the ladder, at all times", "ergotropy", "largest"),
    ("emission rate, at all times", "emission_rate", "largest"),
    ("emitted photons, at all times", "emitted_photons", "largest"),
)
NEVER, ANY = "never", "any"
SHOWN_SIZES = (1, 2, 10, 100, 1000, 1_000_000, 1_666_666_666_666_666)


def usable_table(errors: pd.DataFrame) -> pd.DataFrame:
    """From which N on each method is good to 20, 5 and 1 %, by question: the worst R and nbar."""
    errors, rows = in_reservoir(errors), []
    for question, observable, measure in QUESTIONS:
        rows.append(
            {"question": question} | good_from(where(errors, observable=observable), measure)
        )
    return pd.DataFrame(rows)


def in_a_sentence(usable: pd.DataFrame) -> str:
    """What `usable_table` says of the energy, to 1 %.

    >>> methods = {"second order": "any / never / never", "truncated Wigner": "any / 6 / 30"}
    >>> in_a_sentence(pd.DataFrame([{"question": "energy at the end"} | methods]))
    'Energy at the end to 1 %: second order never; truncated Wigner from N = 30.'
    """
    said = []
    for row in usable.to_dict("records"):
        question = row.pop("question")
        if question in [asked for asked, name, _ in QUESTIONS if name == "battery_energy"]:
            sizes = {name: str(cell).split(" / ")[-1] for name, cell in row.items()}
            words = {NEVER: NEVER, ANY: "at any N"}
            parts = [f"{name} {words.get(n, f'from N = {n}')}" for name, n in sizes.items()]
            said.append(f"{str(question).capitalize()} to 1 %: {'; '.join(parts)}.")
    return " ".join(said)


def usable_by_model(errors: pd.DataFrame) -> pd.DataFrame:
    """The same for the energy and the power at each R and nbar apart."""
    errors, rows = in_reservoir(errors), []
    for question, observable, measure in QUESTIONS:
        for (ratio, nbar), here in errors.groupby(["ratio", "nbar"]):
            row = {"question": question, "R": f"{ratio:g}", "nbar": f"{nbar:g}"}
            rows.append(row | good_from(where(here, observable=observable), measure))
    return pd.DataFrame(rows)


def stages_table(evidence: Evidence) -> pd.DataFrame:
    """The same for the energy, by stage of the charging."""
    errors, rows = stage_errors(evidence), []
    for stage in STAGES:
        rows.append({"energy": stage} | good_from(where(errors, observable=stage), "largest"))
    return pd.DataFrame(rows)


def peaks_table(evidence: Evidence) -> pd.DataFrame:
    """Peak power and its time: exact, and what each method makes of them."""
    rows = []
    for name, growth, here in _models(evidence):
        power = _by_method(here, "power")
        exact = power.loc["second"]
        row = {**name, "P_max/(N_C - N_B)γ": f"{exact['peak'] / growth:.4f}"}
        for method, title in SHORT.items():
            higher = 1.0 + power.loc[method, "peak_difference"] / exact["peak"]
            row[f"{title}/exact"] = f"{higher:.3f}"
        row["at s"] = f"{exact['peak_at'] * growth:.2f}"
        for method, title in SHORT.items():
            row[f"{title}, later by"] = f"{power.loc[method, 'peak_shift'] * growth:+.2f}"
        rows.append(row)
    return pd.DataFrame(rows)


def ends_table(evidence: Evidence) -> pd.DataFrame:
    """Energy and ergotropies at the last time: exact, and the methods' differences."""
    rows = []
    for name, _, here in _models(evidence):
        row = dict(name)
        for observable, symbol in (("battery_energy", "E"), ("ergotropy_local", "W_loc")):
            found = _by_method(here, observable)
            row[symbol] = f"{found.loc['second', 'end']:.5f}"
            for method in ("second", "wigner"):
                difference = found.loc[method, "end_difference"]
                row[f"{SHORT[method]} {symbol}"] = f"{difference:+.1e}"
        ladder = _by_method(here, "ergotropy")
        known = "wigner" in ladder.index
        row["W"] = f"{ladder.loc['wigner', 'end']:.5f}" if known else "-"
        row["Wigner W"] = f"{ladder.loc['wigner', 'end_difference']:+.1e}" if known else "-"
        rows.append(row)
    return pd.DataFrame(rows)


def _models(evidence: Evidence) -> Iterator[tuple[dict[str, str], float, pd.DataFrame]]:
    """The models shown: their names as columns, (N_C - N_B), and their differences."""
    for (ratio, nbar, size), here in evidence.differences.groupby(["ratio", "nbar", "n_battery"]):
        if size in SHOWN_SIZES:
            name = {"R": f"{ratio:g}", "nbar": f"{nbar:g}", "N": size_text(here["spins"].iloc[0])}
            yield name, (ratio - 1.0) * size, here


def dark_table(evidence: Evidence) -> pd.DataFrame:
    """What is missing to a full battery at the end, and how wrong each method has it."""
    d = evidence.differences
    d = where(d[d["method"].isin(METHODS)], observable="battery_energy")
    rows = []
    for (ratio, nbar, size), here in d.groupby(["ratio", "nbar", "n_battery"]):
        if size > 1000:
            continue
        by_method = here.set_index("method")
        lack = 1.0 - float(by_method.loc["second", "end"])
        row = {"R": f"{ratio:g}", "nbar": f"{nbar:g}", "N": size_text(here["spins"].iloc[0])}
        row["1 - E exact"] = f"{lack:.4g}"
        for method in ("second", "wigner"):
            row[method] = f"{-100.0 * by_method.loc[method, 'end_difference'] / lack:+.2g} %"
        error = float(by_method.loc["wigner", "end_error"])
        row["standard error of Wigner's"] = f"{100.0 * error / lack:.2g} %"
        rows.append(row)
    return pd.DataFrame(rows)


def distances_table(evidence: Evidence) -> pd.DataFrame:
    """Distributions over runs: quantum jumps beside Wigner, from every run."""
    rows = []
    for _, row in evidence.distances.iterrows():
        if row["from"] != "runs":
            continue
        timed = row["distribution"] in ("burst_time", "peak_emission_time")
        scale = (row["ratio"] - 1.0) * row["n_battery"] if timed else 1.0
        name = str(row["distribution"]).replace("_", " ")
        rows.append(
            {
                "distribution": f"{name} (s)" if timed else name,
                "R": f"{row['ratio']:g}",
                "nbar": f"{row['nbar']:g}",
                "N": size_text(row["spins"]),
                "mean, jumps": f"{scale * row['mean']:.5g}",
                "mean, Wigner": f"{scale * row['mean_compared']:.5g}",
                "spread, jumps": f"{scale * row['deviation']:.3g}",
                "spread, Wigner": f"{scale * row['deviation_compared']:.3g}",
                "distance": f"{row['distance']:.3f}",
                "chance": f"{row['critical']:.3f}",
            }
        )
    table = pd.DataFrame(rows)
    return table.sort_values(["distribution", "R", "nbar"], kind="stable").reset_index(drop=True)


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
        found = where(evidence.differences, method=method, observable=observable)
        rows = where(found, ratio=ratio, nbar=nbar).sort_values("spins")
        return rows["spins"].to_numpy(dtype=float), rows[column].abs().to_numpy(dtype=float)

    return values


def _lack(evidence: Evidence, ratio: float, nbar: float) -> tuple[Array, Array]:
    found = where(evidence.steady, observable="battery_energy", ratio=ratio, nbar=nbar)
    rows = found.sort_values("n_battery")
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


def all_tables(evidence: Evidence, errors: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Every table of the page by its mark."""
    return {
        "usable": usable_table(errors),
        "usable_by_model": usable_by_model(errors),
        "stages": stages_table(evidence),
        "peaks": peaks_table(evidence),
        "ends": ends_table(evidence),
        "dark": dark_table(evidence),
        "distributions": distances_table(evidence),
        "laws": laws_table(evidence),
    }


def _by_method(here: pd.DataFrame, observable: str) -> pd.DataFrame:
    return where(here, observable=observable).set_index("method")


def good_from(
    errors: pd.DataFrame, measure: str, methods: Mapping[str, str] = METHODS
) -> dict[str, str]:
    """From which N on each method is good enough, by its name."""
    return {name: thresholds(where(errors, method=one), measure) for one, name in methods.items()}


def thresholds(part: pd.DataFrame, measure: str, levels: Sequence[float] = LEVELS) -> str:
    """Such as ``3 / 60 / 600``; a dash for never."""
    if not len(part) or part[measure].isna().all():
        return "not available"
    found = [usable_from(part, measure, level) for level in levels]
    return " / ".join(NEVER if n is None else size_text(n) if n else ANY for n in found)


def size_text(spins: float) -> str:
    """A number of spins, such as ``300``, ``6e6``.

    >>> size_text(9_999_999_999_999_996), size_text(6000), size_text(3_000_000)
    ('1e16', '6000', '3e6')
    """
    if spins < 1e5:
        return f"{spins:.0f}"
    mantissa, exponent = f"{spins:.1e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"
