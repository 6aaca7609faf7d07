"""Two hosts: how ranks are kept at work between them, and one owner of a folder."""

import sys

from runs.owner import OWNER
from tests.cluster.nodes import SMALL, on_nodes
from tests.cluster.study import write

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


def test_two_starts_into_one_folder_from_two_hosts(cluster, tmp_path):
    """The second is refused in one line, and the first goes on."""
    write(tmp_path / "study.toml", 400_000_000)  # far more than a test waits for
    run = "darkbattery run study.toml --out out"
    (tmp_path / "job.sh").write_text(f"#!/bin/bash\nsrun --mpi=pmix {run}\n")
    job = cluster.submit("job.sh", "--output=log", *SMALL, cwd=tmp_path)
    cluster.until((tmp_path / "out.partial" / OWNER).exists, job, tmp_path)
    for node in ("n1", "n2"):
        answer = cluster.on(node, *run.split(), cwd=tmp_path)
        assert answer.returncode == 2
        assert answer.stderr.count("\n") == 1
        assert f"on n1, job {job} since" in answer.stderr
    assert cluster.state(job, tmp_path)["JobState"] == "RUNNING"
    cluster.on("ctl", "scancel", job, cwd=tmp_path)
    cluster.wait(job, tmp_path)
