"""The figures of a report, as Plotly figures: vectors that zoom and say value and error."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from darkbattery.nvmodel.observables import OBSERVABLES, in_words
from darkbattery.nvmodel.solution import PROFILES
from darkbattery.runs.figures.axes import BAND, logarithmic
from darkbattery.runs.figures.histograms import Shares, shares_of
from darkbattery.runs.figures.sweep import (
    LINE_STYLES,
    Colour,
    Drawn,
    ordered,
    plan,
    position,
    shown,
    spread,
)
from darkbattery.runs.report.mathematics import set_html, symbol_html
from darkbattery.runs.results.jumps import drawn_run
from darkbattery.runs.results.summary import (
    Ends,
    Quantity,
    average_over_runs,
    averages_words,
    ends,
    fan_observable,
    quantities,
    read_of,
)
from darkbattery.runs.results.table import (
    Key,
    Study,
    asked_scale,
    rows_of,
    swept_names,
    time_scale,
    value_scale,
)

DASHES = ("solid", "dash", "dashdot", "dot", "longdashdot")  # as LINE_STYLES, in Plotly's words
SAID = {"sample": "single runs", "steady": "steady state"}
SIZES = {"evolve": 5, "sample": 10, "steady": 14}  # so that equal values do not hide one another
MOST_CURVES = 12
MOST_FANS = 3  # points whose single runs are drawn
MOST_RUNS = 20  # of a fan
MOST_NAMED = 8  # curves in a legend; more are told apart by their colours' order
MOST_TICKS = 8  # of swept values on a logarithmic axis
TABLE_ROWS = 11  # of the table beside a figure


@dataclass(frozen=True, eq=False)
class Chart:
    """A figure, what it is called, what it shows, and its numbers for those who do not see it.

    `caption` is HTML, `plain` the same in letters.
    """

    name: str
    caption: str
    plain: str
    figure: go.Figure
    table: pd.DataFrame


def charts(study: Study) -> Iterator[Chart]:
    """All figures of a study: against the swept field, over time, distributions, single runs."""
    if swept_names(study):
        of_point = ends(study)
        for quantity in quantities(study):
            yield _swept(study, of_point, quantity)
    timed = study.timed
    if timed["time"].nunique() > 1:
        for name in timed["observable"].unique():
            yield _over_time(study, timed, str(name))
    yield from _distributions(study)
    yield from _fans(study)


def _swept(study: Study, of_point: Mapping[Key, Sequence[Ends]], quantity: Quantity) -> Chart:
    """One quantity against the swept field."""
    chosen = plan(study, along=True, most=MOST_CURVES)
    found = chosen.rows(read_of(of_point, quantity))
    factor, label = quantity.scale(study, found)
    label = _tex_label(label)
    field = dict(study.definition.model).get(chosen.along, (None,))
    numbers = all(map(ordered, field))
    figure = go.Figure()
    groups = list(found.groupby(["method", "curve"], sort=False))
    for (method, _), curve in groups:
        figure.add_trace(_swept_curve(study, chosen.along, str(method), curve, factor))
    _axes(figure, chosen.along, label, len(groups))
    if numbers and logarithmic(np.array(field, dtype=float)):
        ticks = list(spread(sorted(field), MOST_TICKS))
        figure.update_xaxes(type="log", tickvals=ticks, ticktext=list(map(shown, ticks)))
    elif numbers and all(isinstance(x, int) for x in field) and np.ptp(field) < MOST_TICKS:
        figure.update_xaxes(dtick=1)  # there is no half of a spin
    table = found.assign(curve=[_called(study, d.point.swept, m) for d, m in
                                zip(found["drawn"], found["method"], strict=True)])  # fmt: skip
    notes = [f"Bars: {BAND:g} standard errors."] if found["error"].notna().any() else []
    return _chart(
        quantity.title,
        " ".join([f"{OBSERVABLES[quantity.name].definition}.", *notes, *_left_out(chosen.notes)]),
        figure,
        table[["curve", "value", "error"]],
    )


def _swept_curve(
    study: Study, along: str, method: str, curve: pd.DataFrame, factor: float
) -> go.Scatter:
    """One curve against the swept field, its points in the order of the definition."""
    field = dict(study.definition.model).get(along, (None,))
    numbers = all(map(ordered, field))
    one: Drawn = curve["drawn"].iloc[0]
    at = [x if numbers else shown(x) for x in curve["x"]]
    others = [(name, value) for name, value in one.point.swept if name != along]
    order = np.argsort([position(field, x) for x in curve["x"]], kind="stable")
    error = factor * curve["error"].to_numpy(dtype=float)[order]
    bars = {"array": BAND * error, "thickness": 1.2, "width": 0}
    return _curve(
        [at[i] for i in order],
        factor * curve["value"].to_numpy(dtype=float)[order],
        _called(study, others, method),
        f"{along} = %{{x}}",
        error,
        mode="markers" if method == "sample" else "lines+markers",
        line={"color": _css(one.colour), "dash": _dash(one.style), "width": 1.6},
        marker=_marker(method, one.colour) | {"size": SIZES[method]},
        error_y=bars if np.isfinite(error).any() else None,
    )


def _curve(
    x: Any, y: Any, called: str, at: str = "%{x:.4g}", error: Any = None, **look: Any
) -> go.Scatter:
    """A curve that says under the pointer where it is, its value, and the error if it has one."""
    known = error is not None and bool(np.isfinite(error).any())
    behind = " ± %{customdata:.2g}" if known else ""
    return go.Scatter(
        x=x,
        y=y,
        name=called,
        customdata=error if known else None,
        hovertemplate=f"{at}: %{{y:.6g}}{behind}<extra>{called}</extra>",
        **look,
    )


def _over_time(study: Study, timed: pd.DataFrame, name: str) -> Chart:
    """Curves of one observable; sampled ones with a band of two standard errors."""
    figure, rows = go.Figure(), []
    chosen = plan(study, along=False, most=MOST_CURVES)
    of_time, time = time_scale(study)
    factor, unit = value_scale(study, name)
    steady = study.table[study.table["method"] == "steady"]
    steady = steady[steady["observable"] == name]
    curves = 0
    for one in chosen.drawn:
        here = rows_of(timed[timed["observable"] == name], one.point)
        for method, part in here.groupby("method", sort=False):
            series = part.assign(time=part["time"] * of_time, value=part["value"] * factor)
            series["error"] = part["error"] * factor
            called, curves = _called(study, one.point.swept, str(method)), curves + 1
            if series["error"].notna().any():
                figure.add_trace(_band(series, one.colour))
            figure.add_trace(_line(series, called, str(method), one))
            rows.append(_few(part).assign(curve=called))
        for value in rows_of(steady, one.point)["value"]:
            line = {"color": _css(one.colour), "width": 1, "dash": "dash"}
            figure.add_hline(y=factor * value, line=line)
    _axes(figure, symbol_html(time), _label(name, unit), curves)
    if logarithmic(np.array(study.definition.times)):
        figure.update_xaxes(type="log")
    caption = f"{OBSERVABLES[name].definition}."
    if any(series["error"].notna().any() for series in rows):
        caption += f" Circles: single runs, bands: {BAND:g} standard errors."
    if len(steady):
        caption += " Dashed level: the steady state."
    caption += "".join(f" {note}" for note in _left_out(chosen.notes))
    if curves > MOST_NAMED and len(chosen.hues.values) > 1:
        low, high = shown(chosen.hues.values[0]), shown(chosen.hues.values[-1])
        caption += f" Dark to bright: {chosen.hues.field} from {low} to {high}."
    table = pd.concat(rows)[["curve", "time", "value", "error"]]
    return _chart(in_words(name), caption, figure, table)


def _line(series: pd.DataFrame, called: str, method: str, one: Drawn) -> go.Scatter:
    return _curve(
        series["time"].to_numpy(),
        series["value"].to_numpy(),
        called,
        error=series["error"].to_numpy(dtype=float),
        mode="lines" if method != "sample" and len(series) > 1 else "markers",
        line={"color": _css(one.colour), "dash": _dash(one.style), "width": 1.8},
        marker=_marker(method, one.colour),
    )


def _band(series: pd.DataFrame, colour: Colour) -> go.Scatter:
    low = (series["value"] - BAND * series["error"]).to_numpy()
    high = (series["value"] + BAND * series["error"]).to_numpy()
    time = series["time"].to_numpy()
    return go.Scatter(
        x=np.concatenate([time, time[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        fill="toself",
        fillcolor=_css(colour, 0.25),
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )


def _distributions(study: Study) -> Iterator[Chart]:
    """Each distribution at its last time, its weights as shares."""
    chosen = plan(study, along=False, most=MOST_CURVES)
    for name, whole in study.distributions.groupby("distribution", sort=False):
        if name in PROFILES:  # no shares: a map in the figure
            continue
        figure, rows = go.Figure(), []
        factor, unit = asked_scale(study, str(name))
        for drawn in chosen.drawn:
            for method, one in rows_of(whole, drawn.point).groupby("method", sort=False):
                last = one[(one["time"] == one["time"].max()) | one["time"].isna()]
                found = shares_of(last)
                if not found.share.size:
                    continue
                called = _called(study, drawn.point.swept, str(method))
                figure.add_trace(_shares(found, factor, called, drawn))
                middle, share = factor * found.middle, found.share
                rows.append(pd.DataFrame({"curve": called, "middle": middle, "share": share}))
        if rows:
            # words have more than one letter, and symbols one
            quantity = re.sub(r"(?<=\w\w)_", " ", str(whole["quantity"].iloc[0]))
            label = re.sub(r"\b([A-Z])_(\w)", r"\1<sub>\2</sub>", quantity)
            _axes(figure, f"{label} ({unit})" if unit else label, "share", len(rows))
            caption = f"{quantity}, at the last time where it depends on time; shares of the whole."
            yield _chart(f"distribution: {in_words(str(name))}", caption, figure, pd.concat(rows))


def _shares(found: Shares, factor: float, called: str, drawn: Drawn) -> go.Scatter:
    """Values as points, bins as steps that begin and end at their edges."""
    look = {"color": _css(drawn.colour), "dash": _dash(drawn.style), "width": 1.5}
    if found.are_values:
        x, y, mode = found.low, found.share, "lines+markers"
    else:
        x = np.append(found.edges[0], found.edges)
        y, mode = np.concatenate([[0.0], found.share, [0.0]]), "lines"
        look["shape"] = "hv"
    hover = f"%{{x:.4g}}: %{{y:.4g}}<extra>{called}</extra>"
    return go.Scatter(x=factor * x, y=y, name=called, mode=mode, line=look, hovertemplate=hover)


def _fans(study: Study) -> Iterator[Chart]:
    """The first single runs one by one, and the average over all."""
    if not len(study.single_runs):
        return
    name = fan_observable(study.single_runs)
    chosen = spread(plan(study, along=False, most=MOST_CURVES).drawn, MOST_FANS)
    table = study.table[study.table["observable"] == name]
    for one in chosen:
        yield _fan(study, one, name, rows_of(table, one.point))


def _fan(study: Study, one: Drawn, name: str, mean: pd.DataFrame) -> Chart:
    of_time, time = time_scale(study)
    factor, unit = value_scale(study, name)
    part = rows_of(study.single_runs[study.single_runs["observable"] == name], one.point)
    figure = go.Figure()

    def scaled(run: pd.DataFrame, called: str, **look: Any) -> go.Scatter:
        times, of_run = (run[column].to_numpy() for column in ("time", "value"))
        return _curve(of_time * times, factor * of_run, called, mode="lines", **look)

    for number, kept in list(part.groupby("run"))[:MOST_RUNS]:
        run = drawn_run(study.definition, one.point, int(str(number)), name, kept)
        line = {"color": _css(one.colour), "width": 1}
        figure.add_trace(scaled(run, f"run {number}", line=line, opacity=0.6, showlegend=False))
    line = {"color": "#888888", "width": 2.4}
    figure.add_trace(scaled(average_over_runs(study, mean), "average over all", line=line))
    _axes(figure, symbol_html(time), _label(name, unit), 1)
    last = part[part["time"] == part["time"].max()]
    count = min(part["run"].nunique(), MOST_RUNS)
    title = ", ".join(filter(None, (f"{count} single runs", one.label)))
    caption = "Single runs one by one, with their jumps; grey: the average over all."
    rows = last[["run", "time", "value"]].reset_index(drop=True)
    return _chart(title, caption, figure, rows)


def _chart(name: str, caption: str, figure: go.Figure, table: pd.DataFrame) -> Chart:
    for trace in figure.data:  # seven digits are more than a screen shows, and half of the page
        for axis in ("x", "y", "customdata"):
            if isinstance(trace[axis], np.ndarray) and trace[axis].dtype == np.float64:
                trace[axis] = trace[axis].astype(np.float32)
    return Chart(name, set_html(caption), caption, figure, table)


def _called(study: Study, swept: Any, method: str) -> str:
    fields = [f"{name} = {shown(value)}" for name, value in swept]
    return ", ".join([*fields, SAID.get(method) or averages_words(study.definition)])


def _left_out(notes: tuple[str, ...]) -> list[str]:
    return [f"{note[0].upper()}{note[1:]}." for note in notes]


def _tex_label(label: str) -> str:
    """$E_B$  (ħω) as HTML."""
    tex, _, unit = label.partition("  ")
    return f"{symbol_html(tex)} {unit}".rstrip()


def _label(name: str, unit: str) -> str:
    shown_symbol = symbol_html(OBSERVABLES[name].symbol)
    return shown_symbol if unit in ("", "1") else f"{shown_symbol} ({unit})"


def _few(series: pd.DataFrame) -> pd.DataFrame:
    rows = np.unique(np.linspace(0, len(series) - 1, TABLE_ROWS).round().astype(int))
    return series.iloc[rows]


def _axes(figure: go.Figure, x: str, y: str, curves: int) -> None:
    figure.update_layout(
        # margins grow with long tick labels, which else lie over the axis's own
        xaxis={"title": {"text": x}, "ticks": "outside", "zeroline": False, "automargin": True},
        yaxis={
            "title": {"text": y, "standoff": 8},
            "ticks": "outside",
            "zeroline": False,
            "automargin": True,
        },
        margin={"l": 64, "r": 44, "t": 8, "b": 48},
        # in a margin of its own, clear of the legend and of the curves
        modebar={"orientation": "v"},
        hovermode="closest",
        showlegend=curves <= MOST_NAMED,
        # above the axes, where it pushes them down instead of lying over their labels
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 11}},
    )


def _marker(method: str, colour: Colour) -> dict[str, Any]:
    symbols = {"sample": "circle-open", "steady": "diamond-open"}
    return {"color": _css(colour), "size": 5, "symbol": symbols.get(method, "circle")}


def _dash(style: Any) -> str:
    return DASHES[LINE_STYLES.index(style)]


def _css(colour: Colour, alpha: float = 1.0) -> str:
    red, green, blue = (round(255 * part) for part in colour[:3])
    return f"rgba({red},{green},{blue},{alpha:g})"
