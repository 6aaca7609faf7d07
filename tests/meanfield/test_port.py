"""A receiver's record of one run: the run itself, and noise of the right strength."""

import math

import numpy as np
import pytest
import scipy.constants as c

from darkbattery import meanfield, trajectories
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


POWERS = ("output_power", "port_power of in", "port_photons of in")
FIELDS = ("port_in_phase of out", "port_quadrature of out")


@pytest.mark.parametrize("temperature", [0.0, 0.1])
def test_ports_and_the_inside_share_what_a_ring_down_loses(temperature):
    """Excitations leave in the rates' shares, thermal photons not counted."""
    cavity = Resonator(3e9, 1e6, temperature_k=temperature, ports=CAVITY.ports)
    spins = SpinEnsemble(10**12, coupling=6.0, t2_s=1e-6)
    times = np.linspace(0.0, 1e-5, 1001)
    rows = ("port_power", "port_photon_rate", "port_photons")
    names = [f"{row} of {port}" for port in ("in", "out") for row in rows]
    found = meanfield.evolve(
        ResonatorBattery(spins, cavity), times, 2, ["charger_energy", "photons", *names]
    )
    lost = 1.0 - found["charger_energy"][-1] - found["photons"][-1] / 1e12
    total = (found["port_photons of in"] + found["port_photons of out"])[-1] / (0.2 + 0.5)
    # spins start at full inversion; a resonator begins with its thermal photons
    assert total / 1e12 == pytest.approx(lost, abs=1e-6)
    for port, rate in (("in", 0.2), ("out", 0.5)):
        power, photon_rate, photons = (found[f"{row} of {port}"] for row in rows)
        expected = rate * cavity.kappa * (found["photons"] - cavity.nbar)
        np.testing.assert_allclose(photon_rate, expected, rtol=1e-9, atol=1e-6 * cavity.kappa)
        # trapezoids of 10 ns along a burst of some hundred
        assert photons[-1] == pytest.approx(np.trapezoid(photon_rate, times), rel=1e-3)
        energy = c.h * 3e9 * photons[-1]
        assert np.trapezoid(power, times) == pytest.approx(energy, rel=1e-3)


def test_means_over_single_runs_leave_by_a_port_as_their_photons_say():
    cavity = Resonator(3e9, 1e6, temperature_k=0.1, ports=CAVITY.ports)
    model = ResonatorBattery(SpinEnsemble(10**6, coupling=6e3, t2_s=1e-6), cavity)
    names = ["photons", "port_power of out", "port_photon_rate of out", "port_photons of out"]
    times = np.linspace(0.0, 5e-6, 201)
    found = meanfield.sample(model, times, 8, 1, observables=names, classes=1)
    # over runs the same numbers are added, so that this holds without statistics
    photon_rate = 0.5 * cavity.kappa * (found["photons"] - cavity.nbar)
    np.testing.assert_allclose(found[names[2]], photon_rate, atol=1e-6 * photon_rate.max())
    # trapezoids of 25 ns along a mean of bursts
    assert found[names[3]][-1] == pytest.approx(np.trapezoid(photon_rate, times), rel=1e-2)
    np.testing.assert_allclose(found[names[1]], c.h * 3e9 * found[names[2]], rtol=1e-12)
    for name in names:
        assert (found.errors[name][1:] > 0.0).all()


@pytest.mark.parametrize("order", [1, 2, "runs"])
def test_a_steady_field_leaves_in_closed_form_with_its_phase(order):
    eta, phase = 1e12, 0.3
    hardly = SpinEnsemble(10, coupling=1e-9)
    drive = Drive(eta, 1e-5, phase=phase)
    model = ResonatorBattery(hardly, CAVITY, protocol=(Stage(1e-5, drives=[drive]),))
    times, names = [8e-6, 9e-6], [*FIELDS, "port_power of out"]
    if order == "runs":
        found = meanfield.sample(model, times, 4, 1, observables=names)
    else:
        found = meanfield.evolve(model, times, order, names)
    alpha = -1j * eta * np.exp(1j * phase) / (0.5 * CAVITY.kappa)
    expected = np.sqrt(c.h * 3e9 * CAVITY.rates["out"]) * alpha
    # steps are exact to h^2, the integrator to 1e-6 of the largest; vacuum is 1e-6 of the field
    for name, part in zip(FIELDS, (expected.real, expected.imag), strict=True):
        np.testing.assert_allclose(found[name], part, atol=1e-4 * abs(expected))
    np.testing.assert_allclose(found["port_power of out"], abs(expected) ** 2, rtol=2e-4)


def test_a_run_has_the_field_of_its_record_and_ranges_of_runs_join_to_the_bit():
    model = ResonatorBattery(SpinEnsemble(10**6, coupling=6e3, t2_s=1e-6), CAVITY)
    times = np.linspace(0.0, 5e-6, 11)
    shots = [
        meanfield.sample(model, times, 2, 3, first, observables=FIELDS, classes=1)
        for first in (0, 2)
    ]
    whole = meanfield.sample(model, times, 4, 3, observables=FIELDS, classes=1)
    joined = shots[0].merge(shots[1])
    records = [
        meanfield.port_record(model, times, seed=3, run=run, port="out", classes=1).field
        for run in range(4)
    ]
    for name, part in zip(FIELDS, (np.real, np.imag), strict=True):
        np.testing.assert_array_equal(joined[name], whole[name])
        mean = np.mean([part(record) for record in records], axis=0)
        # a tally keeps 30 bits of the largest field, sqrt(1e6) photons
        np.testing.assert_allclose(whole[name], mean, atol=1e-8 * np.max(np.abs(records)))


def test_without_a_phase_the_mean_field_is_zero_and_the_delays_have_none():
    model = ResonatorBattery(SpinEnsemble(10**6, coupling=6e3, t2_s=1e-6), CAVITY)
    assert not meanfield.evolve(model, [1e-6], 2, FIELDS)["port_in_phase of out"].any()
    over = meanfield.delay_average(model, [5e-6], ["port_photons of in"])
    # all photons have left by then, whatever the delay: 1e-3 is what is left in the tail of delays
    modal = meanfield.evolve(model, [5e-6], 2, ["port_photons of in"])
    assert over["port_photons of in"] == pytest.approx(modal["port_photons of in"], rel=1e-3)
    with pytest.raises(InputError, match="available: "):
        meanfield.delay_average(model, [5e-6], FIELDS)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("port_power of up", "only at a named port"),
        ("port_power", "must name a port, such as 'port_power of out'"),
        ("port_pwer of out", "did you mean 'port_power'"),
        ("photons of out", "unknown"),
    ],
)
def test_other_ports_and_names_are_refused(name, text):
    spins = SpinEnsemble(2, coupling=1.0)
    model = ResonatorBattery(spins, CAVITY, spins)
    for solve in (
        lambda: meanfield.evolve(model, [0.0, 1e-9], observables=[name]),
        lambda: meanfield.sample(model, [1e-9], 1, 1, observables=[name]),
        lambda: trajectories.evolve(model, [1e-9], observables=[name]),
    ):
        with pytest.raises(InputError, match=text):
            solve()
