"""The MPI world, if there is one. With `runs.ranks.messages` the only code that knows MPI."""

import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.ranks.messages import Ranks, Unanswered

S = TypeVar("S")
T = TypeVar("T")

# set by the launchers of Open MPI, of PMIx and PMI, of MPICH's Hydra and of Slurm's srun
LAUNCHER_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK", "MPI_LOCALNRANKS")
# how many tasks a launcher started; the first that is set: mpirun starts its daemons with srun
TASKS_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MPI_LOCALNRANKS", "SLURM_STEP_NUM_TASKS")
NUMBER_VARIABLES = ("OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "SLURM_PROCID")

BAD_INPUT = 2
STOPPED = 3  # before the end: the same command goes on
ON_EVERY_RANK = "raised on every rank"
TURN_SECONDS = 0.5  # until a rank that is not the first speaks for all


def communicator() -> Ranks | None:
    """COMM_WORLD when started by an MPI launcher with more than one rank, else None.

    MPI is not touched otherwise: starting it costs time, and a plain start must work without it.
    """
    return _started() if launched() else None


def launched() -> bool:
    """Whether an MPI launcher started this process."""
    return any(name in os.environ for name in LAUNCHER_VARIABLES)


@cache
def _started() -> Ranks | None:
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise InputError(
            "mpi4py",
            str(error).splitlines()[0],
            "started by an MPI launcher, but MPI cannot be loaded",
        ) from None
    return Ranks(MPI.COMM_WORLD) if MPI.COMM_WORLD.Get_size() > 1 else None


def tasks_started(environment: Mapping[str, str] = os.environ) -> int:
    """How many tasks the launcher started, by its own account; 1 without a launcher.

    >>> tasks_started({"SLURM_STEP_NUM_TASKS": "4"}), tasks_started({})
    (4, 1)
    """
    return _first_number(TASKS_VARIABLES, environment, 1)


def number_of_task(environment: Mapping[str, str] = os.environ) -> int:
    """Which of the launcher's tasks this is; 0 without a launcher."""
    return _first_number(NUMBER_VARIABLES, environment, 0)


def _first_number(names: Sequence[str], environment: Mapping[str, str], otherwise: int) -> int:
    found = [environment[name] for name in names if environment.get(name, "").isdigit()]
    return int(found[0]) if found else otherwise


def working_communicator(alone: bool = False) -> Ranks | None:
    """`communicator` for work that is shared out over ranks.

    Raises InputError where the launcher started several tasks and each is a world of one: every
    task would do the whole of the work. `alone` says that this is what is wanted.
    """
    if alone:
        return None
    comm, tasks = communicator(), tasks_started()
    if comm is None and tasks > 1:
        raise InputError("tasks", tasks, one_world())
    return comm


def one_world() -> str:
    """What to say where a launcher's tasks are worlds of one."""
    if "SLURM_STEP_NUM_TASKS" in os.environ and "OMPI_COMM_WORLD_SIZE" not in os.environ:
        return (
            "were started, but each is a world of its own: type srun --mpi=pmix (Open MPI) or "
            "srun --mpi=pmi2 (MPICH, Intel MPI); run --alone where each task is to do all of it"
        )
    return (
        "were started, but each is a world of its own: mpi4py loads another MPI than this "
        "launcher's; start with that MPI's mpirun, or run --alone where each is to do all of it"
    )


@contextmanager
def ending_together() -> Iterator[Ranks | None]:
    """The communicator; whatever ends the block on one rank ends all ranks, with one status.

    Refusals are one line and status 2, silence of other ranks is one line and status 3; anything
    else is a bug with a trace and status 1. What is raised on every rank is said by rank 0; what
    is raised on one is said there, and the others are ended in the midst of whatever they do.
    """
    comm: Ranks | None = None
    try:
        comm = communicator()
        yield comm
    except InputError as error:
        _end(comm, error, f"darkbattery: {error}", BAD_INPUT)
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        _end(comm, error, f"darkbattery: {where}{error.strerror or error}", BAD_INPUT)
    except Unanswered as error:
        line = f"darkbattery: {error}; the same command goes on from the last checkpoint"
        _end(comm, error, line, STOPPED)
    except SystemExit as error:
        # 0; 2 of the command line and 3 are reached by all ranks
        if comm is not None and error.code not in (None, 0, BAD_INPUT, STOPPED):
            _abort(comm, error.code if isinstance(error.code, int) else 1)
        raise
    except Exception as error:
        _end(comm, error, traceback.format_exc().rstrip(), 1)


def _end(comm: Ranks | None, error: Exception, text: str, status: int) -> None:
    shared = comm is None or ON_EVERY_RANK in getattr(error, "__notes__", ())
    if shared:
        first = comm.rank == 0 if comm is not None else number_of_task() == 0
        if first or not isinstance(error, InputError):
            print(text, file=sys.stderr)  # noqa: T201
        sys.exit(status)
    assert comm is not None
    if comm.rank != 0:
        # most often all ranks fail alike: then rank 0 has ended them meanwhile
        time.sleep(TURN_SECONDS * (1.0 + comm.rank / comm.size))
    print(text, file=sys.__stderr__, flush=True)
    _abort(comm, status)


def _abort(comm: Ranks, status: int) -> None:
    """End all ranks; this one even where the others cannot be reached."""
    timer = threading.Timer(5.0, os._exit, (status,))
    timer.daemon = True
    timer.start()
    sys.stdout.flush()
    comm.Abort(status)


def has_terminal(comm: Any) -> bool:
    """Whether a person watches rank 0's output; `comm` is None for a single rank, too.

    A launcher gives rank 0 a terminal of its own even where its output goes to a file; what counts
    is where the launcher, our parent, writes. Where that cannot be known: no.
    """
    if comm is None and not launched():
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
        raise _everywhere(refusal)
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
            raise _everywhere(refusal)
        found.append(result)
    return found


def _everywhere(refusal: Exception) -> Exception:
    if ON_EVERY_RANK not in getattr(refusal, "__notes__", ()):
        refusal.add_note(ON_EVERY_RANK)
    return refusal
