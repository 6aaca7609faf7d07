"""Compiled kernels are cached beside the code, or in NUMBA_CACHE_DIR, for every process."""

import ast
import os
import subprocess
import sys
from pathlib import Path

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


def _into_slices(source: str) -> list[str]:
    """What kernels of a file assign to slices, but for plain numbers."""
    return [
        ast.unparse(line)
        for kernel in ast.walk(ast.parse(source))
        if isinstance(kernel, ast.FunctionDef)
        and any("njit" in ast.unparse(one) for one in kernel.decorator_list)
        for line in ast.walk(kernel)
        if isinstance(line, ast.Assign) and not isinstance(line.value, ast.Constant)
        for place in line.targets
        if isinstance(place, ast.Subscript)
        and any(isinstance(part, ast.Slice) for part in ast.walk(place.slice))
        and not any(isinstance(part, ast.Call) for part in ast.walk(place.slice))
    ]


def test_no_kernel_assigns_an_array_to_a_slice():
    """numba compiles the text of its refusal with it: four seconds in each process without a cache.

    In `count_few_photons` 40 % of its compilation.
    """
    assert _into_slices("@njit\ndef f(x, y):\n    x[:2] = y\n    x[:] = 0.0") == ["x[:2] = y"]
    root = Path(__file__).parents[2]
    packages = ("nvmodel", "trajectories", "meanfield")
    sources = [path for package in packages for path in (root / package).rglob("*.py")]
    assert len(sources) > 100
    found = {path.name: _into_slices(path.read_text(encoding="utf-8")) for path in sources}
    assert {name: lines for name, lines in found.items() if lines} == {}
