"""Classes of frequency and coupling: the order of convergence, and exact moments."""

import math

import numpy as np
import pytest
from scipy import integrate

from darkbattery.nvmodel import Gaussian, Lorentzian, Multiplet, QGaussian, Voigt
from darkbattery.nvmodel.lines.classes import (
    Subensemble,
    coupled_line,
    coupling_quadrature,
    joint_classes,
    line_quadrature,
    mode_quadrature,
)
from darkbattery.nvmodel.lines.shapes import is_symmetric, line_classes, lorentzian_overlap
from darkbattery.nvmodel.nv.levels import AXES, Diamond
from darkbattery.nvmodel.nv.twolevel import subensembles
from darkbattery.nvmodel.refusal import InputError
from tests.lines import Skewed

NITROGEN = {"offsets_hz": (-2.2e6, 0.0, 2.2e6), "weights": (1 / 3,) * 3}
LINES = {
    "gaussian": Gaussian(5e6),
    "q-gaussian": QGaussian(5e6, q=1.39),
    "lorentzian": Lorentzian(5e6),
    "voigt": Voigt(3e6, 3e6),
    "hyperfine": Multiplet(QGaussian(1.6e6, q=1.39), **NITROGEN),
}
RATE = 1e7  # of the Lorentzian that is averaged, rad/s: a third of the lines' width


def overlap(classes):
    detunings, weights = classes
    return float(weights @ (RATE / (RATE**2 + detunings**2)))


def orders(quadrature, line, counts):
    exact = lorentzian_overlap(line, RATE)
    errors = np.array([abs(overlap(quadrature(line, K)) / exact - 1.0) for K in counts])
    return errors, np.log2(errors[:-1] / errors[1:])


@pytest.mark.parametrize("name", LINES)
def test_error_falls_with_the_fourth_power(name):
    # classes of one component
    counts = np.array([51, 102, 204]) * (3 if name == "hyperfine" else 1)
    errors, found = orders(line_quadrature, LINES[name], counts)
    # benchmarks/classes.py prints up to 2.3e-8 at 204 classes
    assert errors[-1] < 3e-8
    # ln K enters for Gaussian tails: 3.5 at these K
    assert found.min() > 3.4


@pytest.mark.parametrize("name", ["gaussian", "q-gaussian"])
def test_equal_weights_have_order_three_halves_at_best(name):
    # what the engine's classes do where they would hold few spins
    _, found = orders(line_classes, LINES[name], [101, 202, 404])
    assert 1.2 < found.min() < found.max() < 1.7


def test_free_induction_decays_to_zero_and_revives_late():
    # exact: the characteristic function of a normal distribution
    line = LINES["gaussian"]
    sigma = 2.0 * math.pi * 5e6 / math.sqrt(8.0 * math.log(2.0))
    t = np.linspace(0.0, 6.0 / sigma, 50)
    detunings, weights = line_quadrature(line, 101)
    error = np.abs(np.cos(np.outer(t, detunings)) @ weights - np.exp(-0.5 * (sigma * t) ** 2))
    # the end of the Gaussian's tails, 1e-9 of the spins each
    assert error.max() < 1.5e-4
    plain, share = line_classes(line, 101)
    worse = np.abs(np.cos(np.outer(t, plain)) @ share - np.exp(-0.5 * (sigma * t) ** 2))
    assert worse.max() > 40.0 * error.max()


def test_resolved_and_uneven_lines_lose_nothing():
    line = Multiplet(Gaussian(1e6), offsets_hz=(-1e6, 3e6), weights=(0.75, 0.25))
    second = 1.0 / (8.0 * math.log(2.0)) + 0.75 + 9.0 * 0.25
    errors = []
    for count in (50, 100, 200):
        detunings, weights = line_quadrature(line, count)
        assert detunings.size == count
        assert (np.diff(detunings) > 0.0).all()
        w = detunings / (2.0 * math.pi * 1e6)
        np.testing.assert_allclose(weights @ w, 0.0, atol=1e-13)  # rounding of a sum of 100
        errors.append(abs(weights @ w**2 / second - 1.0))
    # w^2 grows towards the ends, the error starts with K^-3
    assert errors[0] > 6.0 * errors[1] > 36.0 * errors[2]
    assert errors[2] < 4e-6  # at 100 classes of a component


def test_a_line_that_is_not_symmetric_keeps_its_shape():
    line = Skewed(below=3e7, above=5e6)
    mean = math.sqrt(2.0 / math.pi) * (line.above - line.below)
    assert not is_symmetric(line, [1e7])
    for found in (line_quadrature(line, 101), line_quadrature(line, 102)):
        detunings, weights = found
        assert (np.diff(detunings) > 0.0).all()
        # one kink, in the density's second derivative: order 3
        np.testing.assert_allclose(weights @ detunings, mean, rtol=1e-4)
        exact = integrate.quad(
            lambda w: line.density(w) * RATE / (RATE**2 + w**2), -2e8, 5e7, points=[0.0], limit=500
        )[0]
        np.testing.assert_allclose(overlap(found), exact, rtol=1e-4)
    joint = joint_classes(line, (Subensemble(0.5, -1e6), Subensemble(0.5, 1e6)), count=101)
    np.testing.assert_allclose(joint.weights @ joint.detunings, mean, rtol=1e-4)
    # equal weights never mirrored
    plain, share = line_classes(line, 1001)
    np.testing.assert_allclose(share @ plain, mean, rtol=1e-3)


def test_moments_of_lognormal_couplings():
    couplings, weights = coupling_quadrature(0.5, 8)
    s2 = math.log(1.25)
    for power in (1, 2, 3, 4):
        # <g^n>/<g^2>^(n/2) = exp(s^2 (n^2 - 2n)/2)
        exact = math.exp(0.5 * s2 * (power**2 - 2 * power))
        # the rest of an 8-point rule for exp(n s x) is 8!/16! (n s)^16 exp(n s x) at some x, and
        # once more for the mean square it is divided by
        rest = math.factorial(8) / math.factorial(16) * (power**2 * s2) ** 8
        np.testing.assert_allclose(weights @ couplings**power, exact, rtol=2.0 * rest + 1e-9)


def test_mode_volume_of_a_standing_wave_converges_spectrally():
    # Rabi angle of a spin at cos(x): <cos(a cos x)> is the Bessel function J_0(a)
    x = (np.arange(4000) + 0.5) * math.pi / 4000
    angle = 4.0
    exact = integrate.quad(lambda y: math.cos(angle * math.cos(y)), 0.0, math.pi)[0] / math.pi
    errors = []
    for count in (2, 4, 8):
        g, w = mode_quadrature(np.cos(x), np.ones(x.size), count)
        np.testing.assert_allclose(w @ g**2, 1.0, rtol=1e-12)
        errors.append(abs(w @ np.cos(angle * g * math.sqrt(0.5)) - exact))
    # faster than any power: each doubling gains more than the one before
    assert errors[0] / errors[1] < errors[1] / errors[2]
    assert errors[2] < 1e-9


def test_a_mode_of_few_values_is_kept_as_it_is():
    g, w = mode_quadrature([1.0, 3.0, 3.0], [1.0, 0.5, 0.5], 2)
    np.testing.assert_allclose(g, np.array([1.0, 3.0]) / math.sqrt(5.0), rtol=1e-12)
    np.testing.assert_allclose(w, 0.5, rtol=1e-12)


def test_joint_classes_average_products():
    # mean of g^2 times a Lorentzian: couplings drop out where frequency and coupling are
    # independent, and enter through the coupled line where they are not
    line = LINES["q-gaussian"]
    spread = coupling_quadrature(0.7, 7)
    axes = (Subensemble(0.5, -3e6, 0.5), Subensemble(0.25, 0.0), Subensemble(0.25, 4e6, 1.3))
    found = joint_classes(line, axes, spread, count=101)
    weight = found.weights * found.couplings**2
    mean = weight @ (RATE / (RATE**2 + found.detunings**2))
    exact = lorentzian_overlap(coupled_line(line, axes), RATE)
    # the order-4 error at 101 classes; the right-hand side is good to 1e-5 off centre
    np.testing.assert_allclose(mean, exact, rtol=1e-6)
    plain = joint_classes(line, count=101)
    assert abs(plain.weights @ (RATE / (RATE**2 + plain.detunings**2)) / exact - 1.0) > 0.05


def test_joint_classes_of_a_nonlinear_average_converge():
    # <g^2/(rate^2 + w^2 + g^2)>, a saturated absorption: no product of two averages
    line = LINES["q-gaussian"]
    found = []
    for count, couplings in ((26, 3), (52, 6), (104, 12), (208, 24)):
        c = joint_classes(line, couplings=coupling_quadrature(0.6, couplings), count=count)
        g2 = (3.0 * RATE * c.couplings) ** 2
        found.append(float(c.weights @ (g2 / (RATE**2 + c.detunings**2 + g2))))
    errors = np.abs(np.array(found[:-1]) / found[-1] - 1.0)
    assert (errors[:-1] > 8.0 * errors[1:]).all()
    assert errors[-1] < 1e-6


def test_axes_of_a_diamond_as_subensembles():
    # along <100> the four axes are one line; tilted, the mean frequency stays the centre
    straight = Diamond(field_t=(0.0, 0.0, 9.4e-3), temperature_k=0.025)
    parts = subensembles(straight, direction=(1.0, 1.0, 0.0))
    np.testing.assert_allclose(sum(part.share for part in parts), 1.0, rtol=1e-12)
    # the triplet; nuclear spins hardly flip
    assert max(abs(part.offset_hz) for part in parts if part.share > 0.01) < 3e6
    aligned = Diamond(field_t=tuple(9.4e-3 * AXES[0]), nitrogen=None)
    parts = subensembles(aligned, direction=(1.0, -1.0, 0.0))
    offsets = [part.offset_hz for part in parts]
    # gamma B (1 - 1/3) and 3 (gamma B_perp)^2/2D of the three others, to the next order, 2 percent
    zeeman = 28.03e9 * 9.4e-3
    expected = zeeman * 2.0 / 3.0 + 1.5 * zeeman**2 * (8.0 / 9.0) / 2.877e9
    np.testing.assert_allclose(max(offsets) - min(offsets), expected, rtol=0.02)
    np.testing.assert_allclose(
        sum(part.share * part.coupling**2 * part.offset_hz for part in parts), 0.0, atol=1.0
    )


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: line_quadrature(Gaussian(1e6), 0), "count"),
        (lambda: coupling_quadrature(-0.1, 3), "spread"),
        (lambda: mode_quadrature([1.0, 2.0], [1.0], 1), "weights"),
        (lambda: mode_quadrature([1.0, 2.0], [1.0, -1.0], 1), "weights"),
        (lambda: mode_quadrature([0.0, 0.0], [1.0, 1.0], 1), "couplings"),
        (lambda: mode_quadrature([1.0, 2.0], [1.0, 1.0], 3), "count"),
        (lambda: Subensemble(0.0), "share"),
        (lambda: joint_classes(None, (Subensemble(0.5), Subensemble(0.4))), "subensembles"),
        (lambda: coupled_line(Gaussian(1e6), (Subensemble(1.0, coupling=0.0),)), "subensembles"),
    ],
)
def test_bad_input_is_refused(call, field):
    with pytest.raises(InputError) as refusal:
        call()
    assert refusal.value.field == field
    assert "\n" not in str(refusal.value)
