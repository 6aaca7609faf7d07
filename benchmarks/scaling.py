"""How the distribution over ranks scales: measured on this machine, modelled to 100,000 ranks.

Measured: wall time of one job on 1 and 2 ranks (alternating), and the costs of its parts: a block
of runs, a merge of two tallies, a checkpoint, the size of a message.
Modelled: ranks that claim blocks by the rule of `runs.distribute`, a counter that serves one claim
at a time, collecting along a binomial tree, and one checkpoint on rank 0; event by event.
"""

import heapq
import math
import os
import pickle
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import trajectories
from nvmodel import CollectiveBattery
from runs.checkpoint import write_tallies
from runs.distribute import CLAIM_SECONDS, Job, _next_claim

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
NETWORK_LATENCY = 5e-6  # s a message; assumed, of a cluster's network
NETWORK_BANDWIDTH = 5e9  # bytes/s; assumed
COUNTER_SERVICE = 1e-6  # s the counter is busy for one remote claim; assumed, of network atomics


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
    """Efficiency of a job that keeps `ranks` perfect ranks busy for `seconds`; event by event."""
    blocks = round(seconds * ranks / costs.per_block)
    rng = random.Random(1)
    ready = [(NETWORK_LATENCY, rank, 1) for rank in range(ranks)]
    heapq.heapify(ready)
    taken, counter_free, finished = 0, 0.0, 0.0
    while ready:
        now, rank, claim = heapq.heappop(ready)
        # the counter serves claims one after the other
        counter_free = max(now, counter_free) + COUNTER_SERVICE
        begin = taken
        taken += claim
        at = counter_free + 2 * NETWORK_LATENCY
        if begin >= blocks:
            finished = max(finished, at)
            continue
        end = min(begin + claim, blocks)
        work = (end - begin) * costs.per_block * max(0.2, rng.gauss(1.0, costs.spread))
        work += costs.merge
        following = _next_claim(end - begin, work, max(0, blocks - end), ranks)
        heapq.heappush(ready, (at + work, rank, following))
    depth = math.ceil(math.log2(ranks)) if ranks > 1 else 0
    message = NETWORK_LATENCY + costs.message_bytes / NETWORK_BANDWIDTH
    total = finished + depth * (message + costs.merge) + costs.checkpoint
    return blocks * costs.per_block / (ranks * total)


def measured_wall(ranks: int, runs: int, folder: Path) -> float:
    """Wall seconds that a job states for itself: without the start of the processes."""
    (folder / "d.toml").write_text(DEFINITION.format(runs=runs))
    environment = os.environ | {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    }
    mpirun = Path(sys.executable).with_name("mpirun")
    program = [sys.executable, "-c", "from runs.cli import main; main()"]
    command = [str(mpirun), "--oversubscribe", "-n", str(ranks), *program]
    answer = subprocess.run(
        [*command, "run", "d.toml", "--out", "out", "--replace"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    line = next(line for line in answer.stdout.splitlines() if "rank(s)" in line)
    return float(line.split()[0])


def _seconds(action: object) -> float:
    started = time.perf_counter()
    action()  # type: ignore[operator]
    return time.perf_counter() - started


def main() -> None:
    """Print both tables."""
    alternations = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 60.0
    costs = measure_costs()
    print(f"block of 1024 runs {1e3 * costs.per_block:.2f} ms +- {100 * costs.spread:.0f} %")
    print(f"merge {1e6 * costs.merge:.0f} us, checkpoint {1e3 * costs.checkpoint:.1f} ms")
    print(f"message {costs.message_bytes / 1e3:.0f} kB, claims of {CLAIM_SECONDS} s")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measured_wall(1, 10_000, folder)
        runs = round(seconds / costs.per_block * 1024)
        pairs = [
            (measured_wall(1, runs, folder), measured_wall(2, runs, folder))
            for _ in range(alternations)
        ]
        ratios = [one / (2 * two) for one, two in pairs]
        print(f"{runs:.3g} runs: 1 rank {pairs[0][0]:.1f} s, 2 ranks {pairs[0][1]:.1f} s")
        print(
            f"efficiency of 2 ranks {statistics.median(ratios):.3f} "
            f"({min(ratios):.3f} ... {max(ratios):.3f})"
        )
        few = runs // 20
        for ranks in (4, 8):
            wall = measured_wall(ranks, few, folder)
            print(f"{ranks} ranks, oversubscribed: {few:.3g} runs in {wall:.1f} s")
    print("model, a job of 60 s: ranks, efficiency")
    for ranks in (100, 1_000, 10_000, 100_000):
        print(f"{ranks:>8} {modelled_efficiency(costs, ranks, 60.0):.3f}", flush=True)


if __name__ == "__main__":
    main()
