"""Linear response, against the nonlinear engine at a weak drive, and against experiments."""

import math

import numpy as np
import pytest

from darkbattery import meanfield
from darkbattery.meanfield.averages.response import (
    photon_amplitude,
    transmission,
    transmission_peaks,
)
from darkbattery.nvmodel import (
    Drive,
    Gaussian,
    Lorentzian,
    QGaussian,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
)
from darkbattery.nvmodel.devices.published import find_device, resonator_battery, with_value
from darkbattery.nvmodel.refusal import InputError
from tests.lines import Skewed

MHZ = 2.0 * math.pi * 1e6
CAVITY = Resonator(frequency_hz=2.7e9, linewidth_fwhm_hz=1e6)
# ResonatorBattery needs a charger, which the engine starts inverted: one spin that hardly couples
NOTHING = SpinEnsemble(number=1, coupling=1e-3, t2_s=1e-6)


def ensemble(coupling, line, **more):
    return SpinEnsemble(
        number=10**12, coupling=coupling * MHZ * 1e-6, t2_s=0.3e-6, line=line, **more
    )


@pytest.mark.parametrize("probe", [0.0, 3e6, -5.5e6])
def test_transmission_is_the_engines_steady_state_under_a_weak_drive(probe):
    spins = ensemble(5.0, QGaussian(6e6, q=1.39), polarisation=0.8)
    model = ResonatorBattery(
        battery=spins,
        charger=NOTHING,
        resonator=CAVITY,
        battery_detuning_hz=1.2e6,
        drive=Drive(amplitude=1e9, duration_s=1.0, detuning_hz=probe),
    )
    # 20 decay times of the slowest, 1/(pi 1 MHz)
    found = meanfield.evolve(model, [6e-6], order=1, classes=201)
    empty = (2.0 * 1e9 / CAVITY.kappa) ** 2
    ratio = float(found["photons"][0]) / empty
    expected = float(abs(transmission(model, probe)[0]) ** 2)
    # the engine's equal-weight classes have order 1.5: 1e-3 at 201; 1e5 photons saturate nothing
    np.testing.assert_allclose(ratio, expected, rtol=5e-3)
    assert 1e-4 < expected < 0.5


def test_one_photon_among_two_lorentzians_is_three_damped_modes():
    pair = [ensemble(4.0, Lorentzian(3e6)), ensemble(2.0, Lorentzian(1e6), polarisation=0.5)]
    model = ResonatorBattery(
        battery=pair[0],
        charger=pair[1],
        resonator=CAVITY,
        battery_detuning_hz=2e6,
        charger_detuning_hz=-1e6,
    )
    g = np.array([s.collective_coupling * math.sqrt(s.polarisation) for s in pair])
    rates = np.array([1.5, 0.5]) * MHZ + pair[0].decoherence_rate
    poles = -rates - 1j * np.array([2.0, -1.0]) * MHZ
    matrix = np.diag([-0.5 * CAVITY.kappa, *poles]).astype(complex)
    matrix[0, 1:] = matrix[1:, 0] = -1j * g
    values, vectors = np.linalg.eig(matrix)
    t = np.linspace(0.0, 0.5e-6, 101)
    exact = np.exp(np.outer(t, values)) @ (vectors[0] * np.linalg.inv(vectors)[:, 0])
    found = photon_amplitude(model, t, classes=101)
    # a Lorentzian's tails at early times: exp(-half t) has a cusp at 0, not smooth in w
    np.testing.assert_allclose(found, exact, atol=6e-3)
    finer = np.abs(photon_amplitude(model, t, classes=202) - exact).max()
    assert finer < 0.6 * np.abs(found - exact).max()


@pytest.mark.parametrize("line", [Gaussian(7e6), Skewed(3e7, 8e6)], ids=["Gaussian", "skewed"])
def test_one_photon_is_the_transform_of_the_transmission(line):
    spins = ensemble(6.0, line)
    model = ResonatorBattery(charger=spins, resonator=CAVITY)
    half = 0.5 * CAVITY.kappa
    # 2 t/kappa less the bare resonator's falls like delta^-3: what is left ends at 200 MHz
    delta = np.linspace(-200e6, 200e6, 16_001)
    chi = (transmission(model, delta) - half / (half - 2j * math.pi * delta)) / half
    for t in (20e-9, 60e-9, 150e-9):
        rest = np.trapezoid(chi * np.exp(-2j * math.pi * delta * t), delta)
        exact = rest + math.exp(-half * t)
        found = photon_amplitude(model, [t])[0]
        # Omega^2/(4 pi^2 (200 MHz)^2) of the tail, and its phase turns
        np.testing.assert_allclose(found, exact, atol=2e-4)


def cavity_protection(coupling_mhz, line=None):
    device = with_value(find_device("putz2014"), "collective_coupling_hz", coupling_mhz * 1e6)
    model = resonator_battery(device, ratio=1.0, charger_polarisation=0.99)
    return model, device


def test_cavity_protection_as_published():
    # Putz et al. 2014: splitting 19.2 MHz, total decay rate 3.0 MHz FWHM, at 2 Omega = 17.2 MHz
    model, _ = cavity_protection(8.6)
    low, high = transmission_peaks(model)
    # Omega to 1 percent, and T2 assumed
    np.testing.assert_allclose((high.detuning_hz - low.detuning_hz) / 1e6, 19.2, rtol=0.03)
    np.testing.assert_allclose(high.fwhm_hz / 1e6, 3.0, atol=0.15)
    np.testing.assert_allclose(low.fwhm_hz, high.fwhm_hz, rtol=1e-6)
    # "a reduction of Gamma by 50 percent below its maximum"
    wide = transmission_peaks(cavity_protection(4.0)[0])[1].fwhm_hz
    assert 0.4 < high.fwhm_hz / wide < 0.6


def test_polaritons_decay_as_kappa_and_the_line_at_their_frequency_say():
    # very strong coupling: Gamma = kappa + pi Omega^2 rho(Omega), kappa HWHM (Putz et al. 2014;
    # Diniz et al. 2011; Krimer et al. 2014), here at the polariton itself
    for coupling, tolerance in ((20.0, 0.12), (40.0, 0.05)):
        model, device = cavity_protection(coupling)
        peak = transmission_peaks(model)[1]
        omega2 = (coupling * MHZ) ** 2 * 0.99
        place = 2.0 * math.pi * peak.detuning_hz
        predicted = 0.5 * model.resonator.kappa + math.pi * omega2 * float(
            device.line.density(place)
        )
        # 1/T2 of the half that is spin
        predicted += 0.5 * 2.0 / device.t2_s.converted
        np.testing.assert_allclose(2.0 * math.pi * peak.fwhm_hz, predicted, rtol=tolerance)


def test_a_lorentzian_line_is_not_protected():
    # half resonator, half spin, whatever the coupling: (kappa + gamma)/2
    device = find_device("putz2014")
    widths = []
    for coupling in (10.0, 20.0, 40.0):
        spins = SpinEnsemble(
            number=10**12,
            coupling=coupling * MHZ * 1e-6,
            t2_s=device.t2_s.converted,
            line=Lorentzian(9.4e6),
        )
        model = ResonatorBattery(charger=spins, resonator=Resonator(2.69e9, 0.8e6))
        widths.append(transmission_peaks(model)[1].fwhm_hz)
    # 2/T2 adds 0.06 MHz to the line
    np.testing.assert_allclose(widths[1:], (0.8e6 + 9.464e6) / 2.0, rtol=0.02)
    np.testing.assert_allclose(widths[0], widths[2], rtol=0.1)


def two_crystals(detuning_hz, other=None, device=None):
    device = find_device("astner2017") if device is None else device
    return resonator_battery(
        device,
        fractions=(0.5, 0.5),
        charger_polarisation=device.polarisation.converted,
        battery_detuning_hz=-detuning_hz,
        charger_detuning_hz=detuning_hz if other is None else other,
    )


def test_two_remote_crystals_couple_more_by_the_root_of_two():
    # Astner et al. 2017: the bright state of both; the dark one does not show on resonance
    both = transmission_peaks(two_crystals(0.0))
    assert len(both) == 2
    one = transmission_peaks(two_crystals(0.0, other=2e9), span_hz=40e6)
    splitting = [peaks[1].detuning_hz - peaks[0].detuning_hz for peaks in (both, one)]
    # exact without a line; with one of 9.4 MHz polaritons are pushed outwards, the weaker more
    np.testing.assert_allclose(splitting[0] / splitting[1], math.sqrt(2.0), rtol=0.06)


def test_detuned_crystals_show_the_dark_state_between_the_bright():
    peaks = transmission_peaks(two_crystals(12e6))
    assert len(peaks) == 3
    low, dark, high = peaks
    assert abs(dark.detuning_hz) < 1e3
    np.testing.assert_allclose(low.detuning_hz, -high.detuning_hz, rtol=1e-6)
    # without lines the bright ones are at (Delta^2 + g_1^2 + g_2^2)^(1/2)
    sharp = with_value(find_device("astner2017"), "spin_linewidth_fwhm_hz", 1e4)
    model = two_crystals(12e6, device=sharp)
    g2 = sum(s.collective_coupling**2 * s.polarisation for s in (model.battery, model.charger))
    expected = math.hypot(12.0, math.sqrt(g2) / MHZ)
    bare = transmission_peaks(model)
    np.testing.assert_allclose(bare[2].detuning_hz / 1e6, expected, rtol=1e-3)
    # broad lines push them outwards
    assert high.detuning_hz > bare[2].detuning_hz


def test_threshold_against_cooperativity_as_published():
    # Kersten et al. 2026: Gamma/2pi = 3.36 MHz, C = 14.6, unstable for inversion p > 1/C
    device = find_device("kersten2026")
    g, kappa = device.collective_coupling_hz.converted, device.linewidth_fwhm_hz.converted

    def inverted(polarisation):
        model = resonator_battery(device, ratio=1e3, charger_polarisation=polarisation)
        return ResonatorBattery(model.charger, model.resonator)

    cooperativity = meanfield.threshold_cooperativity(inverted(1.0)) * (1.0 + 1e-3)
    # three digits published; the charger is all spins but 1e-3
    np.testing.assert_allclose(cooperativity, 14.6, atol=0.05)
    gamma = g**2 / (kappa / 2.0) / cooperativity
    np.testing.assert_allclose(gamma / 1e6, 3.36, atol=0.02)
    p = 1.0 / cooperativity
    # the engine's growth rate changes sign there; 101 classes find the root to a percent
    assert meanfield.growth_rate(inverted(1.03 * p)) > 0.0
    assert meanfield.growth_rate(inverted(0.97 * p)) <= 0.0


def test_cooperativity_of_eisenach_2021():
    # published 1.8, from 0.70, 0.20 and 5.24 MHz, two digits
    device = find_device("eisenach2021")
    model = resonator_battery(device, ratio=1.0, charger_polarisation=0.5)
    spins = [model.battery, model.charger]
    g2 = sum(s.collective_coupling**2 * s.polarisation for s in spins)
    np.testing.assert_allclose(math.sqrt(g2) / MHZ, 0.70, rtol=1e-6)
    simple = 4.0 * g2 / (model.resonator.kappa * MHZ * 5.24)
    np.testing.assert_allclose(simple, 1.8, atol=0.1)
    # absorbed on resonance: |t|^2 = 1/(1 + C)^2, less for the homogeneous width that adds
    dip = float(abs(transmission(model, 0.0)[0]))
    broader = 1.0 + 2.0 / (5.24 * MHZ * device.t2_s.converted)
    np.testing.assert_allclose(1.0 / dip - 1.0, simple / broader, rtol=1e-3)


def test_a_photon_stored_in_the_triplet_of_kubo_2011():
    # group I: stored at 97 ns and retrieved at 146 ns with 0.07; the coupling was fitted to the
    # first, so that the others test the triplet of 2.2 MHz and the lines of 1.6 MHz
    device = find_device("kubo2011")
    model = resonator_battery(device, ratio=1.0, charger_polarisation=1.0, battery_polarisation=1.0)
    t = np.linspace(0.0, 250e-9, 501)
    kept = np.abs(photon_amplitude(model, t)) ** 2
    store = int(kept[: t.size // 2].argmin())
    again = store + int(kept[store : store + 200].argmax())
    np.testing.assert_allclose(t[store], 97e-9, atol=3e-9)
    np.testing.assert_allclose(t[again], 146e-9, atol=8e-9)
    np.testing.assert_allclose(kept[again], 0.07, atol=0.05)

    # and against a Volterra equation with the line's transform, stepped by Euler
    g2 = sum(s.collective_coupling**2 for s in (model.battery, model.charger))
    dt, a = 0.5e-9, [1.0]
    memory = np.exp(-math.pi * 1.6e6 * t - t / device.t2_s.converted)
    memory = memory * (1.0 + 2.0 * np.cos(2.2 * MHZ * t)) / 3.0
    for i in range(1, 300):
        past = np.array(a[::-1])
        back = dt * (memory[:i] @ past - 0.5 * (memory[0] * past[0] + memory[i - 1] * past[-1]))
        a.append(a[-1] - dt * (0.5 * model.resonator.kappa * a[-1] + g2 * back))
    # Euler's first order at half a nanosecond
    np.testing.assert_allclose(np.array(a) ** 2, kept[:300], atol=0.02)


def test_spins_without_any_width_are_refused():
    model = ResonatorBattery(SpinEnsemble(number=10, coupling=1.0), CAVITY)
    with pytest.raises(InputError, match="t2_s"):
        transmission(model, 0.0)
    with pytest.raises(InputError, match="t2_s"):
        photon_amplitude(model, [0.0, 1.0])


def test_probes_must_be_numbers():
    model = two_crystals(0.0)
    with pytest.raises(InputError, match="detuning_hz"):
        transmission(model, [0.0, math.nan])
    with pytest.raises(InputError, match="span_hz"):
        transmission_peaks(model, span_hz=-1.0)
