"""A counter that all ranks advance, and a bell that any rank rings; both live on rank 0."""

from typing import Any

import numpy as np

_TAKEN, _CALLS = 0, 1  # positions in the window


class SharedCounter:
    """Blocks taken so far, and how often the ranks were called to collect.

    One-sided: rank 0 need not listen. Without a communicator, plain numbers.
    """

    def __init__(self, comm: Any) -> None:
        self._comm = comm
        self._here = np.zeros(2, dtype=np.int64)
        if comm is not None:
            from mpi4py import MPI

            self._mpi = MPI
            size = 2 * MPI.INT64_T.Get_size() if comm.Get_rank() == 0 else 0
            self._window = MPI.Win.Allocate(size, MPI.INT64_T.Get_size(), comm=comm)
            self.reset()

    def reset(self) -> None:
        """Start again from zero; all ranks together."""
        if self._comm is None:
            self._here[:] = 0
            return
        self._comm.Barrier()
        if self._comm.Get_rank() == 0:
            for position in (_TAKEN, _CALLS):
                self._add(position, -self._add(position, 0))
        self._comm.Barrier()

    def take(self, blocks: int) -> int:
        """Advance by `blocks`; the value before."""
        return self._add(_TAKEN, blocks)

    def taken(self) -> int:
        """How many blocks were taken."""
        return self._add(_TAKEN, 0)

    def call(self) -> None:
        """Call all ranks to collect."""
        self._add(_CALLS, 1)

    def calls(self) -> int:
        """How often ranks were called."""
        return self._add(_CALLS, 0)

    def close(self) -> None:
        """Give the window back; all ranks together."""
        if self._comm is not None:
            self._window.Free()

    def _add(self, position: int, amount: int) -> int:
        if self._comm is None:
            self._here[position] += amount
            return int(self._here[position]) - amount
        before = np.empty(1, dtype=np.int64)
        self._window.Lock(0, self._mpi.LOCK_SHARED)
        self._window.Fetch_and_op(
            np.array([amount], dtype=np.int64), before, 0, position, self._mpi.SUM
        )
        self._window.Unlock(0)
        return int(before[0])
