"""One run of a result again, to the bit, with all it knows: as table and figure."""

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

import trajectories
from nvmodel import CollectiveBattery
from nvmodel.refusal import InputError, whole_number
from runs.store import Result
from trajectories import SingleRun


def replay(result: Result, run: int, point: int) -> SingleRun:
    """Run number `run` of point number `point` of a study, with its whole record."""
    definition = result.study.definition
    if definition.runs is None:
        raise InputError("folder", definition.title, "holds no single runs")
    if definition.engine != "quantum":
        raise InputError(
            "folder", definition.title, 'runs of the semiclassical engine: set "single_runs"'
        )
    points = definition.points()
    whole_number("--point", point, least=0, most=len(points) - 1)
    last = definition.first + definition.runs - 1
    whole_number("--run", run, least=definition.first, most=last)
    return trajectories.single_run(
        _collective(points[point].model), definition.times_array(), definition.seed, run
    )


def _collective(model: object) -> CollectiveBattery:
    assert isinstance(model, CollectiveBattery)  # the quantum engine takes no other
    return model


def save_replay(one: SingleRun, folder: Path, name: str) -> list[Path]:
    """Write jumps, states and a figure; the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    jumps = pd.DataFrame({"time": one.jump_times, "direction": one.directions})
    states = pd.DataFrame(
        {
            "time": one.times,
            "M": one.M,
            "battery_energy": one.battery_energy,
            "charger_energy": one.charger_energy,
            "ergotropy": one.ergotropy,
            "emitted_photons": one.emitted_photons,
            "absorbed_photons": one.absorbed_photons,
        }
    )
    for q in range(one.populations.shape[1]):
        states[f"population_{q}"] = one.populations[:, q]
    paths = [folder / f"{name}-{kind}" for kind in ("jumps.parquet", "states.parquet")]
    jumps.to_parquet(paths[0], index=False)
    states.to_parquet(paths[1], index=False)
    figure = draw_replay(one)
    for ending in ("png", "svg"):
        paths.append(folder / f"{name}.{ending}")
        figure.savefig(paths[-1], dpi=200)
    plt.close(figure)
    return paths


def draw_replay(one: SingleRun) -> Figure:
    """Energy and ergotropy above, populations below, photons as ticks between."""
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        figure, (above, below) = plt.subplots(
            2, 1, figsize=(5.0, 5.0), sharex=True, layout="constrained"
        )
        blue, orange, green = sns.color_palette("colorblind", 3)
        above.plot(one.times, one.battery_energy, color=blue, label="battery energy")
        above.plot(one.times, one.charger_energy, color=orange, ls="--", label="charger energy")
        above.plot(one.times, one.ergotropy, color=green, ls="-.", label="ergotropy")
        for t, direction in zip(one.jump_times, one.directions, strict=True):
            above.axvline(t, 0.0, 0.06, color="black" if direction < 0 else "red", lw=0.6)
        above.set_ylabel("ħω per spin")
        above.set_title(f"run {one.run}: {one.jump_times.size} photons", loc="left")
        above.legend(frameon=False)
        image = below.pcolormesh(
            one.times,
            range(one.populations.shape[1]),
            one.populations.T,
            cmap="viridis",
            shading="nearest",
        )
        figure.colorbar(image, ax=below, label="probability")
        below.set_ylabel("battery excitations")
        below.set_xlabel(r"$\gamma t$")
        sns.despine(figure)
        return figure
