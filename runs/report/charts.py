"""The figures of a report, as Plotly figures: vectors that zoom and say value and error."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import seaborn as sns

from nvmodel.observables import OBSERVABLES
from runs.figures import BAND, fan_observable
from runs.study import Study
from runs.summary import curves
from runs.units import clock, unit_of

DASHES = {"evolve": "solid", "sample": "dot", "steady": "dash"}
MOST_FANS = 6  # points whose single runs are drawn
TABLE_ROWS = 11  # of the table beside a figure


@dataclass(frozen=True, eq=False)
class Chart:
    """A figure, what it is called, what it shows, and its numbers for those who do not see it."""

    name: str
    caption: str
    figure: go.Figure
    table: pd.DataFrame


def charts(study: Study) -> Iterator[Chart]:
    """All figures of a study: observables over time, distributions, single runs."""
    timed = study.table[np.isfinite(study.table["time"])]
    for name in timed["observable"].unique():
        yield _over_time(study, timed, str(name))
    yield from _distributions(study)
    yield from _fans(study)


def _over_time(study: Study, timed: pd.DataFrame, name: str) -> Chart:
    """Curves of one observable; sampled ones with a band of two standard errors."""
    figure, rows = go.Figure(), []
    steady = study.table[study.table["method"] == "steady"]
    for (label, part), colour in _coloured(study, timed[timed["observable"] == name]):
        for method, series in part.groupby("method", sort=False):
            called = ", ".join(filter(None, (label, str(method))))
            if series["error"].notna().any():
                figure.add_trace(_band(series, colour))
            figure.add_trace(_line(series, called, colour, DASHES.get(str(method), "solid")))
            rows.append(_few(series).assign(curve=called))
    for (_, part), colour in _coloured(study, steady[steady["observable"] == name]):
        for value in part["value"]:
            figure.add_hline(y=value, line={"color": colour, "width": 1, "dash": "dash"})
    observable = OBSERVABLES[name]
    label = f"{_html(observable.symbol)} ({unit_of(study.definition, name)})"
    _axes(figure, _html(clock(study.definition).axis), label)
    caption = f"{observable.definition}. Bands: two standard errors."
    if steady["observable"].eq(name).any():
        caption += " Dashed level: the steady state."
    table = pd.concat(rows)[["curve", "time", "value", "error"]]
    return Chart(name.replace("_", " "), caption, figure, table)


def _line(series: pd.DataFrame, called: str, colour: str, dash: str) -> go.Scatter:
    error = series["error"].to_numpy(dtype=float)
    known = np.isfinite(error).any()
    return go.Scatter(
        x=series["time"].to_numpy(),
        y=series["value"].to_numpy(),
        customdata=error if known else None,
        name=called,
        mode="lines",
        line={"color": colour, "dash": dash, "width": 1.8},
        hovertemplate="%{x:.4g}: %{y:.6g}" + (" ± %{customdata:.2g}" if known else " (exact)"),
    )


def _band(series: pd.DataFrame, colour: str) -> go.Scatter:
    low = (series["value"] - BAND * series["error"]).to_numpy()
    high = (series["value"] + BAND * series["error"]).to_numpy()
    time = series["time"].to_numpy()
    return go.Scatter(
        x=np.concatenate([time, time[::-1]]),
        y=np.concatenate([high, low[::-1]]),
        fill="toself",
        fillcolor=_faint(colour),
        line={"width": 0},
        hoverinfo="skip",
        showlegend=False,
    )


def _distributions(study: Study) -> Iterator[Chart]:
    """Each distribution at its last time, its weights as shares."""
    for name, whole in study.distributions.groupby("distribution", sort=False):
        figure, rows = go.Figure(), []
        for (label, part), colour in _coloured(study, whole):
            for method, one in part.groupby("method", sort=False):
                last = one[(one["time"] == one["time"].max()) | one["time"].isna()]
                last = last[last["weight"].cumsum() > 0]
                total = last["weight"].sum()
                if not total > 0:
                    continue
                called = ", ".join(filter(None, (label, str(method))))
                centre = ((last["low"] + last["high"]) / 2).to_numpy()
                share = (last["weight"] / total).to_numpy()
                figure.add_trace(
                    go.Scatter(
                        x=centre,
                        y=share,
                        name=called,
                        mode="lines+markers" if centre.size < 40 else "lines",
                        line={"color": colour, "dash": DASHES.get(str(method), "solid")}
                        | ({"shape": "hvh"} if centre.size >= 40 else {}),
                        hovertemplate="%{x:.4g}: %{y:.4g}",
                    )
                )
                numbers = pd.DataFrame({"curve": called, "value": centre, "share": share})
                rows.append(numbers.nlargest(TABLE_ROWS, "share").sort_values("value"))
        if rows:
            quantity = str(whole["quantity"].iloc[0])
            _axes(figure, quantity, "share")
            title = f"distribution: {str(name).replace('_', ' ')}"
            caption = f"{quantity}, at the last time where it depends on time; shares of the whole."
            yield Chart(title, caption, figure, pd.concat(rows))


def _fans(study: Study) -> Iterator[Chart]:
    """The first single runs one by one, and the average over all."""
    if not len(study.single_runs):
        return
    name = fan_observable(study.single_runs)
    runs = study.single_runs[study.single_runs["observable"] == name]
    means = dict(curves(study, study.table[study.table["observable"] == name]))
    for (point, part), colour in list(_coloured(study, runs))[:MOST_FANS]:
        figure = go.Figure()
        for run, one in part.groupby("run"):
            figure.add_trace(
                go.Scatter(
                    x=one["time"].to_numpy(),
                    y=one["value"].to_numpy(),
                    name=f"run {run}",
                    mode="lines",
                    line={"color": colour, "width": 1},
                    opacity=0.6,
                    showlegend=False,
                    hovertemplate=f"run {run}, " + "%{x:.4g}: %{y:.6g}",
                )
            )
        mean = means[point]
        mean = mean[mean["method"] == ("evolve" if "evolve" in set(mean["method"]) else "sample")]
        figure.add_trace(_line(mean, "average", "#888888", "solid"))
        label = f"{_html(OBSERVABLES[name].symbol)} ({unit_of(study.definition, name)})"
        _axes(figure, _html(clock(study.definition).axis), label)
        last = part[part["time"] == part["time"].max()]
        table = last[["run", "time", "value"]].reset_index(drop=True)
        title = ", ".join(filter(None, (f"{part['run'].nunique()} single runs", point)))
        yield Chart(title, "Single runs one by one; grey: the average over all.", figure, table)


def _coloured(study: Study, frame: pd.DataFrame) -> Iterator[tuple[tuple[str, pd.DataFrame], str]]:
    palette = sns.color_palette("colorblind", 10).as_hex()
    for i, point in enumerate(curves(study, frame) if len(frame) else []):
        yield point, palette[i % len(palette)]


def _few(series: pd.DataFrame) -> pd.DataFrame:
    rows = np.unique(np.linspace(0, len(series) - 1, TABLE_ROWS).round().astype(int))
    return series.iloc[rows]


def _axes(figure: go.Figure, x: str, y: str) -> None:
    figure.update_layout(
        xaxis={"title": {"text": x}, "ticks": "outside", "zeroline": False},
        yaxis={"title": {"text": y}, "ticks": "outside", "zeroline": False},
        margin={"l": 64, "r": 44, "t": 8, "b": 48},
        # in a margin of its own, clear of the legend and of the curves
        modebar={"orientation": "v"},
        hovermode="closest",
        # above the axes, where it pushes them down instead of lying over their labels
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 11}},
    )


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.25)"


def _html(symbol: str) -> str:
    """A label without TeX, which the page does not carry: $E_B$ -> E<sub>B</sub>."""
    text = symbol.strip("$")
    for tex, plain in (
        (r"\mathcal{E}", "ℰ"),
        (r"\dot S", "Ṡ"),
        (r"\Delta", "Δ"),
        (r"\gamma", "γ"),
        (r"\mathrm", ""),
        (r"\ ", " "),
    ):
        text = text.replace(tex, plain)
    base, below, rest = text.partition("_")
    if not below:
        return base
    if rest.startswith("{"):
        inside, _, after = rest[1:].partition("}")
        inside, after = inside.strip("{}"), after.strip("}")
    else:
        inside, after = rest[0], rest[1:]
    return f"{base}<sub>{inside}</sub>{after}"
