"""How single runs scatter with size, R and temperature: docs/fluctuations.md.

What single runs of the three shipped definitions `fluctuations*.toml` gave, beside closed forms.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from darkbattery.nvmodel.battery import CollectiveBattery
from darkbattery.nvmodel.errors import jackknife_variance
from darkbattery.nvmodel.experiment import Model
from darkbattery.runs.figures.style import COLOURS, empty_figure, figure_style, open_frames
from darkbattery.runs.pages.marks import fill, shown, with_error
from darkbattery.runs.ranks.parts import point_folder
from darkbattery.runs.results.store import load
from darkbattery.trajectories import evolve
from darkbattery.trajectories.reading.endstates import dark_states

Array = NDArray[np.float64]

SIZE, RATIO, TEMPERATURE = "fluctuations", "fluctuations_ratio", "fluctuations_temperature"
DEFINITIONS = (SIZE, RATIO, TEMPERATURE)
GROUPS = 32  # of runs, i mod 32, for jackknife errors: runs share their random numbers over sizes
FITTED_FROM = 10  # battery spins: smaller ones are not yet on the power law
RELIABLE_SIZES, RELIABLE_RATIO, GROWTH_TIMES = (1, 2, 10, 50), 5, (0.3, 1.0, 2.0, 4.0)
BINS = 30  # of the delays drawn
EULER = float(np.euler_gamma)


@dataclass(frozen=True)
class Spread:
    """A standard deviation (or mean) over runs, its jackknife copies, and its error."""

    value: float
    left_out: Array

    def __str__(self) -> str:
        return with_error(self.value, self.error)

    @property
    def error(self) -> float:
        """Jackknife over groups of runs."""
        return float(np.sqrt(jackknife_variance(self.left_out)))


def spread(values: Array, of: Callable[[Array], Any] = np.std) -> Spread:
    """`of` over the runs that have a value, and the same without each group of runs.

    >>> found = spread(np.arange(64.0), np.mean)
    >>> found.value, round(found.error, 2)
    (31.5, 1.66)
    """
    group = np.arange(values.size) % GROUPS
    known = np.isfinite(values)
    if np.count_nonzero(known) < 2 * GROUPS:
        return Spread(np.nan, np.full(GROUPS, np.nan))
    copies = [float(of(values[known & (group != g)])) for g in range(GROUPS)]
    return Spread(float(of(values[known])), np.array(copies))


def exponent(sizes: Array, spreads: list[Spread]) -> tuple[float, float]:
    r"""a in value ~ :math:`\text{size}^a` by least squares in logarithms; its jackknife error."""
    logs = np.log(sizes)
    whole = _slope(logs, np.array([one.value for one in spreads]))
    copies = _slope(logs, np.array([one.left_out for one in spreads]))
    return float(whole), Spread(float(whole), copies).error


def _slope(logs: Array, values: Array) -> Array:
    centred = logs - logs.mean()
    return np.asarray(np.tensordot(centred, np.log(values), axes=1) / (centred @ centred))


def rows_of(folder: Path, point: int) -> pd.DataFrame:
    """A row a run of one point of a study, in order."""
    return pd.read_parquet(point_folder(folder, point)).sort_values("run", ignore_index=True)


def last_values(folder: Path) -> pd.DataFrame:
    """One row a point: every observable at the last time, sampled with its error, and steady."""
    study = load(folder).study
    swept = [name for name, values in study.definition.model if len(values) > 1]
    table = study.table
    end = table["time"][np.isfinite(table["time"])].max()
    late = table[(table["method"] == "steady") | (table["time"] == end)]
    values = late.pivot_table(index=swept, columns=["method", "observable"], values="value")
    errors = late.pivot_table(index=swept, columns=["method", "observable"], values="error")
    values.columns = [f"{observable} {method}" for method, observable in values.columns]
    errors.columns = [f"{observable} error" for _, observable in errors.columns]
    return values.join(errors).reset_index()


def charging_table(folder: Path) -> tuple[pd.DataFrame, dict[str, list[Spread]]]:
    """A line a point of a study (see `charging_line`), and its spreads."""
    lines, spreads = [], []
    for i, model in enumerate(_models(folder)):
        line, found = charging_line(model, rows_of(folder, i))
        lines.append(line)
        spreads.append(found)
    return pd.DataFrame(lines), {name: [one[name] for one in spreads] for name in spreads[0]}


def charging_line(model: Model, rows: pd.DataFrame) -> tuple[dict[str, str], dict[str, Spread]]:
    r"""Scatter in the end, delay of the burst and time to half charge: sampled beside closed forms.

    The closed forms, at :math:`T=0`: the variances over the dark states :math:`|J,-J\rangle`; and
    for the delay, where :math:`N_C` is well above :math:`N_B`, Gumbel's distribution with the rate
    :math:`L=(N_C-N_B)\gamma`, of mean :math:`[\ln(L^2/(\gamma^2N_C))+0.577]/L` and standard
    deviation :math:`\pi/(\sqrt6\,L)`: exponential growth from the noise of one quantum (Gross and
    Haroche 1982).
    """
    excess = model.n_charger - model.n_battery
    work = dark_states(model.n_battery, model.n_charger).ergotropy
    values = {
        "energy": rows["final_energy"].to_numpy(),
        # a run that has emitted n photons in all is in J = n - (N_C - N_B)/2
        "work": work[rows["emitted_photons"].to_numpy() - excess],
        "delay": rows["burst_time"].to_numpy(),
        "half": rows["time_to_50"].to_numpy(),
    }
    found = {name: spread(array) for name, array in values.items()}
    exact = dark_spreads(model)
    growth = excess * model.gamma
    grows = growth > 0.0
    line = {
        "N_B": str(model.n_battery),
        "R": f"{model.ratio:g}",
        "sd E": str(found["energy"]),
        "sd E exact": shown(exact[0]),
        "sd W": str(found["work"]),
        "sd W exact": shown(exact[1]),
        "delay": str(spread(values["delay"], np.mean)),
        "Gumbel": shown(gumbel_mean(model)) if grows else "-",
        "sd delay": str(found["delay"]),
        "sd Gumbel": shown(np.pi / np.sqrt(6.0) / growth) if grows else "-",
        "half charged": str(spread(values["half"], np.mean)),
        "sd half": str(found["half"]),
        "reached": f"{np.isfinite(values['half']).mean():.3f}",
    }
    return line, found


def gumbel_mean(model: Model) -> float:
    """Mean delay of the burst where the charger is well above the battery."""
    growth = float(model.n_charger - model.n_battery)
    return float((np.log(growth**2 / model.n_charger) + EULER) / (growth * model.gamma))


def exponent_table(folder: Path, spreads: dict[str, list[Spread]]) -> pd.DataFrame:
    """Powers of :math:`N_B` from `FITTED_FROM` spins on: sampled, and of the closed forms."""
    models = _models(folder)
    sizes = np.array([float(model.n_battery) for model in models])
    large = np.flatnonzero(sizes >= FITTED_FROM)
    dark = [dark_spreads(model) for model in models]
    lines = []
    for name, label, closed in (
        ("energy", "standard deviation of the final energy per spin", [d[0] for d in dark]),
        ("work", "standard deviation of the final ergotropy per spin", [d[1] for d in dark]),
        ("delay", "standard deviation of the burst's delay", 1.0 / sizes),
        ("half", "standard deviation of the time to half charge", None),
    ):
        a, error = exponent(sizes[large], [spreads[name][i] for i in large])
        exact = (
            "-"
            if closed is None
            else f"{_slope(np.log(sizes[large]), np.array(closed)[large]):.3f}"
        )
        lines.append({"quantity": label, "exponent": with_error(a, error), "closed form": exact})
    return pd.DataFrame(lines)


def temperature_table(folder: Path) -> pd.DataFrame:
    """At the last time: scatter between runs beside the quantum variance; and in the end."""
    last = last_values(folder)
    lines = []
    for i, model in enumerate(_models(folder)):
        line = {"T": f"{last['temperature'][i]:g}", "nbar": shown(model.occupation)}
        for name, label in (
            ("energy_variance_runs", "sd E"),
            ("energy_variance_conditional", "quantum sd"),
            ("ergotropy_variance_runs", "sd W"),
        ):
            root = float(np.sqrt(last[f"{name} sample"][i]))
            line[label] = with_error(root, _root_error(root, last[f"{name} error"][i]))
            line[f"{label} exact"] = shown(np.sqrt(last[f"{name} steady"][i]))
        rows = rows_of(folder, i)
        half = rows["time_to_50"].to_numpy()
        line["half charged"] = str(spread(half, np.mean))
        line["sd half"] = str(spread(half))
        line["Fano factor"] = with_error(
            last["fano_factor sample"][i], last["fano_factor error"][i]
        )
        lines.append(line)
    return pd.DataFrame(lines)


def reliability_table() -> pd.DataFrame:
    r"""Reliability and Fano factor over charging beside their kinetic bounds, exact, R = 5.

    A time of 1 is :math:`1/((N_C-N_B)\gamma)`: that in which the emission grows by e.
    """
    columns = {
        "battery_energy": "E_B",
        "energy_reliability": "reliability",
        "energy_reliability_bound": "at most",
        "fano_factor": "Fano",
        "fano_factor_bound": "at least",
    }
    lines = []
    for n in RELIABLE_SIZES:
        battery = CollectiveBattery(n, RELIABLE_RATIO * n)
        growth = battery.n_charger - battery.n_battery
        found = evolve(battery, np.array(GROWTH_TIMES) / growth, columns)
        for i, time in enumerate(GROWTH_TIMES):
            values = {column: shown(found[name][i]) for name, column in columns.items()}
            lines.append({"N_B": str(n), "time": f"{time:g}"} | values)
    return pd.DataFrame(lines)


def _models(folder: Path) -> list[Model]:
    models = [point.model for point in load(folder).study.definition.points()]
    return [model for model in models if model.reservoir is not None]


def dark_spreads(battery: Model) -> tuple[float, float]:
    """Standard deviations of energy and ergotropy over the dark states."""
    dark = dark_states(battery.n_battery, battery.n_charger)
    p = dark.probability / dark.probability.sum()
    energy, work = (values - p @ values for values in (dark.energy, dark.ergotropy))
    return float(np.sqrt(p @ energy**2)), float(np.sqrt(p @ work**2))


def _root_error(root: float, error_of_square: float) -> float:
    return float(error_of_square / (2.0 * root)) if root > 0.0 else 0.0


def tables(out: Path) -> dict[str, pd.DataFrame]:
    """All tables of the page by the names of their marks."""
    size, spreads = charging_table(out / SIZE)
    ratio, _ = charging_table(out / RATIO)
    return {
        "size": size.drop(columns=["R", "reached"]),
        "exponents": exponent_table(out / SIZE, spreads),
        "ratio": ratio.drop(columns=["N_B"]),
        "temperature": temperature_table(out / TEMPERATURE),
        "reliability": reliability_table(),
    }


def _panels(folder: Path) -> dict[str, Any]:
    """What the figure shows of the study over sizes."""
    _, spreads = charging_table(folder)
    models = _models(folder)
    growth = np.array([float(model.n_charger - model.n_battery) for model in models])
    dark = np.array([dark_spreads(model) for model in models])
    panels: dict[str, Any] = {"sizes": np.array([model.n_battery for model in models])}
    for name in ("energy", "work", "delay"):
        found = spreads[name]
        panels[name] = np.array([[one.value for one in found], [one.error for one in found]])
    panels |= {"energy_exact": dark[:, 0], "work_exact": dark[:, 1]}
    panels["delay_exact"] = np.pi / np.sqrt(6.0) / growth
    scaled = {}
    for i in (2, len(models) - 1):
        location = np.log(growth[i] ** 2 / models[i].n_charger)
        scaled[models[i].n_battery] = rows_of(folder, i)["burst_time"] * growth[i] - location
    panels["scaled"] = scaled
    return panels


def tell(results: Path, page: Path) -> None:
    """Refresh the tables of `page`, and its figure."""
    fill(page, tables(results))
    draw(_panels(results / SIZE), page.parent / "figures" / "fluctuations.png")


def draw(panels: Mapping[str, Any], path: Path) -> None:
    """Spreads over size beside closed forms, and the delays of one size beside Gumbel's density.

    `panels`: ``sizes``, ``energy``, ``work``, ``delay`` (value and error, each (points,)), the
    closed forms ``energy_exact``, ``work_exact``, ``delay_exact``, and ``scaled``: delays of single
    runs by N_B, times the growth rate, less Gumbel's location.
    """
    with figure_style():
        figure = empty_figure(9.0, 2.9)
        axes = figure.subplots(1, 3)
        colours = COLOURS
        for axis, names, title in (
            (axes[0], ("energy", "work"), "final energy and ergotropy"),
            (axes[1], ("delay",), "delay of the burst"),
        ):
            for name, colour in zip(names, colours, strict=False):
                _compare(axis, panels, name, colour)
            axis.set(xscale="log", yscale="log", xlabel="$N_B$")
            axis.set_title(title, loc="left", fontsize="medium")
        axes[0].set_ylabel("standard deviation per spin  (ħω)")
        axes[0].legend(frameon=False)
        axes[1].set_ylabel(r"standard deviation  $(1/\gamma)$")
        x = np.linspace(-3.0, 7.0, 201)
        for (size, scaled), colour in zip(panels["scaled"].items(), colours, strict=False):
            axes[2].hist(
                scaled,
                BINS,
                range=(-3.0, 7.0),
                density=True,
                histtype="step",
                color=colour,
                label=f"$N_B$ = {size}",
            )
        axes[2].plot(x, np.exp(-x - np.exp(-x)), color="black", lw=1.2, label="Gumbel")
        axes[2].set_xlabel(r"$(N_C - N_B)\,\gamma t - \ln[(N_C - N_B)^2/N_C]$")
        axes[2].set_ylabel("density of runs")
        axes[2].legend(frameon=False, fontsize="small")
        open_frames(figure)
        figure.savefig(path, dpi=150)


def _compare(axis: Axes, panels: Mapping[str, Any], name: str, colour: Any) -> None:
    value: NDArray[np.float64] = panels[name][0]
    labels = {"energy": "energy", "work": "ergotropy", "delay": "delay"}
    axis.errorbar(
        panels["sizes"], value, panels[name][1], fmt="o", ms=3.5, color=colour, label=labels[name]
    )
    axis.plot(panels["sizes"], panels[f"{name}_exact"], color=colour, lw=1.0)
