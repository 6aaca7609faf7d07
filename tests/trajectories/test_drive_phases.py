"""Phases of drives and rotations in the quantum engine, against QuTiP."""

import math

import numpy as np
import pytest
import qutip

from darkbattery import trajectories
from darkbattery.nvmodel import (
    Drive,
    InputError,
    Pulse,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
)

KAPPA = 2.0
CAVITY = Resonator(1e3, linewidth_fwhm_hz=KAPPA / (2.0 * math.pi))


def test_the_quantum_engine_keeps_the_phase_of_a_drive_beside_a_rotation():
    """A spin turned by 1 rad about x, then driven: by QuTiP in the resonator's frame."""
    g, eta, phase, delta = 0.7, 0.8, 1.1, 0.9
    steps = (
        Pulse(rotate_charger=1.0),
        Stage(1.0),
        Stage(2.0, drives=[Drive(eta, 2.0, phase=phase, detuning_hz=delta / (2.0 * math.pi))]),
    )
    model = ResonatorBattery(SpinEnsemble(1, g), CAVITY, SpinEnsemble(1, g), protocol=steps)
    times = np.array([1.5, 2.0, 2.9])
    found = trajectories.evolve(model, times)
    photons = 12
    a = qutip.tensor(qutip.qeye(2), qutip.qeye(2), qutip.destroy(photons))
    spins = [
        qutip.tensor(qutip.sigmam(), qutip.qeye(2)),
        qutip.tensor(qutip.qeye(2), qutip.sigmam()),
    ]
    spins = [qutip.tensor(one, qutip.qeye(photons)) for one in spins]
    H = sum(g * (a.dag() * one + a * one.dag()) for one in spins)
    sent = lambda t: 0.0 if t < 1.0 else eta * np.exp(-1j * (delta * (t - 1.0) - phase))  # noqa: E731
    driven = [H, [a.dag(), sent], [a, lambda t: np.conj(sent(t))]]
    up, down = qutip.basis(2, 0), qutip.basis(2, 1)
    start = qutip.tensor(down, (-0.5j * qutip.sigmax()).expm() * up, qutip.basis(photons, 0))
    energies = [one.dag() * one for one in spins]
    expected = qutip.mesolve(
        driven, start, [0.0, 1.0, *times], [math.sqrt(KAPPA) * a], e_ops=energies,
        options={"max_step": 0.02, "atol": 1e-9, "rtol": 1e-8},
    ).expect  # fmt: skip
    # QuTiP's steps, and what of twelve photons is cut
    np.testing.assert_allclose(found["battery_energy"], expected[0][2:], atol=1e-5)
    np.testing.assert_allclose(found["charger_energy"], expected[1][2:], atol=1e-5)
    other = Stage(1.0, drives=[Drive(eta, 1.0, detuning_hz=delta / (2.0 * math.pi))])
    model = ResonatorBattery(
        SpinEnsemble(1, g), CAVITY, SpinEnsemble(1, g), protocol=(*steps, other)
    )
    with pytest.raises(InputError, match=r"drive.phase = .*: drives of one phase here"):
        trajectories.evolve(model, [3.5])
