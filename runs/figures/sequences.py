"""A sequence on one sheet: energies, power at a port and what the lines hold, above each other."""

from itertools import chain

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from darkbattery.nvmodel.observables import in_words
from darkbattery.runs.definitions.definition import Point
from darkbattery.runs.definitions.units import prefixed, unit_of
from darkbattery.runs.figures.axes import banded
from darkbattery.runs.figures.shots import draw_received_field, draw_received_power
from darkbattery.runs.figures.stages import INVERSION, draw_stages, line_maps, mesh_of, shade_stages
from darkbattery.runs.figures.style import COLOURS, empty_figure, figure_style, open_frames
from darkbattery.runs.results.table import Study, rows_of, time_scale

Colour = tuple[float, float, float]

# observables of each panel above the maps, of those that are there
PANELS = (("battery_energy", "ergotropy_local"), ("charger_energy",), ("output_power",))
MOST_SHOTS = 20  # drawn one by one
ROOM = 0.12  # above and below the curves, of their height


def sequence_of(study: Study) -> Point | None:
    """The one point of a study that is a sequence at a resonator whose lines were kept."""
    points = study.definition.points()
    model = points[0].model
    there = model.resonator is not None and model.protocol and line_maps(study)
    return points[0] if there and len(points) == 1 else None


def draw_sequence(study: Study, point: Point) -> Figure:
    """Mean, its band of two errors and single shots; stages are named once, and shaded."""
    known = set(study.table["observable"])
    panels = [[name for name in names if name in known] for names in PANELS]
    panels, maps = [names for names in panels if names], line_maps(study)
    receiver = study.definition.receiver if len(study.single_runs) else None
    scopes = [] if receiver is None else [draw_received_power, draw_received_field]
    above = len(panels) + len(scopes)
    count = above + len(maps)
    with figure_style():
        figure = empty_figure(7.2, 1.9 * count + 0.6)
        grid = figure.add_gridspec(count, 2, width_ratios=(1.0, 0.025))
        colours = iter(COLOURS[:4])
        axes = [figure.add_subplot(grid[0, 0])]
        axes += [figure.add_subplot(grid[i, 0], sharex=axes[0]) for i in range(1, count)]
        for axis, names in zip(axes, panels, strict=False):
            for name in names:
                _draw_curves(axis, study, point, name, next(colours))
            _label(axis, study, point, names)
        for axis, draw_scope in zip(axes[len(panels) :], scopes, strict=False):
            assert receiver is not None
            shots = rows_of(study.single_runs, point)
            draw_scope(axis, shots, receiver, time_scale(study)[0])
        for axis, (title, rows) in zip(axes[above:], maps.items(), strict=True):
            drawn = mesh_of(axis, rows, study)
            axis.set_ylabel(axis.get_ylabel().replace("from the line's centre", "detuning"))
            axis.set_title(f"{title}, over its line", fontsize="medium", loc="left")
        bar = figure.colorbar(drawn, cax=figure.add_subplot(grid[above:, 1]))
        bar.set_label(INVERSION)
        if panels:
            draw_stages(axes[0], study, {})
        for axis in axes[bool(panels) : above]:
            shade_stages(axis, study)
        for axis in axes[:-1]:
            axis.tick_params(labelbottom=False)
        of_time, label = time_scale(study)
        axes[-1].set_xlabel(label)
        axes[-1].set_xlim(study.definition.times[0] * of_time, study.definition.times[-1] * of_time)
        figure.align_ylabels(axes)
        figure.suptitle(study.definition.title, parse_math=False, fontsize="medium")
        open_frames(figure)
        return figure


def _draw_curves(axis: Axes, study: Study, point: Point, name: str, colour: Colour) -> None:
    of_time, (factor, _) = time_scale(study)[0], _scale(study, point, name)
    shots = rows_of(study.single_runs, point) if len(study.single_runs) else study.single_runs
    # a shot's own ergotropy is no part of that of the mean state
    if len(shots) and name != "ergotropy_local":
        shots = shots[shots["observable"] == name]
        for _, one in list(shots.groupby("run"))[:MOST_SHOTS]:
            axis.plot(one["time"] * of_time, one["value"] * factor, color=colour, lw=0.5, alpha=0.5)
    rows = rows_of(study.table[study.table["observable"] == name], point)
    for method in ("evolve", "sample"):
        curve = rows[rows["method"] == method]
        if not len(curve):
            continue
        t, value = curve["time"] * of_time, curve["value"] * factor
        banded(
            axis, t, value, factor * curve["error"], 0.3, color=colour, lw=1.5, label=in_words(name)
        )


def _label(axis: Axes, study: Study, point: Point, names: list[str]) -> None:
    name, unit = names[0], _scale(study, point, names[0])[1]
    axis.margins(y=ROOM)
    if name == "output_power":
        port = _port(point)
        where = "all that leaves" if port is None else f"out of port {port[0]}"
        shots = " and single shots" if len(study.single_runs) else ""
        axis.set_title(
            f"power {where}: mean{shots}", fontsize="medium", loc="left", parse_math=False
        )
        axis.set_ylabel(f"power ({unit})")
        return
    axis.set_title(", ".join(map(in_words, names)), fontsize="medium", loc="left")
    axis.set_ylabel(f"per spin ({unit})")
    if len(names) > 1:
        axis.legend(frameon=False, fontsize="small", loc="center left")


def _scale(study: Study, point: Point, name: str) -> tuple[float, str]:
    """Factor from the table to the axis and the unit there: of power that of the last port."""
    share = 1.0
    if name == "output_power" and (port := _port(point)) is not None:
        share = port[1]
    tables = [study.table, study.single_runs] if len(study.single_runs) else [study.table]
    values = chain.from_iterable(
        table.loc[table["observable"] == name, "value"].abs().to_list() for table in tables
    )
    factor, unit = prefixed(share * max(values, default=0.0), unit_of(study.definition.model, name))
    return share * factor, unit


def _port(point: Point) -> tuple[str, float] | None:
    """The last port, and its share of what leaves."""
    resonator = point.model.resonator
    if resonator is None or not resonator.ports:
        return None
    name, rate = list(resonator.rates.items())[-1]
    return name, rate / resonator.kappa
