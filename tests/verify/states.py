"""Exact averages on the 2^N states of single spins, with photon counting.

States here are sharp in the number of excitations but for mixing (no start, jump or Hamiltonian
makes coherence between numbers), so that only elements <i|rho|j> of equal numbers are kept: 924
instead of 4096 at six spins. Nothing is known here of irreps, ladders or chains.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import expm_multiply

from darkbattery.nvmodel import CollectiveBattery
from darkbattery.nvmodel.protocol import Pulse, Stage
from tests.explicit import Explicit

SAME_TIME = 1e-12  # relative; docs: outputs at the very time of a switch are read behind it


class Spins(Explicit):
    """Operators of the spins, the battery's first, and superoperators on the kept elements."""

    def __init__(self, battery: CollectiveBattery) -> None:
        super().__init__(battery)
        index = np.arange(self.size)
        self.ups = self.spins - np.array([int(i).bit_count() for i in index])
        self.row, self.column = np.nonzero(self.ups[:, None] == self.ups[None, :])
        self.kept = self.row * self.size + self.column
        self.trace = (self.row == self.column).astype(float)

    def vector(self, rho):
        """The kept elements of a matrix."""
        return rho[self.row, self.column]

    def matrix(self, vector):
        """The state as a matrix."""
        rho = np.zeros((self.size, self.size), dtype=complex)
        rho[self.row, self.column] = vector
        return rho

    def both_sides(self, left, right):
        """rho -> left rho right."""
        full = sparse.kron(sparse.csr_matrix(left), sparse.csr_matrix(right).T, format="csr")
        return full[self.kept][:, self.kept]

    def jump(self, K):
        """rho -> K rho K^+; all operators here are real."""
        return self.both_sides(K, K.T)

    def photon_jumps(self, stage):
        """Emission and absorption by the shared reservoir."""
        L, m = self.lowering(stage.coupled), self.model
        return (
            m.gamma * (m.occupation + 1.0) * self.jump(L),
            m.gamma * m.occupation * self.jump(sparse.csr_matrix(L.T)),
        )

    def local_jumps(self, stage):
        """Noise of single spins, as (change of excitations, superoperator)."""
        found = []
        for rate, op in self.noise(stage):
            dense = op.toarray()
            up = int(np.sign(np.tril(dense, -1).sum() - np.triu(dense, 1).sum()))
            found.append((-up, rate * self.jump(op)))
        return found

    def generator(self, stage):
        """The Liouvillian on the kept elements."""
        m, one = self.model, sparse.identity(self.size, format="csr")
        L = self.lowering(stage.coupled)
        jumps = [(m.gamma * (m.occupation + 1.0), L), (m.gamma * m.occupation, L.T)]
        jumps += self.noise(stage)
        decay = sum((rate * (K.T @ K) for rate, K in jumps), start=0.0 * one)
        effective = sparse.csr_matrix(-1j * m.detuning * self.z_b - 0.5 * decay)
        found = self.both_sides(effective, one) + self.both_sides(one, effective.conj().T)
        for rate, K in jumps:
            if rate > 0.0:
                found = found + rate * self.jump(sparse.csr_matrix(K))
        return found.tocsr()

    def counting(self, stage):
        """Generator of (rho, rho1, rho2, absorbed, lost): rho_k = sum over n of n^k rho(n).

        n counts emitted photons.
        """
        Q = self.generator(stage)
        E, A = self.photon_jumps(stage)
        lost = sum((-change * op for change, op in self.local_jumps(stage)), start=0.0 * E)
        absorbed = sparse.csr_matrix(self.trace @ A)
        local = sparse.csr_matrix(self.trace @ lost)
        return sparse.bmat(
            [
                [Q, None, None, None],
                [E, Q, None, None],
                [E, 2.0 * E, Q, None],
                [sparse.vstack([absorbed, local]), None, None, sparse.csr_matrix((2, 2))],
            ],
            format="csr",
        )

    def dephased(self, vector, pulse):
        """A pulse multiplies the coherence of each spin by 1 - s."""
        factor = np.ones(self.kept.size)
        for n in range(self.spins):
            s = pulse.dephase_battery if n < self.nb else pulse.dephase_charger
            bit = ((self.row ^ self.column) >> (self.spins - 1 - n)) & 1
            factor = factor * np.where(bit == 1, 1.0 - s, 1.0)
        blocks = vector[:-2].reshape(3, -1) * factor
        return np.concatenate([blocks.ravel(), vector[-2:]])

    @cached_property
    def irrep_projectors(self):
        """Onto total spin j of the battery, and of the charger, as (j, matrix) in the 2^N space."""
        one_b, one_c = np.eye(2**self.nb), np.eye(2**self.nc)
        own = [
            (n / 2 - k, self.projector(n, n / 2 - k))
            for n in (self.nb, self.nc)
            for k in range(n // 2 + 1)
        ]
        split = self.nb // 2 + 1
        return (
            [(j, np.kron(P, one_c)) for j, P in own[:split]],
            [(j, np.kron(one_b, P)) for j, P in own[split:]],
        )


@dataclass(frozen=True, eq=False)
class Moment:
    """The exact state at one time, and what is needed to read it."""

    spins: Spins
    stage: Stage
    y: np.ndarray
    rate: np.ndarray

    @property
    def model(self):
        return self.spins.model

    @cached_property
    def rho(self):
        return self.spins.matrix(self.y[: self.spins.kept.size])

    @cached_property
    def change(self):
        return self.spins.matrix(self.rate[: self.spins.kept.size])

    def counted(self, power):
        """<n^power> of emitted photons."""
        size = self.spins.kept.size
        return float((self.spins.trace @ self.y[power * size : (power + 1) * size]).real)

    def mean(self, operator, of=None):
        return float(np.trace(operator @ (self.rho if of is None else of)).real)

    @cached_property
    def lowering(self):
        return self.spins.lowering(self.stage.coupled)

    @cached_property
    def battery(self):
        """The battery's reduced state."""
        return reduced(self.spins, self.rho)


def reduced(spins, rho):
    b, c = 2**spins.nb, 2**spins.nc
    return np.einsum("icjc->ij", rho.reshape(b, c, b, c))


def moments(battery, times):
    """The exact state at each output time: behind what is switched or pulsed there."""
    spins = Spins(battery)
    steps = list(battery.stages)
    if not any(isinstance(step, Stage) and step.duration == math.inf for step in steps):
        # what is read at the very end is read in the stage that ended there
        stages = [step for step in steps if isinstance(step, Stage)] or [Stage(1.0)]
        last = stages[-1]
        steps.append(Stage(math.inf, last.coupled, last.battery_noise, last.charger_noise))
    start = spins.vector(spins.start())
    y = np.concatenate([start, np.zeros(2 * start.size + 2)]).astype(complex)
    begin, now, found = 0.0, 0.0, []
    for step in steps:
        if isinstance(step, Pulse):
            y = spins.dephased(y, step)
            continue
        end = begin + step.duration
        A = spins.counting(step)
        while len(found) < len(times) and times[len(found)] < end * (1.0 - SAME_TIME):
            to = max(times[len(found)], now)
            y, now = _evolved(A, y, to - now), to
            found.append(Moment(spins, step, y, A @ y))
        if len(found) == len(times):
            break
        y, now, begin = _evolved(A, y, end - now), end, end
    return found


def _evolved(A, y, span):
    return expm_multiply(A * span, y) if span > 0.0 else y
