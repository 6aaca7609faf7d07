"""Shaped and chirped fields against closed forms and separate quadratures."""

import math

import numpy as np
import pytest

from darkbattery import meanfield, trajectories
from darkbattery.meanfield.averages.stretches import stretches
from darkbattery.nvmodel import (
    Drive,
    InputError,
    Port,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
)
from darkbattery.nvmodel.pulse import spans

MHZ = 2.0 * math.pi * 1e6
# so wide that its field follows what is sent in, and spins that hardly act on it
CAVITY = Resonator(3e9, linewidth_fwhm_hz=3e7)
SAMPLES = {"in_phase": (0.0, 1.0, 0.5, 0.0), "quadrature": (0.0, 0.0, 2.0, 0.0)}


def swept(rabi_hz, chirp_hz, duration, shape):
    """A spin pair under a field that would turn it at `rabi_hz`, its frequency swept."""
    spins = SpinEnsemble(100, coupling=1.0)
    eta = 2.0 * math.pi * rabi_hz / 2.0 * (CAVITY.kappa / 2.0)
    drive = Drive(eta, duration, shape=shape, chirp_hz=chirp_hz)
    far = SpinEnsemble(1, coupling=1e-6)
    return ResonatorBattery(far, CAVITY, spins, protocol=(Stage(duration, drives=[drive]),))


@pytest.mark.parametrize("rabi", [0.3, 0.6])
def test_a_chirp_inverts_as_landau_and_zener_say(rabi):
    duration, chirp = 4e-6, 10e6
    model = swept(rabi * 1e6, chirp, duration, "wurst")
    # what stays: exp(-pi Omega^2/2v), v the sweep in rad/s^2
    sweep = 2.0 * math.pi * chirp / duration
    inverted = 1.0 - math.exp(-0.5 * math.pi * (rabi * MHZ) ** 2 / sweep)
    for order in (1, 2):
        found = meanfield.evolve(model, [duration], order=order)["battery_energy"][0]
        # a sweep that ends: the wurst pulse's flanks and the resonator's memory
        np.testing.assert_allclose(found, inverted, atol=3e-3)


@pytest.mark.long
def test_single_runs_are_swept_too():
    wigner = meanfield.sample(swept(0.6e6, 10e6, 4e-6, "wurst"), [0.0, 4e-6], runs=40, seed=1)
    inverted = 1.0 - math.exp(-0.25 * (0.6 * MHZ) ** 2 * 4e-6 / 10e6)
    # 100 spins scatter by 1/20 a run at most, 40 runs; four errors
    np.testing.assert_allclose(wigner["battery_energy"][1], inverted, atol=0.03)


def test_a_sech_pulse_inverts_where_a_square_one_does_not():
    # twice the power inverts as well (Silver, Joseph and Hoult); a square pulse turns too far
    duration = 4e-6
    for rabi in (2e6, 2e6 * math.sqrt(2.0)):
        sech = meanfield.evolve(swept(rabi, 6e6, duration, "sech"), [duration])
        assert sech["battery_energy"][0] > 0.99
    square = [
        meanfield.evolve(swept(rabi, 0.0, duration, "square"), [duration])["battery_energy"][0]
        for rabi in (0.125e6, 0.125e6 * math.sqrt(2.0))
    ]
    np.testing.assert_allclose(square, [1.0, math.sin(math.pi / math.sqrt(2.0)) ** 2], atol=0.02)


@pytest.mark.parametrize(
    "drive",
    [
        Drive(2.0, 3.0, 0.5, "sech", 0.4, 0.3, 1.5),
        Drive(2.0, 3.0, 0.5, "wurst", -0.2, 0.0, 5.0),
        Drive(2.0, 3.0, 0.5, "square", 0.0, 0.3, -2.0),
        Drive(2.0, 3.0, 0.5, "samples", 0.7, 0.1, 0.4, **SAMPLES),
    ],
    ids=lambda drive: drive.shape,
)
def test_stretches_carry_the_whole_pulse(drive):
    """Means over steps and values in them sum to the pulse as its formula has it."""
    t = np.linspace(0.0, 5.0, 200_001)
    turn = np.exp(-1j * (2.0 * math.pi * drive.detuning_hz * t - drive.phase))
    inside = (t >= 0.5) & (t <= 3.5)
    whole = np.trapezoid(np.where(inside, drive.shaped(t - 0.5), 0.0) * turn, t)
    total, places = 0.0, []
    for stretch in stretches([drive], np.array([5.0]), 5.0):
        edges = np.linspace(0.0, stretch.length, 21)
        total += stretch.mean(edges) @ np.diff(edges) if stretch.length > 0.0 else 0.0
        places.append((stretch.start + 0.3 * stretch.length, stretch.field(0.3 * stretch.length)))
    # the trapezium's edges, 2.5e-5 wide
    np.testing.assert_allclose(total, whole, atol=1e-4)
    for at, value in places:
        np.testing.assert_allclose(value, np.interp(at, t, np.where(inside, drive.shaped(t - 0.5), 0) * turn), atol=1e-3)  # fmt: skip # noqa: E501
    np.testing.assert_allclose(abs(drive.shaped(np.linspace(0.0, 3.0, 3001))).max(), 2.0, rtol=1e-3)


def test_power_at_a_port():
    cavity = Resonator(3e9, linewidth_fwhm_hz=1e6, ports=[Port("in", 2e5), Port("out", 8e5)])
    eta = cavity.amplitude_of(1e-12, "in")
    spins = SpinEnsemble(1, coupling=1e-9)
    model = ResonatorBattery(spins, cavity, protocol=(Stage(9e-6, drives=[Drive(eta, 9e-6)]),))
    out = meanfield.evolve(model, [8e-6], order=1)["output_power"][0]
    # all of what is lost: 4 kappa_in kappa/kappa^2 of what falls on the port, exp(-25) before
    np.testing.assert_allclose(out, 4.0 * 0.2 * 1e-12, rtol=1e-7)


def test_the_quantum_engine_takes_shapes_of_one_phase():
    spins = SpinEnsemble(1, coupling=1.0)
    cavity = Resonator(1e3, linewidth_fwhm_hz=1.0)
    times = [1.0, 2.0]

    def driven(**shape):
        steps = (Stage(2.0, drives=[Drive(0.8, 2.0, **shape)]),)
        return ResonatorBattery(spins, cavity, spins, protocol=steps)

    found = trajectories.evolve(driven(shape="sech"), times)["battery_energy"]
    near = meanfield.evolve(driven(shape="sech"), times)["battery_energy"]
    np.testing.assert_allclose(near, found, atol=0.06)  # of second order at two spins
    for shape in ({"shape": "sech", "chirp_hz": 1.0}, {"shape": "samples", **SAMPLES}):
        with pytest.raises(InputError, match="of one phase here, not chirped"):
            trajectories.evolve(driven(**shape), times)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"shape": "gaussian", "chirp_hz": 1.0}, "chirp_hz = 1.0: not of a gaussian"),
        ({"shape": "samples"}, 'with shape = "samples"'),
        ({"in_phase": (0.0, 1.0)}, 'with shape = "samples"'),
        ({"shape": "samples", "in_phase": (1.0,)}, "quadrature = 0"),
        ({"shape": "samples", "in_phase": (1.0, 2.0), "quadrature": (1.0,)}, "quadrature = 1"),
        ({"shape": "samples", "in_phase": (0.0, 0.0)}, "must not all be 0"),
        ({"shape": "samples", "in_phase": (0.0, math.nan)}, "in_phase = nan"),
        ({"shape": "wurt"}, "did you mean 'wurst'"),
        ({"chirp_hz": math.inf}, "chirp_hz = inf"),
    ],
)
def test_what_is_no_pulse_is_refused(given, message):
    with pytest.raises(InputError) as refusal:
        Drive(1.0, 1.0, **given)
    assert message in str(refusal.value)


def test_an_output_just_before_an_edge_is_not_before_its_stretch():
    drive = Drive(1.0, 1e-6, start_s=1e-7, shape="wurst", chirp_hz=2e7)
    times = np.array([np.nextafter(1.1e-6, 0.0), 1.2e-6])
    found = [one.outputs for one in stretches([drive], times, 1.2e-6)]
    assert sum(one.size for one in found) == 2
    assert min(one.min() for one in found if one.size) >= 0.0


def test_a_power_without_ports_is_refused_in_words():
    with pytest.raises(InputError, match="port = 'in': the resonator has no ports"):
        Resonator(5e9, linewidth_fwhm_hz=1e6).amplitude_of(1e-12, "in")


def test_a_part_that_rounding_alone_makes_turns_nothing():
    """0/0 made every path of truncated Wigner NaN from there on, told as a step error of nan."""
    span = spans(Drive(amplitude=2.0, duration_s=1.0), 1.0)[0]
    at = np.array([0.5, 0.5, 0.75])  # 0.5 + 1e-22 is 0.5
    np.testing.assert_array_equal(span.mean(at, 0.0, 0.0), [0.0, 2.0])
