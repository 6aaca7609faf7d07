"""Two hosts: how ranks are kept at work between them, and what a dead one leaves."""

import sys
import time

from tests.cluster.nodes import on_nodes
from tests.cluster.test_page import SMALL, STUDY, plain, tables

pytestmark = on_nodes

TRIAL = """
from mpi4py import MPI
from runs.doctor import trial
from runs.messages import Ranks
found = trial(Ranks(MPI.COMM_WORLD), seconds=4.4)
if MPI.COMM_WORLD.rank == 0:
    print("share", found.share)
"""


def test_no_rank_waits_for_one_that_computes(cluster, tmp_path):
    """0.97 was measured on a quiet machine; the counter of version 0.1 gave 0.59."""
    (tmp_path / "trial.py").write_text(TRIAL)
    order = ("srun", "--nodes=2", "--ntasks-per-node=1", "--mpi=pmix", sys.executable, "trial.py")
    answer = cluster.on("ctl", *order, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert float(answer.stdout.split()[-1]) > 0.85


def test_a_killed_node_is_gone_on_without(cluster, tmp_path):
    """Power loss of n2 in the midst of a study: the checkpoint is gone on with, on n1 alone."""
    (tmp_path / "d.toml").write_text(STUDY.replace("RUNS", "6_000_000"))
    run = "darkbattery run d.toml --out out --checkpoint-interval 0.2"
    (tmp_path / "job.sh").write_text(f"#!/bin/bash\nsrun --mpi=pmix {run}\n")
    job = cluster.submit("job.sh", "--no-requeue", *SMALL, cwd=tmp_path)
    until = time.monotonic() + 200.0
    while not (tmp_path / "out.partial/tallies.bin").exists():
        assert time.monotonic() < until, cluster.state(job, tmp_path)
        time.sleep(0.05)
    cluster.order("kill", "n2")
    cluster.on("ctl", "scancel", job, cwd=tmp_path)
    assert cluster.wait(job, tmp_path)["JobState"] != "COMPLETED"
    answer = cluster.on("n1", *run.split(), cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    assert "going on with" in answer.stdout
    assert tables(tmp_path / "out") == plain(tmp_path, 6_000_000)
