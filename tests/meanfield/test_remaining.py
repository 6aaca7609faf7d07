"""What a sequence leaves: profiles of lines, cooperativity, growth, and S-parameters."""

import math

import numpy as np
import pytest

from darkbattery import meanfield
from darkbattery.meanfield.averages.response import transmission
from darkbattery.nvmodel import (
    Gaussian,
    InputError,
    Lorentzian,
    Port,
    Pulse,
    QGaussian,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
)
from darkbattery.nvmodel.devices.estimates import estimates

CAVITY = Resonator(3e9, linewidth_fwhm_hz=1e6)
REST = (Stage(1e-12),)


def pair(line, **changed):
    spins = {"coupling": 20.0, "t2_s": 1e-6, "line": line}
    return ResonatorBattery(
        SpinEnsemble(10**12, **spins),
        CAVITY,
        SpinEnsemble(2 * 10**11, polarisation=0.9, **spins),
        **{"protocol": REST} | changed,
    )


@pytest.mark.parametrize("line", [QGaussian(8e6, 1.39), Lorentzian(3e6), Gaussian(5e6), None])
def test_at_the_start_all_is_left(line):
    model = pair(line)
    left = meanfield.remaining(meanfield.evolve(model, [0.0], classes=101))
    # cells of 101 classes; the homogeneous line is a thirtieth of the broadest of them
    assert left.cooperativity[0] == pytest.approx(estimates(model).net_cooperativity, rel=0.01)
    assert left.growth_rate[0] == pytest.approx(meanfield.growth_rate(model), rel=0.01)


def test_inversion_over_the_line_is_kept_and_its_mean_is_the_energy():
    line = QGaussian(8e6, 1.39)
    steps = (Stage(4e-6), Pulse(rotate_battery=math.pi), Stage(1e-7))
    model = pair(line, protocol=steps)
    found = meanfield.evolve(model, [0.0, 3.9e-6, 4.1e-6], classes=31)
    held = found.distributions["battery_inversion"]
    assert held.weight.shape == (3, 31)
    assert (np.diff(held.low) > 0.0).all()
    np.testing.assert_allclose(held.weight[0], -0.9)
    # the middle of the line charges, its wings do not; the pulse turns all of it
    assert held.weight[1, 15] - held.weight[1, 0] > 0.1
    assert held.weight[2, 0] > 0.8
    left = meanfield.remaining(found)
    assert left.growth_rate[0] > 0.0


def test_an_empty_resonator_reflects_and_transmits_in_closed_form():
    ports = (Port("in", coupling_coefficient=2.0), Port("out", linewidth_fwhm_hz=2e5))
    cavity = Resonator(3e9, loaded_q=3000.0, ports=ports)
    kappa, delta = cavity.kappa, np.array([0.0, 3e5, -1e6])
    hardly = SpinEnsemble(10, 1e-9, t2_s=1.0)
    found = meanfield.evolve(ResonatorBattery(hardly, cavity, protocol=REST), [0.0])
    one, other = cavity.rates["in"], cavity.rates["out"]
    assert one == pytest.approx(2.0 * cavity.internal_rate)
    assert one + other + cavity.internal_rate == pytest.approx(kappa)
    field = 1.0 / (0.5 * kappa - 2j * math.pi * delta)
    through = meanfield.scattering(found, 0.0, delta)
    np.testing.assert_allclose(through, math.sqrt(one * other) * field, rtol=1e-9)
    back = meanfield.scattering(found, 0.0, delta, into="in", out_of="in")
    np.testing.assert_allclose(back, one * field - 1.0, rtol=1e-9)
    inside = cavity.internal_rate * one * np.abs(field) ** 2
    np.testing.assert_allclose(np.abs(through) ** 2 + np.abs(back) ** 2 + inside, 1.0)


def test_spins_at_rest_absorb_as_linear_response_says_and_inverted_ones_amplify():
    line = Lorentzian(3e6)
    delta = np.linspace(-8e6, 8e6, 41)
    spins = {"coupling": 20.0, "t2_s": 1e-6, "line": line}
    rest = ResonatorBattery(SpinEnsemble(10**12, polarisation=-1.0, **spins), CAVITY, protocol=REST)
    found = meanfield.evolve(rest, [0.0], classes=201)
    aligned = ResonatorBattery(SpinEnsemble(10**12, **spins), CAVITY)
    expected = transmission(aligned, delta)
    # cells of 201 classes; at few the homogeneous line, 0.3 MHz, is sharper than a cell
    np.testing.assert_allclose(
        meanfield.scattering(found, 0.0, delta), expected, atol=0.01 * np.abs(expected).max()
    )
    few = ResonatorBattery(SpinEnsemble(10**10, **spins), CAVITY, protocol=REST)
    inverted = meanfield.evolve(few, [0.0], classes=51)
    assert meanfield.remaining(inverted).growth_rate[0] == 0.0
    assert abs(meanfield.scattering(inverted, 0.0, [0.0])[0]) > 1.0


def _probed(detuning_hz):
    return meanfield.scattering(meanfield.evolve(pair(None), [0.0]), 0.0, detuning_hz)


def test_moments_of_nanoseconds_are_told_apart():
    """Output times may be closer than the 10 ns that numpy takes for the same beside zero."""
    times = [0.0, 1e-9, 2e-9, 1e-7]
    found = meanfield.evolve(pair(None, protocol=(Stage(1e-7),)), times)
    for time in times:
        assert abs(meanfield.scattering(found, time, 0.0)[0]) > 0.0
    with pytest.raises(InputError, match=r"time = 1.05e-07: must be one of the output times"):
        meanfield.scattering(found, 1.05e-7, 0.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Port(""), "name = '': must be a text"),
        (lambda: Port("in"), "give exactly one"),
        (lambda: Port("in", 0.0), "linewidth_fwhm_hz = 0.0: must be"),
        (lambda: Resonator(3e9, 1e6, ports=(Port("a", 8e5), Port("b", 3e5))), "than the whole"),
        (lambda: Resonator(3e9, 1e6, ports=(Port("a", 1e5), Port("a", 3e5))), "different names"),
        (lambda: Resonator(3e9, 1e6, ports=("a",)), r"ports\[0\] = 'a': must be a Port"),
        (lambda: Resonator(3e9, 1e6, loaded_q=100.0), "give it or a linewidth"),
        (
            lambda: meanfield.scattering(
                meanfield.evolve(pair(None), [0.0]), 0.0, [0.0], into="in"
            ),
            "the resonator has none",
        ),
        (
            lambda: meanfield.scattering(meanfield.evolve(pair(None), [0.0]), 1.0, [0.0]),
            "time = 1.0: must be one of the output times",
        ),
        (lambda: meanfield.remaining(3), "solution = 3: must be a Solution of meanfield.evolve"),
        (lambda: meanfield.scattering(3, 0.0, [0.0]), "must be a Solution of meanfield.evolve"),
        (lambda: _probed("a"), "detuning_hz = 'a': must be a list of numbers"),
        (lambda: _probed([1j]), r"detuning_hz\[0\] = 1j: must be a number"),
        (lambda: _probed([math.nan]), r"detuning_hz = \[nan\]: must be finite"),
        (
            lambda: meanfield.remaining(
                meanfield.evolve(pair(Lorentzian(1e6), protocol=()), [0.0])
            ),
            "must be of a protocol",
        ),
    ],
)
def test_bad_ports_and_moments_are_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
