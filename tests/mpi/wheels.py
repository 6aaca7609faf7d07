"""MPICH and Intel MPI from their wheels, beside the Open MPI that the tests use otherwise."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

NAMES = ("mpich", "impi-rt")


@dataclass(frozen=True)
class Wheel:
    """An MPI: its launcher, and what mpi4py must be told to load it."""

    mpiexec: Path
    environment: dict[str, str]


def installed(name, prefix):
    """The wheel `name` in the folder `prefix`; OSError where it cannot be had."""
    install = ["install", "--quiet", "--prefix", str(prefix), name]
    got = subprocess.run([sys.executable, "-m", "pip", *install], capture_output=True, text=True)
    if got.returncode != 0:
        raise OSError(f"{name} cannot be had: {(got.stderr.splitlines() or [''])[-1]}")
    (mpiexec,) = prefix.rglob("bin/mpiexec")
    (library,) = prefix.rglob("lib/libmpi.so.12")
    folders = {str(path.parent) for path in prefix.rglob("libfabric.so.1")}
    return Wheel(
        mpiexec,
        {
            "MPI4PY_LIBMPI": str(library),
            "LD_LIBRARY_PATH": ":".join([*sorted(folders), os.environ.get("LD_LIBRARY_PATH", "")]),
        },
    )
