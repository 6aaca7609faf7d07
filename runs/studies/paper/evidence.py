"""What the figures and claims are read from: the definitions carried out, as wide tables."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from threadpoolctl import threadpool_limits

from darkbattery import trajectories
from darkbattery.nvmodel.experiment import Model, of_the_reservoir
from darkbattery.runs.definitions.definition import (
    Point,
    RunDefinition,
    find_definition,
    read_definition,
    shipped_definitions,
)
from darkbattery.runs.ranks.world import rank_of, size_of
from darkbattery.runs.results.study import run_study
from darkbattery.runs.results.table import Study
from darkbattery.runs.studies.kit import parabola_top
from darkbattery.runs.studies.paper.claims import Evidence

Array = NDArray[np.float64]

FOLDER = "paper/"
ZOOM_POINTS = 9  # over the bracket of three times: each zoom is four times finer
MOST_ZOOMS = 4  # 256 times finer: for the maxima that are jumps, which no parabola fits
# neighbours this close to the top, relatively: the next term of the series beyond the parabola
# is then of the order of its square, 1e-5
SMOOTH = 3e-3


@dataclass(frozen=True)
class PeakTable:
    """A table of the peaks over time of all points of some definitions."""

    name: str
    sources: tuple[str, ...]


PEAK_TABLES = (
    PeakTable("power peaks by size", ("peaks_size",)),
    PeakTable("power peaks by ratio", ("peaks_ratio",)),
    PeakTable("power peaks of large batteries", ("peaks_large_size",)),
    PeakTable("rate peaks", ("rates_one", "rates_size")),
    PeakTable("rate peaks at R = 50", ("rates",)),
    PeakTable("rate peaks of large batteries", ("rates_large_size",)),
    PeakTable("rate peaks of large chargers", ("rates_large_ratio",)),
)
_SOURCES = {peaks.name: peaks.sources for peaks in PEAK_TABLES}
SWEPT_TEMPERATURE = ("warm", "warm_large")


def definition_names() -> tuple[str, ...]:
    """All definitions of the paper, without their folder."""
    shipped = shipped_definitions()
    return tuple(name.removeprefix(FOLDER) for name in shipped if name.startswith(FOLDER))


def _carry_out(name: str, definition: RunDefinition, comm: Any) -> Study | None:
    return run_study(definition, comm)


def gather(
    tables: Iterable[str] | None = None,
    comm: Any = None,
    carry_out: Callable[[str, RunDefinition, Any], Study | None] = _carry_out,
) -> Evidence | None:
    """Carry out what `tables` need (default: everything) on all ranks; None but on rank 0.

    `carry_out` may know of a definition that was finished before, by its name.
    """
    names = [*definition_names(), *_SOURCES] if tables is None else list(tables)
    sources = sorted({source for name in names for source in _SOURCES.get(name, (name,))})
    definitions = {name: read_definition(find_definition(FOLDER + name)) for name in sources}
    found: dict[str, pd.DataFrame] = {}
    for name, definition in definitions.items():
        study = carry_out(name, definition, comm)
        if study is not None:
            table = wide(study)
            found[name] = with_slope(table) if name in SWEPT_TEMPERATURE else table
    for peaks in PEAK_TABLES:
        if peaks.name in names:
            parts = [
                peaks_over_time(definitions[source], found.get(source), comm)
                for source in peaks.sources
            ]
            found[peaks.name] = pd.concat(parts, ignore_index=True)
    return Evidence(found, definitions) if rank_of(comm) == 0 else None


def wide(study: Study) -> pd.DataFrame:
    """The table of a study of one method with a column for each observable and model field.

    And ``energy_lack``, what is missing to a full battery.
    """
    swept = [name for name, values in study.definition.model if len(values) > 1]
    index = [*swept, "time"]
    table = study.table.pivot(index=index, columns="observable", values="value").reset_index()
    fixed = {name: values[0] for name, values in study.definition.model if len(values) == 1}
    table = table.rename_axis(columns=None).assign(**fixed)
    if "battery_energy" in table:
        table["energy_lack"] = 1.0 - table["battery_energy"]
    return table


def peaks_over_time(
    definition: RunDefinition, table: pd.DataFrame | None, comm: Any = None
) -> pd.DataFrame:
    """One row a point: ``power_peak``, ``rate_peak``, their times, and the ``lag`` between them.

    `table` is needed on rank 0 only; the points are spread over the ranks of `comm`, the result is
    on all.
    """
    points, ranks = definition.points(), size_of(comm)
    shared = table if comm is None else comm.bcast(table, root=0)
    with threadpool_limits(limits=1):  # as in `run_study`
        mine = [_peaks_of(point, shared) for point in points[rank_of(comm) :: ranks]]
    gathered = [mine] if comm is None else comm.allgather(mine)
    return pd.DataFrame([gathered[i % ranks][i // ranks] for i in range(len(points))])


def _peaks_of(point: Point, table: pd.DataFrame) -> dict[str, Any]:
    battery = of_the_reservoir(point.model)
    row: dict[str, Any] = {"n_battery": battery.n_battery, "ratio": battery.ratio}
    here = (table["n_battery"] == row["n_battery"]) & np.isclose(table["ratio"], row["ratio"])
    curve = table[here].sort_values("time")
    times = curve["time"].to_numpy()
    for observable, name in (("power", "power"), ("entanglement_rate", "rate")):
        if observable in curve:
            peak = local_peak(battery, observable, times, curve[observable].to_numpy())
            row |= {f"{name}_peak": peak.value, f"{name}_time": peak.time}
    if "rate_time" in row:
        row["lag"] = row["rate_time"] - row["power_time"]
    return row


@dataclass(frozen=True)
class Peak:
    """Where and how high; NaN where there is no local maximum."""

    time: float
    value: float


def local_peak(battery: Model, observable: str, times: Array, values: Array) -> Peak:
    """The largest local maximum after the start.

    Parameters
    ----------
    times, values : ndarray (T,)
        The curve as computed; asked for again between its highest times until a parabola fits.
        The entanglement rate jumps up at kinks of the negativity and falls from there: the top of
        the jump is then the maximum.

    Examples
    --------
    >>> from darkbattery.nvmodel import CollectiveBattery
    >>> battery = CollectiveBattery(n_battery=1, n_charger=1)
    >>> times = np.linspace(0.0, 2.0, 9)
    >>> power = trajectories.evolve(battery, times, observables=["power"])["power"]
    >>> peak = local_peak(battery, "power", times, power)  # (1 - exp(-t)) exp(-t)/2: ln 2 and 1/8
    >>> round(peak.time, 3), round(peak.value, 6)
    (0.693, 0.125)
    """
    top = _largest_interior(values)
    if top is None:
        return Peak(math.nan, math.nan)
    for _ in range(MOST_ZOOMS):
        if np.ptp(values[top - 1 : top + 2]) <= SMOOTH * abs(values[top]):
            break
        times = np.linspace(times[top - 1], times[top + 1], ZOOM_POINTS)
        values = trajectories.evolve(battery, times, observables=[observable])[observable]
        top = 1 + int(np.argmax(values[1:-1]))
    else:
        return Peak(float(times[top]), float(values[top]))
    around = slice(top - 1, top + 2)
    return Peak(*parabola_top(times[around], values[around]))


def _largest_interior(values: Array) -> int | None:
    inner = values[1:-1]
    local = 1 + np.flatnonzero((inner > values[:-2]) & (inner >= values[2:]))
    return int(local[np.argmax(values[local])]) if local.size else None


def with_slope(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `table` with ``energy_slope``, dE_B/dT of a cubic spline through them.

    The closed forms are exact and smooth, so the spline's slope is as good as its steps are small:
    on steps of 0.05 to 1e-3 of the largest slope. At T = 0 all derivatives vanish, with exp(-1/T).
    """
    parts = []
    for _, part in table.groupby(["ratio", "battery_start"]):
        ordered = part.sort_values("temperature")
        spline = CubicSpline(
            ordered["temperature"], ordered["battery_energy"], bc_type=("clamped", "not-a-knot")
        )
        parts.append(ordered.assign(energy_slope=spline(ordered["temperature"], 1)))
    return pd.concat(parts, ignore_index=True)
