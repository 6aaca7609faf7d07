"""What a user waits for: small studies, warm reservoirs, noisy runs, cold starts, memory of a rank.

    python benchmarks/waits.py [alternations] [--beside FOLDER] [--only NAME,NAME] [--page PAGE]

Each figure is made in a process of its own, on one core, the least of the alternations; of what
takes long one alternation is made. FOLDER is the checkout of an earlier version, whose packages may
stand at its top, as in version 0.1: it is measured in turn with this one, and on a shared machine
the ratio is what to read. With --page the table takes the place of what stands between the page's
marks. Rows that take minutes are made where --only names them. --list names all rows.
"""

import argparse
import importlib
import math
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

OF = "WAITS_OF"  # the checkout that a process measures, in whose folder processes start
ROOT = Path(os.environ.get(OF, Path(__file__).parents[1]))
PACKAGE = "darkbattery." if (ROOT / "darkbattery").is_dir() else ""  # at the top in version 0.1
STUDIES = "runs.start.execute" if (ROOT / "runs" / "start").is_dir() else "runs.execute"

trajectories = importlib.import_module(f"{PACKAGE}trajectories")
nvmodel = importlib.import_module(f"{PACKAGE}nvmodel")
CollectiveBattery, LocalNoise = nvmodel.CollectiveBattery, nvmodel.LocalNoise

TIMES = np.linspace(0.0, 2.0, 101)
DEPHASING = LocalNoise(dephasing=1.0)
NOISE = {"battery_noise": DEPHASING, "charger_noise": DEPHASING}
UNEQUAL = {"battery_noise": LocalNoise(1.0, 0.5), "charger_noise": LocalNoise(1.0, 0.1)}
BEST_OF = 3  # calls within a process; the first of all compiles and is not counted
TOGETHER = 4  # processes that start at once with nothing compiled
WIGNER_RUNS = 1 << 14
SWEEP = """[model]
n_battery = 1
n_charger = 5
nbar = {values}
[run]
engine = "quantum"
method = "evolve"
times = {{ start = 0.0, stop = 2.0, points = 101 }}
"""


@dataclass(frozen=True)
class Wait:
    """One figure: how it is made, in which unit, what was asked, and what holds it back."""

    title: str
    unit: str
    asked: float
    measure: Callable[[], float]
    holds: str = ""
    most: bool = False  # a rate: the larger, the better
    once: bool = False  # takes long: one alternation
    named: bool = False  # takes minutes: only where it is asked for

    def better(self, a: float, b: float) -> float:
        """The better of two figures."""
        return max(a, b) if self.most else min(a, b)


def past_burst(n_battery: int, n_charger: int, times: int) -> np.ndarray:
    """Output times until well past the burst."""
    last = (np.log(n_battery + n_charger) + 10.0) / max(n_charger - n_battery, 1)
    return np.linspace(0.0, last, times)


def seconds(call: Callable[[], object], warm: Callable[[], object] | None = None) -> float:
    """Processor seconds of a call, the least of some, after compilation."""
    (warm or call)()
    found = []
    for _ in range(1 if warm else BEST_OF):
        started = time.process_time()
        call()
        found.append(time.process_time() - started)
    return min(found)


def runs_a_second(battery: CollectiveBattery, times: np.ndarray, runs: int) -> float:
    """Single runs made and read in a second."""
    return runs / seconds(lambda: trajectories.sample(battery, times, runs=runs, seed=1).values)


def jumps_a_second(battery: CollectiveBattery, times: np.ndarray, runs: int) -> float:
    """Jumps of such runs, from the mean record of the first ones."""
    first = [trajectories.single_run(battery, times, seed=1, run=r) for r in range(30)]
    jumps = float(np.mean([one.jump_times.size for one in first]))
    return jumps * runs_a_second(battery, times, runs)


def averages(n_battery: int, n_charger: int, nbar: float, times: int, name: str) -> float:
    """Seconds of one observable's averages; compiled on a smaller battery."""
    call = lambda n_b, n_c, n: trajectories.evolve(  # noqa: E731
        CollectiveBattery(n_b, n_c, nbar=nbar), past_burst(n_b, n_c, n), [name]
    )
    small = (1000, 1000 * n_charger // n_battery) if name == "battery_energy" else (10, 50)
    return seconds(lambda: call(n_battery, n_charger, times), lambda: call(*small, 3))


def small_averages() -> float:
    """Milliseconds of all default averages of (1, 5)."""
    call = lambda: [trajectories.evolve(CollectiveBattery(1, 5), TIMES) for _ in range(100)]  # noqa: E731
    return 10.0 * seconds(call)


def _children(command: list[str], **variables: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    # as installed: modules are compiled once, and not anew by every process
    kept = {name: v for name, v in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment = kept | variables
    subprocess.run(
        command, check=True, capture_output=True, env=environment, cwd=ROOT, timeout=1200
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _command(definition: str, folder: str) -> list[str]:
    out = str(Path(folder) / "out")
    call = f"from {PACKAGE}runs.cli import main; main()"
    alone = ["--alone"] if PACKAGE else []
    return [sys.executable, "-c", call, "run", definition, "--out", out, "--replace", *alone]


def sweep_of_a_thousand() -> float:
    """Seconds of `darkbattery run` for averages at a thousand nbar."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sweep.toml"
        path.write_text(SWEEP.format(values=np.linspace(0.0, 1.0, 1000).round(6).tolist()))
        return _children(_command(str(path), folder))


def cold_start() -> float:
    """Seconds of the shipped study with nothing compiled."""
    with tempfile.TemporaryDirectory() as folder:
        return _children(_command("charging", folder), NUMBA_CACHE_DIR=folder)


def cold_start_together() -> float:
    """Processor seconds a process, of some that start at once with one empty cache."""
    call = f"import {PACKAGE}trajectories as t\n{SAMPLED.format(package=PACKAGE)}"
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"NUMBA_CACHE_DIR": folder}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        command = [sys.executable, "-c", call]
        started = [subprocess.Popen(command, env=environment, cwd=ROOT) for _ in range(TOGETHER)]
        assert not any(process.wait(timeout=600) for process in started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent / TOGETHER


def _peers_of_wigner() -> Any:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    return importlib.import_module("semiclassical_peers")


def _pace(ready: Any) -> float:
    return ready.units / seconds(ready.work)


def wigner_paths() -> float:
    """Microseconds a path of `meanfield.sample`, as `peers.py` has it."""
    return 1e6 / _pace(_peers_of_wigner().our_wigner(WIGNER_RUNS))


def wigner_beside_xmds() -> float:
    """Times as many paths as XMDS2 makes with 64 abreast; nan where it is not installed."""
    if shutil.which("xmds2") is None:
        return math.nan
    peers = _peers_of_wigner()
    ours = _pace(peers.our_wigner(WIGNER_RUNS))
    theirs = peers.xmds_wigner(WIGNER_RUNS, lanes=64)
    started = time.perf_counter()  # a program of its own
    theirs.work()
    return ours * (time.perf_counter() - started) / theirs.units


def megabytes(code: str) -> float:
    """Peak of a process that runs `code`."""
    peak = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    code = f"import {PACKAGE}trajectories as t, {PACKAGE}{STUDIES}\n{code}\n{peak}"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    return float(done.stdout) / 1024


SAMPLED = """
import numpy as np
from {package}nvmodel import CollectiveBattery
t.sample(CollectiveBattery(10, 50), np.linspace(0.0, 2.0, 101), runs=1000, seed=1).values
"""

LARGE_TIMES = past_burst(10_000, 11_000, 101)
WAITS = {
    "small averages": Wait(
        "averages of (1, 5), 101 times, all default observables",
        "ms",
        0.15,
        small_averages,
        "23 steps of 33 solves and 101 readings within them are a third; 20 us check a battery, "
        "25 us what is asked of whom, 20 us populations of 606 pure states",
    ),
    "sweep": Wait(
        "`darkbattery run` of 1,000 such averages",
        "s",
        2.0,
        sweep_of_a_thousand,
        "half draws 21 panels into four files: 2,600 layouts of a text; a sixth is averages, "
        "a quarter loads libraries and kernels",
        once=True,
    ),
    "warm runs": Wait(
        "runs (10, 50), nbar = 0.5, 101 times",
        "runs/s",
        2.5e5,
        lambda: runs_a_second(CollectiveBattery(10, 50, nbar=0.5), TIMES, 10_000),
        "3.6 GHz Zen 4: 195 random numbers, 0.3 us; 220 directions and waits abreast, 0.6 us; "
        "a list of 187 jumps and 101 times, 0.8 us; readings over 4 of 11 ladders, 1.4 us; "
        "2,100 sums and 101 bins, 0.7 us; 2 ms around all runs, 0.2 us",
        True,
    ),
    "cold runs": Wait(
        "runs (10, 50), T = 0, 101 times",
        "runs/s",
        3e6,
        lambda: runs_a_second(CollectiveBattery(10, 50), TIMES, 300_000),
        "2 GHz Zen: 44 random numbers at 4 ns, logarithms at 6, divisions at 3, counts at 4",
        True,
    ),
    "noise": Wait(
        "local noise (10, 50), 101 times",
        "jumps/s",
        1.8e6,
        lambda: jumps_a_second(CollectiveBattery(10, 50, **NOISE), TIMES, 1000),
        "3.6 GHz Zen 4: 69 jumps at 0.3 us, each of up to three channels, and 101 readings at "
        "0.1 us, of some 5 exponentials and 24 sums",
        True,
    ),
    "unequal": Wait(
        "the same, unequal emission, 2 times",
        "jumps/s",
        1.5e6,
        lambda: jumps_a_second(CollectiveBattery(10, 50, **UNEQUAL), TIMES[::100], 500),
        "3.6 GHz Zen 4: 0.6 us a jump, of up to 2 x 121 products with eigenvectors, 11 "
        "exponentials; 711 sets of eigenvectors at 2 us",
        True,
    ),
    "detuned": Wait(
        "the same, detuned, 2 times",
        "jumps/s",
        5e5,
        lambda: jumps_a_second(CollectiveBattery(10, 50, detuning=1.0, **NOISE), TIMES[::100], 100),
        "3.6 GHz Zen 4: 1.8 us a jump, of a series to order 64 at most over up to 11 J, summed "
        "some four times for a jump's time, and of three channels",
        True,
    ),
    "near R = 1": Wait(
        "runs at T = 0, R = 1.1, N_B = 1e4",
        "us",
        20.0,
        lambda: 1e6 / runs_a_second(CollectiveBattery(10_000, 11_000), LARGE_TIMES, 20_000),
        "2 GHz Zen: 18 us of 1,050 numbers; all 20,000 runs are read by one table, in 0.11 s",
    ),
    "R = 1": Wait(
        "energies, R = 1, N_B = 1e4, 101 times",
        "s",
        1.0,
        lambda: averages(10_000, 10_000, 0.0, 101, "battery_energy"),
        "713 chains of some 65 steps and halves, each of four resolvents of up to 193 rungs, one "
        "after the other, and 4 blocks of 16 rows, and of 8 lengths whose blocks are inverted, "
        "33 us each; a third is Python around them",
        once=True,
    ),
    "R = 1 of a million": Wait(
        "energies, R = 1, N_B = 1e6, 101 times",
        "s",
        10.0,
        lambda: averages(10**6, 10**6, 0.0, 101, "battery_energy"),
        "ten times as many ladders",
        once=True,
        named=True,
    ),
    "populations": Wait(
        "populations (1000, 5000), nbar = 0.5, 200 times",
        "s",
        20.0,
        lambda: averages(1000, 5000, 0.5, 200, "ergotropy"),
        "a third steps 372 pairs of ladders at 4,063 M, 1.5e6 unknowns; a third coefficients, "
        "made anew for each 20 times; the rest the 7e8 products of a state",
        once=True,
    ),
    "negativity": Wait(
        "log-negativity (50, 2500), 200 times",
        "s",
        10.0,
        lambda: averages(50, 2500, 0.0, 200, "log_negativity"),
        "2,600 blocks a time of some 9 reflections of 51 rows: 3e8 operations",
        once=True,
    ),
    "Wigner": Wait(
        "truncated Wigner, 6,000 spins at a mode, 101 times",
        "us/path",
        4.2,
        wigner_paths,
        "3.7 GHz Zen 4: 800 normal numbers at 2.6 ns, of some 17 instructions of eight numbers "
        "each; 400 steps at 3.2; 101 readings and sums of them, 1 us, a half of it memory",
    ),
    "Wigner beside XMDS2": Wait(
        "the same beside XMDS2, 64 paths abreast",
        "times as many",
        2.0,
        wigner_beside_xmds,
        "as above",
        True,
    ),
    "cold start": Wait(
        "`darkbattery run charging`, nothing compiled",
        "s",
        5.0,
        cold_start,
        "two thirds compile 11 kernels and 42 functions they call: a third of that in LLVM, the "
        "rest in numba's own Python, two fifths for the stepper of chains; a tenth draws figures",
        once=True,
    ),
    "cold start together": Wait(
        f"`sample` (10, 50), nothing compiled, {TOGETHER} processes at once",
        "s each",
        5.0,
        cold_start_together,
        "",
        once=True,
    ),
    "idle": Wait("memory of a rank, after imports", "MB", 150.0, lambda: megabytes("")),
    "sampling": Wait(
        "memory of a rank, `sample` (10, 50)",
        "MB",
        200.0,
        lambda: megabytes(SAMPLED.format(package=PACKAGE)),
    ),
}


def measured(name: str, folder: Path | None) -> float:
    """One figure, in a process of its own, by the package in `folder` or by this one."""
    root = str(folder or Path(__file__).parents[1])
    environment = os.environ | {"PYTHONPATH": root, OF: root}
    command = [sys.executable, __file__, "--row", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout.split()[-1])


def table(found: dict[str, dict[str, float]], beside: bool, alternations: int) -> str:
    """The table in Markdown."""
    from page import machine  # which loads this version's packages: not where another is measured

    head = "| what a user waits for | unit | before | now | now/before | asked | held by |"
    lines = [
        f"{machine()}, numpy {np.__version__};",
        f"the best of {alternations}, or one reading where that takes long.",
        "",
        head,
        "|---|---|---|---|---|---|---|",
    ]
    for name, figures in found.items():
        wait, new = WAITS[name], figures["now"]
        old = figures.get("before", float("nan"))
        before, ratio = (f"{old:.3g}", f"{new / old:.2f}") if beside else ("", "")
        reached = new >= wait.asked if wait.most else new <= wait.asked
        holds = "" if reached else wait.holds
        lines.append(
            f"| {wait.title} | {wait.unit} | {before} | {new:.3g} | {ratio} | {wait.asked:g} "
            f"| {holds} |"
        )
    return "\n".join(lines)


def _rows(names: str) -> list[str]:
    rows = [name.strip() for name in names.split(",")]
    if unknown := set(rows) - set(WAITS):
        raise argparse.ArgumentTypeError(f"{sorted(unknown)}: no rows; they are {list(WAITS)}")
    return rows


def main() -> None:
    """Measure, print, and fill the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("alternations", nargs="?", type=int, default=2)
    parser.add_argument("--row", choices=WAITS, help="measure here and print the figure alone")
    parser.add_argument("--only", type=_rows, help="names of rows, with commas between them")
    parser.add_argument("--list", action="store_true", help="print the names of all rows")
    parser.add_argument("--beside", type=Path, help="checkout of an earlier version")
    parser.add_argument("--page", type=Path, help="Markdown page whose section is renewed")
    options = parser.parse_args()
    if options.list:
        print("\n".join(WAITS))
        return
    if options.row:
        print(WAITS[options.row].measure())
        return
    folders = {"now": None} | ({"before": options.beside.resolve()} if options.beside else {})
    found: dict[str, dict[str, float]] = {}
    for name in options.only or [name for name, wait in WAITS.items() if not wait.named]:
        found[name] = {}
        for _ in range(1 if WAITS[name].once else options.alternations):
            for which, folder in folders.items():
                figure = measured(name, folder)
                found[name][which] = WAITS[name].better(figure, found[name].get(which, figure))
        print(name, found[name], file=sys.stderr, flush=True)
    text = table(found, bool(options.beside), options.alternations)
    print(text)
    if options.page:
        from darkbattery.runs.pages.marks import replaced

        before = options.page.read_text(encoding="utf-8")
        options.page.write_text(replaced(before, "waits", f"\n{text}\n\n"), encoding="utf-8")


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
