"""Exact averages of few spins at a mode: operators of single spins, nothing known of irreps.

Experiments are drawn with all that a resonator may have but lines and fields that are sent in.
"""

import math
from dataclasses import replace

import numpy as np
from hypothesis import strategies as st
from scipy import constants, sparse
from scipy.sparse.linalg import expm_multiply

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery, LocalNoise, Pulse, Resonator, Spins, Stage
from darkbattery.nvmodel import Experiment as Model
from darkbattery.nvmodel.ergotropy import ergotropy_of_matrix
from darkbattery.trajectories.averages.cavity_irreps import WITHOUT_DRIVE
from tests.explicit import Explicit
from tests.verify import experiments
from tests.verify.readings import ladder_ergotropy_of

FREQUENCY = 3e9
MOST_SPINS = 3
MOST_PHOTONS = 14  # 8 x 15 states of three spins: 14,400 elements
# both sides step to 1e-11 or so, and the space of the explicit state ends one photon later
STATED = 1e-8


@st.composite
def few_at_a_resonator(draw):
    nb = draw(st.integers(1, MOST_SPINS - 1))
    nc = draw(st.integers(1, MOST_SPINS - nb))
    rate, some = experiments.RATE, st.floats(0.3, 2.0).map(lambda x: round(x, 2))
    offset = st.one_of(st.just(0.0), st.floats(-2.0, 2.0).map(lambda x: round(x, 2)))
    quiet = st.builds(LocalNoise, rate, rate)  # no pump: the field would grow
    spins = [
        Spins(n, draw(experiments.starts(n, names)), draw(some), draw(offset), draw(quiet))
        for n, names in ((nb, ["down", "thermal"]), (nc, ["up"]))
    ]
    nbar = draw(st.sampled_from([0.0, 0.0, 0.01, 0.03]))
    kelvin = constants.h * FREQUENCY / constants.k / math.log1p(1.0 / nbar) if nbar else 0.0
    kappa = draw(st.one_of(st.just(0.0), st.floats(0.2, 6.0).map(lambda x: round(x, 2))))
    field = Resonator(FREQUENCY, kappa / (2.0 * math.pi), temperature_k=kelvin)
    model = Model(*spins, field, draw(_sequences(offset, quiet)))
    return experiments.Experiment(model, draw(experiments.reading_times(model)))


@st.composite
def _sequences(draw, offset, noise):
    """Stages and pulses; the last stage is endless."""
    angle = st.sampled_from([0.0, math.pi, 0.7, -1.2])
    strength = experiments.STRENGTH
    maybe = st.one_of(st.none(), noise)
    pulses = st.one_of(
        st.builds(Pulse, strength, strength),
        st.builds(
            Pulse,
            rotate_battery=angle,
            rotate_charger=angle,
            axis=st.sampled_from([0.0, 0.4, 1.6]),
            rotation_error=st.sampled_from([0.0, 0.3]),
        ),
    )
    stages = st.builds(
        Stage,
        experiments.DURATION,
        experiments.COUPLED,
        maybe,
        maybe,
        battery_detuning=st.one_of(st.none(), offset),
        charger_detuning=st.one_of(st.none(), offset),
    )
    steps = draw(st.lists(st.one_of(stages, pulses), max_size=3))
    return (*steps, replace(draw(stages), duration=math.inf)) if steps else ()


class AtMode(Explicit):
    """2^N spin states times photons; the mode is the last factor."""

    def __init__(self, model, photons):
        super().__init__(CollectiveBattery(*model.sizes))
        self.experiment, self.levels = model, photons + 1
        one = sparse.identity(self.levels)
        self.s = [sparse.csr_matrix(sparse.kron(x, one)) for x in self.s]
        self.z = [sparse.csr_matrix(sparse.kron(x, one)) for x in self.z]
        a = sparse.diags(np.sqrt(np.arange(1.0, self.levels)), 1)
        self.a = sparse.csr_matrix(sparse.kron(sparse.identity(self.size), a))
        self.whole = self.size * self.levels

    def first(self):
        """The state at the start."""
        of = replace(
            self.model,
            nbar=self.experiment.nbar,
            battery_start=self.experiment.battery_start,
            charger_start=self.experiment.charger_start,
        )
        p = (self.experiment.nbar / (self.experiment.nbar + 1.0)) ** np.arange(self.levels)
        return np.kron(Explicit(of).start(), np.diag(p / p.sum())).astype(complex)

    def generator(self, stage):
        """The Liouvillian on row-major states, and its emissions."""
        model, one = self.experiment, sparse.identity(self.whole)
        H = sparse.csr_matrix((self.whole, self.whole))
        for i, (s, z) in enumerate(zip(self.s, self.z, strict=True)):
            own, name = (0, "battery") if i < self.nb else (1, "charger")
            shift = getattr(stage, f"{name}_detuning")
            H = H + (model.detunings[own] if shift is None else shift) * z
            if stage.coupled in ("both", name):
                exchange = model.couplings[own] * self.a.T @ s
                H = H + exchange + exchange.T
        kappa, nbar = model.resonator.kappa, model.nbar
        jumps = [(kappa * (nbar + 1.0), self.a), (kappa * nbar, self.a.T)]
        for i, (s, z) in enumerate(zip(self.s, self.z, strict=True)):
            name = "battery" if i < self.nb else "charger"
            noise = getattr(stage, f"{name}_noise") or getattr(model, f"{name}_noise")
            jumps += [(noise.dephasing, z), (noise.emission, s), (noise.pumping, s.T)]
        decay = sum((rate * (K.T @ K) for rate, K in jumps), start=0.0 * one)
        A = -1j * H - 0.5 * decay
        L = sparse.kron(A, one) + sparse.kron(one, A.conj())
        for rate, K in jumps:
            L = L + rate * sparse.kron(K, K)
        return sparse.csr_matrix(L)

    def pulsed(self, rho, pulse):
        """Dephasing, or a rotation and what its error takes, spin by spin."""
        for i, (s, z) in enumerate(zip(self.s, self.z, strict=True)):
            battery = i < self.nb
            lost = pulse.dephase_battery if battery else pulse.dephase_charger
            about = 2.0 * z
            angle = pulse.rotate_battery if battery else pulse.rotate_charger
            if angle:
                raising = s.T * np.exp(-1j * pulse.axis)
                about = raising + raising.conj().T
                U = math.cos(angle / 2) * sparse.identity(self.whole)
                U = U - 1j * math.sin(angle / 2) * about
                rho = U @ rho @ U.conj().T
                lost = -math.expm1(-0.5 * (pulse.rotation_error * angle) ** 2)
            rho = (1.0 - 0.5 * lost) * rho + 0.5 * lost * (about @ rho @ about)
        return rho

    def read(self, rho, L):
        """Observables of a state."""
        change = (L @ rho.ravel()).reshape(rho.shape)
        mean = lambda operator, of=rho: (operator @ of).trace().real  # noqa: E731
        z_b, z_c, n = sum(self.z[: self.nb]), sum(self.z[self.nb :]), self.a.T @ self.a
        b, c, m = 2**self.nb, 2**self.nc, self.levels
        battery = np.einsum("ijkj->ik", rho.reshape(b, c * m, b, c * m))
        spins = np.einsum("ijkj->ik", rho.reshape(b * c, m, b * c, m))
        ups = self.nb - np.array([i.bit_count() for i in range(b)])
        return {
            "battery_energy": mean(z_b) / self.nb + 0.5,
            "charger_energy": mean(z_c) / self.nc + 0.5,
            "photons": mean(n),
            "power": mean(z_b, change) / self.nb,
            "ergotropy_total": ergotropy_of_matrix(battery, np.diag(ups)) / self.nb,
            "capacity_unitary_total": _spread_by_unitaries(battery, ups) / self.nb,
            "log_negativity": _negativity(spins, b),
            "log_negativity_rest": _negativity(rho, b),
            **({} if self._turned() else {"ergotropy": ladder_ergotropy_of(self, battery)}),
        }

    def _turned(self):
        steps = self.experiment.protocol
        return any(isinstance(step, Pulse) and step.rotates for step in steps)


def _spread_by_unitaries(state, levels):
    """Highest less lowest energy of a spectrum."""
    r = np.linalg.eigvalsh(state)
    return (r - r[::-1]) @ np.sort(levels)


def _negativity(rho, first):
    rest = len(rho) // first
    swapped = rho.reshape(first, rest, first, rest).transpose(2, 1, 0, 3).reshape(rho.shape)
    return np.log2(np.abs(np.linalg.eigvalsh(swapped)).sum())


def check_few_at_a_resonator(experiment):
    """`trajectories.evolve` at a resonator, what it has of states, against explicit ones."""
    model, times = experiment.model, experiment.times
    found = trajectories.evolve(model, times, WITHOUT_DRIVE)
    photons = found.provenance["most_photons"] + 1
    if photons > MOST_PHOTONS:
        return
    exact = AtMode(model, photons)
    rho, now, begin, i = exact.first(), 0.0, 0.0, 0
    for step in model.stages:
        if isinstance(step, Pulse):
            rho = exact.pulsed(rho, step)
            continue
        L, end = exact.generator(step), begin + step.duration
        while i < len(times) and times[i] < end * (1.0 - 1e-12):
            to = max(times[i], now)
            rho, now = _evolved(L, rho, to - now), to
            for name, value in exact.read(rho, L).items():
                gap = abs(found[name][i] - value)
                assert gap < STATED, f"{name} at t = {times[i]!r}: {found[name][i]!r}, {value!r}"
            i += 1
        if i == len(times):
            break
        rho, now, begin = _evolved(L, rho, end - now), end, end
    assert np.abs(found["excitation_balance"]).max() < STATED


def _evolved(L, rho, span):
    return expm_multiply(L * span, rho.ravel()).reshape(rho.shape) if span > 0.0 else rho
