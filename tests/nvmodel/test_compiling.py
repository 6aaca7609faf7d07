"""Kernels are compiled by numba in a manner of their own; what they calculate is the same."""

import gc
import os
import subprocess
import sys
from operator import attrgetter

import numpy as np
import pytest
from numba import njit, types
from numba.core.errors import TypingError

from darkbattery.nvmodel.compiling import KernelCompiler, PartCompiler


@njit(pipeline_class=PartCompiler)
def _rise(x, by):
    for i in range(x.size):
        x[i] += by[i % by.size]


@njit(pipeline_class=KernelCompiler)
def _doubled(x):
    out = np.zeros(x.size)
    _rise(out, x)
    _rise(out, x)
    return out


@njit(pipeline_class=KernelCompiler)
def _wrong(x):
    return x.nothing_of_the_kind


def test_a_kernel_holds_what_it_calls():
    """The part is in the kernel's code; by itself it is no machine code, as all else was."""
    assert _doubled(np.arange(3.0)).tolist() == [0.0, 2.0, 4.0]
    kernel, part = (next(iter(each.overloads.values())) for each in (_doubled, _rise))
    within, of_part = map(attrgetter("library"), (kernel, part))
    engine = within.codegen._engine
    assert engine.is_symbol_defined(kernel.fndesc.llvm_cpython_wrapper_name)
    assert part.fndesc.llvm_func_name in [f.name for f in of_part.get_defined_functions()]
    assert not engine.is_symbol_defined(part.fndesc.llvm_cpython_wrapper_name)


@pytest.mark.parametrize(("collects", "width"), [(True, types.float32), (False, types.int64)])
def test_garbage_is_looked_for_again_afterwards(collects, width):
    was = gc.isenabled()
    (gc.enable if collects else gc.disable)()
    try:
        _doubled.compile((types.Array(width, 1, "C"),))
        assert gc.isenabled() == collects
        with pytest.raises(TypingError):
            _wrong(1.0)
        assert gc.isenabled() == collects
    finally:
        (gc.enable if was else gc.disable)()


# numba's insides are nobody's promise; says how it compiled, and a share of a polynomial
LACKS = "import numba.core.typed_passes as passes; del passes.NativeLowering"
LATER = "import numba; numba.version_info = numba.version_info._replace(short=(0, 99))"
SAID = """
from numba import njit
from darkbattery.nvmodel.kernelcache import INNER
from darkbattery.trajectories.propagate.radau import share_at
share = njit(lambda i, theta: share_at(i, theta))
print("pipeline_class" in INNER, share(8, 1.0), share(8, 0.5) == share_at.py_func(8, 0.5))
"""


@pytest.mark.parametrize("before", [LACKS, LATER])
def test_a_numba_whose_insides_are_elsewhere_compiles_in_its_own_way(tmp_path, before):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", before + SAID],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert run.stdout.split() == ["False", "1.0", "True"], run.stderr
