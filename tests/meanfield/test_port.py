"""A receiver's record of one run: the run itself, and noise of the right strength."""

import math

import numpy as np
import pytest
import scipy.constants as c

from darkbattery import meanfield
from darkbattery.nvmodel import (
    Drive,
    InputError,
    LocalNoise,
    Port,
    Pulse,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
)

CAVITY = Resonator(3e9, linewidth_fwhm_hz=1e6, ports=[Port("in", 2e5), Port("out", 5e5)])


def test_the_record_is_that_run_of_the_study():
    spins = SpinEnsemble(10**12, coupling=6.0, t2_s=1e-6, polarisation=-0.9)
    model = ResonatorBattery(
        spins,
        CAVITY,
        SpinEnsemble(10**11, coupling=6.0),
        protocol=(
            Pulse(rotate_charger=math.pi),
            Stage(2e-6, charger_detuning=1e7, rise=1e-7),
            Pulse(rotate_charger=0.1),
            Stage(2e-6, charger_noise=LocalNoise(dephasing=1e5)),
        ),
    )
    times = np.linspace(0.0, 4e-6, 41)
    record = meanfield.port_record(model, times, seed=3, run=5, port="out", classes=1)
    one = meanfield.sample(model, times, 1, 3, first=5, observables=["photons"], classes=1)
    quantum = c.hbar * 2.0 * math.pi * 3e9
    photons = np.abs(record.field) ** 2 / (quantum * CAVITY.rates["out"])
    # |alpha|^2 counts half a photon of vacuum; a tally keeps 30 bits of the largest
    np.testing.assert_allclose(photons - 0.5, one["photons"], atol=1e-8 * photons.max())


def test_noise_of_vacuum_and_amplifier_is_what_the_record_shows_without_light():
    hardly = SpinEnsemble(10, coupling=1e-9)
    model = ResonatorBattery(hardly, CAVITY, protocol=(Stage(1.0),))
    times, temperature = np.linspace(0.0, 1e-4, 2001), 0.5
    record = meanfield.port_record(model, times, 1, 0, "in", noise_temperature_k=temperature)
    power = np.abs(record.signal - record.field) ** 2
    bandwidth = 1.0 / 5e-8
    expected = (0.5 * c.h * 3e9 + c.k * temperature) * bandwidth
    # 2,001 samples, exponentially distributed
    assert power.mean() == pytest.approx(expected, abs=4.0 * expected / math.sqrt(2001))


def test_a_steady_drive_leaves_by_its_port_in_closed_form():
    eta = 1e12
    hardly = SpinEnsemble(10, coupling=1e-9)
    model = ResonatorBattery(
        hardly, CAVITY, protocol=(Stage(1e-5, drives=[Drive(eta, 1e-5, phase=0.3)]),)
    )
    record = meanfield.port_record(model, np.linspace(0.0, 9e-6, 10), 1, 0, "out")
    quantum = c.hbar * 2.0 * math.pi * 3e9
    alpha = -1j * eta * np.exp(0.3j) / (0.5 * CAVITY.kappa)
    # the ring-up is over after 50 lifetimes; vacuum is 1e-6 of the field, steps are exact to h^2
    expected = math.sqrt(quantum * CAVITY.rates["out"]) * alpha
    np.testing.assert_allclose(record.field[-2:], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"port": "ot"}, "did you mean 'out'"),
        ({"noise_temperature_k": -1.0}, "noise_temperature_k = -1.0: must be"),
        ({"times": [0.0, 1.0, 3.0]}, "must be evenly spaced"),
        ({"run": -1}, "run = -1: must be"),
    ],
)
def test_bad_receivers_are_refused(changed, message):
    model = ResonatorBattery(SpinEnsemble(10, coupling=1e-9), CAVITY)
    good = {"times": [0.0, 1e-7], "seed": 1, "run": 0, "port": "out"}
    with pytest.raises(InputError, match=message):
        meanfield.port_record(model, **good | changed)
    bare = ResonatorBattery(SpinEnsemble(10, coupling=1e-9), Resonator(3e9, 1e6))
    with pytest.raises(InputError, match="no resonator with ports"):
        meanfield.port_record(bare, **good)


@pytest.mark.parametrize("temperature", [0.0, 0.1])
def test_ports_and_the_inside_share_what_a_ring_down_loses(temperature):
    """Excitations leave in the rates' shares, thermal photons not counted."""
    cavity = Resonator(3e9, 1e6, temperature_k=temperature, ports=CAVITY.ports)
    spins = SpinEnsemble(10**12, coupling=6.0, t2_s=1e-6)
    times = np.linspace(0.0, 1e-5, 1001)
    found = meanfield.evolve(ResonatorBattery(spins, cavity), times)
    outputs = [meanfield.port_output(found, name) for name in ("in", "out")]
    lost = 1.0 - found["charger_energy"][-1] - found["photons"][-1] / 1e12
    inside = 1.0 - 0.2 - 0.5  # of kappa
    total = sum(one.photons[-1] for one in outputs) / (1.0 - inside)
    # spins start at full inversion; a resonator begins with its thermal photons
    assert total / 1e12 == pytest.approx(lost, abs=1e-6)
    for one, rate in zip(outputs, (0.2, 0.5), strict=True):
        assert one.power_error is None
        expected = rate * cavity.kappa * (found["photons"] - cavity.nbar)
        np.testing.assert_allclose(one.photon_rate, expected, rtol=1e-9, atol=1e-6 * cavity.kappa)
        # trapezoids of 10 ns along a burst of some hundred
        adds_up = np.trapezoid(one.photon_rate, times)
        assert one.photons[-1] == pytest.approx(adds_up, rel=1e-3)
        energy = c.h * 3e9 * one.photons[-1]
        assert np.trapezoid(one.power, times) == pytest.approx(energy, rel=1e-3)


def test_means_over_single_runs_leave_by_a_port_as_their_photons_say():
    cavity = Resonator(3e9, 1e6, temperature_k=0.1, ports=CAVITY.ports)
    model = ResonatorBattery(SpinEnsemble(10**6, coupling=6e3, t2_s=1e-6), cavity)
    found = meanfield.sample(model, np.linspace(0.0, 5e-6, 201), 8, 1, classes=1)
    one = meanfield.port_output(found, "out")
    # over runs the same numbers are added, so that this holds without statistics
    photon_rate = 0.5 * cavity.kappa * (found["photons"] - cavity.nbar)
    np.testing.assert_allclose(one.photon_rate, photon_rate, atol=1e-6 * photon_rate.max())
    adds_up = np.trapezoid(one.photon_rate, one.times)
    # trapezoids of 25 ns along a mean of bursts
    assert one.photons[-1] == pytest.approx(adds_up, rel=1e-2)
    assert one.power_error is not None
    assert (one.power_error[1:] > 0.0).all()


@pytest.mark.parametrize(
    ("port", "observables", "text"),
    [("up", None, "port = 'up'"), ("out", ["photons"], "must be among its observables")],
)
def test_another_port_or_too_few_observables_are_refused(port, observables, text):
    model = ResonatorBattery(SpinEnsemble(10, coupling=1.0), CAVITY)
    found = meanfield.evolve(model, [0.0, 1e-9], observables=observables)
    with pytest.raises(InputError, match=text):
        meanfield.port_output(found, port)
