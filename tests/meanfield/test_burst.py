"""Bursts of many spins as classical runs, against second-order cumulants with the same classes."""

from dataclasses import replace

import numpy as np
import pytest

from darkbattery import meanfield
from darkbattery.meanfield.averages.burst import classical_burst, is_classical, seed_of
from darkbattery.meanfield.averages.linear import growing_modes, refined
from darkbattery.meanfield.averages.modal import modal_run, product_system
from darkbattery.meanfield.classes.moments import system_of
from darkbattery.nvmodel import Lorentzian, Multiplet, QGaussian, Resonator, ResonatorBattery
from darkbattery.nvmodel.devices.estimates import estimates
from darkbattery.nvmodel.ensemble import SpinEnsemble

# C = 5 to 20, growth some 1e7/s: a burst after 1 us
LINE = QGaussian(4e6, q=1.39)
COLD = {"coupling": 9.0, "polarisation": 0.8, "t2_s": 2e-6, "line": LINE}
CAVITY = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=3e6)
TIMES = np.linspace(0.0, 4e-6, 201)


def battery(cavity=CAVITY, detuning_hz=0.0, **spins):
    spins = COLD | spins
    return ResonatorBattery(
        battery=SpinEnsemble(number=2 * 10**12, **spins),
        charger=SpinEnsemble(number=10**13, **spins),
        resonator=cavity,
        charger_detuning_hz=detuning_hz,
    )


CASES = {
    "symmetric": battery(),
    "detuned charger": battery(detuning_hz=1e6),
    "T1 and warm": battery(replace(CAVITY, temperature_k=50.0), t1_s=2e-5, t2_s=1e-6),
    "coupling spread": battery(coupling_spread=0.3),
    "asymmetric line": battery(line=Multiplet(Lorentzian(2e6), (-2e6, 1e6), (0.3, 0.7))),
    "no line": battery(line=None),
}


@pytest.mark.parametrize("case", list(CASES))
def test_a_classical_run_is_second_order(case):
    system = system_of(CASES[case], 16)
    assert is_classical(system)
    growth = complex(growing_modes(system)[0])
    found = classical_burst(system, TIMES, seed_of(system, growth))
    exact = meanfield.evolve(system, TIMES)
    assert set(found.values) == set(exact.values)
    for name in exact.values:
        if name == "excitation_balance":  # rounding
            continue
        size = np.abs(exact[name]).max()
        # 1e-6 a step at second order, 1/N grown by the noise that a classical run leaves out
        np.testing.assert_allclose(found[name], exact[name], atol=2e-4 * size, err_msg=name)
    assert exact["photons"].max() > 1e10  # it bursts
    assert np.abs(found["excitation_balance"]).max() < 1e-6  # what T1 does not do is left out


def test_the_seed_is_that_of_second_order():
    system = system_of(battery(replace(CAVITY, temperature_k=50.0)), 16)
    seed = seed_of(system, complex(growing_modes(system)[0]))
    # 12 to 15 e-folds of the energy: inversions have not changed
    times = np.linspace(12.0, 15.0, 4) / (2.0 * seed.growth.real)
    exact = meanfield.evolve(system, times, observables=["photons"])["photons"] - system.nbar
    grown = system.total * abs(seed.field) ** 2 * np.exp(2.0 * seed.growth.real * times)
    # other modes have died to e^-6 of the amplitude
    np.testing.assert_allclose(exact, grown, rtol=0.005)


def test_few_spins_and_what_does_not_burst_go_to_second_order():
    few = replace(
        battery(),
        battery=SpinEnsemble(number=200, coupling=9e5, line=LINE),
        charger=SpinEnsemble(number=1000, coupling=9e5, line=LINE),
    )
    dark = battery(polarisation=0.0)
    for model in (few, dark):
        assert not is_classical(system_of(model, 16))
        solver = modal_run(model, [0.0, 1e-7], classes=8).provenance["solver"]
        assert solver.startswith("second-order")


def test_another_burst_from_noise_is_not_a_classical_run():
    # nothing is lost: field and spins swing for ever, back to where noise made them start
    model = battery(Resonator(frequency_hz=3e9, linewidth_fwhm_hz=1.0), line=None, t2_s=None)
    system = system_of(model, 1)
    seed = seed_of(system, complex(growing_modes(system)[0]))
    assert classical_burst(system, TIMES, seed) is None


def test_classes_of_line_and_couplings_converge():
    model = battery(coupling_spread=0.5)
    growth = meanfield.growth_rate(model)
    energies = [modal_run(model, TIMES, K, growth)["battery_energy"] for K in (32, 64)]
    assert np.abs(energies[0] - energies[1]).max() < 0.01
    # the same growth: couplings enter it by their mean square
    found = refined(growth, product_system(model, 32)).real
    np.testing.assert_allclose(found, growth, rtol=1e-3)


@pytest.mark.parametrize("excess", [1.01, 1.1, 10.0])
def test_growth_of_the_line_is_that_of_many_classes(excess):
    model = battery(t2_s=3e-6)
    C = estimates(model).net_cooperativity
    scaled = np.sqrt(excess / C)
    both = {
        name: replace(getattr(model, name), coupling=9.0 * scaled)
        for name in ("battery", "charger")
    }
    model = replace(model, **both)
    # so many classes stand closer than 1/T2; far wings are gathered at some bandwidths
    exact = refined(1.3 * meanfield.growth_rate(model), system_of(model, 4001)).real
    np.testing.assert_allclose(meanfield.growth_rate(model), exact, rtol=1e-5)
