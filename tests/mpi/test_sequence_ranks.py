"""A sequence at a resonator by `darkbattery run` and `plan`: the same bytes by one rank and two."""

import pytest

from darkbattery.runs.definitions.definition import find_definition
from tests.mpi.launch import needs_mpi, run
from tests.runs.test_plan_sequences import TOML

OUTPUTS = 'observables = ["battery_energy", "port_power of out", "port_in_phase of out"]'


@pytest.fixture
def definition(tmp_path):
    """nv_sequence up to its burst, with few classes, and all that its runs are asked."""
    text = find_definition("nv_sequence").read_text()
    lines = []
    for line in text.splitlines():
        key = line.partition(" =")[0]
        lines.append(
            {
                "classes": "classes = 3",
                "times": "times = { stop = 1.6e-6, points = 9 }",
                "observables": OUTPUTS,
                "runs": 'runs = 300\nrecords = "summary"',
                "single_runs": "single_runs = 4",
            }.get(key, line)
        )
    lines.append("[run.statistics]")
    lines.append('of = ["peak_emission_rate", "peak_emission_time"]')
    small = "\n".join(lines).replace('method = "sample"', 'method = ["evolve", "sample"]')
    small = small.replace("t2_s = 0.89e-6", "t2_s = 0.89e-6\nrefill_s = 11.6e-6")
    path = tmp_path / "sequence.toml"
    path.write_text(small + "\n")
    return path


@needs_mpi
@pytest.mark.long
def test_a_sequence_is_the_same_bytes_by_one_rank_and_by_two(definition, tmp_path):
    folders = []
    for ranks in (0, 2):
        out = tmp_path / f"ranks-{ranks}"
        run(ranks, "run", definition, "--out", out, cwd=tmp_path)
        folders.append(out)
    files = [
        sorted(path.relative_to(folder) for path in folder.rglob("*.parquet")) for folder in folders
    ]
    assert files[0] == files[1]
    assert len(files[0]) >= 5  # table, distributions, single runs, statistics, rows
    for name in (*files[0], "tallies.bin"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name


@needs_mpi
@pytest.mark.long
def test_a_plan_of_a_sequence_is_the_same_bytes_by_one_rank_and_by_two(tmp_path):
    found = {}
    for ranks in (1, 2):
        folder = tmp_path / str(ranks)
        folder.mkdir()
        (folder / "short.toml").write_text(TOML)
        answer = run(ranks, "plan", "short.toml", "--out", "plan", cwd=folder)
        assert answer.returncode == 0, answer.stderr
        for path in (*folder.glob("plan/*.parquet"), *folder.glob("plan/figures/*.svg")):
            found.setdefault(path.name, set()).add(path.read_bytes())
    assert {"stages.parquet", "scan.parquet", "sensitivities.parquet", "plan.svg"} < set(found)
    assert {name: len(bytes_) for name, bytes_ in found.items()} == dict.fromkeys(found, 1)
