"""A rank, a node or a link dies in the midst of a study: the same command, the same bytes."""

import signal

import pytest

from tests.cluster.nodes import SMALL, on_nodes
from tests.cluster.study import tables, write

pytestmark = on_nodes

RUNS = 1_000_000
RUN = "darkbattery run study.toml --out out --checkpoint-interval 0.2"
# longer than the first checkpoint takes to come, also on a machine that is busy
LIMIT_SECONDS = 30


@pytest.fixture
def submit(cluster, tmp_path):
    """submit(options): the study on two nodes, when its first checkpoint is there; the job."""

    def submitted(options=""):
        write(tmp_path / "study.toml", RUNS)
        script = f"#!/bin/bash\nsrun --mpi=pmix {RUN} {options}\n"
        (tmp_path / "job.sh").write_text(script)
        job = cluster.submit("job.sh", "--no-requeue", "--output=log", *SMALL, cwd=tmp_path)
        cluster.until((tmp_path / "out.partial/tallies.bin").exists, job, tmp_path)
        return job

    return submitted


@pytest.fixture
def finish(cluster, plain, tmp_path):
    """finish(): the same command on n1 alone makes what is missing."""

    def finished():
        assert not (tmp_path / "out").exists()
        answer = cluster.on("n1", *RUN.split(), cwd=tmp_path)
        assert answer.returncode == 0, answer.stderr
        assert "going on with" in answer.stdout
        assert tables(tmp_path / "out") == plain(RUNS)

    return finished


@pytest.mark.parametrize("node", ["n1", "n2"])
def test_a_killed_rank(cluster, submit, finish, tmp_path, node):
    """kill -9 of rank 0 or 1: the job ends at once, and not as if it were well."""
    job = submit()
    found = cluster.on(node, "pgrep", "-f", "python.*darkbattery run", cwd=tmp_path)
    cluster.on(node, "kill", f"-{signal.SIGKILL}", *found.stdout.split(), cwd=tmp_path)
    assert cluster.wait(job, tmp_path)["ExitCode"] != "0:0"
    finish()


def test_a_killed_node(cluster, submit, finish, tmp_path):
    """Power loss of n2: gone on with on n1 while n2 is dark."""
    job = submit()
    with cluster.without("n2"):
        assert cluster.wait(job, tmp_path)["JobState"] != "COMPLETED"
        finish()


def test_a_cut_link(cluster, submit, finish, tmp_path):
    """Both ranks live, and hear nothing of each other: the clock ends them all the same."""
    job = submit(f"--time-limit {LIMIT_SECONDS}")
    with cluster.cut("n2"):
        log = tmp_path / "log"
        cluster.until(lambda: "Exited with exit code 3" in log.read_text(), job, tmp_path)
        assert "other ranks do not answer" in log.read_text()
        finish()
    assert cluster.wait(job, tmp_path)["ExitCode"] == "3:0"
