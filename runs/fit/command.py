"""`darkbattery fit`: read traces, fit, draw, write the fitted device, print."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from threadpoolctl import threadpool_limits

from darkbattery.nvmodel.numbers import in_unit
from darkbattery.nvmodel.refusal import InputError, whole_number
from darkbattery.runs.definitions.devicefile import device_named, write_device
from darkbattery.runs.figures.style import save_figure
from darkbattery.runs.fit.drawing import draw_fit
from darkbattery.runs.fit.model import predicted
from darkbattery.runs.fit.solve import Fit, Problem, fit, problem_of
from darkbattery.runs.fit.traces import Trace, read_trace
from darkbattery.runs.results.provenance import surroundings
from darkbattery.runs.results.store import FIGURES
from darkbattery.runs.start.workplace import workplace
from darkbattery.runs.terminal.tables import Listing

RECORD, DEVICE = "fit.json", "device.toml"
# chi square a degree of freedom above which the model does not describe the data; and a correlation
# above which two parameters are hardly told apart
BAD, STRONG = 1.5, 0.95
MOST_STEPS = 100_000


@dataclass(frozen=True)
class Order:
    """A fit as asked for."""

    device: str
    data: tuple[Path, ...]
    free: tuple[str, ...]
    nuisances: tuple[str, ...]
    posterior: int
    seed: int
    out: Path | None
    replace: bool


def execute(order: Order, console: Console) -> None:
    """Carry out an order; leaves the result folder and prints what was found."""
    problem = _problem(order)
    steps = whole_number("--posterior", order.posterior, least=0, most=MOST_STEPS)
    if 0 < steps < 50:
        raise InputError("--posterior", steps, "must be at least 50, or 0 for none")
    out = order.out or Path("results") / f"fit-{Path(order.device).stem}"
    with (
        workplace(out, order.replace, RECORD, None, None, console) as at,
        threadpool_limits(limits=1),
    ):
        found = fit(problem, steps, order.seed)
        with at.result() as aside:
            _write(found, aside)
    console.print(_listing(found))
    for line in remarks(found):
        console.print(line, highlight=False)
    console.print(str(at.out / DEVICE), highlight=False, soft_wrap=True)


def _problem(order: Order) -> Problem:
    device = device_named("fit", order.device)
    traces = [read_trace(path) for path in order.data]
    return problem_of(device, traces, order.free, order.nuisances)


def parameters(found: Fit) -> pd.DataFrame:
    """Columns name, trace, value, error, start, in the units of the names (SI for nuisances)."""
    rows = []
    for one, x, error in zip(found.problem.unknowns, found.x, found.errors, strict=True):
        value = one.value(float(x))
        spread = error * one.size * (abs(value) if one.logarithmic else 1.0)
        trace = "" if one.trace < 0 else found.problem.traces[one.trace].name
        rows.append((one.name, trace, value, spread, one.start))
    return pd.DataFrame(rows, columns=["name", "trace", "value", "error", "start"])


def residuals(found: Fit) -> pd.DataFrame:
    """Columns trace, x, part, data, model, residual (in standard deviations)."""
    device, nuisances = found.problem.at(found.x)
    frames = []
    for trace, own in zip(found.problem.traces, nuisances, strict=True):
        model = predicted(trace, device, own)
        pairs = [("real", trace.y.real, model.real)]
        if trace.is_complex:
            pairs.append(("imag", trace.y.imag, model.imag))
        for part, y, m in pairs:
            columns = {"trace": trace.name, "x": trace.x, "part": part, "data": y, "model": m}
            frames.append(pd.DataFrame(columns | {"residual": (y - m) / trace.noise}))
    return pd.concat(frames, ignore_index=True)


def remarks(found: Fit) -> list[str]:
    """How good the fit is, and what it cannot tell apart, one line each."""
    reduced = found.chi_square / max(1, found.freedom)
    lines = [f"chi square {found.chi_square:.5g} for {found.freedom} degrees of freedom"]
    if reduced > BAD:
        lines.append(
            f"warning: {reduced:.3g} a degree of freedom: the model does not describe the data, "
            "and the errors are too small; see the residuals"
        )
    names = [one.label for one in found.problem.unknowns]
    own = [i for i, one in enumerate(found.problem.unknowns) if one.trace < 0]
    for k, i in enumerate(own):
        for j in own[k + 1 :]:
            if abs(found.correlations[i, j]) > STRONG:
                value = f"{found.correlations[i, j]:+.3f}"
                lines.append(f"{names[i]} and {names[j]}: correlation {value}")
    return lines


def _write(found: Fit, folder: Path) -> None:
    write_device(found.device, folder / DEVICE)
    parameters(found).to_parquet(folder / "parameters.parquet", index=False)
    residuals(found).to_parquet(folder / "residuals.parquet", index=False)
    names = [one.label for one in found.problem.unknowns]
    correlations = pd.DataFrame(found.correlations, columns=names)
    correlations.insert(0, "name", names)
    correlations.to_parquet(folder / "correlations.parquet", index=False)
    if found.samples is not None:
        values = {
            one.label: [one.value(float(x)) for x in column]
            for one, column in zip(found.problem.unknowns, found.samples.T, strict=True)
        }
        pd.DataFrame(values).to_parquet(folder / "posterior.parquet", index=False)
    save_figure(draw_fit(found), folder / FIGURES, "fit")
    record: dict[str, Any] = {
        "device": found.device.name,
        "traces": [trace.name for trace in found.problem.traces],
        "parameters": parameters(found).to_dict(orient="records"),
        "chi_square": found.chi_square,
        "freedom": found.freedom,
        "correlations": {"names": names, "matrix": np.round(found.correlations, 6).tolist()},
        "remarks": remarks(found),
        **surroundings(),
    }
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def _listing(found: Fit) -> Listing:
    columns = ("parameter", "value", "error", "start")
    table = Listing("Fitted jointly", columns, left=("parameter",), whole=("parameter",))
    traces = {one.name: one for one in found.problem.traces}
    for row in parameters(found).itertuples():
        unit = _unit(row.name, traces.get(row.trace))
        name = row.name if not row.trace else f"{row.trace}: {row.name}"
        error = in_unit(row.error, unit, 2)
        table.add_row(name, in_unit(row.value, unit, 5), error, in_unit(row.start, unit, 4))
    return table


def _unit(name: str, trace: Trace | None) -> str:
    if trace is not None and (trace.kind, name) == ("burst", "background"):
        return "W" if trace.calibrated else "1"
    ends = {"_hz": "Hz", "_s": "s", "_k": "K", "delay": "s", "peak": "s", "phase": "rad"}
    return next((unit for end, unit in ends.items() if name.endswith(end)), "1")
