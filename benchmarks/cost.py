"""Cost against N and R for each engine, beside the least that the work needs: a table, a figure.

    python benchmarks/cost.py [figure.png] [--page docs/performance.md]

Processor time of one core after compilation, 101 output times until (ln N + 10)/(N_C - N_B), well
past the burst. Averages: seconds a call. Single runs: seconds that one more run takes, without the
tables that all runs of a call share. A series ends where its next point would take more than a few
seconds, or is refused.

The floors are measured in the same run. Quantum single runs: one random number and one logarithm a
jump. Truncated Wigner: two random numbers and one logarithm a step (a complex Gaussian number).
Quantum averages: one multiplication and addition for each unknown of the chains at each output
time, which the doubling grids of large systems undercut by having fewer unknowns. Second-order
averages have no floor here: their equations do not know the number of spins.
"""

import argparse
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from large_runs import best, logarithms, numbers
from page import machine, show
from threadpoolctl import threadpool_limits

from darkbattery import meanfield, trajectories
from darkbattery.nvmodel import CollectiveBattery, InputError, Solution
from darkbattery.nvmodel.numbers import with_unit
from darkbattery.trajectories.space.angular import coupled_basis

SIZES = [1, 10, 100, 1000, 10**4, 10**5, 10**6, 10**9, 10**12, 10**15]
RATIOS = [1.1, 2.0, 5.0, 50.0]
POINT_SECONDS = 4.0  # longest that a point may be expected to take
FILL_SECONDS = 0.2  # of processor time in one measurement
MOST_RUNS = 100_000
LADDERS_FLOOR = 10**6  # N_B up to which unknowns are counted: all of them, not the tail's


@dataclass(frozen=True)
class Floor:
    """Seconds of the parts that no solver can do without."""

    number: float
    logarithm: float
    multiply_add: float


@dataclass(frozen=True)
class Point:
    """Seconds a call or a run, and the floor of the same work (nan: none)."""

    seconds: float
    floor: float


@dataclass(frozen=True)
class Series:
    """One engine's work: how a point is measured, and whether the cost grows without bound."""

    name: str
    nbar: float
    measure: Callable[[CollectiveBattery, Floor], Point]
    grows: bool = True


def output_times(battery: CollectiveBattery) -> np.ndarray:
    """Past the burst, which is at ln(D^2/N_C)/D for D = N_C - N_B, some 1/sqrt(N_C) at D = 0."""
    n_b, n_c = battery.n_battery, battery.n_charger
    rate = max(n_c - n_b, math.sqrt(n_c))
    return np.linspace(0.0, (math.log(n_b + n_c) + 10.0) / rate, 101)


def averages(names: tuple[str, ...], pairs: bool) -> Callable[[CollectiveBattery, Floor], Point]:
    """`trajectories.evolve` of these observables; `pairs`: from all pairs of ladders."""

    def measure(battery: CollectiveBattery, floor: Floor) -> Point:
        seconds = called(lambda: trajectories.evolve(battery, output_times(battery), names))
        least = math.nan
        if battery.n_battery <= LADDERS_FLOOR:
            least = 101 * unknowns(battery, pairs) * floor.multiply_add
        return Point(seconds, least)

    return measure


def unknowns(battery: CollectiveBattery, pairs: bool) -> float:
    """Of the master equation's chains in M, one for each pair of ladders (or neighbours only)."""
    basis = coupled_basis(battery.n_battery, battery.n_charger)
    K = basis.n_ladders
    # a pair has as many values of M as its shorter ladder, which comes first
    shorter = np.arange(K, 0, -1) if pairs else np.minimum(2, np.arange(K, 0, -1))
    return float(shorter @ (2.0 * basis.J + 1.0))


def second_order(battery: CollectiveBattery, floor: Floor) -> Point:
    """`meanfield.evolve`."""
    times = output_times(battery)
    return Point(called(lambda: meanfield.evolve(battery, times, order=2)), math.nan)


def jumps(battery: CollectiveBattery, floor: Floor) -> Point:
    """`trajectories.sample`."""
    times = output_times(battery)
    seconds, found = a_run(lambda runs: trajectories.sample(battery, times, runs=runs, seed=1))
    photons = found["emitted_photons"][-1] + found["absorbed_photons"][-1]
    one_by_one = "groups" not in found.provenance["solver"]
    least = photons * (floor.number + floor.logarithm) if one_by_one else math.nan
    return Point(seconds, least)


def wigner(battery: CollectiveBattery, floor: Floor) -> Point:
    """`meanfield.sample`."""
    times = output_times(battery)
    seconds, found = a_run(lambda runs: meanfield.sample(battery, times, runs=runs, seed=1))
    steps = float(found.provenance["steps"])
    return Point(seconds, steps * (2.0 * floor.number + floor.logarithm))


ALL = [
    Series("averages: energies", 0.0, averages(("battery_energy",), pairs=False), grows=False),
    Series("averages: ergotropy", 0.0, averages(("ergotropy",), pairs=False)),
    Series("averages: ergotropy", 0.5, averages(("ergotropy",), pairs=True)),
    Series("single runs", 0.0, jumps, grows=False),
    Series("single runs", 0.5, jumps, grows=False),
    Series("second order", 0.0, second_order),
    Series("truncated Wigner", 0.0, wigner),
]


def called(work: Callable[[], object]) -> float:
    """Shortest processor time of three calls, of one if it is long."""
    found: list[float] = []
    while not found or (len(found) < 3 and sum(found) < FILL_SECONDS):
        started = time.process_time()
        work()
        found.append(time.process_time() - started)
    return min(found)


def a_run(sample: Callable[[int], Solution]) -> tuple[float, Solution]:
    """Processor seconds that one more run takes, and the solution of the longest call."""

    def timed(runs: int) -> tuple[float, Solution]:
        started = time.process_time()
        found = sample(runs)
        found.values  # noqa: B018
        return time.process_time() - started, found

    alone = min(timed(1)[0] for _ in range(2))  # with the tables, which all runs share
    runs = 2 if alone > FILL_SECONDS else 10
    while True:
        seconds, found = timed(runs)
        more = seconds - alone
        if more > FILL_SECONDS / 2 or runs == MOST_RUNS:
            return more / (runs - 1), found
        wanted = round(runs * FILL_SECONDS / max(more, 1e-4))
        runs = min(MOST_RUNS, max(2 * runs, min(wanted, 30 * runs)))


def measured_floor() -> Floor:
    """Parts of the work alone."""
    words, waits = np.empty(64, dtype=np.uint64), np.empty(64)
    numbers(1, words), logarithms(1, words, waits)
    one = best(lambda: numbers(20_000, words)) / 20_000 / 64
    log = best(lambda: logarithms(20_000, words, waits)) / 20_000 / 64
    a, b = np.ones(100_000), np.ones(100_000)
    product = best(lambda: [a @ b for _ in range(100)]) / 100 / a.size
    return Floor(one, log, product)


def points(series: Series, ratio: float, floor: Floor) -> Iterator[tuple[int, Point]]:
    """Measure from small to large while the next is expected within POINT_SECONDS."""
    before, last = 0.0, 0.0
    for n_b in SIZES:
        growth = last / before if series.grows and before else 1.0
        if last * max(growth, 1.0) > POINT_SECONDS:
            return
        battery = CollectiveBattery(n_b, max(n_b + 1, round(n_b * ratio)), nbar=series.nbar)
        try:
            found = series.measure(battery, floor)
        except InputError:
            return
        before, last = last, found.seconds
        yield n_b, found


def warm_up(floor: Floor) -> None:
    """Compile, or load what was compiled."""
    for series in ALL:
        for n_b in (1, 100, 1000) if "energies" in series.name else (1, 10):
            series.measure(CollectiveBattery(n_b, 5 * n_b, nbar=series.nbar), floor)


def cells(series: Series, ratio: float, row: dict[int, Point]) -> dict[str, str]:
    """A line of the table."""
    times = {
        f"{n:.0e}": with_unit(row[n].seconds, "s", digits=2) if n in row else "" for n in SIZES
    }
    return {"work": series.name, "nbar": f"{series.nbar:g}", "R": f"{ratio:g}", **times}


def above_floor(series: Series, found: dict[tuple[Series, float], dict[int, Point]]) -> str:
    """Times the floor that the largest size with one takes, for each ratio; empty without any."""
    ends = []
    for ratio in RATIOS:
        row = found[series, ratio]
        known = [n for n, point in row.items() if math.isfinite(point.floor)]
        if known:
            end = row[known[-1]]
            times = end.seconds / end.floor
            shown = f"{times:.2g}" if times < 100.0 else f"{times:.0f}"
            ends.append(f"{shown} at R = {ratio:g} and N_B = {known[-1]:.0e}")
    return ", ".join(ends)


def draw(found: dict[tuple[Series, float], dict[int, Point]], path: str) -> None:
    """A panel for each series; the floor dotted."""
    with sns.axes_style("ticks"), sns.plotting_context("paper"):
        # two abreast: its letters can still be read on a telephone
        figure, grid = plt.subplots(4, 2, figsize=(5.6, 8.4), layout="constrained", sharey=True)
        colours = sns.color_palette("colorblind", len(RATIOS))
        for axis, series in zip(grid.flat, ALL, strict=False):
            for colour, ratio in zip(colours, RATIOS, strict=True):
                row = found[series, ratio]
                n_b = np.array(list(row), dtype=float)
                axis.loglog(n_b, [p.seconds for p in row.values()], "o-", ms=3, color=colour)
                axis.loglog(n_b, [p.floor for p in row.values()], ":", color=colour)
            axis.set_title(f"{series.name}, $\\bar n$ = {series.nbar:g}")
            axis.set_xlabel("$N_B$")
        for axis, series in zip(grid[:, 0], ALL[::2], strict=True):
            work = "call" if series.measure not in (jumps, wigner) else "run"
            axis.set_ylabel(f"seconds a {work}")
        key = grid.flat[-1]
        key.set_axis_off()
        for colour, ratio in zip(colours, RATIOS, strict=True):
            key.plot([], [], "o-", ms=3, color=colour, label=f"R = {ratio:g}")
        key.plot([], [], ":", color="black", label="floor")
        key.legend(loc="center", frameon=False)
        sns.despine(figure)
        figure.savefig(path, dpi=150)
        plt.close(figure)


def main() -> None:
    """Print both tables, draw the figure; with --page, put the tables there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", nargs="?", default="cost.png")
    parser.add_argument("--page", type=Path, help="Markdown page whose tables are renewed")
    options = parser.parse_args()
    floor = measured_floor()
    warm_up(floor)
    found, rows = {}, []
    for series in ALL:
        for ratio in RATIOS:
            found[series, ratio] = dict(points(series, ratio, floor))
            rows.append(cells(series, ratio, found[series, ratio]))
            print(*rows[-1].values(), sep=" | ", flush=True)
    facts = (
        f"{machine()}. One random number took {floor.number * 1e9:.2f} ns, one logarithm "
        f"{floor.logarithm * 1e9:.2f} ns, one multiplication and addition "
        f"{floor.multiply_add * 1e9:.2f} ns."
    )
    show("cost", pd.DataFrame(rows), facts, options.page)
    ends = [
        {"work": f"{one.name}, nbar = {one.nbar:g}", "times the floor": above}
        for one in ALL
        if (above := above_floor(one, found))
    ]
    facts = "At the largest size whose floor is known:"
    show("above the floor", pd.DataFrame(ends), facts, options.page)
    draw(found, options.figure)
    print(f"{options.figure}; {time.process_time():.0f} s of processor time in all")


if __name__ == "__main__":
    with threadpool_limits(limits=1):
        main()
