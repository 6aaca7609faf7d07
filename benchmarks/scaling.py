"""How the distribution over ranks scales: measured on this machine, modelled to 100,000 ranks.

    python benchmarks/scaling.py [alternations] [seconds] [--page docs/clusters.md]

Prints two tables in Markdown; with --page they also take the place of what stands between the
page's marks. Then wall times on one and two ranks, which mean something on an idle machine alone.

Measured: wall time of one job on 1 and 2 ranks (alternating), the costs of its parts (a block of
runs, a merge of two tallies, a checkpoint, the size of a message), and the progress that the model
assumes: how soon a rank is answered by one that computes, and the time two ranks spend in work.
Modelled: ranks that report and are handed blocks by `runs.ranks.team` itself, round by round; every
step of the tree waits for a rank that looks at its messages between two pieces of work; collecting
along the tree, and one checkpoint on rank 0.
"""

import argparse
import datetime
import math
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from page import cpu_model

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery
from darkbattery.runs.pages.marks import replaced
from darkbattery.runs.ranks.checkpoint import write_tallies
from darkbattery.runs.ranks.distribute import Job
from darkbattery.runs.ranks.messages import FAN_OUT
from darkbattery.runs.ranks.team import FIRST_SHARE, PIECE_SECONDS, Pool, Report

BATTERY = CollectiveBattery(10, 50)
TIMES = np.linspace(0.0, 2.0, 101)
DEFINITION = """
title = "scaling"
[model]
n_battery = 10
n_charger = 50
[run]
method = "sample"
times = {{ stop = 2.0, points = 101 }}
runs = {runs}
seed = 1
"""
MODELLED_RANKS, MODELLED_SECONDS = (100, 1_000, 10_000, 100_000), 60.0
NETWORK_LATENCY = 5e-6  # s a message; assumed, of a cluster's network
NETWORK_BANDWIDTH = 5e9  # bytes/s; assumed
TRIAL = """
from mpi4py import MPI
from darkbattery.runs.commands.doctor import trial
from darkbattery.runs.ranks.messages import Ranks
found = trial(Ranks(MPI.COMM_WORLD), seconds=4.4)
if MPI.COMM_WORLD.rank == 0:
    print(found.share, found.reaction)
"""


@dataclass(frozen=True)
class Costs:
    """Seconds, measured; bytes of one tally."""

    per_block: float
    spread: float  # relative standard deviation of the time of a block
    merge: float
    checkpoint: float
    message_bytes: int


def measure_costs() -> Costs:
    """Of one (10, 50) job at T = 0."""
    job = Job(trajectories.sample, BATTERY, TIMES, runs=1 << 30, seed=1)
    job.make(0, job.block)
    blocks = [
        _seconds(lambda i=i: job.make(i * job.block, (i + 1) * job.block)) for i in range(200)
    ]
    one, other = job.make(0, 1024), job.make(1024, 2048)
    merges = [_seconds(lambda: one.merge(other)) for _ in range(50)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tallies.bin"
        checkpoints = [_seconds(lambda: write_tallies(path, "x", [one], [1])) for _ in range(10)]
    middle = statistics.median(blocks)
    inner = [t for t in blocks if t < 2 * middle]
    return Costs(
        per_block=middle,
        spread=statistics.pstdev(inner) / middle,
        merge=statistics.median(merges),
        checkpoint=statistics.median(checkpoints),
        message_bytes=len(pickle.dumps(one)),
    )


def modelled_efficiency(costs: Costs, ranks: int, seconds: float) -> float:
    """Efficiency of a job that keeps `ranks` perfect ranks busy for `seconds`; round by round."""
    blocks = round(seconds * ranks / costs.per_block)
    each = max(1, blocks // (FIRST_SHARE * ranks))
    held = np.full(ranks, float(each))
    pool, rng = Pool([(each * ranks, blocks)]), np.random.default_rng(1)
    depth = math.ceil(math.log(1 + (FAN_OUT - 1) * ranks, FAN_OUT)) - 1
    message = NETWORK_LATENCY + costs.message_bytes / NETWORK_BANDWIDTH
    now, held_seconds = 0.0, 1.0
    while True:
        piece = min(PIECE_SECONDS, held_seconds / 16.0)
        # up and down the tree; a message is seen after half a piece, on the average
        reaction = 2 * depth * (NETWORK_LATENCY + 0.5 * piece)
        step = held_seconds / 4.0 + reaction
        # a block is as dear as its runs; a second of work averages over many
        deviation = costs.spread * math.sqrt(costs.per_block / step)
        speed = np.maximum(0.2, rng.normal(1.0, deviation, ranks)) / costs.per_block
        held = np.maximum(0.0, held - speed * step)
        now += step
        report = Report(
            held=round(held.sum()),
            speed=float(speed.sum()),
            unknown=0,
            idle=int(np.count_nonzero(held == 0.0)),
            held_seconds=float(np.max(held / speed)),
            reaction=reaction,
            piece=piece,
            ranks=ranks,
        )
        answer = pool.answer(report)
        lacking = np.maximum(0.0, speed * answer.held_seconds - held)
        given = sum(end - begin for begin, end in answer.ranges)
        held += given * (lacking / lacking.sum() if lacking.any() else 1.0 / ranks)
        held_seconds = answer.held_seconds
        if answer.order == "last" or not report.held + given:
            break
    now += float(np.max(np.ceil(held) / speed))
    total = now + depth * (message + FAN_OUT * costs.merge) + costs.checkpoint
    return blocks * costs.per_block / (ranks * total)


def measured_progress(folder: Path) -> tuple[float, float]:
    """Of two ranks: share of their time spent in work, and seconds until a report is answered."""
    (folder / "trial.py").write_text(TRIAL)
    answer = _under_mpirun(2, [sys.executable, "trial.py"], folder)
    share, reaction = answer.stdout.split()[-2:]
    return float(share), float(reaction)


def measured_wall(ranks: int, runs: int, folder: Path) -> float:
    """Wall seconds that a job states for itself: without the start of the processes."""
    (folder / "d.toml").write_text(DEFINITION.format(runs=runs))
    program = [sys.executable, "-c", "from darkbattery.runs.cli import main; main()"]
    order = ["run", "d.toml", "--out", "out", "--replace"]
    answer = _under_mpirun(ranks, [*program, *order], folder)
    line = next(line for line in answer.stdout.splitlines() if " s on " in line)
    return float(line.split()[0])


def _under_mpirun(ranks: int, program: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    mpirun = Path(sys.executable).with_name("mpirun")
    return subprocess.run(
        [str(mpirun), "--oversubscribe", "-n", str(ranks), *program],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )


def _seconds(action: object) -> float:
    started = time.perf_counter()
    action()  # type: ignore[operator]
    return time.perf_counter() - started


@dataclass(frozen=True)
class Starts:
    """Seconds of the same job on one and on two ranks, alternating."""

    runs: int
    one: list[float]
    two: list[float]

    def efficiency(self) -> str:
        """The median, the least and the most of all alternations."""
        found = [one / (2 * two) for one, two in zip(self.one, self.two, strict=True)]
        return f"{statistics.median(found):.3f} ({min(found):.3f} ... {max(found):.3f})"


def measured_starts(costs: Costs, alternations: int, seconds: float, folder: Path) -> Starts:
    """Of a job that lasts so long on one rank."""
    measured_wall(1, 10_000, folder)  # kernels are compiled
    runs = round(seconds / costs.per_block * 1024)
    pairs = [
        (measured_wall(1, runs, folder), measured_wall(2, runs, folder))
        for _ in range(alternations)
    ]
    return Starts(runs, [one for one, _ in pairs], [two for _, two in pairs])


def section(costs: Costs) -> str:
    """When and where, what was measured, what is modelled from it."""
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        share, reaction = measured_progress(Path(name))
    measured = {
        "block of 1024 runs": f"{1e3 * costs.per_block:.2f} ms",
        "its relative standard deviation": f"{100 * costs.spread:.0f} %",
        "merge of two tallies": f"{1e6 * costs.merge:.1f} us",
        "checkpoint": f"{1e3 * costs.checkpoint:.1f} ms",
        "message (one tally)": f"{costs.message_bytes / 1e3:.0f} kB",
        "a report is answered in": f"{1e3 * reaction:.0f} ms",
        "time that two ranks spend in work": f"{100 * share:.1f} %",
    }
    modelled = {
        f"{ranks:,}": f"{modelled_efficiency(costs, ranks, MODELLED_SECONDS):.3f}"
        for ranks in MODELLED_RANKS
    }
    where = f"{os.cpu_count()} cores ({cpu_model()}), whose load was {load:.0f}"
    return f"""\
Measured {datetime.date.today()} on {where}: a (10, 50) job at $T$ = 0.

| | |
|---|---|
{_rows(measured)}

| ranks (model, a job of {MODELLED_SECONDS:.0f} s) | efficiency |
|---|---|
{_rows(modelled)}
"""


def _rows(table: dict[str, str]) -> str:
    return "\n".join(f"| {name} | {value} |" for name, value in table.items())


def main() -> None:
    """Print both tables, fill the page, print wall times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("alternations", nargs="?", type=int, default=3)
    parser.add_argument("seconds", nargs="?", type=float, default=60.0)
    parser.add_argument("--page", type=Path, help="Markdown page whose section is renewed")
    arguments = parser.parse_args()
    if arguments.page:  # one without marks is refused before the work
        replaced(arguments.page.read_text(encoding="utf-8"), "scaling", "")
    costs = measure_costs()
    text = section(costs)
    print(text)
    if arguments.page:
        page = arguments.page.read_text(encoding="utf-8")
        arguments.page.write_text(replaced(page, "scaling", text), encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        starts = measured_starts(costs, arguments.alternations, arguments.seconds, Path(name))
    one, two = statistics.median(starts.one), statistics.median(starts.two)
    print(f"{starts.runs:.3g} runs: 1 rank {one:.1f} s, 2 ranks {two:.1f} s")
    print(f"efficiency of 2 ranks {starts.efficiency()}")


if __name__ == "__main__":
    main()
