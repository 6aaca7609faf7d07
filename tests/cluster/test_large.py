"""A study of 1e8 runs over two nodes, and all that may befall it on the way: the same bytes."""

from tests.cluster.nodes import SMALL, on_nodes
from tests.cluster.study import LARGE, plain, runs_kept, tables, write
from tests.cluster.test_page import SRUN

pytestmark = on_nodes

RUNS = 100_000_000


def test_two_requeues_a_killed_node_and_a_full_disk(cluster, tmp_path):
    """The page's script, to the letter but for checkpoints that are made more often."""
    disk = cluster.folder / "small"
    write(disk / "study.toml", RUNS, LARGE)
    script = SRUN.replace("study.toml", "study.toml --checkpoint-interval 1")
    (tmp_path / "job.sh").write_text(script)
    where = ("--output", tmp_path / "log")
    job = cluster.submit(tmp_path / "job.sh", *where, *SMALL, cwd=disk)
    partial, made = disk / "results/study.partial", 0

    def log():
        return (tmp_path / "log").read_text()

    def further():
        """Until some per cent more are in the checkpoint."""
        goal = made + RUNS // 20
        cluster.until(lambda: runs_kept(partial) >= goal, job, disk)
        return runs_kept(partial)

    for requeued in (1, 2):
        made = further()
        cluster.on("ctl", "scancel", "--signal=USR1", job, cwd=disk)  # what --signal=USR1@ sends
        cluster.until(lambda n=requeued: log().count("stopped (SIGUSR1)") == n, job, disk)
    made = further()
    cluster.order("kill", "n2")
    kept = runs_kept(partial)
    cluster.order("boot", "n2")
    cluster.until(lambda: log().count("going on with") == 3, job, disk)
    made = max(kept, further())
    fill(disk / "other")
    cluster.until(lambda: "cannot be written" in log(), job, disk)
    (disk / "other").unlink()
    state = cluster.wait(job, disk)
    assert (state["JobState"], state["ExitCode"]) == ("COMPLETED", "0:0"), log()
    assert int(state["Restarts"]) == 3
    assert tables(disk / "results/study") == plain(tmp_path / "plain", RUNS, LARGE)


def fill(path):
    """Take all of a disk."""
    try:
        with path.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(1 << 16))
    except OSError:
        return
