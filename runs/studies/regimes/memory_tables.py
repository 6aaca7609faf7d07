"""Tables of docs/regimes.md about the resonator's memory, from the map and the study's rows."""

import pandas as pd

from darkbattery.runs.studies.regimes.laws import size_text
from darkbattery.runs.studies.regimes.memory import ELIMINATED
from darkbattery.runs.studies.regimes.tables import SHORT, thresholds

HEADINGS = {
    "memory_usable": "At a resonator: spins N from which the error stays below 20 / 5 / 1 %, "
    "by kappa over g sqrt N, at R = 5 and nbar = 0",
    "memory": "At a resonator: the battery's energy exactly, and by what share each method is off",
}
METHODS = {**SHORT, ELIMINATED: "resonator eliminated"}
# question, observable, measure of the map; ends are the reservoir's
QUESTIONS = (
    ("energy, at all times", "battery_energy", "largest"),
    ("power, at all times", "power", "largest"),
    ("peak power", "power", "peak"),
    ("emitted photons, at all times", "emitted_photons", "largest"),
)
RATIO = "kappa/(g sqrt N)"


def memory_usable(errors: pd.DataFrame) -> pd.DataFrame:
    """From which N on each method is good to 20, 5 and 1 %, by question and linewidth."""
    rows = []
    for question, observable, measure in QUESTIONS:
        here = errors[errors["observable"] == observable]
        for linewidth, part in here[here["linewidth"] < float("inf")].groupby("linewidth"):
            row = {"question": question, RATIO: f"{linewidth:g}"}
            for method, name in METHODS.items():
                row[name] = thresholds(part[part["method"] == method], measure)
            rows.append(row | {"studied to N": size_text(part["spins"].max())})
    return pd.DataFrame(rows)


def memory_table(memory: pd.DataFrame) -> pd.DataFrame:
    """What is exact, what elimination says of itself, and how far each method is off."""
    rows = []
    energy = memory[memory["observable"] == "battery_energy"]
    power = memory[memory["observable"] == "power"]
    for (size, linewidth), here in energy.groupby(["n_battery", "linewidth"]):
        model = here.iloc[0]
        same = (power["n_battery"] == size) & (power["linewidth"] == linewidth)
        row = {
            "N_B": size_text(size),
            RATIO: f"{linewidth:g}",
            "largest E_B": f"{model['top']:.4f}",
            "at g t": f"{model['coupling'] * model['top_at']:.3f}",
            "largest dE_B/dt, in g": f"{power[same]['top'].iloc[0] / model['coupling']:.3f}",
            "elimination's estimate": f"{model['estimate']:.2g}",
        }
        by_method = here.set_index("method")
        for method, name in METHODS.items():
            row[name] = f"{by_method.loc[method, 'largest_relative']:.3f}"
        rows.append(row | {"noise of Wigner's": f"{by_method.loc['wigner', 'noise']:.3f}"})
    return pd.DataFrame(rows)


def memory_tables(memory: pd.DataFrame, errors: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Every table of the resonator's part of the page by its mark."""
    return {"memory_usable": memory_usable(errors), "memory": memory_table(memory)}
