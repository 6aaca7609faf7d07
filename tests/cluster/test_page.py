"""The batch scripts of docs/clusters.md, cut out of the page and run to the letter."""

import subprocess
from pathlib import Path

import pytest

from tests.cluster.nodes import SMALL, on_nodes, scripts_of_page
from tests.cluster.study import LARGE, STUDY, tables, write

pytestmark = on_nodes

SRUN, MPIRUN, TRAP, ARRAY, MERGE, PBS = scripts_of_page()


def submitted(cluster, script, tmp_path, *options):
    (tmp_path / "job.sh").write_text(script)
    job = cluster.submit("job.sh", "--output=log", *options, cwd=tmp_path)
    state = cluster.wait(job, tmp_path)
    log = (tmp_path / "log").read_text() if (tmp_path / "log").exists() else ""
    assert (state["JobState"], state["ExitCode"]) == ("COMPLETED", "0:0"), log
    return state, log


@pytest.mark.parametrize("script", [SRUN, MPIRUN, TRAP], ids=["srun", "mpirun", "trap"])
def test_a_script_ends_completed_with_the_bytes_of_a_plain_start(cluster, plain, tmp_path, script):
    write(tmp_path / "study.toml", 200_000)
    _, log = submitted(cluster, script, tmp_path, *SMALL)
    assert "on 2 ranks" in log
    assert "Sorry!" not in log
    assert tables(tmp_path / "results/study") == plain(200_000)


def test_requeued_until_it_is_done(cluster, plain, tmp_path):
    """The clock stops it after 1, 4, 16 ... seconds; the log of all starts is kept."""
    write(tmp_path / "study.toml", 600_000)
    script = MPIRUN.replace("14000", "$((4 ** SLURM_RESTART_COUNT))")
    assert script != MPIRUN
    state, log = submitted(cluster, script, tmp_path, *SMALL)
    assert int(state["Restarts"]) >= 1
    assert log.count("the same command goes on from here") == int(state["Restarts"])
    assert tables(tmp_path / "results/study") == plain(600_000)


def test_slurm_asks_the_script(cluster, plain, tmp_path):
    """What --signal=B:USR1@ sends: passed on to mpirun, whose status is 3; requeued, and done."""
    write(tmp_path / "study.toml", 600_000)
    script = TRAP.replace("study.toml", "study.toml --checkpoint-interval 0.2")
    (tmp_path / "job.sh").write_text(script)
    job = cluster.submit("job.sh", "--output=log", *SMALL, cwd=tmp_path)
    tallies = tmp_path / "results/study.partial/tallies.bin"
    cluster.until(tallies.exists, job, tmp_path)
    cluster.on("ctl", "scancel", "--batch", "--signal=USR1", job, cwd=tmp_path)
    state = cluster.wait(job, tmp_path)
    log = (tmp_path / "log").read_text()
    assert (state["JobState"], state["ExitCode"], state["Restarts"]) == ("COMPLETED", "0:0", "1")
    assert log.count("stopped (SIGUSR1)") == 1
    assert tables(tmp_path / "results/study") == plain(600_000)


def test_slurms_own_clock_asks_every_rank(cluster, tmp_path):
    """--signal=USR1@60 of a limit of two minutes comes after 30 to 60 s: requeued, and done."""
    runs = 600_000_000  # 80 to 400 s on two ranks of a free machine
    write(tmp_path / "study.toml", runs, LARGE)
    script = SRUN.replace("04:00:00", "2").replace("USR1@120", "USR1@60")
    assert script.count("USR1@60") == script.count("--time=2") == 1
    state, log = submitted(cluster, script, tmp_path, *SMALL)
    assert int(state["Restarts"]) >= 1
    assert log.count("stopped (SIGUSR1)") == int(state["Restarts"])
    assert "DUE TO TIME LIMIT" not in log
    assert f"{runs:,} single runs" in log


def test_a_job_array_merges_to_one_study(cluster, plain, tmp_path):
    few = 2048
    text = STUDY.replace("RUNS", str(few)).replace("seed", "first = 0\nseed")
    (tmp_path / "study.toml").write_text(text)
    script = ARRAY.replace("1048576", str(few)).replace("0-9", "0-2")
    assert script.count(str(few)) == 1
    submitted(cluster, script, tmp_path)
    environment = cluster.environment
    answer = subprocess.run(
        ["bash", "-c", MERGE], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert answer.returncode == 0, answer.stderr
    assert tables(tmp_path / "whole") == plain(3 * few)


def test_the_definitions_of_an_array_need_no_first(tmp_path):
    """`first` is set where the definition has it and where it has not."""
    (line,) = [line for line in ARRAY.splitlines() if line.startswith("sed ")]
    for text in (STUDY, STUDY.replace("seed", "first = 7\nseed")):
        (tmp_path / "study.toml").write_text(text)
        command = f"part=part; first=4096\n{line}"
        subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
        made = (tmp_path / "part.toml").read_text()
        assert made.count("first = ") == 1
        assert "[run]\nfirst = 4096\n" in made


def test_pbs_is_as_the_mpirun_script():
    """There is no PBS here; the line that computes is the one that Slurm runs."""
    (mine,) = [line for line in PBS.splitlines() if line.startswith("mpirun")]
    assert mine in MPIRUN.splitlines()
    assert Path("job.sh").name in PBS
