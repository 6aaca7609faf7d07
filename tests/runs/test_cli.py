"""The command line as its users meet it: a process, its lines and its exit status."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from darkbattery.runs.cli import main
from tests.mpi import launch

SMALL = """
title = "small"
[model]
n_battery = [1, 2]
ratio = 5
[run]
method = ["steady", "evolve", "sample"]
times = { stop = 2.0, points = 21 }
runs = 2000
seed = 1
single_runs = 3
"""


def darkbattery(*arguments, cwd):
    program = [sys.executable, "-c", "from darkbattery.runs.cli import main; main()"]
    command = [*program, *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    (folder / "small.toml").write_text(SMALL)
    answer = darkbattery("run", "small.toml", "--out", "out", cwd=folder)
    assert answer.returncode == 0, answer.stderr
    return folder, answer


def test_run_leaves_a_whole_result(result):
    folder, answer = result
    names = {str(p.relative_to(folder / "out")) for p in (folder / "out").rglob("*")}
    assert names == {
        "definition.toml",
        "table.parquet",
        "distributions.parquet",
        "single_runs.parquet",
        "provenance.json",
        "SHA256SUMS",
        "tallies.bin",
        "figures",
        "figures/charging.png",
        "figures/charging.svg",
        "figures/sweep.png",
        "figures/sweep.svg",
    }
    assert "battery" in answer.stdout
    table = pd.read_parquet(folder / "out" / "table.parquet")
    assert list(table.columns) == [
        *("n_battery", "method", "time", "observable", "value", "error", "runs")
    ]
    last = table[(table.observable == "battery_energy") & (table.time >= 2.0)]
    assert set(last.method) == {"steady", "evolve", "sample"}
    record = json.loads((folder / "out" / "provenance.json").read_text())
    assert record["ranks"] == 1
    assert record["seed"] == 1
    # nothing about the host: exactly these
    assert set(record) == {
        "format",
        "definition_name",
        "definition_sha256",
        "runs_made",
        "seed",
        "ranks",
        "wall_seconds",
        "finished_utc",
        "git_revision",
        "python",
        "versions",
        "warnings",
    }


def test_show_and_plot_read_it_back(result):
    folder, answer = result
    shown = launch.here("show", "out", cwd=folder)
    assert shown.returncode == 0
    table = [line for line in answer.stdout.splitlines() if "│" in line]
    assert [line for line in shown.stdout.splitlines() if "│" in line] == table
    before = (folder / "out" / "figures" / "charging.svg").read_bytes()
    assert launch.here("plot", "out", cwd=folder).returncode == 0
    assert (folder / "out" / "figures" / "charging.svg").read_bytes() == before


def test_an_existing_result_is_kept_unless_replaced(result, tmp_path):
    shutil.copytree(result[0], tmp_path, dirs_exist_ok=True)
    before = (tmp_path / "out" / "table.parquet").read_bytes()
    refused = launch.here("run", "small.toml", "--out", "out", cwd=tmp_path)
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "exists already" in refused.stderr
    again = launch.here("run", "small.toml", "--out", "out", "--replace", cwd=tmp_path)
    assert again.returncode == 0
    assert (tmp_path / "out" / "table.parquet").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("n_battery = [1, 2]", "n_battery = 0"), "n_battery = 0"),
        (("n_battery = [1, 2]", "n_battery = 2.5"), "n_battery = 2.5"),
        (("ratio = 5", "ratio = 5\nnbar = nan"), "nbar = nan"),
        (("ratio = 5", "ratio = 5\ntemperature = -1"), "temperature = -1"),
        (("ratio = 5", "ratio = 5\nnbar = 1\ntemperature = 1"), "not both"),
        (("{ stop = 2.0, points = 21 }", "[0.0, 2.0, 1.0]"), "times[2] = 1.0"),
        (("runs = 2000", "runs = -5"), "run.runs = -5"),
        (("seed = 1", "sed = 1"), "did you mean 'seed'?"),
        (("seed = 1", 'seed = 1\nobservables = ["photons"]'), "observables"),
    ],
)
def test_bad_definitions_get_one_line_and_status_two(
    tmp_path, monkeypatch, capsys, change, message
):
    """In this process: the same entry point, without its start."""
    (tmp_path / "bad.toml").write_text(SMALL.replace(*change))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["darkbattery", "run", "bad.toml", "--out", "out"])
    with pytest.raises(SystemExit) as exit_:
        main()
    assert exit_.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert message in error
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.toml"]


def test_missing_and_foreign_folders(tmp_path):
    for arguments in (("run", "absent.toml"), ("show", "absent")):
        answer = launch.here(*arguments, cwd=tmp_path)
        assert answer.returncode == 2, arguments
        assert answer.stderr.count("\n") == 1
    (tmp_path / "small.toml").write_text(SMALL)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    answer = launch.here("run", "small.toml", "--out", "mine", "--replace", cwd=tmp_path)
    assert answer.returncode == 2
    assert (tmp_path / "mine" / "thesis.tex").exists()
    (tmp_path / "file").write_text("")
    answer = launch.here("run", "small.toml", "--out", Path("file") / "out", cwd=tmp_path)
    assert answer.returncode == 2
    assert "cannot be written" in answer.stderr


def test_a_cut_result_is_refused(result, tmp_path):
    folder, _ = result
    for name in ("table.parquet", "provenance.json", "definition.toml"):
        broken = tmp_path / name
        shutil.copytree(folder / "out", broken)
        content = (broken / name).read_bytes()
        (broken / name).write_bytes(content[: len(content) // 2])
        answer = launch.here("show", broken, cwd=tmp_path)
        assert answer.returncode == 2, name
        assert answer.stderr.count("\n") == 1
