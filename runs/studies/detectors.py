"""What a record is worth: the daemonic ergotropy behind three detectors, docs/detectors.md.

What single runs of the shipped definitions `detectors*.toml` gave, beside the exact averages that
bound it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkbattery import trajectories
from darkbattery.nvmodel.battery import CollectiveBattery
from darkbattery.nvmodel.detector import DIFFUSIVE, KINDS, Detector
from darkbattery.nvmodel.solution import Solution
from darkbattery.runs.definitions.definition import RunDefinition
from darkbattery.runs.definitions.models import Model
from darkbattery.runs.figures.style import COLOURS, empty_figure, figure_style, open_frames
from darkbattery.runs.pages.marks import fill, shown, with_error
from darkbattery.runs.results.store import load
from darkbattery.runs.studies.kit import where

Array = NDArray[np.float64]

SIZE, EFFICIENCY = "detectors", "detectors_efficiency"
RATIO, TEMPERATURE = "detectors_ratio", "detectors_temperature"
DEFINITIONS = (SIZE, RATIO, TEMPERATURE, EFFICIENCY)
WORTH = "daemonic_ergotropy"
BOUNDS = ("ergotropy", "battery_energy")
"""Between which every daemonic ergotropy lies: that of the average state, and the mean energy."""
DRAWN = 2  # battery spins of the panel over time
NOTHING = 1e-9  # per spin: rounding of exact averages is 1e-12 and less


@dataclass(frozen=True, eq=False)
class Sweep:
    """A study over one field: its models by the field's values, and what runs gave of the worth."""

    field: str
    definition: RunDefinition
    models: dict[Any, Model]
    table: pd.DataFrame

    def last(self, value: Any, kind: str) -> tuple[float, float]:
        """Value and error of one of the sweep and a detector at the last of their times."""
        own = where(self.table, **{self.field: value, "detector.kind": kind})
        end = own.sort_values("time").iloc[-1]
        return float(end["value"]), float(end["error"])


def read(folder: Path, field: str) -> Sweep:
    """The study in a folder."""
    study = load(folder).study
    models = {dict(point.swept)[field]: point.model for point in study.definition.points()}
    table = where(study.table, method="sample", observable=WORTH)
    return Sweep(field, study.definition, models, table)


def exact(model: Model, times: Array) -> dict[str, Array]:
    """Both bounds over time, and the worth of a perfect photon record: no runs in them."""
    counted = replace(model.experiment, detector=None, detector_efficiency=1.0)
    found = trajectories.evolve(counted, times, (*BOUNDS, WORTH))
    return {name: found[name] for name in (*BOUNDS, WORTH)}


def exact_table(folder: Path, swept: str, heading: str) -> pd.DataFrame:
    """A line a value of a swept field, at T = 0 and the last time: bounds, worths, differences.

    The last columns are the differences from the photon record: per spin, and as a share of what
    that record itself adds to the ergotropy of the average state.
    """
    sweep, lines = read(folder, swept), []
    for value, model in sweep.models.items():
        known = _at_the_end(model, sweep.definition.times_of(model))
        line = {heading: shown(value), "average": shown(known["ergotropy"])}
        line["photons"] = shown(known[WORTH])
        for kind in DIFFUSIVE:
            line[kind] = with_error(*sweep.last(value, kind))
        line["mean energy"] = shown(known["battery_energy"])
        for kind in DIFFUSIVE:
            worth, error = sweep.last(value, kind)
            more, own = worth - known[WORTH], known[WORTH] - known["ergotropy"]
            line[f"{kind} less photons"] = with_error(more, error)
            # where a photon record adds nothing there is no share of it
            line[f"{kind}, percent"] = "-"
            if own > NOTHING:
                line[f"{kind}, percent"] = with_error(100.0 * more / own, 100.0 * error / own)
        lines.append(line)
    return pd.DataFrame(lines)


def _at_the_end(model: Model, times: Array) -> dict[str, float]:
    return {name: float(values[-1]) for name, values in exact(model, times).items()}


def temperature_table(folder: Path) -> pd.DataFrame:
    """A line a temperature, at the last time: the bounds, and what each record is worth.

    "every jump" is the record of all photons, absorbed ones too, by as many runs.
    """
    sweep, lines = read(folder, "temperature"), []
    definition = sweep.definition
    for temperature, model in sweep.models.items():
        times = definition.times_of(model)[-1:]
        whole = replace(model.experiment, detector=None, detector_efficiency=1.0)
        bounds = trajectories.evolve(whole, times, BOUNDS)
        line = {"T": shown(temperature), "average": shown(float(bounds["ergotropy"][0]))}
        for kind in KINDS:
            line[kind] = with_error(*sweep.last(temperature, kind))
        assert definition.runs is not None
        found = trajectories.sample(whole, times, definition.runs, definition.seed, 0, [WORTH])
        line["every jump"] = with_error(*_only(found))
        line["mean energy"] = shown(float(bounds["battery_energy"][0]))
        lines.append(line)
    return pd.DataFrame(lines)


def _only(found: Solution) -> tuple[float, float]:
    """The worth at its one time, and its error."""
    errors = found.errors[WORTH]
    assert errors is not None
    return float(found[WORTH][0]), float(errors[0])


def efficiency_table(folder: Path) -> pd.DataFrame:
    """A line an efficiency, at the last time: what each record is worth."""
    sweep, lines = read(folder, "detector.efficiency"), []
    for efficiency, model in sweep.models.items():
        known = _at_the_end(model, sweep.definition.times_of(model)[-1:])
        line = {"efficiency": f"{efficiency:g}", "average": shown(known["ergotropy"])}
        for kind in KINDS:
            line[kind] = with_error(*sweep.last(efficiency, kind))
        lines.append(line)
    return pd.DataFrame(lines)


def one_spin_table() -> pd.DataFrame:
    """One spin charged by one, in the end: runs beside the closed form."""
    from scipy.special import erfc, k1

    e = np.e
    closed = {
        "photons": 0.0,
        "homodyne": 0.25 * (e * (erfc(1.0) + 2.0 / (e * np.sqrt(np.pi))) - 1.0),
        "heterodyne": 0.25 * (e * k1(1.0) - 1.0),
    }
    lines = []
    for kind, value in closed.items():
        model = CollectiveBattery(1, 1, detector=Detector(kind))  # type: ignore[arg-type]
        found = trajectories.sample(model, [12.0], runs=20_000, seed=23, observables=[WORTH])
        runs = with_error(*_only(found))
        lines.append({"detector": kind, "runs": runs, "closed form": shown(value)})
    return pd.DataFrame(lines)


def tables(out: Path) -> dict[str, pd.DataFrame]:
    """All tables of the page by the names of their marks."""
    return {
        "size": exact_table(out / SIZE, "n_battery", "N_B"),
        "ratio": exact_table(out / RATIO, "ratio", "R"),
        "temperature": temperature_table(out / TEMPERATURE),
        "efficiency": efficiency_table(out / EFFICIENCY),
        "one": one_spin_table(),
    }


def _panels(out: Path) -> dict[str, Any]:
    """What the figure shows: what records add, over size; worth and bounds over time."""
    sweep, added = read(out / SIZE, "n_battery"), {}
    times_of, sizes = sweep.definition.times_of, np.array(list(sweep.models))
    known = {size: exact(model, times_of(model)) for size, model in sweep.models.items()}
    base = np.array([known[size]["ergotropy"][-1] for size in sizes])
    for kind in DIFFUSIVE:
        ends = np.array([sweep.last(size, kind) for size in sizes])
        added[kind] = np.array([ends[:, 0] - base, ends[:, 1]])
    photons = np.array([known[size][WORTH][-1] for size in sizes]) - base
    added["photons"] = np.array([photons, 0.0 * photons])
    own = where(sweep.table, n_battery=DRAWN)
    courses = {
        kind: where(own, **{"detector.kind": kind}).sort_values("time")[["time", "value", "error"]]
        for kind in DIFFUSIVE
    }
    efficiency = read(out / EFFICIENCY, "detector.efficiency").table
    efficiency = efficiency[efficiency["time"] == efficiency["time"].max()]
    return {
        "sizes": sizes,
        "added": added,
        "times": times_of(sweep.models[DRAWN]),
        "exact": known[DRAWN],
        "courses": courses,
        "efficiency": efficiency,
        "drawn": DRAWN,
    }


def tell(results: Path, page: Path) -> None:
    """Refresh the tables of `page`, and its figure."""
    fill(page, tables(results))
    draw(_panels(results), page.parent / "figures" / "detectors.png")


def draw(panels: Mapping[str, Any], path: Path) -> None:
    """What each record adds over size; worth over time between its bounds; over efficiency."""
    with figure_style():
        figure = empty_figure(9.0, 3.0)
        axes = figure.subplots(1, 3)
        colours: dict[str, Any] = dict(zip(KINDS, COLOURS, strict=False))
        for kind, shape in zip(KINDS, ("o", "s", "^"), strict=True):
            values, errors = panels["added"][kind]
            look: Any = {"fmt": f"{shape}-", "ms": 4, "lw": 0.8, "color": colours[kind]}
            axes[0].errorbar(panels["sizes"], values, errors, label=kind, **look)
            own = panels["efficiency"]
            own = own[own["detector.kind"] == kind].sort_values("detector.efficiency")
            axes[2].errorbar(own["detector.efficiency"], own["value"], own["error"], **look)
        axes[0].set(xscale="log", xlabel="$N_B$", ylabel="$W_d - W$ per spin  (ħω)")
        axes[0].set_xticks(panels["sizes"], [f"{size:.4g}" for size in panels["sizes"]])
        axes[0].minorticks_off()
        axes[0].set_ylim(bottom=0.0)
        axes[0].legend(frameon=False)
        axes[0].set_title("what a record adds", loc="left", fontsize="medium")
        _over_time(axes[1], panels, colours)
        axes[2].set(xlabel="efficiency η", ylabel="$W_d$ per spin  (ħω)")
        axes[2].axhline(panels["exact"]["ergotropy"][-1], color="0.5", lw=0.8, ls=":")
        axes[2].set_title(f"$N_B$ = {panels['drawn']}, in the end", loc="left", fontsize="medium")
        open_frames(figure)
        figure.savefig(path, dpi=150)


def _over_time(axis: Any, panels: Mapping[str, Any], colours: Mapping[str, Any]) -> None:
    times, exact = panels["times"], panels["exact"]
    axis.plot(times, exact["battery_energy"], color="0.5", lw=0.8, ls="--", label="mean energy")
    axis.plot(times, exact["ergotropy"], color="0.5", lw=0.8, ls=":", label="average state")
    axis.plot(times, exact["daemonic_ergotropy"], color=colours["photons"], lw=1.2)
    for kind in DIFFUSIVE:
        axis.plot(times, panels["courses"][kind]["value"], color=colours[kind], lw=1.2)
    axis.set(xlabel=r"time  $(1/\gamma)$", ylabel="per spin  (ħω)")
    axis.legend(frameon=False, fontsize="small")
    axis.set_title(f"$N_B$ = {panels['drawn']}", loc="left", fontsize="medium")
