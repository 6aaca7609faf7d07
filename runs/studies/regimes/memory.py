"""The second axis of the crossover study: methods beside what is exact with a resonator's memory.

One definition (`resonator.toml`) sweeps kappa/(g sqrt N) and is taken at every size; exact averages
of few spins and quantum jumps of many are the reference. The other methods are the same definition
on the other engine, and the reservoir that the resonator would be if it were eliminated.
"""

import math
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from darkbattery import trajectories
from darkbattery.nvmodel.method import offered
from darkbattery.nvmodel.resonator import ApproximationWarning, of_a_resonator
from darkbattery.runs.choice.choice import quantum_methods
from darkbattery.runs.compare.differences import curve_of
from darkbattery.runs.compare.matching import Pair, Series, Source, matched
from darkbattery.runs.definitions.definition import RunDefinition, find_definition, read_definition
from darkbattery.runs.results.store import load
from darkbattery.runs.start.workplace import Workplace
from darkbattery.runs.studies.regimes.errors import ELIMINATED
from darkbattery.runs.studies.regimes.evidence import FOLDER, differences_of

# of battery sizes beyond exact averages, and at which kappa over g sqrt N: at 5 a run of 600 takes
# ten times as long as at 1
RUNS = {30: 2000, 100: 500}
FEWER_LINES = {30: (0.2, 1.0, 5.0), 100: (0.2, 1.0)}
SIZES = (1, 2, 3, 5, 10, *RUNS)
PATHS, SEED = 20_000, 9
JUMPS_SEED = 21
ANY_ERROR = 1e300  # accepted: how wrong it is is what is asked


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


def carry_out(at: Workplace, comm: Any = None, sizes: tuple[int, ...] = SIZES) -> None:
    """Every size by every method on all ranks; rank 0 leaves a result folder each."""
    for size in sizes:
        name, definition = f"resonator_{size}", of_size(size)
        at.study(name, definition, comm)
        for method, other in on_other_engine(definition).items():
            at.study(f"{method}_{name}", other, comm)


def read_memory(folder: Path, sizes: tuple[int, ...] = SIZES) -> pd.DataFrame:
    """Compare the results that `carry_out` left.

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
            at, top = highest(exact.time, exact.value)
            found.append(row | about | {"top": top, "top_at": at})
    return found


def highest(time: NDArray[np.float64], value: NDArray[np.float64]) -> tuple[float, float]:
    """When a curve is highest and how high, between its times: a parabola through three of them.

    >>> t = np.linspace(0.0, 3.0, 31)
    >>> at, top = highest(t, np.sin(t))
    >>> round(at, 3), round(top, 4)
    (1.571, 1.0)
    """
    i = int(np.argmax(value))
    if i in (0, value.size - 1):
        return float(time[i]), float(value[i])
    before, here, after = (float(value[j]) for j in (i - 1, i, i + 1))
    bend = 2.0 * here - before - after
    if bend <= 0.0:
        return float(time[i]), here
    step, shift = float(time[i + 1] - time[i]), 0.5 * (after - before) / bend
    return float(time[i]) + shift * step, here + 0.25 * (after - before) * shift


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
