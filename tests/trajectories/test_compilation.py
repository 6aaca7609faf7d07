"""Compiled kernels are cached beside the code, or in NUMBA_CACHE_DIR, for every process."""

import os
import subprocess
import sys

from darkbattery.nvmodel.kernelcache import LOCKS

# two kernels, one in the other, of two seconds; those of single runs are cached alike and take long
FIRST_USE = """
import numpy as np
from darkbattery.trajectories.space.angular import clebsch_gordan, coupled_basis
print(clebsch_gordan(coupled_basis(3, 5), np.array([0.0, 1.0])).tobytes().hex())
"""


def test_processes_that_start_at_once_share_an_empty_cache(tmp_path):
    """As ranks do at the first use after an installation: each compiles, and none reads a part."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}

    def start():
        return subprocess.Popen(
            [sys.executable, "-c", FIRST_USE],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    together = [process.communicate() for process in [start() for _ in range(3)]]
    later = start().communicate()
    assert {out for out, _ in together} == {later[0]} != {""}
    assert all(err == "" for _, err in [*together, later])
    names = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    # numba writes aside and renames
    assert names
    assert all(name.endswith((".nbi", ".nbc")) or name == LOCKS for name in names)
