"""Truncated Wigner runs through `runs.ranks.distribute`, started by mpirun: the same bits."""

import subprocess
import sys

from tests.mpi import launch
from tests.mpi.launch import needs_mpi

SCRIPT = """
import hashlib, os, signal, sys
from pathlib import Path
import numpy as np
from mpi4py import MPI
from darkbattery import meanfield
from darkbattery.nvmodel import (
    CollectiveBattery,
    Lorentzian,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
)
from darkbattery.runs.ranks.checkpoint import read_tallies, write_tallies
from darkbattery.runs.ranks.distribute import Campaign, Job, distribute_all

class Keeper:
    due = True
    def __init__(self, dies):
        self.dies = dies
    def keep(self, found, goals):
        write_tallies(Path("kept"), "study", found, goals)
        if self.dies and sum(s.runs for s in found if s is not None) > 150:
            os.kill(os.getpid(), signal.SIGKILL)

spins = dict(coupling=0.1, t1_s=9.0, t2_s=3.0, line=Lorentzian(0.05))
broad = ResonatorBattery(
    battery=SpinEnsemble(number=200, **spins),
    charger=SpinEnsemble(number=900, **spins),
    resonator=Resonator(1.0, linewidth_fwhm_hz=0.3),
)
jobs = [
    Job(meanfield.sample, broad, np.linspace(0, 3, 7), 200, 7),
    Job(meanfield.sample, CollectiveBattery(10, 50, nbar=0.5), np.linspace(0, 1, 21), 1500, 7),
]
comm = MPI.COMM_WORLD
kept = read_tallies(Path("kept"), "study") if "resume" in sys.argv and comm.rank == 0 else None
keeper = Keeper("die" in sys.argv) if "keep" in sys.argv and comm.rank == 0 else None
outcome = distribute_all(jobs, comm, Campaign(kept=kept, keeper=keeper))
if comm.rank == 0:
    digest = hashlib.sha256()
    for solution in outcome.solutions:
        for name in solution.values:
            digest.update(solution[name].tobytes() + solution.errors[name].tobytes())
        for d in solution.distributions.values():
            digest.update(np.ascontiguousarray(d.weight).tobytes())
    print("digest", [s.runs for s in outcome.solutions], digest.hexdigest())
"""


def answer(ranks, *arguments, cwd):
    program = [sys.executable, "-c", SCRIPT]
    return subprocess.run(
        launch.command(ranks, *arguments, program=program),
        cwd=cwd,
        env=launch.ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=180,
    )


def digest(found):
    assert found.returncode == 0, found.stderr
    (line,) = [x for x in found.stdout.splitlines() if x.startswith("digest")]
    return line


@needs_mpi
def test_the_same_bits_for_any_ranks_and_after_a_kill(tmp_path):
    expected = digest(answer(1, cwd=tmp_path))
    assert "[200, 1500]" in expected
    assert digest(answer(2, cwd=tmp_path)) == expected
    killed = answer(2, "keep", "die", cwd=tmp_path)
    assert killed.returncode != 0
    assert "digest" not in killed.stdout
    assert digest(answer(3, "resume", cwd=tmp_path)) == expected
