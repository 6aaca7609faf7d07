"""Stopped, killed and resumed: the same bytes, or a clear refusal; never a wrong number."""

import os
import random
import resource
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery
from darkbattery.runs.definitions.definition import read_definition
from darkbattery.runs.ranks.checkpoint import read_tallies
from darkbattery.runs.ranks.distribute import Job
from tests.mpi import launch
from tests.mpi.launch import needs_mpi

DEFINITION = """
title = "campaign"
[model]
n_battery = [2, 4]
ratio = 5
nbar = [0.0, 0.4]
[run]
method = ["evolve", "sample"]
times = { stop = 1.0, points = 21 }
observables = ["battery_energy", "emitted_photons"]
runs = 400_000
seed = 3
"""
LONG = pytest.mark.long
FAST = ("--checkpoint-interval", "0.05")
# the same command line in a process that asks itself to stop after a few pieces of work
STOPPED = """
import os, signal
import darkbattery.runs.ranks.distribute as d
real, made = d.Job.make, []
def make(*arguments):
    made.append(arguments)
    if len(made) == AFTER:
        os.kill(os.getpid(), signal.SIGTERM)
    return real(*arguments)
d.Job.make = make
from darkbattery.runs.cli import main
main()
"""


def _tables(folder):
    return [(folder / n).read_bytes() for n in ("table.parquet", "distributions.parquet")]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The uninterrupted study."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "d.toml").write_text(DEFINITION)
    answer = launch.here(*RUN, cwd=folder)
    assert answer.returncode == 0, answer.stderr
    return _tables(folder / "out")


@pytest.fixture
def study(tmp_path):
    (tmp_path / "d.toml").write_text(DEFINITION)
    return tmp_path


def _wait_for(path, process, seconds=60.0):
    until = time.monotonic() + seconds
    while not path.exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)


@pytest.fixture
def stopping(monkeypatch):
    """stopping(pieces): from now on studies of this process are stopped after so many."""

    def stop(pieces):
        real, made = Job.make, []

        def make(*arguments):
            made.append(arguments)
            if len(made) == pieces:
                signal.raise_signal(signal.SIGTERM)
            return real(*arguments)

        monkeypatch.setattr(Job, "make", make)

    return stop


def _finish(answer, study, whole):
    assert answer.returncode == 0, answer.stderr
    assert "going on with" in answer.stdout
    assert _tables(study / "out") == whole
    assert not (study / "out.partial").exists()


RUN = ("run", "d.toml", "--out", "out")


@needs_mpi
def test_stops_on_any_number_of_ranks_and_the_same_command_goes_on(study, whole):
    """SIGTERM of one rank, SIGTERM of mpirun, the end; on other ranks each time."""
    program = [sys.executable, "-c", STOPPED.replace("AFTER", "3")]
    answer = launch.run(3, *RUN, cwd=study, program=program)
    assert answer.returncode == 3, answer.stderr
    assert "goes on from here" in answer.stdout
    assert not (study / "out").exists()
    tallies = study / "out.partial" / "tallies.bin"
    before = tallies.stat().st_ino
    process = launch.start(2, *RUN, *FAST, cwd=study)
    until = time.monotonic() + 120.0
    while tallies.stat().st_ino == before and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 1  # mpirun's own; it ends the ranks
    _finish(launch.run(1, *RUN, cwd=study), study, whole)


@needs_mpi
@pytest.mark.long
@pytest.mark.parametrize("ranks", [0, 1, 2, 3])
def test_a_time_limit_stops_in_order(study, ranks):
    # longer than the averages take, shorter than the runs
    (study / "d.toml").write_text(DEFINITION.replace("400_000", "2_000_000"))
    answer = launch.run(ranks, *RUN, "--time-limit", "1.5", cwd=study)
    assert answer.returncode == 3, answer.stderr
    assert "the same command goes on from here" in answer.stdout
    assert not (study / "out").exists()
    answer = launch.run(ranks, *RUN, cwd=study)
    assert answer.returncode == 0, answer.stderr
    plain = launch.here("run", "d.toml", "--out", "plain", cwd=study)
    assert plain.returncode == 0, plain.stderr
    assert _tables(study / "out") == _tables(study / "plain")


@pytest.mark.parametrize(
    "number",
    [signal.SIGINT, *(pytest.param(n, marks=LONG) for n in (signal.SIGTERM, signal.SIGUSR1))],
)
def test_signals_stop_in_order(study, whole, number):
    process = launch.start(0, *RUN, *FAST, cwd=study)
    _wait_for(study / "out.partial" / "tallies.bin", process)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    assert signal.Signals(number).name in out
    _finish(launch.here(*RUN, cwd=study), study, whole)


@needs_mpi
@pytest.mark.long
def test_sigusr1_reaches_the_ranks_through_mpirun(study, whole):
    process = launch.start(2, *RUN, *FAST, cwd=study)
    _wait_for(study / "out.partial" / "tallies.bin", process)
    process.send_signal(signal.SIGUSR1)
    process.communicate(timeout=60)
    assert process.returncode == 3
    _finish(launch.run(2, *RUN, cwd=study), study, whole)


def test_another_definition_does_not_go_on_unless_restarted(study, stopping):
    text = DEFINITION.replace("400_000", "20_000")
    (study / "d.toml").write_text(text)
    stopping(2)
    assert launch.here(*RUN, cwd=study).returncode == 3
    (study / "d.toml").write_text(text.replace("seed = 3", "seed = 4"))
    answer = launch.here(*RUN, cwd=study)
    assert answer.returncode == 2
    assert "differs from the unfinished study" in answer.stderr
    assert answer.stderr.count("\n") == 1
    answer = launch.here(*RUN, "--restart", cwd=study)
    assert answer.returncode == 0, answer.stderr


def test_a_damaged_checkpoint_is_refused(study, stopping):
    stopping(2)
    assert launch.here(*RUN, cwd=study).returncode == 3
    tallies = study / "out.partial" / "tallies.bin"
    content = bytearray(tallies.read_bytes())
    content[len(content) // 2] ^= 1
    for damaged in (bytes(content), bytes(content[: len(content) // 2])):
        tallies.write_bytes(damaged)
        answer = launch.here(*RUN, cwd=study)
        assert answer.returncode == 2
        assert "checkpoint" in answer.stderr
        assert answer.stderr.count("\n") == 1


def test_extension_repeats_nothing_and_equals_one_study(study):
    small = DEFINITION.replace("400_000", "30_000")
    (study / "small.toml").write_text(small)
    (study / "d.toml").write_text(DEFINITION.replace("400_000", "50_000"))
    launch.here("run", "d.toml", "--out", "whole", cwd=study)
    launch.here("run", "small.toml", "--out", "out", cwd=study)
    answer = launch.here(*RUN, "--extend", cwd=study)
    assert answer.returncode == 0, answer.stderr
    assert _tables(study / "out") == _tables(study / "whole")
    (study / "d.toml").write_text(small.replace("seed = 3", "seed = 5"))
    answer = launch.here(*RUN, "--extend", cwd=study)
    assert answer.returncode == 2
    assert "another definition" in answer.stderr


def test_ranges_made_apart_merge_to_one_study(study):
    (study / "d.toml").write_text(DEFINITION.replace("400_000", "6_000"))
    launch.here("run", "d.toml", "--out", "whole", cwd=study)
    for first, runs in [(0, 2_048), (2_048, 3_952)]:
        text = DEFINITION.replace("400_000", f"{runs}\nfirst = {first}")
        (study / f"p{first}.toml").write_text(text)
        launch.here("run", f"p{first}.toml", "--out", f"p{first}", cwd=study)
    answer = launch.here("merge", "p2048", "p0", "--out", "merged", cwd=study)
    assert answer.returncode == 0, answer.stderr
    assert _tables(study / "merged") == _tables(study / "whole")
    for folders, message in [(("p0", "p0"), "already counted"), (("p0",), "at least two")]:
        answer = launch.here("merge", *folders, "--out", "no", cwd=study)
        assert answer.returncode == 2
        assert message in answer.stderr
        assert not (study / "no").exists()


def test_rows_of_all_runs_survive_a_stop(study, stopping):
    text = DEFINITION.replace("400_000", "60_000") + 'records = "summary"\n'
    (study / "d.toml").write_text(text)
    stopping(3)
    assert launch.here(*RUN, *FAST, cwd=study).returncode == 3
    answer = launch.here(*RUN, cwd=study)
    assert answer.returncode == 0, answer.stderr
    table = pd.read_parquet(study / "out" / "table.parquet")
    for point, (n_battery, nbar) in enumerate([(2, 0.0), (2, 0.4), (4, 0.0), (4, 0.4)]):
        rows = pd.read_parquet(study / "out" / "records" / f"point-{point:04d}")
        assert sorted(rows.run) == list(range(60_000))
        chosen = table[(table.n_battery == n_battery) & (table.nbar == nbar)]
        last = chosen[(chosen.method == "sample") & (chosen.time == 1.0)].set_index("observable")
        # the sums hold values to 2^-30
        assert rows.final_energy.mean() == pytest.approx(last.value["battery_energy"], abs=2e-9)
        assert rows.emitted_photons.mean() == pytest.approx(
            last.value["emitted_photons"], rel=1e-12
        )


def test_replay_gives_a_run_again(study):
    (study / "d.toml").write_text(DEFINITION.replace("400_000", "500"))
    launch.here(*RUN, cwd=study)
    answer = launch.here("replay", "out", "--run", "17", "--point", "3", cwd=study)
    assert answer.returncode == 0, answer.stderr
    replayed = pd.read_parquet(study / "out" / "replay" / "point-3-run-17-states.parquet")
    battery = CollectiveBattery(4, 20, nbar=0.4)
    one = trajectories.single_run(battery, replayed.time, seed=3, run=17)
    assert replayed.battery_energy.tolist() == one.battery_energy.tolist()
    answer = launch.here("replay", "out", "--run", "500", cwd=study)
    assert answer.returncode == 2
    assert "--run = 500" in answer.stderr


def test_a_classical_path_is_replayed_to_the_bit(study):
    text = DEFINITION.replace("400_000", "300").replace("[run]", '[run]\nengine = "semiclassical"')
    (study / "d.toml").write_text(text + "single_runs = 2\n")
    answer = launch.here(*RUN, cwd=study)
    assert answer.returncode == 0, answer.stderr
    launch.here("replay", "out", "--run", "1", "--point", "2", cwd=study)
    replayed = pd.read_parquet(study / "out" / "replay" / "point-2-run-1-states.parquet")
    runs = pd.read_parquet(study / "out" / "single_runs.parquet")
    stored = runs[(runs.n_battery == 4) & (runs.nbar == 0.0) & (runs.run == 1)]
    stored = stored[stored.observable == "battery_energy"]
    assert replayed.battery_energy.tolist() == stored.value.tolist()


def test_a_full_disk_at_checkpoint_time(study, whole):
    """Files may grow to 1 kB only: what does not fit is reported lost, nothing is wrong."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    program = [sys.executable, "-c", STOPPED.replace("AFTER", "5")]
    answer = subprocess.run(
        launch.command(0, *RUN, *FAST, program=program),
        cwd=study,
        env=launch.ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=limit,
    )
    assert answer.returncode == 3, answer.stderr
    assert "cannot be written" in answer.stdout
    kept = study / "out.partial" / "tallies.bin"
    # a first, small one may have fitted: then it is whole
    digest = read_definition(study / "d.toml").study_digest()
    assert not kept.exists() or len(read_tallies(kept, digest)) == 4
    answer = launch.here(*RUN, cwd=study)
    assert answer.returncode == 0, answer.stderr
    assert _tables(study / "out") == whole


@needs_mpi
@pytest.mark.long
@pytest.mark.parametrize("victims", ["one", "all"])
def test_kill_nine_at_random_moments(study, whole, victims):
    """Ten times each, on 1, 2 and 3 ranks: what was kept is gone on with, to the same bytes."""
    rng = random.Random(victims)
    for round_ in range(10):
        out = f"out{round_}"
        started = 1 + round_ % 3
        process = launch.start(started, "run", "d.toml", "--out", out, *FAST, cwd=study)
        _wait_for(study / f"{out}.partial", process)
        time.sleep(rng.uniform(0.0, 1.5))
        ranks = _ranks(process.pid)
        for pid in ranks if victims == "all" else ranks[:1]:
            os.kill(pid, signal.SIGKILL)
        process.communicate(timeout=60)
        if not (study / out).exists():
            answer = launch.run(3 - round_ % 3, "run", "d.toml", "--out", out, cwd=study)
            assert answer.returncode == 0, answer.stderr
        assert _tables(study / out) == whole, round_


def _ranks(launcher):
    found = subprocess.run(
        ["pgrep", "-P", str(launcher), "-f", os.path.basename(sys.executable)],
        capture_output=True,
        text=True,
    )
    return [int(pid) for pid in found.stdout.split()]
