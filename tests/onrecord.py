"""What a record leaves, by explicit matrices: an oracle of the filters that knows no irreps.

Records of quadratures by Milstein's scheme, of strong order 1; photons by exponentials.
"""

import math
from dataclasses import replace

import numpy as np
import scipy
from scipy.sparse.linalg import expm_multiply

from darkbattery.nvmodel.protocol import Pulse, endless
from darkbattery.trajectories.jumps.filters.record_filter import (
    RecordStretch,
    Steps,
    StepTables,
    steps_of,
)
from darkbattery.trajectories.propagate.watched_mode import watching
from tests.verify.states import Spins


def even_steps(model, T, count):
    """So many steps of one length until T, pulses ahead of them, where nothing else is switched."""
    at = np.array([T])
    first = steps_of(watching(model, at, coherent=True), at, math.inf)
    stretches = [
        one
        if one.leg.watched is None
        else RecordStretch(one.leg, [StepTables(one.leg.watched, T / count)] * count, 0)
        for one in first.stretches
    ]
    assert sum(one.leg.watched is not None for one in stretches) == 1
    return Steps(first.space, first.start, stretches)


def milstein(rho, hamiltonian, watched, others, detector, record, h):
    """The state behind a record of `watched`, one entry a step of h; heterodyne: dZ*.

    `others` are jumps that nobody sees. The detector's phase stands in `watched`.
    """
    c, eta = watched, detector.efficiency
    decay = 1j * hamiltonian + 0.5 * sum(k.conj().T @ k for k in [c, *others])
    for y in record:
        square = y * y - (h if detector.kind == "homodyne" else 0.0)
        m = np.eye(len(c)) - h * decay + math.sqrt(eta) * y * c + 0.5 * eta * square * c @ c
        missed = (1.0 - eta) * h * c @ rho @ c.conj().T
        rho = m @ rho @ m.conj().T + missed + h * sum(k @ rho @ k.conj().T for k in others)
        rho = rho / np.trace(rho).real
    return rho


class AllSpins(Spins):
    """With coherence between numbers of excitations too."""

    def __init__(self, battery):
        super().__init__(battery)
        index = np.arange(self.size)
        self.row, self.column = (x.ravel() for x in np.meshgrid(index, index, indexing="ij"))
        self.kept = self.row * self.size + self.column
        self.trace = (self.row == self.column).astype(float)

    def turn(self, angle, axis, of_battery):
        """U on 2^N states, up first."""
        small = np.array([[0.0, np.exp(-1j * axis)], [np.exp(1j * axis), 0.0]])
        one = scipy.linalg.expm(-0.5j * angle * small)
        found = np.eye(1)
        for n in range(self.spins):
            found = np.kron(found, one if (n < self.nb) == of_battery else np.eye(2))
        return found

    def pulsed(self, x, pulse):
        """A rotation with its error, or dephasing."""
        x = dephased(self, x, replace(pulse, rotate_battery=0.0, rotate_charger=0.0))
        for of_battery, angle in ((True, pulse.rotate_battery), (False, pulse.rotate_charger)):
            U = self.turn(angle, pulse.axis, of_battery)
            x = self.vector(U @ self.matrix(x) @ U.conj().T)
            lost = 1.0 - math.exp(-0.5 * (pulse.rotation_error * angle) ** 2)
            if lost > 0.0:
                field = "dephase_battery" if of_battery else "dephase_charger"
                across = self.turn(-0.5 * math.pi, pulse.axis + 0.5 * math.pi, of_battery)
                x = self.vector(across @ self.matrix(x) @ across.conj().T)
                x = dephased(self, x, Pulse(**{field: lost}))
                x = self.vector(across.conj().T @ self.matrix(x) @ across)
        return x


def dephased(spins, x, pulse):
    """Elements of a state after a pulse that turns nothing."""
    return spins.dephased(np.concatenate([x, 0.0 * x, 0.0 * x, np.zeros(2)]), pulse)[: x.size]


def read(spins, x):
    """Stored energy per spin, purity and entropy in bits of the battery."""
    rho = spins.matrix(x) / (spins.trace @ x).real
    size, rest = 2**spins.nb, 2**spins.nc
    own = rho.reshape(size, rest, size, rest).trace(axis1=1, axis2=3)
    ups = spins.nb - np.array([int(i).bit_count() for i in range(size)])
    values = np.linalg.eigvalsh(own)
    entropy = -sum(v * math.log2(v) for v in values if v > 1e-15)
    return np.diag(own).real @ ups / spins.nb, np.trace(own @ own).real, entropy


def left_by_photons(spins, pulsed, battery, record, times):
    """`read` (T, 3) behind recorded photons: exp[(L - eta S) t] between them, S at each."""
    x, now, begin, found = spins.vector(spins.start()).astype(complex), 0.0, 0.0, []
    photons, outputs = list(record), list(times)
    for step in endless(battery.stages):
        if isinstance(step, Pulse):
            x = pulsed(x, step)
            continue
        end = begin + step.duration
        seen = spins.photon_jumps(step)[0]
        silent = spins.generator(step) - battery.detector_efficiency * seen
        while outputs:
            events = [(t, 0) for t in photons[:1]] + [(t, 1) for t in outputs[:1]]
            due, kind = min(events)
            if due >= end * (1.0 - 1e-12):
                break
            x = expm_multiply(silent * (due - now), x) if due > now else x
            now = due
            if kind == 0:
                photons.pop(0)
                x = seen @ x
            else:
                outputs.pop(0)
                found.append(read(spins, x))
        if outputs:
            x, now, begin = expm_multiply(silent * (end - now), x), end, end
    return np.array(found)
