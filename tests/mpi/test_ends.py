"""However one rank ends, all end at once: one line, the right status, nobody waits."""

import os
import subprocess
import sys

import pytest

from tests.mpi import launch
from tests.mpi.launch import needs_mpi

HEAD = 'title = "ends"\n[model]\n'
UNEQUAL = 'n_battery = [2, 100_000]\nratio = 1\n[run]\nmethod = "evolve"\ntimes = [0.1]\n'
UNEQUAL += 'observables = ["log_negativity"]\n'
HOT = 'n_battery = 2\nratio = 2\nnbar = [0.0, 1e9]\n[run]\nmethod = "sample"\ntimes = [0.1]\n'
SINGLE = 'n_battery = 2\nratio = 2\n[run]\nmethod = "sample"\ntimes = [0.1, 0.5]\nruns = 4000\n'


def answer_of(two_ranks, cwd, seconds=150, **environment):
    """Both ranks' answer; a rank that waits for ever fails the test."""
    process = subprocess.Popen(
        two_ranks,
        cwd=cwd,
        env=launch.ENVIRONMENT | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.communicate()
        raise
    return process.returncode, out, err


def ours(err):
    # the launcher puts a space or a NUL before a line that it passes on amid its own notice
    return [line for line in err.splitlines() if line.lstrip(" \0").startswith("darkbattery:")]


@needs_mpi
@pytest.mark.parametrize(
    ("definition", "field"),
    [
        (UNEQUAL, "log_negativity"),  # one rank's average is refused
        (HOT + "runs = 4000\n", "times = 0.1"),  # one rank's single runs are
    ],
)
def test_a_refusal_on_any_rank_ends_all(tmp_path, definition, field):
    (tmp_path / "d.toml").write_text(HEAD + definition)
    status, out, err = answer_of(launch.command(2, "run", "d.toml", "--out", "out"), tmp_path)
    assert status == 2, out + err
    assert len(ours(err)) == 1, err
    assert field in ours(err)[0]
    assert "Traceback" not in err
    assert [path.name for path in tmp_path.iterdir()] == ["d.toml"]


SILENT = """
import sys, time
import darkbattery.runs.ranks.messages
from darkbattery.runs.cli import main
from darkbattery.runs.ranks.world import communicator, rank_of
if rank_of(communicator()) == 1:
    time.sleep(600)
main()
"""


@needs_mpi
def test_a_time_limit_is_kept_where_another_rank_is_silent(tmp_path):
    """Rank 1 does nothing, as behind a cut link; rank 0 waits for it in the midst of a study."""
    silent = "import darkbattery.runs.results.study as s; s._averages = silent"
    script = SILENT.replace("time.sleep(600)", silent, 1)
    script = script.replace(
        "from darkbattery.runs.ranks.world",
        "def silent(*_):\n    time.sleep(600)\nfrom darkbattery.runs.ranks.world",
        1,
    ).replace("main()\n", "darkbattery.runs.ranks.messages.STOP_SECONDS = 1.0\nmain()\n")
    (tmp_path / "silent.py").write_text(script)
    (tmp_path / "d.toml").write_text(HEAD + SINGLE.replace('"sample"', '["evolve", "sample"]'))
    order = ("run", "d.toml", "--out", "out", "--time-limit", "0.1")
    command = launch.command(2, *order, program=[sys.executable, "silent.py"])
    status, out, err = answer_of(command, tmp_path)
    assert status == 3, out + err
    assert "do not answer" in ours(err)[0]


@needs_mpi
def test_a_silent_rank_is_given_up(tmp_path):
    """The watchdog: no rank waits for ever where another one does not come to its messages."""
    script = (
        "import sys, time\n"
        "import darkbattery.runs.ranks.distribute as d, darkbattery.runs.ranks.messages\n"
        "from darkbattery.runs.cli import main\n"
        "from darkbattery.runs.ranks.world import communicator\n"
        "darkbattery.runs.ranks.messages.PATIENCE_SECONDS = 2.0\n"
        "if communicator().rank == 1:\n"
        "    d.Job.make = lambda *_: time.sleep(600)\n"
        "main()\n"
    )
    (tmp_path / "silent.py").write_text(script)
    (tmp_path / "d.toml").write_text(HEAD + SINGLE)
    command = launch.command(2, "run", "d.toml", program=[sys.executable, "silent.py"])
    status, out, err = answer_of(command, tmp_path)
    assert status == 3, out + err
    assert "goes on from the last checkpoint" in ours(err)[0]


def test_tasks_that_are_worlds_of_one_are_refused(tmp_path, monkeypatch):
    (tmp_path / "d.toml").write_text(HEAD + SINGLE)
    for task, variables in enumerate(
        [{"SLURM_STEP_NUM_TASKS": "4"}, {"SLURM_STEP_NUM_TASKS": "4", "SLURM_PROCID": "1"}]
    ):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        answer = launch.here("run", "d.toml", "--out", "out", cwd=tmp_path)
        assert answer.returncode == 2, answer.stderr
        said = [("srun --mpi=pmix" in line) for line in ours(answer.stderr)]
        assert said == [True] * (1 - task)
        assert not (tmp_path / "out").exists()
    answer = launch.here("run", "d.toml", "--out", "out", "--alone", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr


@needs_mpi
def test_another_mpis_launcher_is_refused(tmp_path):
    """Each rank's MPI sees itself alone: as with mpiexec of MPICH and the wheel's Open MPI."""
    (tmp_path / "d.toml").write_text(HEAD + SINGLE)
    command = launch.command(0, "run", "d.toml", "--out", "out")
    assert not any(name.startswith("OMPI_COMM") for name in os.environ)
    status, out, err = answer_of(command, tmp_path, PMI_RANK="0", PMI_SIZE="2")
    assert status == 2, out + err
    assert "2: were started, but each is a world of its own" in ours(err)[0]
