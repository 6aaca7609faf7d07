"""Started by mpirun: the same bits for every number of ranks, one refusal, no rank left."""

import sys

from tests.mpi import launch
from tests.mpi.launch import needs_mpi
from tests.runs.test_plan import FAST
from tests.runs.test_statistics import TOML as ASKED

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


PRECISE = """
title = "precise"
[model]
n_battery = [2, 4]
ratio = 5
nbar = 0.4
[run]
method = "sample"
times = { stop = 1.0, points = 21 }
observables = ["battery_energy", "emitted_photons"]
runs = 400_000
seed = 3
precision = { observable = "battery_energy", absolute = 2e-3 }
"""
DIFFUSIVE = """
title = "diffusive"
[model]
n_battery = 2
n_charger = 4
detector = { kind = ["photons", "homodyne", "heterodyne"] }
[run]
method = "sample"
times = [0.1, 0.5, 1.5]
observables = ["battery_energy", "ergotropy", "daemonic_ergotropy"]
runs = 300
seed = 3
"""
STUDIES = {
    "asked": (ASKED, ("run", "asked.toml")),
    "ranks": (DEFINITION, ("run", "ranks.toml")),
    "noisy": (NOISY, ("run", "noisy.toml")),
    "diffusive": (DIFFUSIVE, ("run", "diffusive.toml")),
    "precise": (PRECISE, ("run", "precise.toml")),
    "plan": (
        FAST,
        ("plan", "plan.toml", "--vary", "ratio=0.5:5:2", "--vary", "temperature_k=0.01:1:2"),
    ),
}
# what has no bytes, and ends all ranks alike, with what is said
REFUSED = {
    "bad": (DEFINITION.replace("runs = 5000", "runs = 0"), ("run",), "run.runs = 0"),
    "late": (
        DEFINITION + 'precision = { observable = "ergotropy", absolute = 1e-3, times = [0.3] }\n',
        ("run",),
        "precision.times = 0.3",
    ),
    "unread": (
        DEFINITION + 'precision = { observable = "power", absolute = 1e-3 }\n',
        ("run",),
        "precision.observable = 'power'",
    ),
    "unread-by-default": (
        DEFINITION.replace("observables", "#")
        + 'precision = { observable = "daemonic_ergotropy", absolute = 1e-3 }\n',
        ("run",),
        "precision.observable = 'daemonic_ergotropy'",
    ),
    "unasked": (ASKED.replace("to 0.4", "to 0.44"), ("run",), "run.statistics.of = 0.44"),
    "beyond": (FAST, ("plan", "--vary", "inversion=0.5:2:3"), "polarisation"),
}


@needs_mpi
def test_the_same_bytes_and_the_same_refusals_for_any_ranks(tmp_path):
    """One start of one, two and three ranks each: three processes take long to begin."""
    found = {}
    for ranks in (1, 2, 3):
        folder = tmp_path / str(ranks)
        folder.mkdir()
        orders = []
        for name, (text, order) in STUDIES.items():
            (folder / f"{name}.toml").write_text(text)
            orders.append((*order, "--out", f"out-{name}"))
        for name, (text, order, _) in REFUSED.items():
            (folder / f"{name}.toml").write_text(text)
            orders.append((order[0], f"{name}.toml", *order[1:], "--out", f"no-{name}"))
        orders.append(("doctor",))
        answer, statuses = launch.several(ranks, orders, folder)
        assert statuses == [0] * len(STUDIES) + [2] * len(REFUSED) + [0], answer.stderr
        assert "\x1b" not in answer.stdout  # nobody watches: nothing moves, no colours
        # rank 0 alone speaks
        assert answer.stdout.count(f" s on {ranks} rank") == len(STUDIES)
        assert answer.stdout.count("limits most") == 1
        said = [line for line in answer.stderr.splitlines() if line.startswith("darkbattery:")]
        for line, (_, _, expected) in zip(said, REFUSED.values(), strict=True):
            assert expected in line
        assert "Traceback" not in answer.stderr
        assert list(folder.glob("no-*")) == []
        (seen,) = [line for line in answer.stdout.splitlines() if line.startswith("ranks ")]
        assert str(ranks) in seen
        assert "Open MPI" in answer.stdout
        for path in folder.glob("out-*/*.parquet"):
            name = str(path.relative_to(folder))
            found.setdefault(name, set()).add(path.read_bytes())
    # two tables a study, single runs of one, statistics and joints of one, four of the plan
    assert len(found) == 5 * 2 + 1 + 2 + 4
    assert {name: len(bytes_) for name, bytes_ in found.items()} == dict.fromkeys(found, 1)


@needs_mpi
def test_a_failing_rank_ends_the_job(tmp_path):
    """An error that is no refusal, on one rank only: a trace, status 1, nobody waits."""
    (tmp_path / "d.toml").write_text(DEFINITION)
    script = (
        "import darkbattery.runs.results.study as s, darkbattery.runs.ranks.world as w\n"
        "from darkbattery.runs.cli import main\n"
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
