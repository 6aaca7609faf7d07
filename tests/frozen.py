"""Small studies of every shipped definition and sampler, and what they gave when last written down.

A change of form alone keeps them: whole numbers of single runs to the bit, everything else to nine
digits. After a change that is meant to move numbers: `python -m tests.frozen [NAME ...]` writes
them anew, and the commit says which moved and why.

Bits hold with one version of the compiler and of the linear algebra, and were the same on every
kind of processor they were compared on. The file lists these, first the one that the numbers were
written down on; elsewhere numbers alone are compared.
"""

import hashlib
import json
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from darkbattery import meanfield, trajectories
from darkbattery.nvmodel.battery import CollectiveBattery
from darkbattery.nvmodel.detector import Detector
from darkbattery.nvmodel.ensemble import SpinEnsemble
from darkbattery.nvmodel.fields import Resonator
from darkbattery.nvmodel.lines.shapes import QGaussian
from darkbattery.nvmodel.method import Summary
from darkbattery.nvmodel.protocol import Pulse, Stage
from darkbattery.nvmodel.pulse import Drive
from darkbattery.nvmodel.resonator import ResonatorBattery
from darkbattery.nvmodel.solution import Solution
from darkbattery.nvmodel.spins import LocalNoise
from darkbattery.runs.definitions.definition import parse_definition, shipped_definitions
from darkbattery.runs.definitions.tomlfile import read_toml
from darkbattery.runs.results.study import run_study

DIGESTS = Path(__file__).with_name("frozen.json")
NUMBERS = Path(__file__).with_name("frozen.npz")
TIMES = [0.0, 0.05, 0.3, 2.0]
SEED = 18


@dataclass(frozen=True)
class Found:
    """What a case gave: digests of whole numbers, and the other numbers by what they are."""

    digests: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    def put(self, name: str, array: Any) -> None:
        """Take an array in under `name`."""
        array = np.asarray(array)
        if array.dtype.kind in "biuOUT":
            content = "\n".join(map(str, (array.shape, *array.ravel().tolist())))
            self.digests[name] = hashlib.sha256(content.encode()).hexdigest()[:16]
        else:
            self.numbers[name] = array.ravel().astype(np.float64)

    def put_solution(self, solution: Solution, name: str = "") -> None:
        """Take in a solution: its tally, its rows and all that is read from them."""
        if solution.tally is not None:
            for key, counts in solution.tally.arrays().items():
                self.put(f"{name}tally {key}", counts)
        for key, values in solution.values.items():
            self.put(f"{name}{key}", values)
        for key, error in solution.errors.items():
            if error is not None:
                self.put(f"{name}error of {key}", error)
        for key, spread in solution.distributions.items():
            if spread.weight.dtype.kind in "iu":
                self.put(f"{name}distribution {key}", spread.weight)
        if solution.records is not None:
            self.put_table(solution.records, f"{name}rows ")

    def put_table(self, table: pd.DataFrame, name: str) -> None:
        """Take in the columns of a table."""
        for column in table.columns:
            self.put(f"{name}{column}", table[column].to_numpy())


def _fewer(name: str, value: Any) -> Any:
    """A sweep at its two ends, or at its smallest battery."""
    if isinstance(value, list):
        return value[:1] if name in ("n_battery", "number") else [value[0], *value[1:][-1:]]
    if isinstance(value, dict):
        found = {key: _fewer(key, one) for key, one in value.items()}
        return found | {"points": 2} if "points" in value else found
    return value


def small_version(content: Mapping[str, Any]) -> dict[str, Any]:
    """A definition with fewer points, times, runs and classes."""
    run = dict(content["run"])
    times = run.get("times")
    if isinstance(times, dict):
        run["times"] = times | {"points": 4}
    for name, most in (("runs", 12), ("single_runs", 1), ("classes", 5)):
        if name in run:
            run[name] = min(run[name], most)
    if "precision" in run:
        run["precision"] = run["precision"] | {"min_runs": 4}
    return {"model": _fewer("model", content["model"]), "run": run}


def of_definition(path: Path) -> Found:
    """What a small version of a shipped definition gives."""
    found = Found()
    study = run_study(parse_definition(small_version(read_toml("definition", path))))
    assert study is not None
    table = study.table
    for (method, name), part in table.groupby(["method", "observable"], sort=False):
        found.put(f"{method} {name}", part["value"].to_numpy())
        if part["error"].notna().any():
            found.put(f"{method} error of {name}", part["error"].to_numpy())
    for i, solution in enumerate(study.sampled):
        assert solution.tally is not None
        for key, counts in solution.tally.arrays().items():
            found.put(f"{i} tally {key}", counts)
    for name, part in study.single_runs.groupby("observable", sort=False):
        found.put(f"one by one {name}", part["value"].to_numpy(dtype=float))
    return found


def of_solution(solve: Callable[[], Solution]) -> Found:
    """What one call of an engine gives."""
    found = Found()
    found.put_solution(solve())
    return found


def of_single_run(battery: CollectiveBattery) -> Found:
    """What one run gives, followed again."""
    found = Found()
    one = trajectories.single_run(battery, TIMES, SEED, run=3)
    for name in ("directions", "processes", "battery_j", "charger_j", "M"):  # whole or half
        found.put(name, (2 * np.asarray(getattr(one, name))).astype(np.int64))
    for name in ("jump_times", "battery_energy", "ergotropy", "emitted_photons"):
        found.put(name, getattr(one, name))
    return found


COLD = CollectiveBattery(n_battery=3, n_charger=7)
WARM = CollectiveBattery(n_battery=3, n_charger=7, nbar=0.4)
LARGE = CollectiveBattery(n_battery=10**9, n_charger=5 * 10**9)
NOISE = LocalNoise(dephasing=0.3, emission=0.2, pumping=0.1)
NOISY = CollectiveBattery(2, 4, nbar=0.3, battery_noise=NOISE, charger_noise=NOISE, detuning=0.5)
SWITCHED = CollectiveBattery(
    2,
    4,
    protocol=(Stage(0.3), Pulse(dephase_battery=0.5), Stage(1.0, "none"), Stage(5.0, "battery")),
)
SEEN = CollectiveBattery(n_battery=3, n_charger=7, detector_efficiency=0.6)
WATCHED = CollectiveBattery(2, 4, detector=Detector("homodyne"))
HALF_WATCHED = CollectiveBattery(2, 4, detector=Detector("heterodyne", efficiency=0.6))
MODE = Resonator(frequency_hz=3.1e9, linewidth_fwhm_hz=13.8e6, temperature_k=0.2)
SPINS = SpinEnsemble(number=10**12, coupling=40.0, t2_s=1e-6)
MORE = replace(SPINS, number=5 * 10**12)  # a burst within the times below
WITH_MODE = ResonatorBattery(MORE, MODE, battery=SPINS)
BROAD = replace(MORE, line=QGaussian(5e6, q=1.39))
WITH_LINE = ResonatorBattery(BROAD, MODE, battery=SPINS)
DRIVEN = ResonatorBattery(SPINS, MODE, drive=Drive(amplitude=1e13, duration_s=1e-7))
SECONDS = [0.0, 1e-7, 4e-7]
ALIKE = SpinEnsemble(number=2, coupling=4.0)
FEW_WITH_MODE = ResonatorBattery(
    replace(ALIKE, number=4), Resonator(3.1e9, linewidth_fwhm_hz=1.0, temperature_k=0.1), ALIKE
)

SAMPLED = ("battery_energy", "power", "ergotropy", "daemonic_ergotropy", "peak_emission_time")
SPREADS = ("energy_variance_conditional", "energy_variance_runs", "fano_factor")


def _jumps(battery: CollectiveBattery, **more: Any) -> Callable[[], Found]:
    return partial(
        of_solution,
        partial(trajectories.sample, battery, TIMES, runs=50, seed=SEED, first=5, **more),
    )


def _paths(model: Any, times: list[float], **more: Any) -> Callable[[], Found]:
    return partial(
        of_solution, partial(meanfield.sample, model, times, runs=12, seed=SEED, first=5, **more)
    )


def _averages(evolve: Callable[..., Solution], *given: Any, **more: Any) -> Callable[[], Found]:
    return partial(of_solution, partial(evolve, *given, **more))


CASES: dict[str, Callable[[], Found]] = {
    **{name: partial(of_definition, path) for name, path in shipped_definitions().items()},
    "jumps: T = 0, table": _jumps(COLD),
    "jumps: T = 0, table with the ladder": _jumps(COLD, observables=(*SAMPLED[:4], *SPREADS)),
    "jumps: T = 0, records": _jumps(COLD, observables=SAMPLED),
    "jumps: T = 0, rows": _jumps(COLD, records=Summary(levels=(0.3,))),
    "jumps: T = 0, R < 1": _jumps(CollectiveBattery(7, 3), observables=SAMPLED),
    "jumps: T > 0": _jumps(WARM, observables=(*SAMPLED, *SPREADS)),
    "jumps: T > 0, rows": _jumps(WARM, records="summary"),
    "jumps: with the mode": _jumps(FEW_WITH_MODE),
    "jumps: in groups": partial(
        of_solution,
        partial(trajectories.sample, LARGE, [0.0, 5e-9, 2e-8], runs=3, seed=SEED),
    ),
    "jumps: noise": _jumps(NOISY, observables=(*SAMPLED, "local_loss")),
    "jumps: noise, rows": _jumps(NOISY, records="summary"),
    "jumps: protocol": _jumps(SWITCHED, observables=(*SAMPLED, "local_loss")),
    "jumps: detector": _jumps(SEEN, observables=SAMPLED),
    "jumps: homodyne": _jumps(WATCHED, observables=(*SAMPLED[:4], "information_gain")),
    "jumps: heterodyne, missed": _jumps(HALF_WATCHED, records="summary"),
    "one run: T = 0": partial(of_single_run, COLD),
    "one run: T > 0": partial(of_single_run, WARM),
    "one run: noise": partial(of_single_run, NOISY),
    "Wigner": _paths(WARM, TIMES),
    "Wigner: rows": _paths(COLD, TIMES, records="summary"),
    "Wigner: resonator": _paths(WITH_MODE, SECONDS),
    "Wigner: line": _paths(WITH_LINE, SECONDS, classes=5),
    "Wigner: drive": _paths(DRIVEN, SECONDS, observables=("charger_energy", "photons")),
    "averages: T > 0": _averages(trajectories.evolve, WARM, TIMES),
    "averages: entanglement": _averages(
        trajectories.evolve, COLD, TIMES, ("log_negativity", "entanglement_rate", "open_work")
    ),
    "averages: large": _averages(trajectories.evolve, LARGE, [0.0, 5e-9, 2e-8]),
    "averages: noise": _averages(trajectories.evolve, NOISY, TIMES),
    "averages: protocol": _averages(trajectories.evolve, SWITCHED, TIMES),
    "steady state": _averages(trajectories.steady_state, WARM),
    "moments: order 1": _averages(meanfield.evolve, WARM, TIMES, order=1),
    "moments: order 2": _averages(meanfield.evolve, WARM, TIMES, order=2),
    "moments: line": _averages(meanfield.evolve, WITH_LINE, SECONDS, order=2, classes=5),
    "moments: drive": _averages(meanfield.evolve, DRIVEN, SECONDS, order=1),
}


def machine() -> str:
    """What bits depend on beside the code."""
    versions = f"numba {numba.__version__}, numpy {np.__version__}, scipy {scipy.__version__}"
    return f"{platform.machine()}, {llvmlite.binding.get_host_cpu_name()}; {versions}"


def machines() -> list[str]:
    """Where these bits were seen, first where the numbers were written down."""
    return list(json.loads(DIGESTS.read_text())["machines"])


def find(name: str) -> Found:
    """What the case `name` gives now; on one thread, as studies are made."""
    with threadpool_limits(limits=1):
        return CASES[name]()


def kept() -> dict[str, Found]:
    """What every case gave when it was last written down."""
    found = {}
    with np.load(NUMBERS) as numbers:
        for name, one in json.loads(DIGESTS.read_text())["cases"].items():
            ends = np.cumsum(list(one["numbers"].values()))[:-1] if one["numbers"] else []
            parts = np.split(numbers[name], ends)
            found[name] = Found(one["digests"], dict(zip(one["numbers"], parts, strict=False)))
    return found


def keep(all_found: Mapping[str, Found], before: Mapping[str, Found]) -> None:
    """Write down what every case gives; machines whose bits these are no longer are struck out."""
    digests, old = ({n: one.digests for n, one in of.items()} for of in (all_found, before))
    seen = [] if digests != old else [one for one in machines() if one != machine()]
    cases = {
        name: {"digests": one.digests, "numbers": {k: v.size for k, v in one.numbers.items()}}
        for name, one in all_found.items()
    }
    content = {"machines": [machine(), *seen], "cases": cases}
    DIGESTS.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    numbers = {
        name: np.concatenate([np.empty(0), *one.numbers.values()])
        for name, one in all_found.items()
    }
    np.savez_compressed(NUMBERS, **numbers)


if __name__ == "__main__":
    before = kept()
    # numbers of two processors in one file would be compared with neither's accuracy
    chosen = sys.argv[1:] if machines()[0] == machine() else []
    now = before | {name: find(name) for name in chosen or CASES}
    keep({name: now[name] for name in CASES}, before)
