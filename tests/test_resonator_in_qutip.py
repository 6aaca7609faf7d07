"""QuTiP's resonator with few spins: right, and the reference of the semiclassical engine."""

import numpy as np
import pytest
import qutip

from darkbattery import meanfield, trajectories
from darkbattery.nvmodel import (
    CollectiveBattery,
    Drive,
    Gaussian,
    InputError,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
)
from darkbattery.trajectories.qutip import resonator_to_qutip as to_qutip

OPTIONS = {"atol": 1e-10, "rtol": 1e-8, "nsteps": 100_000, "progress_bar": ""}
G = 2.0 * np.pi * 1e5


def _model(n_battery, n_charger, fwhm_hz, temperature_k=0.0, **spins):
    battery = SpinEnsemble(number=n_battery, coupling=G, **spins) if n_battery else None
    return ResonatorBattery(
        battery=battery,
        charger=SpinEnsemble(number=n_charger, coupling=G, **spins),
        resonator=Resonator(3e9, linewidth_fwhm_hz=fwhm_hz, temperature_k=temperature_k),
    )


def _solved(model, times, photons, method="adams"):
    few = to_qutip(model, photons)
    names = list(few.observables)
    found = qutip.mesolve(
        few.hamiltonian,
        few.initial,
        times,
        few.collapse,
        e_ops=[few.observables[name] for name in names],
        options=OPTIONS | {"method": method},
    )
    values = dict(zip(names, found.expect, strict=True))
    assert values["overflow"].max() < 1e-5
    return values


def test_a_bad_cavity_is_a_shared_reservoir():
    """kappa far above g: the exact solver's master equation with gamma = 4 g^2/kappa."""
    model = _model(1, 2, fwhm_hz=2e7)
    gamma = 4.0 * G**2 / model.resonator.kappa
    times = np.array([0.0, 0.5, 2.0]) / gamma
    found = _solved(model, times, photons=2, method="bdf")
    exact = trajectories.evolve(CollectiveBattery(1, 2, gamma=gamma), times)
    # elimination is good to N gamma/kappa, here 3e-4, at rates that change within 1/(N gamma)
    for name in ("battery_energy", "charger_energy"):
        np.testing.assert_allclose(found[name], exact[name], atol=2e-3)


def test_local_noise_of_a_spin_is_t1_and_t2():
    """Far detuned, a spin relaxes at 1/T1 to its equilibrium; its coherence is not asked here."""
    model = ResonatorBattery(
        charger=SpinEnsemble(number=2, coupling=1.0, t1_s=1e-3, t2_s=4e-4, equilibrium=-0.5),
        resonator=Resonator(3e9, linewidth_fwhm_hz=0.0),
        charger_detuning_hz=1e6,
    )
    times = np.array([0.0, 1e-3, 3e-3])
    found = _solved(model, times, photons=1)
    z = -0.5 + 1.5 * np.exp(-times / 1e-3)
    np.testing.assert_allclose(found["charger_energy"], (1 + z) / 2, atol=1e-5)
    few = to_qutip(model, 1)
    # the coherence of one spin decays at 1/T2
    plus = qutip.ket2dm((qutip.basis(2, 0) + qutip.basis(2, 1)).unit())
    start = qutip.tensor(plus, qutip.fock_dm(2, 0), qutip.fock_dm(2, 0))
    decay = sum(qutip.lindblad_dissipator(c, c) for c in few.collapse)
    end = qutip.mesolve(decay, start, [0.0, 4e-4], options=OPTIONS).states[-1]
    assert abs(abs(end.ptrace(0).full()[0, 1]) - 0.5 * np.exp(-1.0)) < 1e-6


def test_second_order_nears_the_exact_solution_as_spins_are_added():
    """Cumulants leave out terms of order 1/N: three times the spins, a smaller error."""
    errors = []
    for n_battery, n_charger, photons in ((1, 2, 5), (3, 6, 10)):
        model = _model(n_battery, n_charger, fwhm_hz=8e5, temperature_k=0.03)
        total = np.sqrt(n_battery + n_charger) * G
        times = np.linspace(0.0, 2.0 / total, 9)
        exact = _solved(model, times, photons)
        found = meanfield.evolve(model, times, order=2)
        gap = [
            np.abs(found[name] - exact[name]).max() for name in ("battery_energy", "charger_energy")
        ]
        errors.append(max(gap))
    assert errors[0] < 0.05
    assert errors[1] < 0.8 * errors[0]


def test_early_times_agree_to_the_order_of_the_equations():
    """The first photons come at g^2 t^2, which second order has exactly."""
    model = _model(2, 4, fwhm_hz=8e5)
    times = np.array([0.0, 0.02 / G])
    exact, found = _solved(model, times, 5), meanfield.evolve(model, times, order=2)
    assert exact["photons"][1] > 1e-4
    # relative N g^2 t^2 = 2e-3 of the next order
    assert abs(found["photons"][1] / exact["photons"][1] - 1.0) < 1e-2


@pytest.mark.parametrize(
    ("model", "photons", "field"),
    [
        (_model(30, 70, 1e6), 5, "number"),
        (_model(1, 2, 1e6, t1_s=1.0), 4000, "number"),
        (_model(1, 2, 1e6, line=Gaussian(1e5)), 2, "line"),
        (_model(1, 2, 1e6), 0, "most_photons"),
        (
            ResonatorBattery(
                charger=SpinEnsemble(number=1, coupling=G),
                resonator=Resonator(3e9, linewidth_fwhm_hz=1e6),
                drive=Drive(amplitude=1e5, duration_s=1e-6),
            ),
            2,
            "drive",
        ),
    ],
)
def test_what_it_cannot_hold_is_refused(model, photons, field):
    with pytest.raises(InputError) as refusal:
        to_qutip(model, photons)
    assert refusal.value.field == field
