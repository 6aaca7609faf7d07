"""Kernels are compiled once by all processes that share a folder."""

import os
import subprocess
import sys

# a small kernel, compiled when told to; says how often it was compiled here
PROCESS = """
import numpy as np
from darkbattery.trajectories.space.angular import known_eigenvector
print("ready", flush=True)
input()
known_eigenvector(np.ones(2), np.ones(2), 1.0, np.empty(2))
print(sum(known_eigenvector.stats.cache_misses.values()))
"""


def test_processes_that_start_with_nothing_compile_once(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", PROCESS]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": environment}
    ranks = [subprocess.Popen(command, **pipes) for _ in range(3)]
    for rank in ranks:
        assert rank.stdout.readline() == "ready\n"
    for rank in ranks:
        rank.stdin.write("\n")
        rank.stdin.flush()
    compiled = [int(rank.communicate(timeout=120)[0]) for rank in ranks]
    assert sorted(compiled) == [0, 0, 1]
