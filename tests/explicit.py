"""The model on 2^N states, spin by spin: an oracle that knows no irreps."""

import math
from functools import cached_property
from itertools import product

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import expm_multiply

from darkbattery.nvmodel import CollectiveBattery, Polarised
from darkbattery.nvmodel.ergotropy import ergotropy_of_matrix
from darkbattery.nvmodel.protocol import Pulse, Stage

LOWER = sparse.csr_matrix([[0.0, 0.0], [1.0, 0.0]])  # up first
HALF_Z = sparse.csr_matrix([[0.5, 0.0], [0.0, -0.5]])


class Explicit:
    """A battery and charger of few spins; the battery's spins come first."""

    def __init__(self, battery: CollectiveBattery) -> None:
        self.model = battery
        self.nb, self.nc = battery.n_battery, battery.n_charger
        self.spins = self.nb + self.nc
        self.size = 2**self.spins
        self.s = [self._at(LOWER, n) for n in range(self.spins)]
        self.z = [self._at(HALF_Z, n) for n in range(self.spins)]

    def _at(self, one, n):
        left, right = sparse.identity(2**n), sparse.identity(2 ** (self.spins - n - 1))
        return sparse.csr_matrix(sparse.kron(sparse.kron(left, one), right))

    @cached_property
    def z_b(self):
        return sum(self.z[: self.nb])

    @cached_property
    def z_c(self):
        return sum(self.z[self.nb :])

    def lowering(self, coupled):
        first = 0 if coupled in ("both", "battery") else self.nb
        last = self.spins if coupled in ("both", "charger") else self.nb
        found = sum(self.s[first:last], start=sparse.csr_matrix((self.size, self.size)))
        return sparse.csr_matrix(found)

    def noise(self, stage):
        """Pairs of rate and operator."""
        pairs = []
        for n in range(self.spins):
            own = (stage.battery_noise, self.model.battery_noise)
            other = (stage.charger_noise, self.model.charger_noise)
            noise = (own[0] or own[1]) if n < self.nb else (other[0] or other[1])
            pairs.append((noise.dephasing, self.z[n]))
            pairs.append((noise.emission, self.s[n]))
            pairs.append((noise.pumping, self.s[n].T.tocsr()))
        return [(rate, op) for rate, op in pairs if rate > 0.0]

    def rates(self, stage):
        """Operators of the emission, the absorption and the local loss."""
        L, m = self.lowering(stage.coupled), self.model
        emission = m.gamma * (m.occupation + 1.0) * (L.T @ L)
        absorption = m.gamma * m.occupation * (L @ L.T)
        loss = sparse.csr_matrix((self.size, self.size))
        for rate, op in self.noise(stage):
            change = self.z_b + self.z_c
            moved = (change @ op - op @ change).toarray()
            if np.abs(moved).max() > 0.0:
                up = np.sign(moved.sum())
                loss = loss - up * rate * (op.T @ op)
        return emission, absorption, loss

    def generator(self, stage):
        """Liouvillian on vec(rho), row by row, with the three integrals behind it."""
        one = sparse.identity(self.size)
        m, L = self.model, self.lowering(stage.coupled)
        H = m.detuning * self.z_b
        found = -1j * (sparse.kron(H, one) - sparse.kron(one, H.T))
        jumps = [(m.gamma * (m.occupation + 1.0), L), (m.gamma * m.occupation, L.T)]
        for rate, K in jumps + self.noise(stage):
            KK = K.T @ K
            found = found + rate * (
                sparse.kron(K, K) - 0.5 * sparse.kron(KK, one) - 0.5 * sparse.kron(one, KK.T)
            )
        weights = [op.T.toarray().reshape(1, -1) for op in self.rates(stage)]
        integrals = sparse.csr_matrix(np.vstack(weights))
        return sparse.bmat([[found, None], [integrals, sparse.csr_matrix((3, 3))]], format="csr")

    def start(self):
        def part(spins, preparation):
            size = 2**spins
            ups = np.array([spins - sum(bits) for bits in product((0, 1), repeat=spins)])
            if isinstance(preparation, Polarised):
                p = preparation.up
                return np.diag(p**ups * (1.0 - p) ** (spins - ups))
            few = Explicit(CollectiveBattery(spins, 1))
            j = spins / 2 if preparation.j is None else preparation.j
            rho = few.projector(spins, j)[::1, ::1] * (ups == preparation.excitations)
            rho = rho * (ups == preparation.excitations)[:, None]
            assert rho.shape == (size, size)
            return rho / np.trace(rho)

        m = self.model
        return np.kron(part(self.nb, m.battery_preparation), part(self.nc, m.charger_preparation))

    @staticmethod
    def projector(spins, j):
        """Onto the states of total spin j of `spins` spins."""
        one = np.eye(2)
        total = np.zeros((2**spins, 2**spins))
        lower = np.zeros_like(total)
        z = np.zeros_like(total)
        for n in range(spins):
            parts = [one] * spins
            parts[n] = LOWER.toarray()
            lower += _kron(parts)
            parts[n] = HALF_Z.toarray()
            z += _kron(parts)
        total = lower.T @ lower + z @ z - z
        values, vectors = np.linalg.eigh(total)
        own = vectors[:, np.abs(values - j * (j + 1)) < 1e-6]
        return own @ own.T

    def pulse(self, vector, pulse):
        rho = vector[: self.size**2].reshape(self.size, self.size).copy()
        index = np.arange(self.size)
        different = index[:, None] ^ index[None, :]
        for n in range(self.spins):
            s = pulse.dephase_battery if n < self.nb else pulse.dephase_charger
            bit = (different >> (self.spins - 1 - n)) & 1
            rho = rho * np.where(bit == 1, 1.0 - s, 1.0)
        return np.concatenate([rho.ravel(), vector[self.size**2 :]])

    def averages(self, times):
        """Every observable at every time, as a dict of arrays; read after pulses."""
        steps = list(self.model.stages)
        if not isinstance(steps[-1], Stage):
            last = [Stage(math.inf), *(step for step in steps if isinstance(step, Stage))][-1]
            steps.append(Stage(math.inf, last.coupled, last.battery_noise, last.charger_noise))
        vector = np.concatenate([self.start().ravel(), np.zeros(3)]).astype(complex)
        now, begin, i, rows = 0.0, 0.0, 0, []
        for number, step in enumerate(steps):
            if isinstance(step, Pulse):
                vector = self.pulse(vector, step)
                continue
            last = number == len(steps) - 1
            end = math.inf if last else begin + step.duration
            generator = self.generator(step)
            while i < len(times) and times[i] < end:
                vector = expm_multiply(generator * (times[i] - now), vector)
                now = times[i]
                rows.append(self.read(vector, step, generator))
                i += 1
            if i == len(times):
                break
            vector = expm_multiply(generator * (end - now), vector)
            now = begin = end
        return {name: np.array([row[name] for row in rows]) for name in rows[0]}

    def read(self, vector, stage, generator):
        size = self.size
        rho = vector[: size * size].reshape(size, size)
        mean = lambda op: float(np.real((op.T.multiply(rho)).sum()))  # noqa: E731
        change = (generator @ vector)[: size * size].reshape(size, size)
        emission, absorption, _ = self.rates(stage)
        b, c = 2**self.nb, 2**self.nc
        reduced = np.real(np.einsum("icjc->ij", rho.reshape(b, c, b, c)))
        ups = np.array([self.nb - sum(bits) for bits in product((0, 1), repeat=self.nb)])
        ladder = 0.0
        for k in range(self.nb // 2 + 1):
            j = self.nb / 2 - k
            block = self.projector(self.nb, j) @ reduced
            p = np.array([np.trace(block[np.ix_(ups == u, ups == u)]) for u in range(self.nb + 1)])
            p = p[k : self.nb + 1 - k]
            levels = np.arange(p.size)
            ladder += p @ levels - np.sort(p)[::-1] @ levels
        return {
            "battery_energy": mean(self.z_b) / self.nb + 0.5,
            "charger_energy": mean(self.z_c) / self.nc + 0.5,
            "power": float(np.real(self.z_b.T.multiply(change).sum())) / self.nb,
            "emission_rate": mean(emission),
            "absorption_rate": mean(absorption),
            "emitted_photons": float(vector[-3].real),
            "absorbed_photons": float(vector[-2].real),
            "local_loss": float(vector[-1].real),
            "ergotropy": ladder / self.nb,
            "ergotropy_total": ergotropy_of_matrix(reduced, np.diag(ups)) / self.nb,
        }


def _kron(parts):
    found = np.eye(1)
    for part in parts:
        found = np.kron(found, part)
    return found
