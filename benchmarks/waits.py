"""What a user waits for: small studies, warm reservoirs, noisy runs, cold starts, memory of a rank.

    python benchmarks/waits.py [alternations] [--beside FOLDER] [--only NAME] [--page PAGE]

Each figure is made in a process of its own, on one core, the least of the alternations. FOLDER is
the checkout of an earlier version, which is measured in turn with this one: on a shared machine
read the ratio. With --page the table takes the place of what stands between the page's marks.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import llvmlite.binding
import numpy as np
from threadpoolctl import threadpool_limits

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery, LocalNoise

TIMES = np.linspace(0.0, 2.0, 101)
DEPHASING = LocalNoise(dephasing=1.0)
NOISE = {"battery_noise": DEPHASING, "charger_noise": DEPHASING}
UNEQUAL = {"battery_noise": LocalNoise(1.0, 0.5), "charger_noise": LocalNoise(1.0, 0.1)}
BEST_OF = 3  # calls within a process; the first of all compiles and is not counted
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
    small = (300, 300 * n_charger // n_battery) if name == "battery_energy" else (10, 50)
    return seconds(lambda: call(n_battery, n_charger, times), lambda: call(*small, 3))


def small_averages() -> float:
    """Milliseconds of all default averages of (1, 5)."""
    call = lambda: [trajectories.evolve(CollectiveBattery(1, 5), TIMES) for _ in range(100)]  # noqa: E731
    return 10.0 * seconds(call)


def _children(command: list[str], **variables: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = os.environ | variables
    subprocess.run(command, check=True, capture_output=True, env=environment, timeout=1200)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _command(definition: str, folder: str) -> list[str]:
    out = str(Path(folder) / "out")
    call = "from darkbattery.runs.cli import main; main()"
    return [sys.executable, "-c", call, "run", definition, "--out", out, "--replace", "--alone"]


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


def megabytes(code: str) -> float:
    """Peak of a process that runs `code`."""
    peak = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    code = f"import darkbattery.trajectories as t, darkbattery.runs.execute\n{code}\n{peak}"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout) / 1024


SAMPLED = """
import numpy as np
from darkbattery.nvmodel import CollectiveBattery
t.sample(CollectiveBattery(10, 50), np.linspace(0.0, 2.0, 101), runs=1000, seed=1).values
"""

LARGE_TIMES = past_burst(10_000, 11_000, 101)
WAITS = {
    "small averages": Wait(
        "averages of (1, 5), 101 times, all default observables",
        "ms",
        0.15,
        small_averages,
        "some 850 calls in Python and numpy; stepping is a tenth of the time",
    ),
    "sweep": Wait(
        "`darkbattery run` of 1,000 such averages",
        "s",
        2.0,
        sweep_of_a_thousand,
        "a thousand calls of the row above",
    ),
    "warm runs": Wait(
        "runs (10, 50), nbar = 0.5, 101 times",
        "runs/s",
        2.5e5,
        lambda: runs_a_second(CollectiveBattery(10, 50, nbar=0.5), TIMES, 10_000),
        "190 jumps, and 101 readings over 11 ladders",
        True,
    ),
    "cold runs": Wait(
        "runs (10, 50), T = 0, 101 times",
        "runs/s",
        3e6,
        lambda: runs_a_second(CollectiveBattery(10, 50), TIMES, 300_000),
        "41 random numbers and logarithms, 3.7 ns each, and as many counts",
        True,
    ),
    "noise": Wait(
        "local noise (10, 50), 101 times",
        "jumps/s",
        1.8e6,
        lambda: jumps_a_second(CollectiveBattery(10, 50, **NOISE), TIMES, 1000),
        "101 readings over the ladders of both irreps, to 69 jumps",
        True,
    ),
    "unequal": Wait(
        "the same, unequal emission, 2 times",
        "jumps/s",
        1.5e6,
        lambda: jumps_a_second(CollectiveBattery(10, 50, **UNEQUAL), TIMES[::100], 500),
        "a jump's work is the square of the smaller number of spins",
        True,
    ),
    "detuned": Wait(
        "the same, detuned, 2 times",
        "jumps/s",
        5e5,
        lambda: jumps_a_second(CollectiveBattery(10, 50, detuning=1.0, **NOISE), TIMES[::100], 100),
        "the same, with complex eigenvectors",
        True,
    ),
    "near R = 1": Wait(
        "runs at T = 0, R = 1.1, N_B = 1e4",
        "us",
        20.0,
        lambda: 1e6 / runs_a_second(CollectiveBattery(10_000, 11_000), LARGE_TIMES, 20_000),
    ),
    "R = 1": Wait(
        "energies, R = 1, N_B = 1e4, 101 times",
        "s",
        1.0,
        lambda: averages(10_000, 10_000, 0.0, 101, "battery_energy"),
        "712 ladders, each with chains on grids of its own",
    ),
    "populations": Wait(
        "populations (1000, 5000), nbar = 0.5, 20 times",
        "s",
        2.0,
        lambda: averages(1000, 5000, 0.5, 20, "ergotropy"),
        "372 pairs of ladders at 4,063 M: 1.5e6 unknowns a state, 7e8 products to read one",
    ),
    "negativity": Wait(
        "log-negativity (50, 2500), 5 times",
        "s",
        0.25,
        lambda: averages(50, 2500, 0.0, 5, "log_negativity"),
        "1,700 blocks of up to 51 rows a time: 3e8 operations for their eigenvalues",
    ),
    "cold start": Wait(
        "`darkbattery run charging`, nothing compiled",
        "s",
        5.0,
        cold_start,
        "a third draws figures; the stepper of chains is half of what is compiled",
    ),
    "idle": Wait("memory of a rank, after imports", "MB", 150.0, lambda: megabytes("")),
    "sampling": Wait(
        "memory of a rank, `sample` (10, 50)", "MB", 200.0, lambda: megabytes(SAMPLED)
    ),
}


def measured(name: str, folder: Path | None) -> float:
    """One figure, in a process of its own, by the package in `folder` or by this one."""
    root = folder or Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, __file__, "--row", name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout.split()[-1])


def table(found: dict[str, dict[str, float]], beside: bool, alternations: int) -> str:
    """The table in Markdown."""
    now = datetime.now(tz=UTC).date()
    cpu = llvmlite.binding.get_host_cpu_name()
    about = f"{now}, one core of {platform.machine()} ({cpu}), numpy {np.__version__}"
    head = "| what a user waits for | unit | before | now | now/before | asked | held by |"
    lines = [f"{about}; the best of {alternations}.", "", head, "|---|---|---|---|---|---|---|"]
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


def main() -> None:
    """Measure, print, and fill the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("alternations", nargs="?", type=int, default=3)
    parser.add_argument("--row", choices=WAITS, help="measure here and print the figure alone")
    parser.add_argument("--only", action="append", choices=WAITS)
    parser.add_argument("--beside", type=Path, help="checkout of an earlier version")
    parser.add_argument("--page", type=Path, help="Markdown page whose section is renewed")
    options = parser.parse_args()
    if options.row:
        print(WAITS[options.row].measure())
        return
    folders = {"now": None} | ({"before": options.beside.resolve()} if options.beside else {})
    found: dict[str, dict[str, float]] = {}
    for name in options.only or WAITS:
        found[name] = {}
        for _ in range(options.alternations):
            for which, folder in folders.items():
                figure = measured(name, folder)
                found[name][which] = WAITS[name].better(figure, found[name].get(which, figure))
        print(name, found[name], file=sys.stderr, flush=True)
    text = table(found, bool(options.beside), options.alternations)
    print(text)
    if options.page:
        from darkbattery.runs.pages import replaced

        before = options.page.read_text(encoding="utf-8")
        options.page.write_text(replaced(before, "waits", f"\n{text}\n\n"), encoding="utf-8")


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
