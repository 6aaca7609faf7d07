"""Milliseconds and nanoseconds a jump of single runs of large systems, one core, 101 times.

    python benchmarks/large_runs.py [--page docs/performance.md]

Beside it, what the parts of a jump cost by themselves: one random number and one logarithm are the
least that a waiting time needs.
"""

import math
import resource
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from numba import njit
from page import asked, machine, show

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery
from darkbattery.nvmodel.streams import fill_words, to_exponential

SYSTEMS = [  # N_B, N_C, nbar, runs
    (10, 50, 0.0, 200_000),
    (1000, 5000, 0.0, 4000),
    (100_000, 500_000, 0.0, 20),
    (100_000, 500_000, 0.5, 4),
    (1_666_667, 8_333_333, 0.0, 3),
    (1_666_667, 8_333_333, 0.5, 1),
    (10**9, 5 * 10**9, 0.0, 50),  # in groups from here on
    (10**12, 5 * 10**12, 0.0, 50),
    (10**15, 5 * 10**15, 0.0, 50),
    (10**9, 5 * 10**9, 0.5, 20),
    (10**12, 5 * 10**12, 0.5, 20),
    (10**15, 5 * 10**15, 0.5, 20),
]
REPEAT = 5


@njit(error_model="numpy")
def numbers(count: int, words: np.ndarray) -> None:
    """Random words alone."""
    for run in range(count):
        fill_words(np.uint64(1), 1, run, 0, words, words.size)


@njit(error_model="numpy")
def logarithms(count: int, words: np.ndarray, waits: np.ndarray) -> None:
    """Conversion and logarithm alone."""
    for _ in range(count):
        to_exponential(words, words.size, waits)


def best(work: Callable[[], object]) -> float:
    """Shortest processor time of a few calls."""
    found = []
    for _ in range(REPEAT):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)


def measured(n_b: int, n_c: int, nbar: float, runs: int) -> dict[str, str]:
    """A row of the table."""
    battery = CollectiveBattery(n_b, n_c, nbar=nbar)
    times = np.linspace(0.0, (math.log((n_c - n_b) ** 2 / n_c) + 10.0) / (n_c - n_b), 101)
    trajectories.sample(battery, times, runs=1, seed=0)
    seconds = best(lambda: trajectories.sample(battery, times, runs, seed=1))
    found = trajectories.sample(battery, times, runs=runs, seed=1)
    photons = found["emitted_photons"][-1] + found["absorbed_photons"][-1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "N_B": f"{n_b:.3g}",
        "N_C": f"{n_c:.3g}",
        "nbar": f"{nbar:g}",
        "ms a run": f"{1e3 * seconds / runs:.3g}",
        "ns a jump": f"{1e9 * seconds / runs / photons:.2g}",
        "peak, MB": f"{peak:.0f}",
    }


def main() -> None:
    """Print the table; with --page, put it there."""
    options = asked(__doc__)
    words, waits = np.empty(64, dtype=np.uint64), np.empty(64)
    numbers(1, words), logarithms(1, words, waits)
    number = best(lambda: numbers(20_000, words)) / 20_000 / 64
    logarithm = best(lambda: logarithms(20_000, words, waits)) / 20_000 / 64
    facts = (
        f"{machine()}. One random number took {number * 1e9:.2f} ns, one logarithm "
        f"{logarithm * 1e9:.2f} ns."
    )
    table = pd.DataFrame([measured(*system) for system in SYSTEMS])
    show("large runs", table, facts, options.page)


if __name__ == "__main__":
    main()
