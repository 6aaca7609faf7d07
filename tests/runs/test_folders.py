"""One owner of a folder; extensions, merges and ends that keep what was made; odd environments."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import FunctionType, ModuleType

import numba
import numpy as np
import pandas as pd
import pytest

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery, InputError
from darkbattery.nvmodel.solution import Distribution, Reading, Solution
from darkbattery.nvmodel.tally import RunSpans
from darkbattery.runs.definitions.precision import Precision
from darkbattery.runs.ranks.averages import AVERAGES, Averages
from darkbattery.runs.ranks.parts import Parts
from darkbattery.runs.ranks.signals import Stopped, StopRequest, stop_on_signals
from darkbattery.runs.results.store import usable_folder, written_aside
from darkbattery.runs.start.owner import OWNER, Owner
from tests.mpi import launch
from tests.mpi.launch import needs_mpi

SMALL = """
title = "small"
[model]
n_battery = [1, 2]
ratio = 2
[run]
method = ["evolve", "sample"]
times = { stop = 1.0, points = 5 }
observables = ["battery_energy"]
runs = 4000
seed = 3
records = "summary"
"""
# far more than a test waits for
ENDLESS = SMALL.replace("runs = 4000", "runs = 400_000_000").replace('records = "summary"', "")
AVERAGES_ALONE = """
title = "averages"
[model]
n_battery = [1, 2, 3, 4]
ratio = 2
[run]
method = "evolve"
times = { stop = 1.0, points = 5 }
"""
TABLES = ("table.parquet", "distributions.parquet")


@pytest.fixture
def study(tmp_path):
    (tmp_path / "d.toml").write_text(SMALL, encoding="utf-8")
    return tmp_path


def run(folder, *options, definition="d.toml", out="out"):
    return launch.here("run", definition, "--out", out, *options, cwd=folder)


def apart(folder, environment, program=launch.DRAWN):
    """The study in a process of its own, with figures."""
    return subprocess.run(
        launch.command(0, "run", "d.toml", "--out", "out", program=program),
        cwd=folder,
        env=launch.ENVIRONMENT | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def tables(folder):
    return [(folder / name).read_bytes() for name in TABLES]


def rows(folder, point=0):
    return pd.read_parquet(folder / "records" / f"point-{point:04d}")


def wait_for(path, seconds=120.0):
    until = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < until, f"{path} never came"
        time.sleep(0.02)


# --- the lock


def other_process(folder):
    """A process that owns `folder` until its standard input closes."""
    code = (
        "import sys; from pathlib import Path; from darkbattery.runs.start.owner import Owner\n"
        f"owner = Owner(); owner.take(Path({str(folder)!r})); print('has it', flush=True)\n"
        "sys.stdin.read(); owner.release()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "has it\n"
    return process


def test_a_second_owner_is_refused_and_a_dead_one_replaced_with_a_word(tmp_path):
    process = other_process(tmp_path)
    with pytest.raises(InputError, match=f"process {process.pid} on "):
        Owner().take(tmp_path)
    process.kill()
    process.wait()
    owner = Owner()
    assert "is gone" in owner.take(tmp_path)
    owner.release()
    assert list(tmp_path.iterdir()) == []
    assert Owner().take(tmp_path) is None  # released in order: nothing to say


def test_an_owner_on_another_host_is_judged_by_its_signs_of_life(tmp_path):
    record = {"host": "elsewhere", "process": 1, "job": None, "since": "2026-01-01T00:00:00"}
    (tmp_path / OWNER).write_text(json.dumps(record))
    with pytest.raises(InputError, match="process 1 on elsewhere"):
        Owner().take(tmp_path)
    os.utime(tmp_path / OWNER, (time.time() - 1000.0,) * 2)
    assert "elsewhere" in Owner().take(tmp_path)


def test_a_job_that_is_started_again_on_another_host_takes_its_place(tmp_path, monkeypatch):
    job = ["SLURM_JOB_ID", "17", "0"]
    record = {"host": "elsewhere", "process": 1, "job": job, "since": "2026-01-01T00:00:00"}
    (tmp_path / OWNER).write_text(json.dumps(record))
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert "job 17" in Owner().take(tmp_path)


def test_two_starts_into_one_folder(study):
    (study / "endless.toml").write_text(ENDLESS)
    first = launch.start(0, "run", "endless.toml", "--out", "out", cwd=study)
    try:
        wait_for(study / "out.partial" / OWNER)
        for definition in ("endless.toml", "d.toml"):
            answer = run(study, definition=definition)
            assert answer.returncode == 2
            assert answer.stderr.count("\n") == 1
            assert "is being written by process" in answer.stderr
    finally:
        first.kill()
        first.wait()
    assert not (study / "out").exists()
    answer = run(study, "--restart")
    assert answer.returncode == 0, answer.stderr
    assert "is gone" in answer.stdout
    assert not (study / "out.partial").exists()


# --- rows, extension, merge


def test_an_extension_keeps_rows_replays_and_files_of_the_users_own(study):
    assert run(study).returncode == 0
    (study / "out" / "replay").mkdir()
    (study / "out" / "replay" / "old.txt").write_text("mine")
    (study / "out" / "thesis.tex").write_text("mine")
    (study / "d.toml").write_text(SMALL.replace("4000", "6000"))
    stopped = run(study, "--extend", "--time-limit", "0.001")
    assert stopped.returncode == 3, stopped.stderr
    answer = run(study, "--extend")
    assert answer.returncode == 0, answer.stderr
    assert "extending" not in answer.stdout  # it goes on where it stood
    assert run(study, out="fresh").returncode == 0
    assert tables(study / "out") == tables(study / "fresh")
    assert sorted(rows(study / "out").run) == list(range(6000))
    assert (study / "out" / "thesis.tex").read_text() == "mine"
    assert (study / "out" / "replay" / "old.txt").read_text() == "mine"
    (study / "d.toml").write_text(SMALL)
    fewer = run(study, "--extend")
    assert fewer.returncode == 2
    assert "run.runs = 4000: must be at least the 6000" in fewer.stderr


def test_merge_carries_the_rows(study):
    assert run(study, out="whole").returncode == 0
    for name, first, runs in (("a", 0, 1000), ("b", 1000, 3000)):
        text = SMALL.replace("runs = 4000", f"runs = {runs}\nfirst = {first}")
        (study / f"{name}.toml").write_text(text)
        assert run(study, definition=f"{name}.toml", out=name).returncode == 0
    answer = launch.here("merge", "a", "b", "--out", "both", cwd=study)
    assert answer.returncode == 0, answer.stderr
    assert (study / "both" / TABLES[0]).read_bytes() == (study / "whole" / TABLES[0]).read_bytes()
    for point in (0, 1):
        pd.testing.assert_frame_equal(
            rows(study / "both", point).sort_values("run", ignore_index=True),
            rows(study / "whole", point).sort_values("run", ignore_index=True),
        )
    assert not (study / "both.partial").exists()
    # what its definition is called in the report; it was made from the title
    record = json.loads((study / "both" / "provenance.json").read_text())
    assert record["definition_name"] == "both"


def test_a_merged_study_keeps_the_name_that_its_parts_share(study):
    text = SMALL.replace('records = "summary"', "")
    for name, first in (("a", 0), ("b", 1000)):
        (study / name).mkdir()
        changed = text.replace("runs = 4000", f"runs = 1000\nfirst = {first}")
        (study / name / "mine.toml").write_text(changed)
        assert run(study, definition=f"{name}/mine.toml", out=f"{name}/out").returncode == 0
    answer = launch.here("merge", "a/out", "b/out", "--out", "both", cwd=study)
    assert answer.returncode == 0, answer.stderr
    record = json.loads((study / "both" / "provenance.json").read_text())
    assert record["definition_name"] == "mine"


@needs_mpi
def test_merge_under_mpirun_is_one_merge(study):
    for name, first in (("a", 0), ("b", 1000)):
        text = SMALL.replace("runs = 4000", f"runs = 1000\nfirst = {first}")
        (study / f"{name}.toml").write_text(text)
        assert run(study, definition=f"{name}.toml", out=name).returncode == 0
    answer = launch.run(3, "merge", "a", "b", "--out", "both", cwd=study)
    assert answer.returncode == 0, answer.stderr
    assert len(rows(study / "both")) == 2000


def test_rows_that_are_missing_are_not_published(tmp_path):
    parts = Parts(tmp_path)
    table = pd.DataFrame({"run": range(10)})
    parts.write(0, 10, table)
    parts.write(20, 30, table)
    parts.refuse_gaps(RunSpans(((0, 10), (20, 30))))
    with pytest.raises(InputError, match=r"lacks the rows of runs 10 ... 19"):
        parts.refuse_gaps(RunSpans(((0, 30),)))


# --- stops


def test_a_request_ends_what_has_no_blocks():
    with stop_on_signals() as stop:
        with pytest.raises(Stopped), stop.at_once():
            signal.raise_signal(signal.SIGTERM)
        assert stop.reason == "SIGTERM"


def test_the_clock_ends_what_has_no_blocks():
    with stop_on_signals(time_limit=0.05) as stop:
        with pytest.raises(Stopped), stop.at_once():
            time.sleep(30.0)
        assert stop.reason == "time limit"


@pytest.mark.parametrize("seconds", [0.05, 0.2, 0.35, 0.5])
def test_a_request_while_a_kernel_is_compiled_ends_the_work(seconds, capfd):
    """numba would make the request an error of its own, and LLVM's callbacks would lose it."""

    @numba.njit(cache=False)
    def kernel(x):
        total = 0.0
        for i in range(x.shape[0]):
            total += np.sort(x[i] * x.T[i])[0] + np.exp(x[i]).sum()
        return total

    def asked():
        time.sleep(seconds)  # of the seconds that the compilation takes
        os.kill(os.getpid(), signal.SIGTERM)

    def work(stop):
        with stop.at_once():
            asking.start()
            kernel(np.ones((2, 2)))
            time.sleep(30.0)

    asking = threading.Thread(target=asked)
    with stop_on_signals() as stop, pytest.raises(Stopped):
        work(stop)
    asking.join()
    assert stop.reason == "SIGTERM"
    assert capfd.readouterr().err == ""


def test_an_error_that_a_request_was_turned_into_is_a_stop():
    def work(stop):
        with stop.at_once():
            try:
                signal.raise_signal(signal.SIGTERM)
            except Stopped as found:
                raise ValueError("failed while lowering") from found

    with stop_on_signals() as stop, pytest.raises(Stopped):
        work(stop)


def test_what_fails_after_a_block_was_left_stays_an_error():
    """A full disk while a stopped study keeps what it has is no orderly stop."""

    def work(stop):
        with stop.at_once():
            with contextlib.suppress(Stopped), stop.at_once():
                signal.raise_signal(signal.SIGTERM)
            raise OSError("no space left")

    with stop_on_signals() as stop, pytest.raises(OSError, match="no space"):
        work(stop)


def test_what_fails_without_a_request_stays_an_error():
    with stop_on_signals() as stop, pytest.raises(ValueError, match="wrong"), stop.at_once():
        raise ValueError("wrong")


def test_llvms_callbacks_are_left_first():
    """A stand-in of its module, which calls back what loses anything that is raised in it."""
    reached = []
    place = {"__name__": "llvmlite.binding", "hook": lambda: signal.raise_signal(signal.SIGTERM)}
    exec("def notify(reached):\n    hook()\n    reached.append(1)", place)

    def work(stop):
        with stop.at_once():
            place["notify"](reached)
            time.sleep(30.0)

    with stop_on_signals() as stop, pytest.raises(Stopped):
        work(stop)
    assert reached == [1]
    assert stop.reason == "SIGTERM"  # the alarm that asks again is no time limit


def test_a_request_that_a_callback_lost_comes_again(monkeypatch):
    monkeypatch.setitem(StopRequest._receive.__globals__, "LOST_SECONDS", 0.05)

    def work(stop):
        with stop.at_once():
            with contextlib.suppress(Stopped):
                signal.raise_signal(signal.SIGTERM)
            time.sleep(30.0)

    with stop_on_signals() as stop, pytest.raises(Stopped):
        work(stop)


def test_a_block_that_was_left_is_not_asked_again(monkeypatch):
    """Ranks agree on a stop in a block that ends at once itself, and may wait for one another."""
    monkeypatch.setitem(StopRequest._receive.__globals__, "LOST_SECONDS", 0.02)
    with stop_on_signals() as stop, stop.at_once():
        with pytest.raises(Stopped), stop.at_once():
            signal.raise_signal(signal.SIGTERM)
        time.sleep(0.1)


def test_requests_are_held_while_a_result_is_put_away():
    with stop_on_signals() as stop, stop.at_once():
        with stop.held():
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.01)  # a handler that raised would do so here
        assert stop.requested


def test_a_signal_while_a_study_is_opened_stops_it_in_order(study, monkeypatch):
    from rich.console import Console

    from darkbattery.runs.start import execute as module

    (study / "a.toml").write_text(SMALL)
    real = module.find_definition

    def signalled(name):
        signal.raise_signal(signal.SIGUSR1)
        return real(name)

    order = module.Order("a.toml", study / "out", "refuse", None, 60.0)
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # nothing else is to hear it
    try:
        monkeypatch.chdir(study)
        monkeypatch.setattr(module, "find_definition", signalled)
        with pytest.raises(Stopped):
            module.execute(order, None, Console(quiet=True))
    finally:
        signal.signal(signal.SIGUSR1, before)
    monkeypatch.setattr(module, "find_definition", real)
    module.execute(order, None, Console(quiet=True))
    assert (study / "out" / "table.parquet").exists()


def test_averages_come_back_as_they_were(tmp_path):
    distribution = Distribution("J", np.array([0.0]), np.array([1.0]), np.array([[0.5], [0.25]]))
    values = {"power": np.array([1.0, np.nan]), "photons": np.array([2.0, 1e300])}
    errors = {"power": np.array([0.1, 0.2]), "photons": None}
    solution = Solution(
        [0.0, np.inf],
        Reading(values, errors, {"dark_state": distribution}, ("careful",)),
        {"solver": "exact", "expected_error": {"power": 0.1}},
    )
    kept = Averages(tmp_path)
    kept.add((3, "evolve"), solution)
    kept.flush()
    found = Averages(tmp_path).kept()[3, "evolve"]
    pd.testing.assert_frame_equal(found.to_dataframe(), solution.to_dataframe())
    pd.testing.assert_frame_equal(
        found.distributions_to_dataframe(), solution.distributions_to_dataframe()
    )
    assert found.warnings == ("careful",)
    assert found.provenance == solution.provenance
    for path in (tmp_path / AVERAGES).iterdir():
        path.write_bytes(path.read_bytes()[:100])
    assert Averages(tmp_path).kept() == {}  # cut short: made again


def test_averages_stop_and_go_on(study, monkeypatch):
    """The second start makes only what the first did not."""
    from darkbattery.runs.definitions.definition import read_definition
    from darkbattery.runs.results import study as module

    (study / "a.toml").write_text(AVERAGES_ALONE)
    definition = read_definition(study / "a.toml")
    whole = module.run_study(definition)
    request, real, made = StopRequest(), module._average, []

    def average(definition, point, method):
        made.append(point)
        if len(made) == 3:
            raise Stopped
        return real(definition, point, method)

    monkeypatch.setattr(module, "_average", average)
    campaign = module.Campaign(stop=request, folder=study)
    with pytest.raises(Stopped):
        module.run_study(definition, campaign=campaign)
    again = module.run_study(definition, campaign=campaign)
    assert len(made) == 3 + 2
    pd.testing.assert_frame_equal(again.table, whole.table)


@pytest.mark.parametrize("command", ["paper", "regimes"])
def test_long_commands_stop_in_order(tmp_path, command):
    answer = launch.here(command, "--out", "out", "--time-limit", "0.5", cwd=tmp_path)
    assert answer.returncode == 3, answer.stderr
    assert "stopped (time limit)" in answer.stdout
    assert not (tmp_path / "out").exists()


# --- the end keeps what was made


def test_a_figure_that_fails_costs_itself_alone(study):
    rc = study / "matplotlibrc"
    rc.write_text("text.usetex: True\n")
    nowhere = {"PATH": str(Path(sys.executable).parent)}  # no LaTeX there
    answer = apart(study, {"MATPLOTLIBRC": str(rc)} | nowhere)
    assert answer.returncode == 0, answer.stderr
    assert "warning: no figures" in answer.stdout
    assert (study / "out" / TABLES[0]).exists()
    assert not (study / "out" / "figures").exists()


def test_an_end_that_cannot_be_written_keeps_all_runs(study, monkeypatch):
    from rich.console import Console

    from darkbattery.runs.start import execute

    real = execute.save

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(execute, "save", full)
    order = execute.Order(str(study / "d.toml"), study / "out")
    console = Console(quiet=True)
    with pytest.raises(InputError, match=r"No space left on device; all runs are kept in .*out\.p"):
        execute.execute(order, None, console)
    assert not (study / "out").exists()
    monkeypatch.setattr(execute, "save", real)
    execute.execute(order, None, console)
    assert (study / "out" / TABLES[0]).exists()
    assert not (study / "out.partial").exists()


def test_what_cannot_take_a_result_is_refused_first(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="is a link to nothing"):
        usable_folder(tmp_path / "link", replace=True)
    (tmp_path / "file").write_text("")
    # a user's own definition beside other work; all of it was removed
    (tmp_path / "definition.toml").write_text("")
    for name in ("file", "."):
        with pytest.raises(InputError, match="is not a result folder"):
            usable_folder(tmp_path / name, replace=True)
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "provenance.json").write_text("")
    (tmp_path / "alias").symlink_to("real")
    assert usable_folder(tmp_path / "alias", replace=True) == (tmp_path / "real").resolve()
    with pytest.raises(InputError, match=r"^--out = .*: cannot be written: File name too long"):
        usable_folder(tmp_path / ("x" * 300), replace=False)


def test_what_came_to_exist_meanwhile_stays(tmp_path):
    out = tmp_path / "out"

    def write():
        with written_aside(out) as aside:
            (aside / "result").write_text("mine")
            out.mkdir()
            (out / "theirs").write_text("theirs")

    with pytest.raises(InputError, match="came to exist meanwhile"):
        write()
    assert (out / "theirs").exists()
    assert [path.read_text() for path in tmp_path.glob(".out.*/result")] == ["mine"]


def test_a_file_system_that_cannot_rename_folders(tmp_path, monkeypatch):
    """As an overlay does: a folder of its lower layer cannot be renamed."""
    from darkbattery.runs.results import store

    real = os.replace

    def replace(source, to):
        if Path(source).name == "out":
            raise OSError(18, "Invalid cross-device link")
        real(source, to)

    monkeypatch.setattr(store.os, "replace", replace)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "old").write_text("")
    with written_aside(tmp_path / "out", replace=True) as aside:
        (aside / "new").write_text("")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_refused_definition_leaves_nothing(study):
    refused = SMALL.replace("[1, 2]", "[100, 200]\ndetector_efficiency = 0.5")
    (study / "d.toml").write_text(refused.replace('["battery_energy"]', '["power"]'))
    assert run(study).returncode == 2
    assert not (study / "out.partial").exists()
    (study / "d.toml").write_text(SMALL)
    assert run(study).returncode == 0


def test_a_study_of_which_nothing_was_made_is_in_nobodys_way(study):
    """Killed before its first checkpoint; the corrected definition takes its place."""
    (study / "endless.toml").write_text(ENDLESS)
    first = launch.start(0, "run", "endless.toml", "--out", "out", cwd=study)
    wait_for(study / "out.partial" / "definition.toml")
    first.kill()
    first.wait()
    answer = run(study)
    assert answer.returncode == 0, answer.stderr
    assert not (study / "out.partial").exists()


# --- environments


def test_a_locale_without_greek(study):
    (study / "d.toml").write_text(SMALL.replace('"small"', '"Δ ħω $x"'), encoding="utf-8")
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    answer = apart(study, plain)
    assert answer.returncode == 0, answer.stderr
    assert (study / "out" / "definition.toml").read_text("utf-8").startswith('title = "Δ ħω $x"')


def test_a_reader_that_goes_away_costs_nothing(study):
    process = subprocess.Popen(
        launch.command(0, "run", "d.toml", "--out", "out"),
        cwd=study,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(300) == 0
    assert (study / "out" / TABLES[0]).exists()


def test_kernels_without_a_place_are_compiled_anew(tmp_path):
    """No folder can be written to: not the code's, not home, not the temporary one."""
    module = tmp_path / "readonly.py"
    module.write_text(
        "import numba\n@numba.njit(cache=True)\ndef twice(x):\n    return 2 * x\n", encoding="utf-8"
    )
    code = (
        "import os, sys, tempfile; from pathlib import Path\n"
        "os.environ.pop('XDG_CACHE_HOME', None); os.environ['HOME'] = '/proc/none'\n"
        "from darkbattery.nvmodel import kernelcache\n"
        "tempfile.tempdir = '/proc/none'\n"
        "print(kernelcache.choose(Path('/proc/none')))\n"
        f"sys.path.insert(0, {str(tmp_path)!r}); import readonly; print(readonly.twice(4))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert answer.stdout.splitlines()[-2:] == [
        "nowhere: no folder can be written to; every start compiles",
        "8",
    ], answer.stderr


def test_kernels_go_to_the_users_folder_where_the_code_is_read_only(tmp_path, monkeypatch):
    code = (
        "from pathlib import Path; from darkbattery.nvmodel import kernelcache\n"
        "print(kernelcache.choose(Path('/proc/none')))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path)},
    )
    assert answer.stdout.strip() == str(tmp_path / "darkbattery")


def test_kernels_that_are_not_to_be_compiled_are_refused(study, monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    answer = run(study)
    assert answer.returncode == 2
    assert (
        answer.stderr == "darkbattery: NUMBA_DISABLE_JIT = 1: kernels must be compiled; unset it\n"
    )
    answer = launch.here("doctor", cwd=study)  # always answers
    assert answer.returncode == 0
    assert "NUMBA_DISABLE_JIT is set" in answer.stdout


def test_a_precision_of_what_runs_do_not_read_is_refused_before_any(study):
    """No observables by name: those of a plain reading, known only from a run."""
    text = SMALL.replace("observables", "#").replace('records = "summary"', "")
    precision = 'precision = { observable = "daemonic_ergotropy", absolute = 1e-3 }\n'
    (study / "d.toml").write_text(text + precision)
    for command in (("run", "d.toml", "--out", "out"), ("check", "d.toml")):
        answer = launch.here(*command, cwd=study)
        assert answer.returncode == 2
        assert "is not read by these runs" in answer.stderr
        assert [path.name for path in study.iterdir()] == ["d.toml"]


def test_without_docstrings_of_its_own(study, monkeypatch):
    own = {"nvmodel", "trajectories", "meanfield", "runs"}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in own:
            for thing in [module, *vars(module).values()]:
                if isinstance(thing, ModuleType | FunctionType | type) and thing.__doc__:
                    at_home = getattr(thing, "__module__", name)
                    if at_home.partition(".")[0] in own:
                        monkeypatch.setattr(thing, "__doc__", None)
    answer = launch.here("run", "d.toml", "--out", "out", cwd=study)
    assert answer.returncode == 0, answer.stderr


@pytest.mark.long  # Python compiles all that it imports anew, for half a minute
def test_without_docstrings_and_assertions(study):
    answer = subprocess.run(
        [sys.executable, "-OO", *launch.PROGRAM[1:], "run", "d.toml", "--out", "out"],
        cwd=study,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert answer.returncode == 0, answer.stderr


def test_a_relative_target_passes_over_the_start():
    precision = Precision("battery_energy", relative=0.1, min_runs=1000)
    runs = trajectories.sample(CollectiveBattery(1, 5), [0.0, 1.0], runs=1000, seed=1)
    assert precision.next_goal(runs, 5) == 1000  # enough: half a per cent at t = 1
    with pytest.raises(InputError, match=r"precision.times = 0.0"):
        Precision("battery_energy", relative=0.1, times=(0.0, 1.0))


def test_a_disk_that_is_full_from_the_start_is_refused_in_one_line(study):
    """Not even the definition fits: nothing half-written is left."""

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    answer = subprocess.run(
        launch.command(0, "run", "d.toml", "--out", "out"),
        cwd=study,
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=limit,
    )
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1
    assert "out': cannot be written: File too large" in answer.stderr
    assert [path.name for path in study.iterdir()] == ["d.toml"]
