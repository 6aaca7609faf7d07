"""Runs of a result again, to the bit: one as table and figure, many as tables."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from darkbattery import trajectories
from darkbattery.nvmodel.observables import in_words
from darkbattery.nvmodel.receiver import Receiver
from darkbattery.nvmodel.refusal import InputError, whole_number
from darkbattery.runs.choice.choice import Choice, chosen, engine_of
from darkbattery.runs.definitions.definition import RunDefinition
from darkbattery.runs.definitions.models import Model
from darkbattery.runs.figures.shots import draw_received_field, draw_received_power
from darkbattery.runs.figures.style import (
    COLOURS,
    empty_figure,
    figure_style,
    open_frames,
    save_figure,
)
from darkbattery.runs.results.jumps import with_jumps
from darkbattery.runs.results.store import Result
from darkbattery.runs.results.study import received
from darkbattery.runs.results.table import time_axis

TICKS = {
    -1: ("photon emitted", "black"),
    0: ("dephased", "0.6"),
    1: ("photon absorbed", "red"),
}
DRAWN = ("battery_energy", "charger_energy", "ergotropy")
STYLES = ("-", "--", "-.")  # of what is drawn


@dataclass(frozen=True, eq=False)
class Replay:
    """One run.

    Attributes
    ----------
    run : int
    states : DataFrame
        A row an output time: observables, and with the quantum engine M and the populations of
        the battery's excitations.
    jumps : DataFrame
        Time, direction (-1 emitted, +1 absorbed, 0 dephased) and process of every jump; empty for
        classical paths.
    drawn : DataFrame
        Energies at the output times and on both sides of every jump.
    axis : str
        Label of the axis of time.
    battery : ndarray (T, N_B + 1, N_B + 1), optional
        The battery's conditional state over its excitations, where it is on its symmetric ladder.
    received : DataFrame, optional
        Run, time, observable, value: what `receiver` records of it, where the definition has one.
    receiver : Receiver, optional
    of_time : float
        Factor from times to the axis.
    """

    run: int
    states: pd.DataFrame
    jumps: pd.DataFrame
    drawn: pd.DataFrame
    axis: str
    battery: NDArray[Any] | None = None
    received: pd.DataFrame | None = None
    receiver: Receiver | None = None
    of_time: float = 1.0

    @property
    def on_axis(self) -> "Replay":
        """The same with times as they are drawn."""
        tables = {
            name: table.assign(time=table["time"] * self.of_time)
            for name in ("states", "jumps", "drawn", "received")
            if (table := getattr(self, name)) is not None
        }
        return replace(self, of_time=1.0, **tables)

    @property
    def levels(self) -> NDArray[np.float64]:
        """Probabilities (T, excitations) of the battery; none where it has no such levels."""
        names = [name for name in self.states if str(name).startswith("population_")]
        return self.states[names].to_numpy()


def replay(result: Result, run: int, point: int) -> Replay:
    """Run number `run` of point number `point` of a study, with its whole record."""
    definition, one = result.study.definition, _sampled(result, point)
    _index("--run", run, definition)
    battery = None
    if one.definition.engine == "quantum":
        times = one.definition.times_of(one.model)
        found = trajectories.single_run(one.model, times, one.definition.seed, run)
        states, jumps = _quantum(found)
        battery = _battery_of(found)
    else:
        states, jumps = _without_record(one.definition, one.model, run)
    sharp = with_jumps(definition, definition.points()[point], run, DRAWN)
    of_time, axis = time_axis(definition, float(states["time"].iloc[-1]))
    receiver = definition.receiver
    heard = None
    if receiver is not None:
        heard = received(definition, definition.points()[point], run, 1)
    drawn = states if sharp is None else sharp
    return Replay(run, states, jumps, drawn, axis, battery, heard, receiver, of_time)


def _sampled(result: Result, point: int) -> Choice:
    """How the single runs of point number `point` were made."""
    definition = result.study.definition
    if definition.runs is None:
        raise InputError("folder", definition.title, "holds no single runs")
    points = definition.points()
    whole_number("--point", point, least=0, most=len(points) - 1)
    return chosen(definition, points[point], "sample")


def _index(field: str, run: int, definition: RunDefinition, least: int | None = None) -> None:
    """Refuse the index of a run that the study does not hold."""
    first, runs = definition.first, definition.runs
    assert runs is not None
    whole_number(field, run, least=first if least is None else least, most=first + runs - 1)


def _battery_of(one: trajectories.SingleRun) -> NDArray[Any] | None:
    """The battery's state; of sharp excitations in all there is no coherence between its own."""
    spins = one.populations.shape[1] - 1
    if not np.abs(one.battery_j - spins / 2).max() < 0.25:  # nor where j is not sharp: NaN
        return None
    if one.battery_state is not None:
        return one.battery_state
    return np.einsum("tk,kl->tkl", one.populations, np.eye(spins + 1))


def _quantum(one: trajectories.SingleRun) -> tuple[pd.DataFrame, pd.DataFrame]:
    states = pd.DataFrame({"time": one.times, "M": one.M})
    for name in (*DRAWN, "emitted_photons", "absorbed_photons"):
        states[name] = getattr(one, name)
    if one.photons is not None:
        states["photons"] = one.photons
    if one.record is not None:
        states["record_x"] = one.record.real
        if np.iscomplexobj(one.record):
            states["record_y"] = one.record.imag
    for q in range(one.populations.shape[1]):
        states[f"population_{q}"] = one.populations[:, q]
    processes = [trajectories.PROCESSES[process] for process in one.processes]
    jumps = {"time": one.jump_times, "direction": one.directions, "process": processes}
    return states, pd.DataFrame(jumps)


def _without_record(
    definition: RunDefinition, model: Model, run: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    engine, times = engine_of(definition), definition.times_of(model)
    one = engine.sample(model, times, runs=1, seed=definition.seed, first=run)
    states = pd.DataFrame({"time": times, **one.values})
    return states, pd.DataFrame({"time": [], "direction": []})


def save_many(result: Result, first: int, last: int, point: int, folder: Path) -> list[Path]:
    """Write the runs `first` to `last` of one point as Parquet files; their paths.

    ``...-jumps`` has a row a jump, ``...-states`` one a run and output time, with the battery's
    conditional populations and a diffusive record, ``...-final`` one an amplitude of the state at
    the last time, and, where a record leaves a matrix, ``...-battery`` one an element of the
    battery's.
    """
    definition, one = result.study.definition, _sampled(result, point)
    _index("--run", first, definition)
    _index("--to", last, definition, least=first)
    if one.definition.engine != "quantum":
        raise InputError(
            "--to", last, "only of the quantum engine: paths have no photons one by one"
        )
    times = definition.times_of(definition.points()[point].model)
    runs = range(first, last + 1)
    found = trajectories.single_runs(one.model, times, definition.seed, runs)
    folder.mkdir(parents=True, exist_ok=True)
    name, paths = f"point-{point}-runs-{first}-{last}", []
    for kind, table in (
        ("jumps", found.jumps_to_dataframe()),
        ("states", found.states_to_dataframe()),
        ("final", found.final_states_to_dataframe()),
        ("battery", found.final_batteries_to_dataframe()),
    ):
        if kind == "battery" and table.empty:
            continue  # the amplitudes say all
        paths.append(folder / f"{name}-{kind}.parquet")
        table.to_parquet(paths[-1], index=False)
    return paths


def save_replay(one: Replay, folder: Path, name: str) -> list[Path]:
    """Write jumps, states, what a receiver records, and a figure; the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = {"jumps": one.jumps, "states": one.states}
    if one.received is not None:
        tables["received"] = one.received
    paths = []
    for kind, table in tables.items():
        paths.append(folder / f"{name}-{kind}.parquet")
        table.to_parquet(paths[-1], index=False)
    return paths + save_figure(draw_replay(one), folder, name)


def draw_replay(one: Replay) -> Figure:
    """Energies and ergotropy with photons as ticks; below, populations or what a receiver shows."""
    one, levels = one.on_axis, one.levels
    scopes = () if one.received is None else (draw_received_power, draw_received_field)
    count = 1 + bool(levels.size) + len(scopes)
    with figure_style():
        figure = empty_figure(5.0, 2.7 * count)
        grid = figure.subplots(count, 1, sharex=True, squeeze=False)
        above, *below = grid[:, 0]
        entries = _draw_energies(above, one)
        # below all panels, clear of the curves
        figure.legend(
            list(entries.values()), list(entries),
            loc="outside lower center", ncols=3, frameon=False,
        )  # fmt: skip
        if levels.size:
            draw_levels(figure, below.pop(0), one.states["time"], levels, "battery excitations")
        for axis, draw_scope in zip(below, scopes, strict=True):
            assert one.received is not None
            assert one.receiver is not None
            draw_scope(axis, one.received, one.receiver, 1.0)
        grid[-1, 0].set_xlabel(one.axis)
        open_frames(figure)
        return figure


def _draw_energies(axis: Axes, one: Replay) -> dict[str, Line2D]:
    """Curves, and jumps as ticks; what they are called."""
    entries: dict[str, Line2D] = {}
    shown = [name for name in DRAWN if name in one.drawn]
    for name, style, colour in zip(shown, STYLES, COLOURS, strict=False):
        (curve,) = axis.plot(one.drawn["time"], one.drawn[name], ls=style, color=colour)
        entries[in_words(name)] = curve
    for t, direction in zip(one.jumps["time"], one.jumps["direction"], strict=True):
        said, shade = TICKS[int(direction)]
        tick = axis.axvline(t, 0.0, 0.06, color=shade, lw=0.8)
        entries.setdefault(f"tick: {said}", tick)
    axis.set_ylabel("energy per spin  (ħω)")
    axis.set_title(f"run {one.run}", loc="left")
    return entries


def draw_levels(
    figure: Figure, axis: Axes, times: ArrayLike, levels: NDArray[np.float64], label: str
) -> None:
    """Probabilities `levels` (T, excitations) and their bar."""
    image = axis.pcolormesh(
        times,
        np.arange(levels.shape[1]),
        levels.T,
        cmap="viridis",
        vmin=0.0,
        shading="nearest",
        rasterized=True,
    )
    figure.colorbar(image, ax=axis, label="probability")
    axis.set_ylabel(label)
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
