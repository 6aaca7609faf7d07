"""Truncated Wigner runs through `runs.distribute`, started by mpirun: the same bits."""

import sys

from tests.mpi import launch
from tests.mpi.launch import needs_mpi

SCRIPT = """
import hashlib
import numpy as np
from mpi4py import MPI
import meanfield
from nvmodel import CollectiveBattery, Lorentzian, Resonator, ResonatorBattery, SpinEnsemble
from runs.distribute import distribute

spins = dict(coupling=0.1, t1_s=9.0, t2_s=3.0, line=Lorentzian(0.05))
broad = ResonatorBattery(
    battery=SpinEnsemble(number=200, **spins),
    charger=SpinEnsemble(number=900, **spins),
    resonator=Resonator(1.0, linewidth_fwhm_hz=0.3),
)
jobs = [(CollectiveBattery(10, 50, nbar=0.5), np.linspace(0, 1, 21)), (broad, np.linspace(0, 3, 7))]
digest = hashlib.sha256()
for model, times in jobs:
    solution = distribute(meanfield.sample, model, times, 1500, 7, MPI.COMM_WORLD)
    if solution is not None:
        assert solution.runs == 1500
        for name in solution.values:
            digest.update(solution[name].tobytes() + solution.errors[name].tobytes())
        for d in solution.distributions.values():
            digest.update(np.ascontiguousarray(d.weight).tobytes())
if MPI.COMM_WORLD.rank == 0:
    print("digest", digest.hexdigest())
"""


@needs_mpi
def test_the_same_bits_for_one_two_and_three_ranks(tmp_path):
    digests = set()
    for ranks in (1, 2, 3):
        answer = launch.run(ranks, cwd=tmp_path, program=[sys.executable, "-c", SCRIPT])
        assert answer.returncode == 0, answer.stderr
        digests.update(line for line in answer.stdout.splitlines() if line.startswith("digest"))
    assert len(digests) == 1
