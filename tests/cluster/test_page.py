"""The batch scripts of docs/clusters.md, cut out of the page and run to the letter."""

import subprocess
from pathlib import Path

import pytest

from tests.cluster.nodes import on_nodes, scripts_of_page
from tests.mpi import launch

pytestmark = on_nodes

STUDY = """
title = "study"
[model]
n_battery = [2, 4]
ratio = 5
nbar = 0.4
[run]
method = "sample"
times = { stop = 1.0, points = 21 }
observables = ["battery_energy", "emitted_photons"]
runs = RUNS
seed = 3
"""
SRUN, MPIRUN, ARRAY, MERGE, PBS = scripts_of_page()
SMALL = ("--nodes=2", "--ntasks-per-node=1")  # two nodes of four cores


def tables(folder):
    return [(folder / name).read_bytes() for name in ("table.parquet", "distributions.parquet")]


def plain(tmp_path, runs, name="plain"):
    """The bytes of a start on one rank."""
    (tmp_path / "plain.toml").write_text(STUDY.replace("RUNS", str(runs)))
    answer = launch.run(0, "run", "plain.toml", "--out", name, cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    return tables(tmp_path / name)


def submitted(cluster, script, tmp_path, *options):
    (tmp_path / "job.sh").write_text(script)
    job = cluster.submit("job.sh", "--output=log", *options, cwd=tmp_path)
    state = cluster.wait(job, tmp_path)
    log = (tmp_path / "log").read_text() if (tmp_path / "log").exists() else ""
    assert (state["JobState"], state["ExitCode"]) == ("COMPLETED", "0:0"), log
    return state, log


@pytest.mark.parametrize("script", [SRUN, MPIRUN], ids=["srun", "mpirun"])
def test_a_script_ends_completed_with_the_bytes_of_a_plain_start(cluster, tmp_path, script):
    (tmp_path / "study.toml").write_text(STUDY.replace("RUNS", "200_000"))
    _, log = submitted(cluster, script, tmp_path, *SMALL)
    assert "on 2 rank(s)" in log
    assert "Sorry!" not in log
    assert tables(tmp_path / "results/study") == plain(tmp_path, 200_000)


def test_requeued_until_it_is_done(cluster, tmp_path):
    """The clock stops it every few seconds; the log of all starts is kept."""
    (tmp_path / "study.toml").write_text(STUDY.replace("RUNS", "600_000"))
    script = MPIRUN.replace("14000", "1.5")
    assert script != MPIRUN
    state, log = submitted(cluster, script, tmp_path, *SMALL)
    assert int(state["Restarts"]) >= 1
    assert log.count("the same command goes on from here") == int(state["Restarts"])
    assert tables(tmp_path / "results/study") == plain(tmp_path, 600_000)


def test_a_job_array_merges_to_one_study(cluster, tmp_path):
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
    assert tables(tmp_path / "whole") == plain(tmp_path, 3 * few)


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
