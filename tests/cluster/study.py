"""The study that these tests make, and its bytes from a plain start."""

import json

from tests.mpi import launch

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
LARGE = """
title = "large"
[model]
n_battery = 10
n_charger = 50
[run]
method = "sample"
times = { stop = 2.0, points = 101 }
runs = RUNS
seed = 3
"""


def write(path, runs, study=STUDY):
    path.write_text(study.replace("RUNS", str(runs)))


def tables(folder):
    return [(folder / name).read_bytes() for name in ("table.parquet", "distributions.parquet")]


def plain(folder, runs, study=STUDY):
    """The bytes of a start on one rank."""
    folder.mkdir(exist_ok=True)
    write(folder / "plain.toml", runs, study)
    answer = launch.run(0, "run", "plain.toml", "--out", "plain", cwd=folder, seconds=1800.0)
    assert answer.returncode == 0, answer.stderr
    return tables(folder / "plain")


def runs_kept(partial):
    """How many runs the checkpoint in a folder holds; 0 without one."""
    try:
        header = (partial / "tallies.bin").read_bytes().split(b"\n", 2)[1]
    except FileNotFoundError:
        return 0
    points = json.loads(header)["points"]
    return sum(stop - start for point in points for start, stop in point["spans"])
