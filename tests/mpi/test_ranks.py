"""Started by mpirun: the same bits for every number of ranks, one refusal, no rank left."""

import hashlib
import sys

import pytest

from tests.mpi import launch
from tests.mpi.launch import needs_mpi

DEFINITION = """
title = "ranks"
[model]
n_battery = [1, 2]
ratio = 3
nbar = [0.0, 0.5]
[run]
method = ["evolve", "sample"]
times = [0.1, 0.5, 1.5]
observables = ["battery_energy", "ergotropy", "emitted_photons", "log_negativity"]
runs = 5000
seed = 3
single_runs = 2
"""


@needs_mpi
def test_the_same_bytes_for_one_two_and_three_ranks(tmp_path):
    (tmp_path / "d.toml").write_text(DEFINITION)
    digests = set()
    for ranks in (1, 2, 3):
        answer = launch.run(ranks, "run", "d.toml", "--out", f"out{ranks}", cwd=tmp_path)
        assert answer.returncode == 0, answer.stderr
        assert f"on {ranks} rank(s)" in answer.stdout
        assert answer.stdout.count("rank(s)") == 1  # only rank 0 speaks
        digest = hashlib.sha256()
        for name in ("table.parquet", "distributions.parquet", "single_runs.parquet"):
            digest.update((tmp_path / f"out{ranks}" / name).read_bytes())
        digests.add(digest.hexdigest())
    assert len(digests) == 1


NOISY = """
title = "noisy"
[model]
n_battery = 2
n_charger = 3
nbar = 0.2
battery_noise = { dephasing = 1.0, emission = 0.3 }
[model.protocol]
charge = { duration = 0.5 }
pulse = { dephase_battery = 1.0 }
discharge = { duration = inf, coupled = "battery" }
[run]
method = ["sample"]
times = [0.1, 0.5, 1.5]
observables = ["battery_energy", "ergotropy_total", "local_loss", "daemonic_ergotropy"]
runs = 3000
seed = 3
"""


@needs_mpi
def test_the_same_bytes_with_local_noise_and_a_protocol(tmp_path):
    (tmp_path / "d.toml").write_text(NOISY)
    found = set()
    for ranks in (1, 2):
        answer = launch.run(ranks, "run", "d.toml", "--out", f"out{ranks}", cwd=tmp_path)
        assert answer.returncode == 0, answer.stderr
        names = ("table.parquet", "distributions.parquet")
        found.add(tuple((tmp_path / f"out{ranks}" / name).read_bytes() for name in names))
    assert len(found) == 1


@needs_mpi
@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_bad_input_is_refused_once_and_all_ranks_leave(tmp_path, ranks):
    (tmp_path / "bad.toml").write_text(DEFINITION.replace("runs = 5000", "runs = 0"))
    answer = launch.run(ranks, "run", "bad.toml", "--out", "out", cwd=tmp_path)
    assert answer.returncode == 2
    ours = [line for line in answer.stderr.splitlines() if line.startswith("darkbattery:")]
    assert len(ours) == 1
    assert "run.runs = 0" in ours[0]
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "out").exists()


@needs_mpi
def test_a_failing_rank_ends_the_job(tmp_path):
    """An error that is no refusal, on one rank only: a trace, status 1, nobody waits."""
    (tmp_path / "d.toml").write_text(DEFINITION)
    script = (
        "import runs.study as s, runs.world as w\n"
        "from runs.cli import main\n"
        "import sys\n"
        "original = s.distribute_all\n"
        "def broken(jobs, comm, *rest):\n"
        "    if w.rank_of(comm) == 1: raise RuntimeError('broken on purpose')\n"
        "    return original(jobs, comm, *rest)\n"
        "s.distribute_all = broken\n"
        "main()\n"
    )
    (tmp_path / "broken.py").write_text(script)
    answer = launch.run(2, "run", "d.toml", cwd=tmp_path, program=[sys.executable, "broken.py"])
    assert answer.returncode != 0
    assert "broken on purpose" in answer.stderr
    assert not (tmp_path / "results" / "d").exists()
