"""`darkbattery regimes`: carry out, compare, tabulate, draw, print; and docs/regimes.md.

The study's definitions are carried out, as result folders, and compared with the exact ones.
Its second axis is a resonator's memory. One definition (`resonator.toml`) sweeps kappa/(g sqrt N)
and is taken at every size; exact averages of few spins and quantum jumps of many are the reference.
The other methods are the same definition on the other engine, and the reservoir that the resonator
would be if it were eliminated.
"""

import json
import math
import shutil
import time
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console

from darkbattery import meanfield, trajectories
from darkbattery.meanfield.expected import MAP
from darkbattery.nvmodel.method import offered
from darkbattery.nvmodel.numbers import counted
from darkbattery.nvmodel.resonator import ApproximationWarning, of_a_resonator
from darkbattery.runs.choice.choice import quantum_methods
from darkbattery.runs.compare.differences import curve_of, difference_rows, overlay
from darkbattery.runs.compare.distances import run_distance_rows
from darkbattery.runs.compare.matching import Pair, Series, Source, matched
from darkbattery.runs.compare.statements import error_bound
from darkbattery.runs.definitions.definition import RunDefinition, find_definition, read_definition
from darkbattery.runs.figures.style import save_figure
from darkbattery.runs.pages.marks import fill
from darkbattery.runs.ranks.world import rank_of, size_of
from darkbattery.runs.results.provenance import surroundings
from darkbattery.runs.results.store import load
from darkbattery.runs.start.owner import OWNER
from darkbattery.runs.start.workplace import Workplace, workplace
from darkbattery.runs.studies.kit import parabola_top
from darkbattery.runs.studies.regimes import memory_page
from darkbattery.runs.studies.regimes.drawing import DPI, draw_map, draw_power
from darkbattery.runs.studies.regimes.errors import ELIMINATED, Evidence, whole_map, written
from darkbattery.runs.studies.regimes.memory_page import draw_memory
from darkbattery.runs.studies.regimes.tables import HEADINGS, all_tables
from darkbattery.runs.studies.telling import copy_figures, rich_numbers, save_table

Array = NDArray[np.float64]

FIGURES, TABLES, RESULTS, RECORD = "figures", "tables", "results", "regimes.json"
PRINTED = ("usable", "stages", "laws", "memory_usable")
TITLES = HEADINGS | memory_page.HEADINGS
FOLDER = "regimes/"
GRIDS = ("small", "large")
METHODS = ("first", "second", "delay", "wigner")
NAMES = (
    *(f"{method}_{grid}" for grid in GRIDS for method in ("exact", *METHODS)),
    "steady",
    "ladder",
    "jumps",
    "paths",
)
NEAR_TOP = 0.95  # what a peak is fitted to
LADDER = "ladder"  # larger batteries, whose populations cost more than their energies
# of battery sizes beyond exact averages, and at which kappa over g sqrt N: at 5 a run of 600 takes
# ten times as long as at 1
RUNS = {30: 2000, 100: 500}
FEWER_LINES = {30: (0.2, 1.0, 5.0), 100: (0.2, 1.0)}
SIZES = (1, 2, 3, 5, 10, *RUNS)
PATHS, SEED = 20_000, 9
JUMPS_SEED = 21
ANY_ERROR = 1e300  # accepted: how wrong it is is what is asked


@dataclass(frozen=True)
class Order:
    """The study as asked for."""

    out: Path
    replace: bool = False
    time_limit_seconds: float | None = None


def make_regimes(order: Order, comm: Any, console: Console) -> None:
    """The crossover study into a folder, on all ranks of `comm`.

    Raises Stopped when asked to stop; definitions that are finished by then are not made again.
    """
    with workplace(order.out, order.replace, RECORD, order.time_limit_seconds, comm, console) as at:
        started = time.perf_counter()
        carry_out(at, comm)
        carry_out_memory(at, comm)
        if rank_of(comm) != 0:
            return
        with at.result() as aside:
            shutil.copytree(at.partial, aside / RESULTS, ignore=shutil.ignore_patterns(OWNER))
            write(aside, console)
            seconds = time.perf_counter() - started
            record = {"ranks": size_of(comm), "wall_seconds": round(seconds, 3), **surroundings()}
            (aside / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        console.print(f"{seconds:.1f} s on {counted(size_of(comm), 'rank')}", highlight=False)
        console.print(str(at.out), highlight=False, soft_wrap=True)


def write(folder: Path, console: Console) -> None:
    """Map, tables and figures of the results in `folder`."""
    evidence, memory = read_evidence(folder / RESULTS), read_memory(folder / RESULTS)
    errors = whole_map(evidence, memory)
    (folder / MAP).write_text(written(errors), encoding="utf-8")
    tables = all_tables(evidence, errors) | memory_page.memory_tables(memory, errors)
    for name, table in tables.items():
        save_table(table, folder / TABLES, name)
        if name in PRINTED:
            console.print(rich_numbers(table, TITLES[name]))
    save_figure(draw_map(evidence), folder / FIGURES, "regimes_map", DPI)
    save_figure(draw_power(evidence), folder / FIGURES, "regimes_size", DPI)
    save_figure(draw_memory(memory), folder / FIGURES, "regimes_memory", DPI)


def tell(result: Path, page: Path, package: Path = Path(meanfield.__file__).parent) -> None:
    """Put the tables of a result of `darkbattery regimes` into `page`, its PNGs beside it.

    The tables stand between marks; the map of errors in `meanfield/` is replaced by the result's.
    """
    tables = sorted((result / TABLES).glob("*.parquet"))
    fill(page, {path.stem: pd.read_parquet(path) for path in tables})
    copy_figures(result / FIGURES, page)
    shutil.copyfile(result / MAP, package / MAP)


def carry_out(at: Workplace, comm: Any = None) -> None:
    """Every definition of the study on all ranks; rank 0 leaves a result folder each."""
    for name in NAMES:
        at.study(name, read_definition(find_definition(FOLDER + name)), comm)


def read_evidence(folder: Path) -> Evidence:
    """Compare the results that `carry_out` left."""
    sources = {name: Source(name, load(folder / name).study, folder / name) for name in NAMES}
    differences, curves = [], []
    for grid in GRIDS:
        others = [sources[f"{method}_{grid}"] for method in METHODS]
        pairs = matched([sources[f"exact_{grid}"], *others], False, False).pairs
        differences += differences_of(pairs)
        curves += [_curve(pair) for pair in pairs]
    ladder = matched([sources[LADDER], sources["wigner_large"]], False, False).pairs
    differences += [row for row in differences_of(ladder) if row["observable"] == "ergotropy"]
    runs = matched([sources["jumps"], sources["paths"]], False, False).pairs
    distances = [
        {**_model(pair.other), **row} for pair in runs for row in run_distance_rows(pair, False)
    ]
    return Evidence(
        pd.DataFrame(differences),
        pd.concat(curves, ignore_index=True),
        _steady(sources["steady"]),
        pd.DataFrame(distances),
    )


def differences_of(pairs: Iterable[Pair]) -> list[dict[str, object]]:
    """Rows of `Evidence.differences`."""
    return [row for pair in pairs for row in _differences(pair)]


def _differences(pair: Pair) -> list[dict[str, object]]:
    method = pair.other.source.name.split("_")[0]
    rows = difference_rows(pair, scaled=False)
    return [
        {"method": method, **_model(pair.other), **row, **_finer(pair, row["observable"])}
        for row in rows
    ]


def _finer(pair: Pair, observable: Any) -> dict[str, float]:
    """Peaks between the output times, the noise of the largest difference, the end's error.

    The noise is what chance alone makes of it, over the curve's largest value.
    """
    curves = [curve_of(series, observable, False) for series in (pair.reference, pair.other)]
    found = overlay(*curves)
    size = float(np.abs(found.reference).max())
    noise = error_bound(found.time.size) * float(found.error.max()) / size if size else 0.0
    table = pair.other.table
    last = table[table["observable"] == observable].sort_values("time").iloc[-1]
    peaks = [fitted_peak(found.time, values) for values in (found.reference, found.other)]
    return {
        "noise": noise,
        "end_error": float(last["error"]),
        "peak": peaks[0][1],
        "peak_at": peaks[0][0],
        "peak_difference": peaks[1][1] - peaks[0][1],
        "peak_shift": peaks[1][0] - peaks[0][0],
    }


def fitted_peak(time: Array, value: Array) -> tuple[float, float]:
    """Time and height of the top: of the parabola through all that lies within 5 % of it.

    Sampled curves have many equal tops; the parabola has one. Where there are fewer than four
    such times, the largest value itself.

    >>> t = np.linspace(0.0, 4.0, 41)
    >>> at, height = fitted_peak(t, 1.0 / np.cosh(t - 1.93) ** 2)
    >>> round(at, 3), round(height, 3)
    (1.93, 1.0)
    """
    top = int(np.argmax(value))
    low = high = top
    while low > 0 and value[low - 1] >= NEAR_TOP * value[top]:
        low -= 1
    while high < value.size - 1 and value[high + 1] >= NEAR_TOP * value[top]:
        high += 1
    if high - low < 3 or value[top] <= 0.0:
        return float(time[top]), float(value[top])
    around = slice(low, high + 1)
    return parabola_top(time[around], value[around])


def _curve(pair: Pair) -> pd.DataFrame:
    curves = [curve_of(s, "battery_energy", False) for s in (pair.reference, pair.other)]
    found = overlay(*curves)
    facts = pair.other.facts
    growth = facts.rate * (facts.ratio - 1.0) / (facts.ratio + 1.0)
    return pd.DataFrame(
        {
            "method": pair.other.source.name.split("_")[0],
            **_model(pair.other),
            "stage": found.time * growth,
            "exact": found.reference,
            "difference": found.difference,
            "error": found.error,
        }
    )


def _model(series: Series) -> Mapping[str, float]:
    facts = series.facts
    return {
        "n_battery": facts.n_battery,
        "ratio": facts.ratio,
        "nbar": facts.nbar,
        "spins": facts.spins,
    }


def _steady(source: Source) -> pd.DataFrame:
    names = ["n_battery", "ratio", "nbar", "observable", "value"]
    return source.study.table[names]


def of_size(size: int) -> RunDefinition:
    """The definition at `size` battery spins, R and g sqrt N the same."""
    definition = read_definition(find_definition(f"{FOLDER}resonator"))
    fields = dict(definition.model)
    for name in ("battery", "charger"):
        (number,), (coupling,) = fields[f"{name}.number"], fields[f"{name}.coupling_hz"]
        fields[f"{name}.number"] = (size * number,)
        fields[f"{name}.coupling_hz"] = (coupling / math.sqrt(size),)
    if size not in RUNS:
        return replace(definition, model=tuple(fields.items()))
    fields["resonator.linewidth_fwhm_hz"] = FEWER_LINES[size]
    model = tuple(fields.items())
    return replace(definition, model=model, methods=("sample",), runs=RUNS[size], seed=JUMPS_SEED)


def on_other_engine(definition: RunDefinition) -> dict[str, RunDefinition]:
    """The semiclassical ways of what a definition asks, by the name that the map has for them."""
    averages = replace(
        definition, engine="semiclassical", methods=("evolve",), order=2, runs=None, seed=0
    )
    return {
        "second": averages,
        "delay": replace(averages, delays="averaged"),
        "wigner": replace(averages, methods=("sample",), order=None, runs=PATHS, seed=SEED),
    }


def carry_out_memory(at: Workplace, comm: Any = None, sizes: tuple[int, ...] = SIZES) -> None:
    """Every size by every method on all ranks; rank 0 leaves a result folder each."""
    for size in sizes:
        name, definition = f"resonator_{size}", of_size(size)
        at.study(name, definition, comm)
        for method, other in on_other_engine(definition).items():
            at.study(f"{method}_{name}", other, comm)


def read_memory(folder: Path, sizes: tuple[int, ...] = SIZES) -> pd.DataFrame:
    """Compare the results that `carry_out_memory` left.

    Rows as `Evidence.differences` has them, with columns ``linewidth``, kappa over g sqrt N,
    ``coupling``, g in rad/s, ``sampled``, whether the reference is, ``estimate``, what
    `EliminationError` says, and ``top``, ``top_at``, the largest value of the reference and when.
    """
    rows: list[dict[str, object]] = []
    for size in sizes:
        name = f"resonator_{size}"
        names = [name, *(f"{method}_{name}" for method in ("second", "delay", "wigner"))]
        sources = [Source(one, load(folder / one).study, folder / one) for one in names]
        rows += memory_rows(sources)
    return pd.DataFrame(rows)


def memory_rows(sources: list[Source]) -> list[dict[str, object]]:
    """Rows of one size: the first source is the reference."""
    pairs = [pair for pair in matched(sources, False, False).pairs if _of_another(pair)]
    first = sources[1].name
    pairs += [eliminated(pair.reference) for pair in pairs if pair.other.source.name == first]
    found: list[dict[str, object]] = []
    for pair in pairs:
        model = of_a_resonator(pair.reference.point.model)
        about = {
            "linewidth": float(f"{model.relative_linewidth:.6g}"),
            "coupling": model.charger.coupling,
            "sampled": pair.reference.method == "sample",
            "estimate": model.elimination_error().total,
        }
        for row in differences_of([pair]):
            exact = curve_of(pair.reference, str(row["observable"]), False)
            at, top = _highest(exact.time, exact.value)
            found.append(row | about | {"top": top, "top_at": at})
    return found


def eliminated(reference: Series) -> Pair:
    """What the reservoir gives that the resonator would be, at the reference's times."""
    model = of_a_resonator(reference.point.model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ApproximationWarning)
        battery = model.eliminate_resonator(tolerance=ANY_ERROR)
    table = reference.table.sort_values(["observable", "time"], kind="stable")
    known = offered(quantum_methods(battery, "evolve"), battery)
    names = [name for name in table["observable"].unique() if name in known]
    table = table[table["observable"].isin(names)]
    times = np.unique(table["time"].to_numpy(dtype=float))
    solution = trajectories.evolve(battery, times, names)
    values = np.concatenate([np.asarray(solution[name]) for name in names])
    table = table.assign(value=values, error=0.0)
    study = reference.source.study
    averages = replace(study.definition, methods=("evolve",), runs=None)
    source = Source(
        f"{ELIMINATED}_{reference.source.name}", replace(study, definition=averages, table=table)
    )
    return Pair(reference, replace(reference, source=source, table=table, method="evolve"))


def _of_another(pair: Pair) -> bool:
    return pair.reference.source is not pair.other.source


def _highest(time: Array, value: Array) -> tuple[float, float]:
    """When a curve is highest and how high, between its times."""
    i = int(np.argmax(value))
    if i in (0, value.size - 1):
        return float(time[i]), float(value[i])
    around = slice(i - 1, i + 2)
    return parabola_top(time[around], value[around])
