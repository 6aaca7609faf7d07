"""A dozen figures beside a stored baseline of the same class of machine, in two minutes.

    python benchmarks/quick.py [--keep]

Each figure is divided by a calibration loop timed around it, so that a busy or slower machine of
the class gives the same number; what takes a quarter longer than the baseline is named. --keep
writes the baseline, benchmarks/baseline.json, for this class. A tool for people: no test fails.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import llvmlite.binding
import numpy as np
from threadpoolctl import threadpool_limits
from waits import NOISE, TIMES, UNEQUAL, past_burst

from darkbattery import meanfield, trajectories
from darkbattery.nvmodel import CollectiveBattery

BASELINE = Path(__file__).with_name("baseline.json")
FALLEN = 1.25  # times the baseline
TURNS, SECONDS = 5, 0.2  # a figure is the median of so many turns, each of about so many seconds


def runs(battery: CollectiveBattery, count: int, times: np.ndarray = TIMES) -> Callable[[], object]:
    """Single runs, made and read."""
    return lambda: trajectories.sample(battery, times, runs=count, seed=1).values


def averages(battery: CollectiveBattery, *names: str) -> Callable[[], object]:
    """Exact averages at 101 times until past the burst."""
    times = past_burst(battery.n_battery, battery.n_charger, 101)
    return lambda: trajectories.evolve(battery, times, names or None)


PLAIN, WARM = CollectiveBattery(10, 50), CollectiveBattery(10, 50, nbar=0.5)
FIGURES: dict[str, Callable[[], object]] = {
    "averages (1, 5)": averages(CollectiveBattery(1, 5)),
    "averages (10, 50)": averages(PLAIN),
    "averages (10, 50), nbar = 0.5": averages(WARM),
    "energies (1e12, 5e12)": averages(CollectiveBattery(10**12, 5 * 10**12), "battery_energy"),
    "log-negativity (10, 50)": averages(PLAIN, "log_negativity"),
    "runs (10, 50)": runs(PLAIN, 50_000),
    "runs (10, 50), nbar = 0.5": runs(WARM, 3_000),
    "runs (10000, 11000)": runs(CollectiveBattery(10_000, 11_000), 3_000),
    "runs (1e15, 5e15)": runs(CollectiveBattery(10**15, 5 * 10**15), 30),
    "runs with dephasing": runs(CollectiveBattery(10, 50, **NOISE), 200),
    "runs with unequal emission": runs(CollectiveBattery(10, 50, **UNEQUAL), 60, TIMES[::100]),
    "second order": lambda: meanfield.evolve(PLAIN, TIMES),
    "truncated Wigner": lambda: meanfield.sample(PLAIN, TIMES, runs=3_000, seed=1).values,
}


def calibration() -> float:
    """Processor seconds of a fixed piece of work: Python, vectors and a product of matrices."""
    x, a = np.linspace(1.0, 2.0, 100_000), np.eye(100)
    started = time.process_time()
    for _ in range(10):
        np.log(x).sum()
        a = a @ a
        sum(range(20_000))
    return time.process_time() - started


def measured(call: Callable[[], object]) -> float:
    """A call in units of the calibration loop before and after it: the median over turns."""
    call()
    started = time.process_time()
    call()
    repeats = max(1, int(SECONDS / max(time.process_time() - started, 1e-4)))
    found = []
    for _ in range(TURNS):
        before, started = calibration(), time.process_time()
        for _ in range(repeats):
            call()
        spent = (time.process_time() - started) / repeats
        found.append(2.0 * spent / (before + calibration()))
    return float(np.median(found))


def main() -> None:
    """Measure, compare, say what fell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="write this class's baseline")
    keep = parser.parse_args().keep
    machine = llvmlite.binding.get_host_cpu_name()
    stored = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    before: dict[str, float] = stored.get(machine, {})
    if not before and not keep:
        print(f"no baseline for {machine}: the figures alone; --keep writes one")
    fallen, now = [], {}
    for name, call in FIGURES.items():
        now[name] = float(f"{measured(call):.4g}")
        ratio = now[name] / before[name] if name in before else float("nan")
        print(f"{name:32} {now[name]:>10.4g} loops {ratio:>7.2f} of the baseline", flush=True)
        if ratio > FALLEN:
            fallen.append(f"{name} takes {ratio:.2f} times as long")
    if keep:
        BASELINE.write_text(json.dumps(stored | {machine: now}, indent=1) + "\n")
    elif before:
        print("\n".join(fallen) if fallen else "nothing fell by more than a quarter")


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
