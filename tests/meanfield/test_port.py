"""A receiver's record of one run: the run itself, and noise of the right strength."""

import math

import numpy as np
import pytest
import scipy.constants as c

from darkbattery import meanfield, trajectories
from darkbattery.nvmodel import (
    CollectiveBattery,
    Drive,
    InputError,
    LocalNoise,
    Port,
    Pulse,
    Receiver,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
)

CAVITY = Resonator(3e9, linewidth_fwhm_hz=1e6, ports=[Port("in", 2e5), Port("out", 5e5)])
FAST = Receiver("out", sampling_rate_hz=1e10)


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
    shots = meanfield.port_records(model, times, 1, 3, FAST, first=5, classes=1)
    names = ["port_power of out", *FIELDS]
    one = meanfield.sample(model, times, 1, 3, first=5, observables=names, classes=1)
    field = np.interp(times[1:-1], shots.times, shots.field[0])
    power = np.abs(field) ** 2
    # samples are means over 0.1 ns, in which spins turn by 4e-3: errors are of its square
    for name, seen in zip(names, (power, field.real, field.imag), strict=True):
        np.testing.assert_allclose(seen, one[name][1:-1], atol=3e-5 * np.abs(one[name]).max())
    # the burst's height in the record with all noise: vacuum of 5 GHz, 1e-4 of its field
    signal = np.abs(shots.signal[0]) ** 2
    assert signal.max() == pytest.approx((np.abs(shots.field[0]) ** 2).max(), rel=1e-3)
    assert signal.max() >= one["port_power of out"].max() * (1.0 - 1e-3)


@pytest.mark.parametrize("share", [1.0, 0.1])
@pytest.mark.parametrize(
    ("bandwidth", "temperature"), [(25e6, 0.0), (2e5, 0.0), (1e6, 0.5)], ids=["white", "line", "T"]
)
def test_vacuum_and_amplifier_are_what_the_record_shows_without_light(
    share, bandwidth, temperature
):
    """Vacuum that falls on an empty resonator leaves it as vacuum, at any bandwidth."""
    cavity = Resonator(3e9, linewidth_fwhm_hz=1e6, ports=[Port("out", share * 1e6)])
    hardly = SpinEnsemble(10, coupling=1e-9)
    model = ResonatorBattery(hardly, cavity, protocol=(Stage(1.0),))
    receiver = Receiver("out", 50e6, bandwidth, temperature)
    shots = meanfield.port_records(model, [0.0, 2e-4], 4, 1, receiver)
    density = 0.5 * c.h * 3e9 + c.k * temperature
    seen = (np.abs(shots.signal) ** 2).mean() / (2.0 * bandwidth * density)
    # independent samples, exponentially distributed, as many as the bandwidth leaves
    independent = shots.signal.size * 2.0 * bandwidth / 50e6
    assert seen == pytest.approx(1.0, abs=4.0 / math.sqrt(independent))
    for channel in (shots.signal.real, shots.signal.imag):
        power = (channel**2).mean() / (bandwidth * density)
        assert power == pytest.approx(1.0, abs=6.0 / math.sqrt(independent))
    if bandwidth == 2e5 and share == 1.0:  # what the resonator sends out is not that alone
        assert (np.abs(shots.field) ** 2).mean() > 3.0 * 2.0 * bandwidth * density


def test_noise_is_limited_to_the_band():
    """Beyond it a Gaussian response leaves nothing: exp(-(f/s)^2), s = 2B/sqrt(pi)."""
    hardly = SpinEnsemble(10, coupling=1e-9)
    model = ResonatorBattery(hardly, CAVITY, protocol=(Stage(1.0),))
    shots = meanfield.port_records(model, [0.0, 1e-4], 8, 1, Receiver("out", 50e6, 2e6, 4.0))
    density = np.abs(np.fft.fft(shots.signal, axis=1)) ** 2
    density = density.mean(axis=0) / (shots.signal.shape[1] * 50e6)
    f = np.abs(np.fft.fftfreq(density.size, 1.0 / 50e6))
    expected = (0.5 * c.h * 3e9 + c.k * 4.0) * np.exp(-((f * math.sqrt(math.pi) / 4e6) ** 2))
    for low, high in ((0.0, 1e6), (1e6, 2e6), (2e6, 3e6)):
        band = (f >= low) & (f < high)
        ratio = density[band].sum() / expected[band].sum()
        assert ratio == pytest.approx(1.0, abs=4.0 / math.sqrt(8 * band.sum()))
    # the ends of a record leak into all frequencies
    assert density[f > 15e6].max() < 1e-2 * density[f < 1e6].mean()


def test_a_steady_drive_leaves_by_its_port_in_closed_form():
    eta = 1e12
    hardly = SpinEnsemble(10, coupling=1e-9)
    model = ResonatorBattery(
        hardly, CAVITY, protocol=(Stage(1e-5, drives=[Drive(eta, 1e-5, phase=0.3)]),)
    )
    receiver = Receiver("out", 1e8, 5e6)
    shots = meanfield.port_records(model, [0.0, 9e-6], 1, 1, receiver)
    quantum = c.hbar * 2.0 * math.pi * 3e9
    alpha = -1j * eta * np.exp(0.3j) / (0.5 * CAVITY.kappa)
    # the ring-up is over after 50 lifetimes; vacuum is 1e-6 of the field, steps are exact to h^2
    expected = math.sqrt(quantum * CAVITY.rates["out"]) * alpha
    np.testing.assert_allclose(shots.field[0, -100:], expected, rtol=1e-4)
    np.testing.assert_allclose(shots.signal[0, -100:], expected, rtol=1e-3)


def test_a_record_is_fixed_by_its_seed_and_index_alone():
    model = ResonatorBattery(SpinEnsemble(10**6, coupling=6e3, t2_s=1e-6), CAVITY)
    receiver = Receiver("out", 5e7, noise_temperature_k=1.0)
    times = np.linspace(0.0, 2e-6, 3)
    whole = meanfield.port_records(model, times, 20, 3, receiver, classes=1)
    for first, runs in ((7, 1), (18, 2)):
        some = meanfield.port_records(model, times, runs, 3, receiver, first, classes=1)
        np.testing.assert_array_equal(some.signal, whole.signal[first : first + runs])
    assert len(set(whole.signal[:, 50])) == 20
    other = meanfield.port_records(model, times, 1, 4, receiver, classes=1)
    assert not np.array_equal(other.signal[0], whole.signal[0])


@pytest.mark.parametrize(
    ("receiver", "asked", "message"),
    [
        ({"port": "ot"}, {}, "receiver.port = 'ot': .*did you mean 'out'"),
        ({"port": 3}, {}, "receiver.port = 3: must be the name of a port"),
        ({"noise_temperature_k": -1.0}, {}, "receiver.noise_temperature_k = -1.0: must be"),
        ({"sampling_rate_hz": 0.0}, {}, "receiver.sampling_rate_hz = 0.0: must be"),
        ({"bandwidth_hz": 3e8}, {}, "receiver.bandwidth_hz = 3.*at most half the sampling rate"),
        ({"bandwidth_hz": math.nan}, {}, "receiver.bandwidth_hz = nan: must be"),
        ({"bandwidth_hz": 1e6}, {}, "bandwidth_hz = 1000000.0: needs 1.* samples"),
        ({"bandwidth_hz": 1e-3}, {}, "bandwidth_hz = 0.001: must be at least"),
        ({"sampling_rate_hz": 1e13}, {}, "makes 1e.06 samples of a run; there may be 200,000"),
        ({"sampling_rate_hz": 1e6}, {}, "makes 0 samples between the output times"),
        ({}, {"times": [1e-7]}, "makes 0 samples between the output times"),
        ({}, {"runs": 0}, "runs = 0: must be"),
        ({}, {"first": -1}, "first = -1: must be"),
    ],
)
def test_bad_receivers_are_refused(receiver, asked, message):
    model = ResonatorBattery(SpinEnsemble(10, coupling=1e-9), CAVITY)
    good = {"times": [0.0, 1e-7], "runs": 1, "seed": 1}

    def listen() -> None:
        listening = Receiver(**{"port": "out", "sampling_rate_hz": 1e8} | receiver)
        meanfield.port_records(model, receiver=listening, **good | asked)

    with pytest.raises(InputError, match=message):
        listen()
    bare = ResonatorBattery(SpinEnsemble(10, coupling=1e-9), Resonator(3e9, 1e6))
    for without in (bare, CollectiveBattery(2, 10)):
        with pytest.raises(InputError, match="no resonator with ports"):
            meanfield.port_records(without, receiver=FAST, **good)


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
    halves = [
        meanfield.sample(model, times, 2, 3, first, observables=FIELDS, classes=1)
        for first in (0, 2)
    ]
    whole = meanfield.sample(model, times, 4, 3, observables=FIELDS, classes=1)
    joined = halves[0].merge(halves[1])
    shots = meanfield.port_records(model, times, 4, 3, FAST, classes=1)
    fields = np.array([np.interp(times[1:-1], shots.times, field) for field in shots.field])
    for name, part in zip(FIELDS, (np.real, np.imag), strict=True):
        np.testing.assert_array_equal(joined[name], whole[name])
        mean = np.mean(part(fields), axis=0)
        # samples are means over 0.1 ns, in which vacuum moves the field by 0.1 of a photon's
        np.testing.assert_allclose(whole[name][1:-1], mean, atol=1e-3 * np.abs(fields).max())


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
