"""Where the time goes in each engine at three sizes; memory against N; compilation; two long cases.

    python benchmarks/profiles.py [--page docs/performance.md]

Processor time of one core after compilation, 101 output times until past the burst. The parts are
our modules by the time within themselves, compiled kernels and library calls counted with the
module that calls them (`cProfile`). Memory is the peak of a process for each size, above what the
process holds with its imports and compiled code loaded.
"""

import argparse
import cProfile
import gc
import json
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from cost import output_times
from page import machine, show
from semiclassical import nv
from threadpoolctl import threadpool_limits

from darkbattery import meanfield, trajectories
from darkbattery.nvmodel import CollectiveBattery

ROOT = Path(trajectories.__file__).parents[1]  # as the interpreter names it, through the links
OURS = tuple(str(ROOT / package) for package in ("nvmodel", "trajectories", "meanfield"))
BURST_SECONDS = np.linspace(0.0, 5e-6, 101)  # of the NV ensemble in semiclassical.py
SHOWN = 4  # parts of a line
DEEPEST = 8  # library calls between a function of ours and what it pays for
ASKED_TIMES, TRIED_TIMES = 200, 10  # of the long cases

Function = tuple[str, int, str]  # file, line, name, as cProfile has them


@dataclass(frozen=True)
class Case:
    """One call of an engine."""

    work: str
    size: str
    call: Callable[[], object]


def _spins(n_b: int, n_c: int) -> str:
    return f"({n_b}, {n_c})" if n_b < 10**6 else f"({n_b:.0e}, {n_c:.0e})"


def exact(n_b: int, n_c: int, nbar: float, name: str) -> Case:
    """`trajectories.evolve` for one observable."""
    battery = CollectiveBattery(n_b, n_c, nbar=nbar)
    times = output_times(battery)
    title = f"evolve {name}, nbar = {nbar:g}"
    return Case(title, _spins(n_b, n_c), lambda: trajectories.evolve(battery, times, [name]))


def single(n_b: int, n_c: int, nbar: float, runs: int) -> Case:
    """`trajectories.sample` with its readings."""
    battery = CollectiveBattery(n_b, n_c, nbar=nbar)
    times = output_times(battery)
    return Case(
        f"sample, nbar = {nbar:g}",
        f"{_spins(n_b, n_c)}, {runs} runs",
        lambda: trajectories.sample(battery, times, runs=runs, seed=1).values,
    )


def second_order(classes: int) -> Case:
    """`meanfield.evolve` with a resonator and a broad line."""
    return Case(
        "second order",
        f"{classes} classes each",
        lambda: meanfield.evolve(nv(), BURST_SECONDS, classes=classes),
    )


def wigner(classes: int, runs: int) -> Case:
    """`meanfield.sample` of the same."""
    return Case(
        "truncated Wigner",
        f"{classes} classes each, {runs} runs",
        lambda: meanfield.sample(nv(), BURST_SECONDS, runs=runs, seed=1, classes=classes).values,
    )


def eliminated(n_b: int, n_c: int, runs: int) -> Case:
    """`meanfield.sample` without a resonator."""
    battery = CollectiveBattery(n_b, n_c)
    times = output_times(battery)
    return Case(
        "truncated Wigner",
        f"{_spins(n_b, n_c)}, {runs} runs",
        lambda: meanfield.sample(battery, times, runs=runs, seed=1).values,
    )


PROFILED = [
    exact(10, 50, 0.0, "battery_energy"),
    exact(1000, 5000, 0.0, "battery_energy"),
    exact(10**12, 5 * 10**12, 0.0, "battery_energy"),
    exact(10, 50, 0.0, "ergotropy"),
    exact(50, 250, 0.0, "ergotropy"),
    exact(300, 1500, 0.0, "ergotropy"),
    exact(3, 15, 0.5, "ergotropy"),
    exact(10, 50, 0.5, "ergotropy"),
    exact(50, 250, 0.5, "ergotropy"),
    exact(3, 15, 0.0, "log_negativity"),
    exact(10, 50, 0.0, "log_negativity"),
    exact(30, 150, 0.0, "log_negativity"),
    single(10, 50, 0.0, 1_000_000),
    single(1000, 5000, 0.0, 20_000),
    single(10**6, 5 * 10**6, 0.0, 20),
    single(10, 50, 0.5, 50_000),
    single(1000, 5000, 0.5, 2000),
    single(10**6, 5 * 10**6, 0.5, 2),
    second_order(3),
    second_order(21),
    second_order(101),
    eliminated(10, 50, 20_000),
    wigner(3, 200),
    wigner(31, 50),
]

REMEMBERED = [
    *(exact(n, 5 * n, 0.0, "battery_energy") for n in (10, 1000, 10**6, 10**12)),
    *(exact(n, 5 * n, 0.0, "ergotropy") for n in (10, 100, 300)),
    *(exact(n, 5 * n, 0.5, "ergotropy") for n in (10, 50, 100)),
    *(single(n, 5 * n, 0.0, 10) for n in (10, 1000, 10**6)),
    *(single(n, 5 * n, 0.5, 2) for n in (10, 1000, 10**6)),
    *(second_order(classes) for classes in (3, 21, 101)),
    *(wigner(classes, 8) for classes in (3, 31)),
]
WARM = {
    "evolve battery_energy": [exact(10, 50, 0.0, "battery_energy"), exact(500, 2500, 0.0, "power")],
    "evolve ergotropy": [exact(2, 10, 0.0, "ergotropy"), exact(2, 10, 0.5, "ergotropy")],
    "evolve log_negativity": [exact(2, 10, 0.0, "log_negativity")],
    "sample": [single(2, 10, 0.0, 10), single(2, 10, 0.5, 10)],
    "second order": [second_order(2)],
    "truncated Wigner": [eliminated(2, 10, 8), wigner(2, 8)],
}


def parts(case: Case) -> tuple[float, Counter[str]]:
    """Processor seconds, and those within each of our modules with what they call elsewhere."""
    case.call()
    profile = cProfile.Profile(time.process_time)
    started = time.process_time()
    profile.runcall(case.call)
    total = time.process_time() - started
    entries = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    found: Counter[str] = Counter()
    for function, (_, _, own, _, _) in entries.items():
        for name, share in _owners(function, entries, ()).items():
            found[name] += own * share
    return total, found


def _owners(function: Function, entries: dict, inside: tuple[Function, ...]) -> dict[str, float]:
    """Our modules on whose behalf a function runs, with their shares of its time."""
    if _ours(function):
        return {Path(function[0]).stem: 1.0}
    callers = {c: times[3] for c, times in entries[function][4].items() if c not in inside}
    whole = sum(callers.values())
    found: Counter[str] = Counter()
    if len(inside) == DEEPEST or not whole:
        return {}
    for caller, cumulative in callers.items():
        for name, share in _owners(caller, entries, (*inside, function)).items():
            found[name] += share * cumulative / whole
    return found


def _ours(function: Function) -> bool:
    return function[0].startswith(OURS)


def profiles() -> pd.DataFrame:
    """One line a case."""
    rows = []
    for case in PROFILED:
        total, found = parts(case)
        shares = ", ".join(
            f"{name} {100 * own / total:.0f} %"
            for name, own in found.most_common(SHOWN)
            if own > 0.03 * total
        )
        one = {"work": case.work, "size": case.size, "seconds": f"{total:.2g}", "parts": shares}
        rows.append(one)
    return pd.DataFrame(rows)


def remember(case: Case) -> float:
    """Megabytes that one call takes beyond what is loaded; run in a process of its own (Linux)."""
    for key, warm in WARM.items():
        if case.work.startswith(key):
            for small in warm:
                small.call()
    gc.collect()
    # forget the peak of the imports; ru_maxrss would also remember the parent's
    Path("/proc/self/clear_refs").write_text("5")
    loaded = _status_megabytes("VmRSS")
    case.call()
    return _status_megabytes("VmHWM") - loaded


def _status_megabytes(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def memory() -> pd.DataFrame:
    """One line a case, each in a new process."""
    rows = []
    for number, case in enumerate(REMEMBERED):
        command = [sys.executable, __file__, "--remember", str(number)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        taken = f"{json.loads(run.stdout):.1f}"
        rows.append({"work": case.work, "size": case.size, "MB more": taken})
    return pd.DataFrame(rows)


def long_cases() -> pd.DataFrame:
    """Populations and log-negativity of (50, 2500); the latter from few times and scaled."""
    rows = []
    for nbar in (0.0, 0.5):
        battery = CollectiveBattery(50, 2500, nbar=nbar)
        times = np.linspace(0.0, output_times(battery)[-1], ASKED_TIMES)
        taken = f"{_seconds(battery, times, 'ergotropy'):.2g}"
        rows.append({"observable": "populations", "nbar": f"{nbar:g}", "seconds": taken})
        every = ASKED_TIMES // TRIED_TIMES
        some = times[every // 2 :: every]  # not t = 0, which is a product state
        taken = _seconds(battery, some, "log_negativity")
        scaled = (
            f"{taken * ASKED_TIMES / some.size:.2g} ({taken:.2g} for {some.size} times, scaled)"
        )
        rows.append({"observable": "log-negativity", "nbar": f"{nbar:g}", "seconds": scaled})
    return pd.DataFrame(rows)


def _seconds(battery: CollectiveBattery, times: np.ndarray, name: str) -> float:
    started = time.process_time()
    trajectories.evolve(battery, times, [name])
    return time.process_time() - started


FIRST_RUN = """
from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery
trajectories.sample(CollectiveBattery(1, 5), [0.0, 1.0], runs=1, seed=1).values
"""
FIRST_ENERGIES = """
from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery
trajectories.evolve(CollectiveBattery(10**15, 5 * 10**15), [0.0, 1e-14], ["battery_energy"])
"""
FIRST_ERGOTROPY = """
from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery
trajectories.evolve(CollectiveBattery(1, 5, nbar=0.5), [0.0, 1.0], ["ergotropy"])
"""
FIRST_WARM_RUN = """
import numpy
from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery
battery = CollectiveBattery(10, 50, nbar=0.5)
trajectories.sample(battery, numpy.linspace(0.0, 2.0, 101), runs=1, seed=1).values
"""
COMMAND_LINE = "from darkbattery.runs.cli import main; main()"


def compilation() -> pd.DataFrame:
    """Processor time of new processes, with an empty cache of compiled code and with a full one."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for title, command in (
            ("import and one single run", ["-c", FIRST_RUN]),
            ("import and one run at nbar = 0.5", ["-c", FIRST_WARM_RUN]),
            ("import and the ergotropy of (1, 5)", ["-c", FIRST_ERGOTROPY]),
            ("import and energies of 6e15 spins", ["-c", FIRST_ENERGIES]),
            (
                "`darkbattery run charging`",
                ["-c", COMMAND_LINE, "run", "charging", "--out", f"{folder}/out", "--replace"],
            ),
        ):
            cache = {**os.environ, "NUMBA_CACHE_DIR": f"{folder}/{title}"}
            cold, warm = (f"{_processor_seconds(command, cache):.1f}" for _ in range(2))
            rows.append({"command": title, "empty cache": cold, "compiled kernels": warm})
    return pd.DataFrame(rows)


def _processor_seconds(command: list[str], environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, *command], env=environment, check=True, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--remember", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--page", type=Path, help="Markdown page whose tables are renewed")
    options = parser.parse_args()
    if options.remember is not None:
        print(json.dumps(remember(REMEMBERED[options.remember])))
        return
    made = {
        "profiles": profiles,
        "memory": memory,
        "long cases": long_cases,
        "first calls": compilation,
    }
    for name, make in made.items():
        show(name, make(), f"{machine()}.", options.page)


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
