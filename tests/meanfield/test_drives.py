"""Driven systems: no pulse is straddled, leapt over or blurred, whatever the output times.

References are a separate integration of the documented equations (docs/semiclassical.md, (2)) by
scipy, split at every edge, and the field of an empty resonator in closed form.
"""

import math

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from darkbattery import meanfield
from darkbattery.nvmodel import Drive, Resonator, ResonatorBattery, SpinEnsemble
from darkbattery.nvmodel.pulse import spans

N, G, KAPPA = 9e12, 9.42, 1e6  # g sqrt(N) = 2.8e7 rad/s
CAVITY = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=KAPPA / (2.0 * math.pi))
# the strength that inverts an ensemble within tens of ns
AMPLITUDE = 1e13


def driven(drive, **spins):
    ensemble = SpinEnsemble(number=N, coupling=G, **spins)
    return ResonatorBattery(charger=ensemble, resonator=CAVITY, drive=drive)


def separate(drive, times):
    """Energy of the charger and photons at `times`, by scipy with a resolution of the pulse."""

    def rhs(t, y, eta):
        a, b, z = y[0] + 1j * y[1], y[2] + 1j * y[3], y[4]
        da = -0.5 * KAPPA * a - 1j * N * G * b - 1j * eta(t)
        db = 1j * G * a * z
        return [da.real, da.imag, db.real, db.imag, -4.0 * G * (np.conj(a) * b).imag]

    width = drive.duration_s
    if drive.shape == "square":
        edges = [drive.start_s, drive.start_s + width]
        fields = [lambda t: 0.0, lambda t: drive.amplitude, lambda t: 0.0]
    else:
        edges = [max(0.0, drive.start_s - 8.0 * width), drive.start_s + 8.0 * width]
        pulse = lambda t: float(drive.field(t))  # noqa: E731
        fields = [pulse, pulse, pulse]
    bounds = [0.0, *edges, max(times[-1], edges[-1]) + 1e-9]
    y, rows = np.array([0.0, 0.0, 0.0, 0.0, 1.0]), np.full((2, len(times)), np.nan)
    for begin, end, eta in zip(bounds[:-1], bounds[1:], fields, strict=True):
        if end <= begin:
            continue
        found = solve_ivp(
            rhs,
            (begin, end),
            y,
            "DOP853",
            dense_output=True,
            rtol=1e-11,
            atol=[1e-6, 1e-6, 1e-13, 1e-13, 1e-12],
            max_step=min(width, end - begin) / 20.0 if eta is fields[1] else np.inf,
            args=(eta,),
        )
        y = found.y[:, -1]
        for i, t in enumerate(times):
            if begin <= t <= end:
                state = found.sol(t)
                rows[:, i] = 0.5 * (1.0 + state[4]), state[0] ** 2 + state[1] ** 2
    return rows


DRIVES = {
    "starts late": Drive(AMPLITUDE, 33e-9, start_s=1e-7),
    "starts at 0": Drive(AMPLITUDE, 33e-9),
    "shorter than any step": Drive(1e17, 3e-12, start_s=2.5e-7),
    "ends at an output": Drive(AMPLITUDE, 1e-7, start_s=1e-7),
    "before the first output": Drive(AMPLITUDE, 5e-9, start_s=1e-8),
    "gaussian": Drive(AMPLITUDE, 50e-9, start_s=2e-6, shape="gaussian"),
    "short gaussian": Drive(AMPLITUDE, 10e-9, start_s=1.05e-6, shape="gaussian"),
    "gaussian cut at 0": Drive(AMPLITUDE, 60e-9, start_s=1e-8, shape="gaussian"),
}
GRIDS = ([0.0, 3e-6], [1e-7, 2e-7, 3e-6], np.linspace(0.0, 3e-6, 61))


@pytest.mark.parametrize("name", DRIVES)
def test_first_order_sees_every_pulse_on_every_grid(name):
    drive, every = DRIVES[name], np.unique(np.concatenate(GRIDS))
    with np.errstate(invalid="ignore"):  # scipy divides 0 by 0 in the tails
        expected = separate(drive, every)
    for times in GRIDS:
        found = meanfield.evolve(driven(drive), times, order=1)
        energy, photons = expected[:, np.searchsorted(every, times)]
        # steps are good to 1e-6 of full inversion, and an inverted ensemble, in which nothing
        # damps a difference, multiplies them by some tens
        np.testing.assert_allclose(found["charger_energy"], energy, atol=5e-5)
        np.testing.assert_allclose(found["photons"], photons, atol=5e-5 * N)


@pytest.mark.parametrize("start", [3.0, 40.0])
def test_a_pulse_after_the_last_output_does_nothing(start):
    for shape in ("square", "gaussian"):
        drive = Drive(AMPLITUDE, 10e-9, start_s=start * 1e-6, shape=shape)
        found = meanfield.evolve(driven(drive), [0.0, 1e-6, 1.999e-6], order=1)
        assert (found["charger_energy"] == 1.0).all()
        assert (found["photons"] < 1e-100).all()


def test_a_pulse_shorter_than_its_times_resolution_has_its_area():
    """1e-25 s at 1 us, where floating-point numbers are 2e-22 apart: alpha = -i area."""
    drive = Drive(amplitude=1e30, duration_s=1e-25, start_s=1e-6)
    hardly = SpinEnsemble(number=1, coupling=1e-6)
    model = ResonatorBattery(charger=hardly, resonator=CAVITY, drive=drive)
    found = meanfield.evolve(model, [0.9e-6, 1e-6, 2e-6], order=1)["photons"]
    expected = (1e5) ** 2 * np.array([0.0, 1.0, math.exp(-KAPPA * 1e-6)])
    np.testing.assert_allclose(found, expected, rtol=1e-5)  # 1e-6 a step


def test_the_field_of_an_edge_is_read_from_the_right():
    drive = Drive(2.0, 0.1, start_s=0.2)  # 0.2 + 0.1 - 0.2 > 0.1 in floating-point numbers
    times = np.array([0.2, drive.start_s + drive.duration_s])
    assert drive.field(times).tolist() == [2.0, 0.0]
    assert [span.amplitude for span in spans(drive, times[1])] == [0.0, 2.0, 0.0]


def test_spans_join_to_the_whole_time():
    for name, drive in DRIVES.items():
        for last in (0.0, 1e-9, 2.5e-7, 1e-6, 3e-6):
            every = spans(drive, last)
            # a rounding of each of at most 20
            assert sum(span.length for span in every) == pytest.approx(last, rel=1e-13), name
            middle = [span.start + 0.5 * span.length for span in every]
            field = [span.field(0.5 * span.length) for span in every]
            scale = drive.amplitude * 1e-9
            np.testing.assert_allclose(field, drive.field(middle), rtol=1e-9, atol=scale)


EMPTY = SpinEnsemble(number=1, coupling=1e-3)


@pytest.mark.parametrize("width", [33e-9, 2e-9, 1e-13])
@pytest.mark.parametrize("start", [0.0, 7.3e-8])
def test_wigner_runs_have_the_whole_pulse(width, start):
    """A square pulse in an empty resonator of 1 MHz, at times beside its edges: closed form."""
    amplitude, kappa = 330.0 / width, 2.0 * math.pi * 1e6
    cavity = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=1e6)
    model = ResonatorBattery(
        charger=EMPTY, resonator=cavity, drive=Drive(amplitude, width, start_s=start)
    )
    times = np.array([start + 0.4 * width, 2.5e-7, 4e-7])
    found = meanfield.sample(model, times, runs=256, seed=3)
    on = np.minimum(times - start, width)
    alpha = -2.0 * np.expm1(-0.5 * kappa * on) / kappa * amplitude
    expected = (alpha * np.exp(-0.5 * kappa * (times - start - on))) ** 2
    error = np.abs(found["photons"] - expected) / found.errors["photons"]
    assert error.max() < 4.0  # three values, each with a chance of 6e-5
    # ... and what an error of the field would hide in them is small
    assert (found.errors["photons"] / expected).max() < 0.01


def test_wigner_runs_have_the_whole_gaussian():
    """Of 12 ns, in steps of up to 60 ns: the field of an empty resonator by quadrature."""
    kappa = 2.0 * math.pi * 1e6
    cavity = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=1e6)
    drive = Drive(3e10, 12e-9, start_s=1.3e-7, shape="gaussian")
    found = meanfield.sample(
        ResonatorBattery(charger=EMPTY, resonator=cavity, drive=drive),
        [1.1e-7, 1.32e-7, 3e-7],
        runs=256,
        seed=4,
    )
    for i, t in enumerate(found.times):
        s = (np.arange(200_000) + 0.5) / 200_000 * t
        alpha = np.mean(drive.field(s) * np.exp(-0.5 * kappa * (t - s))) * t
        error = found["photons"][i] - alpha**2
        # the field is held over a step, which the control allows to change photons by 2e-3 of
        # their peak (1.4e5)
        allowed = 4.0 * found.errors["photons"][i] + 2e-3 * 1.4e5
        assert abs(error) < allowed, (i, error, alpha**2)


def test_wigner_runs_follow_first_order_through_a_strong_pulse():
    """9e12 spins from down (a battery), inverted by the pulse: their noise is 1e-6."""
    spins = SpinEnsemble(number=N, coupling=G)
    hardly = SpinEnsemble(number=10**6, coupling=1e-6)
    drive = Drive(20.0 * AMPLITUDE, 33e-9, start_s=1.01e-7)
    model = ResonatorBattery(charger=hardly, battery=spins, resonator=CAVITY, drive=drive)
    times = [1.2e-7, 1.7e-7, 2.1e-7]
    mean = meanfield.evolve(model, times, order=1)["battery_energy"]
    runs = meanfield.sample(model, times, runs=32, seed=5)
    # the step control's tolerance, 2e-3
    np.testing.assert_allclose(runs["battery_energy"], mean, atol=4e-3)
    assert mean.max() > 0.3


def test_the_step_control_sees_the_field():
    """Spins that hardly couple: energies say nothing of a Gaussian pulse in a detuned resonator."""
    drive = Drive(3e10, 40e-9, start_s=1e-7, shape="gaussian", detuning_hz=5e6)
    cavity = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=1e6)
    model = ResonatorBattery(charger=EMPTY, resonator=cavity, drive=drive)
    found = meanfield.sample(model, [1.1e-7, 2e-7], runs=64, seed=6)
    assert 0.0 < found.provenance["step_error"] <= 0.02
    rate = 0.5 * 2.0 * math.pi * 1e6 - 1j * 2.0 * math.pi * 5e6
    s = (np.arange(200_000) + 0.5) / 200_000 * 2e-7
    alpha = abs(np.mean(drive.field(s) * np.exp(-rate * (2e-7 - s))) * 2e-7) ** 2
    error = abs(found["photons"][1] - alpha)
    assert error < 4.0 * found.errors["photons"][1] + 5e-3 * found["photons"].max()
