"""Sequences at a resonator, exactly: against operators of single spins in QuTiP."""

import math
from dataclasses import replace

import numpy as np
import pytest
import qutip
from scipy.linalg import expm
from scipy.sparse.linalg import expm_multiply

from darkbattery import trajectories
from darkbattery.nvmodel import Drive, InputError, LocalNoise, Pulse, Stage, StepResponse
from darkbattery.trajectories.qutip import resonator_to_qutip
from tests.trajectories.test_cavity_irreps import changed

WEAK = {"t1_s": 1e9}  # so that QuTiP has every spin by itself
COIL = StepResponse([0.05, 0.2, 0.4], [0.1, 1.2, 1.0])
NAMES = ("battery_energy", "charger_energy", "photons", "power", "log_negativity")


OPTIONS = {"atol": 1e-12, "rtol": 1e-10, "max_step": 0.05, "nsteps": 10**5, "progress_bar": ""}


class Explicit:
    """(1, 2) spins and a mode; the state is followed stage by stage."""

    def __init__(self, model, photons):
        self.model, self.photons = model, photons
        self.few = resonator_to_qutip(replace(model, protocol=()), photons)
        self.dims = self.few.dims
        self.rho = self.few.initial

    def liouvillian(self, coupled="both", detunings=(0.0, 0.0), charger_noise=None, eta=0.0):
        off = {"coupling": 1e-12}
        own = replace(
            self.model,
            protocol=(),
            battery_detuning_hz=detunings[0] / (2.0 * math.pi),
            charger_detuning_hz=detunings[1] / (2.0 * math.pi),
            battery=replace(self.model.battery, **(off if coupled == "none" else {})),
            charger=replace(self.model.charger, **({} if coupled == "both" else off)),
        )
        few = resonator_to_qutip(own, self.photons)
        collapse = list(few.collapse)
        if charger_noise:
            collapse += [math.sqrt(charger_noise) * self.spin(qutip.sigmam(), i) for i in (1, 2)]
        a = self.spin(qutip.destroy(self.dims[-1]), 3)
        return qutip.liouvillian(few.hamiltonian + eta * (a + a.dag()), collapse)

    def spin(self, operator, place):
        return qutip.tensor(
            [operator if k == place else qutip.qeye(d) for k, d in enumerate(self.dims)]
        )

    def go_on(self, span, **stage):
        L = self.liouvillian(**stage).to("csr").data_as("csr_matrix")
        y = expm_multiply(L * span, self.rho.full().ravel(order="F"))
        self.rho = qutip.Qobj(y.reshape(self.rho.shape, order="F"), dims=self.rho.dims)
        return self

    def dephase(self, strength, places):
        for i in places:
            z = self.spin(qutip.sigmaz(), i)
            self.rho = (1.0 - 0.5 * strength) * self.rho + 0.5 * strength * z * self.rho * z

    def rotate(self, angle, axis, error, places):
        for i in places:
            along = math.cos(axis) * qutip.sigmax() + math.sin(axis) * qutip.sigmay()
            U = self.spin(qutip.Qobj(expm(-0.5j * angle * along.full())), i)
            about = self.spin(along, i)
            s = 1.0 - math.exp(-0.5 * (error * angle) ** 2)
            rho = U * self.rho * U.dag()
            self.rho = (1.0 - 0.5 * s) * rho + 0.5 * s * about * rho * about

    def read(self, L):
        y = L.to("csr").data_as("csr_matrix") @ self.rho.full().ravel(order="F")
        change = y.reshape(self.rho.shape, order="F")
        found = {name: qutip.expect(self.few.observables[name], self.rho) for name in NAMES[:3]}
        found["power"] = np.trace(self.few.observables["battery_energy"].full() @ change).real
        transposed = qutip.partial_transpose(self.rho.ptrace([0, 1, 2]), [1, 0, 0]).full()
        found["log_negativity"] = math.log2(np.abs(np.linalg.eigvalsh(transposed)).sum())
        return found


def test_stages_and_dephasing_are_those_of_single_spins():
    noise = LocalNoise(emission=0.5)
    protocol = (
        Stage(0.6, battery_detuning=1.0),
        Stage(0.5, "battery"),
        Pulse(dephase_charger=0.4, dephase_battery=1.0),
        Stage(0.7, "none", charger_noise=noise),
        Stage(math.inf, charger_detuning=-0.5),
    )
    model = replace(changed((1, 2), 1.2, battery=WEAK, **WEAK), protocol=protocol)
    found = trajectories.evolve(model, [0.3, 0.6, 1.1, 1.5, 2.5], NAMES)
    exact = Explicit(model, 2)
    first, second = {"detunings": (1.0, 0.0)}, {"coupled": "battery"}
    third, last = {"coupled": "none", "charger_noise": 0.5}, {"detunings": (0.0, -0.5)}
    rows = [exact.go_on(0.3, **first).read(exact.liouvillian(**first))]
    rows.append(exact.go_on(0.3, **first).read(exact.liouvillian(**second)))
    exact.go_on(0.5, **second)
    exact.dephase(0.4, (1, 2))
    exact.dephase(1.0, (0,))
    rows.append(exact.read(exact.liouvillian(**third)))
    rows.append(exact.go_on(0.4, **third).read(exact.liouvillian(**third)))
    exact.go_on(0.3, **third)
    rows.append(exact.go_on(0.7, **last).read(exact.liouvillian(**last)))
    _compare(found, rows)


def test_rotations_and_drives_are_those_of_single_spins():
    pulse = Drive(amplitude=0.6, duration_s=0.5, start_s=0.2)
    protocol = (
        Stage(0.4),
        Pulse(rotate_battery=1.1, rotate_charger=-0.7, axis=0.3, rotation_error=0.4),
        Stage(0.9, drives=(pulse,), battery_detuning=0.8),
        Stage(math.inf),
    )
    model = replace(changed((1, 2), 1.2, battery=WEAK, **WEAK), protocol=protocol)
    found = trajectories.evolve(model, [0.4, 0.8, 2.0], [*NAMES, "excitation_balance"])
    exact = Explicit(model, 9)
    exact.go_on(0.4)
    exact.rotate(1.1, 0.3, 0.4, (0,))
    exact.rotate(-0.7, 0.3, 0.4, (1, 2))
    detuned = {"detunings": (0.8, 0.0)}
    rows = [exact.read(exact.liouvillian(**detuned))]
    driven = detuned | {"eta": 0.6}
    rows.append(exact.go_on(0.2, **detuned).go_on(0.2, **driven).read(exact.liouvillian(**driven)))
    exact.go_on(0.3, **driven).go_on(0.2, **detuned)
    rows.append(exact.go_on(0.7).read(exact.liouvillian()))
    _compare(found, rows)
    assert np.abs(found["excitation_balance"]).max() < 1e-10


def _compare(found, rows):
    for name in NAMES:
        # QuTiP's space ends at its highest photon number; T1 of 1e9 s is not there
        np.testing.assert_allclose(
            found[name], [row[name] for row in rows], atol=2e-8, err_msg=name
        )


@pytest.mark.parametrize("shape", ["exponential", "linear", COIL])
def test_a_detuning_that_rises_is_that_of_qutip(shape):
    rise = 0.0 if shape is COIL else 0.3
    stage = Stage(1.0, charger_detuning=6.0, rise=rise, rise_shape=shape)
    model = replace(changed((1, 2), 1.0), protocol=(stage, Stage(math.inf, charger_detuning=6.0)))
    times = np.array([0.0, 0.2, 0.5, 1.3])
    found = trajectories.evolve(model, times, ["battery_energy", "charger_energy", "photons"])
    few = resonator_to_qutip(replace(model, protocol=()), 2)

    def detuning(t):
        if shape is COIL:
            return 6.0 * float(np.interp(t, [0.0, *COIL.times], [0.0, *COIL.response]))
        return 6.0 * (1.0 - (math.exp(-t / 0.3) if shape == "exponential" else max(1 - t / 0.3, 0)))

    solved = qutip.mesolve(
        [few.hamiltonian, [2.0 * few.observables["charger_energy"], detuning]],
        few.initial,
        times,
        few.collapse,
        e_ops=[few.observables[name] for name in found.values],
        options={
            "atol": 1e-12,
            "rtol": 1e-10,
            "max_step": 0.05 if shape != COIL else 0.002,  # along its kinks
            "nsteps": 10**5,
            "progress_bar": "",
        },
    )
    # behind the first stage an exponential goes on at once to its end: e^(-1/0.3) is left of it
    reached = 3 if shape == "exponential" else 4
    for name, values in zip(found.values, solved.expect, strict=True):
        np.testing.assert_allclose(found[name][:reached], values[:reached], atol=1e-8)


@pytest.mark.parametrize(
    ("protocol", "times", "field"),
    [
        ((Stage(1.0),), [2.0], "times[0]"),
        (
            (
                Stage(1.0, drives=(Drive(1.0, 0.1, detuning_hz=1.0),)),
                Stage(1.0, drives=(Drive(1.0, 0.1, detuning_hz=2.0),)),
            ),
            [1.5],
            "drive.detuning_hz",
        ),
        ((Stage(1.0, drives=(Drive(1.0, 1e-20, start_s=0.5),)),), [1.0], "drive.duration_s"),
    ],
)
def test_what_it_has_not_is_refused(protocol, times, field):
    model = replace(changed((1, 2)), protocol=protocol)
    with pytest.raises(InputError) as refusal:
        trajectories.evolve(model, times)
    assert refusal.value.field == field
