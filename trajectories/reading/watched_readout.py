r"""What is read of an observer's states, many runs at a time: means, and the battery's own matrix.

Means are rows over a state's elements (`trajectories.propagate.watched`). The battery's state is a
matrix for each of its irreps, :math:`\langle m|\rho_j|m'\rangle`, the charger's :math:`m_C` summed
over, which stands for :math:`d_j` equal ones: eigenvalues :math:`\lambda/d_j`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from darkbattery.nvmodel.experiment import Experiment
from darkbattery.nvmodel.irreps import Irreps
from darkbattery.nvmodel.preparation import log_multiplicities
from darkbattery.trajectories.propagate.watched import Watched, times
from darkbattery.trajectories.space.product_space import Matrices

Array = NDArray[np.float64]

# rows of means
ENERGY, CHARGER, POWER, LIGHT, ABSORPTION, SQUARE, LOWERED, PAIRS, TOTAL = range(9)
MEANS = 9
PURITY, ENTROPY, WORK = range(3)
KNOWN = 3


@dataclass(frozen=True, eq=False)
class StageReadings:
    r"""Rows (MEANS, elements) of a stage, each to be divided by the trace.

    Energies per spin, their rate of change, the light (`Watched.light`), the rate of photons that
    come in, the square of :math:`H_B/N_B`, :math:`\langle L^\dagger L\rangle` and
    :math:`\langle L^\dagger L^\dagger LL\rangle` of what is watched, L, without rates, and M.
    """

    battery: Experiment
    watched: Watched

    @cached_property
    def rows(self) -> Any:
        """All of them, behind the trace."""
        w, e = self.watched, self.watched.space.elements
        on_diagonal = lambda values: scipy.sparse.csr_matrix(  # noqa: E731
            np.where(w.space.diagonal, values, 0.0)
        )
        n_battery, n_charger = self.battery.sizes
        energy = on_diagonal(e.mb / n_battery + 0.5)
        lowered = w.trace @ w.seen / w.down
        pairs = lowered @ w.seen / w.down
        found = [
            w.trace,
            energy,
            on_diagonal(e.mc / n_charger + 0.5),
            energy @ w.whole,
            w.light * lowered,
            w.trace @ w.absorbed,
            on_diagonal((e.mb / n_battery + 0.5) ** 2),
            lowered,
            pairs,
            on_diagonal(e.mb + e.mc),
        ]
        return scipy.sparse.vstack(found, format="csr")

    def means(self, x: NDArray[Any]) -> Array:
        """(MEANS, runs) of the states x (elements, runs)."""
        found = np.real(times(self.rows, x))
        return np.asarray(found[1:] / found[0])


@dataclass(frozen=True, eq=False)
class BatteryReadings:
    """The battery's matrices of the states on a space."""

    space: Matrices
    irreps: Irreps

    @cached_property
    def _ladders(self) -> list[tuple[int, int, int, float]]:
        """Of each irrep: where its matrix begins, its size, its place among populations, ln d_j."""
        found, begin = [], 0
        logs = log_multiplicities(self.irreps.spins, self.space.jb)
        for j, log in zip(self.space.jb, logs, strict=True):
            size = round(2 * j) + 1
            found.append((begin, size, self.irreps.position(float(j), float(-j)), float(log)))
            begin += size**2
        return found

    @cached_property
    def _traced(self) -> Any:
        """What adds up the charger: over the battery's matrices, row by row."""
        e, jb, kept = self.space.elements, self.space.jb, self.space.of_the_rest
        begin, size = (
            np.array([one[k] for one in self._ladders], dtype=np.int64)[e.b] for k in (0, 1)
        )
        left, right = ((m + jb[e.b]).round().astype(np.int64) for m in (e.mb, e.mb2))
        row = (begin + left * size + right)[kept]
        total = self._ladders[-1][0] + self._ladders[-1][1] ** 2
        shape = total, self.space.size
        return scipy.sparse.csr_matrix(
            (np.ones(row.size), (row, np.flatnonzero(kept))), shape=shape
        )

    def matrices(self, x: NDArray[Any]) -> list[NDArray[Any]]:
        """(runs, 2j + 1, 2j + 1) for each irrep, of states x (elements, runs) of trace 1."""
        flat = np.ascontiguousarray(times(self._traced, x).T)
        return [
            flat[:, begin : begin + size**2].reshape(-1, size, size)
            for begin, size, _, _ in self._ladders
        ]

    def populations(self, matrices: list[NDArray[Any]]) -> Array:
        """In the order of `irreps` (runs, positions)."""
        found = np.zeros((matrices[0].shape[0], self.irreps.j.size))
        for rho, (_, size, place, _) in zip(matrices, self._ladders, strict=True):
            found[:, place : place + size] = np.real(np.diagonal(rho, axis1=1, axis2=2))
        return found

    def known(self, matrices: list[NDArray[Any]]) -> Array:
        """Purity, entropy in bits and ergotropy within irreps per spin, (KNOWN, runs)."""
        found = np.zeros((KNOWN, matrices[0].shape[0]))
        for rho, (_, size, _, log) in zip(matrices, self._ladders, strict=True):
            level, held = np.arange(size), np.real(np.diagonal(rho, axis1=1, axis2=2))
            values = np.sort(held, axis=1)
            if self.space.coherent and size > 1:
                values = np.linalg.eigvalsh(rho)
            values = np.maximum(values[:, ::-1], 0.0)
            number = float(np.exp(log))
            bits = np.log2(np.where(values > 0.0, values / number, 1.0))
            found[PURITY] += (values * values).sum(axis=1) / number
            found[ENTROPY] -= (values * bits).sum(axis=1)
            found[WORK] += ((held - values) * level).sum(axis=1) / self.irreps.spins
        return found
