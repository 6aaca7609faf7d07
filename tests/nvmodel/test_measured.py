"""Lines and couplings as they were measured, and ensembles of several axes."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from darkbattery import meanfield
from darkbattery.meanfield.averages.linear import growing_modes
from darkbattery.meanfield.classes.division import divide, divide_as_product
from darkbattery.meanfield.classes.moments import system_of
from darkbattery.nvmodel import (
    FieldMap,
    Gaussian,
    InputError,
    Lorentzian,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Subensemble,
    Tabulated,
    Voigt,
)
from darkbattery.nvmodel.lines.classes import line_quadrature
from darkbattery.nvmodel.lines.shapes import equal_copies, is_symmetric
from darkbattery.nvmodel.nv.constants import hyperfine_shifts

MHZ = 2.0 * math.pi * 1e6
UNEVEN = Tabulated((2.865e9, 2.868e9, 2.87e9, 2.871e9, 2.88e9), (0.0, 0.4, 1.0, 0.7, 0.0))
# a charger far above threshold, with a line of some MHz
DEVICE = {"coupling": 200.0, "t2_s": 2e-6}
CAVITY = Resonator(frequency_hz=2.87e9, linewidth_fwhm_hz=1e6)
AXES = (Subensemble(0.25, -4e6, 1.3), Subensemble(0.75, 1e6, 0.8))


@pytest.mark.parametrize("ratio", [1e-6, 0.3, 30.0])
def test_shares_of_a_voigt_profile(ratio):
    line = Voigt(1e6, ratio * 1e6)
    places = np.array([-3.0, -0.4, 0.1, 0.9, 20.0]) * MHZ

    def over(u):
        # w = tan(u) MHz, in which tails of any length end
        return line.density(MHZ * np.tan(u)) * MHZ / np.cos(u) ** 2

    for place in places:
        ends = np.linspace(-math.pi / 2, math.atan(place / MHZ), 33)
        parts = [integrate.quad(over, *pair)[0] for pair in pairwise(ends)]
        # quad's own error, part by part
        np.testing.assert_allclose(line.share_below(place), sum(parts), atol=1e-11)


def test_a_voigt_profile_between_its_limits():
    u = np.array([0.001, 0.2, 0.7, 0.999])
    # the other part is a millionth as wide
    thin, broad = Voigt(1e6, 1.0), Voigt(1.0, 1e6)
    np.testing.assert_allclose(thin.quantile(u), Gaussian(1e6).quantile(u), rtol=3e-4)
    np.testing.assert_allclose(broad.quantile(u), Lorentzian(1e6).quantile(u), rtol=1e-6)
    half = line_half(Voigt(1e6, 1e6))
    np.testing.assert_allclose(half, 0.5, rtol=1e-9)


def line_half(line):
    return float(line.density(math.pi * line.fwhm_hz) / line.density(0.0))


def test_a_measured_line_keeps_its_shape():
    u = np.linspace(0.0, 1.0, 41)
    np.testing.assert_allclose(UNEVEN.share_below(UNEVEN.quantile(u)), u, atol=1e-13)
    assert not is_symmetric(UNEVEN, [1e7])
    detunings, weights = line_quadrature(UNEVEN, 201)
    w = np.linspace(UNEVEN.quantile(0.0), UNEVEN.quantile(1.0), 100_001)
    moments = [np.trapezoid(UNEVEN.density(w) * (w / MHZ) ** k, w) for k in (1, 2, 3)]
    found = [weights @ (detunings / MHZ) ** k for k in (1, 2, 3)]
    # corners of the density: order 2 in the 201 classes
    np.testing.assert_allclose(found, moments, atol=2e-3)
    assert moments[2] > 5.0  # MHz^3: uneven


def test_a_finely_measured_line_charges_as_the_line_itself():
    frequencies = np.linspace(-6e6, 6e6, 2001)
    line = Gaussian(2e6)
    table = Tabulated(frequencies, line.density(2.0 * math.pi * frequencies))
    times = np.linspace(0.0, 3e-6, 31)
    one, two = (
        meanfield.evolve(battery_of(shape), times, classes=12)["battery_energy"]
        for shape in (line, table)
    )
    assert one[-1] > 0.3
    # straight pieces of a 300th of the width, tails cut at 6 MHz
    np.testing.assert_allclose(two, one, atol=1e-4)


def battery_of(line, **more):
    charger = SpinEnsemble(number=5 * 10**9, line=line, **DEVICE, **more)
    return ResonatorBattery(charger, CAVITY, replace(charger, number=10**9))


def test_a_field_map_is_a_distribution():
    rng = np.random.default_rng(3)
    g = rng.gamma(4.0, size=5000)
    found = FieldMap(g, np.ones(g.size))
    np.testing.assert_allclose(found.spread, g.std() / g.mean(), rtol=1e-12)
    u = np.array([0.1, 0.5, 0.9])
    expected = stats.gamma(4.0).ppf(u) / math.sqrt(20.0)
    # four standard errors of a quantile of 5,000 draws
    np.testing.assert_allclose(found.quantile(u), expected, rtol=0.06)
    # the sign of the field is a gauge, and classes of one coupling are one class
    pair = FieldMap((-1.0, 1.0, 2.0), (1.0, 1.0, 2.0))
    spins = SpinEnsemble(number=10**9, couplings=pair, **DEVICE).spins("up", 0.0, 0.0)
    classes = divide(spins, 40, bandwidth=1e8)
    np.testing.assert_allclose(classes.weights, [0.5, 0.5], atol=0.01)  # half a class
    np.testing.assert_allclose(classes.couplings[1] / classes.couplings[0], 2.0, rtol=1e-14)


def test_axes_grow_as_their_lines_say():
    model = battery_of(Lorentzian(1e6), axes=AXES, coupling_spread=0.2)
    strength = 200.0**2 * (5e9 - 1e9) / sum(one.share * one.coupling**2 for one in AXES)
    width = 1.0 / DEVICE["t2_s"] + math.pi * 1e6  # Lorentzians add theirs to 1/T2

    def missing(rate):
        poles = [rate + width + 2j * math.pi * axis.offset_hz for axis in AXES]
        pairs = zip(AXES, poles, strict=True)
        seen = sum(axis.share * axis.coupling**2 / pole for axis, pole in pairs)
        return rate + 0.5 * CAVITY.kappa - strength * seen

    root, step = 5e6 + 0j, 1e3
    for _ in range(30):
        root -= missing(root) * step / (missing(root + step) - missing(root))
    np.testing.assert_allclose(meanfield.growth_rate(model), root.real, rtol=1e-9)
    # by 60 classes: growth is about as fast as each line is wide
    plain = battery_of(Lorentzian(1e6), axes=AXES)
    found = complex(growing_modes(system_of(plain, 60))[0])
    assert abs(found - root) < 0.02 * abs(root)


@pytest.mark.parametrize("rule", [divide, divide_as_product])
def test_axes_keep_their_shares_and_couplings(rule):
    spins = battery_of(Gaussian(1e6), axes=AXES, coupling_spread=0.2).experiment.charger
    classes = rule(spins, 60, bandwidth=1e8)
    np.testing.assert_allclose(classes.weights @ classes.couplings**2, 1.0, rtol=1e-12)
    below = classes.detunings < -1.5 * MHZ  # no Gaussian of the two reaches there
    np.testing.assert_allclose(classes.weights[below].sum(), 0.25, rtol=1e-12)
    squares = classes.weights * classes.couplings**2
    ratio = squares[below].sum() / 0.25 / (squares[~below].sum() / 0.75)
    np.testing.assert_allclose(ratio, (1.3 / 0.8) ** 2, rtol=1e-12)


def test_axes_and_couplings_make_single_runs():
    model = battery_of(UNEVEN, axes=AXES, couplings=FieldMap((1.0, 2.0), (3.0, 1.0)))
    found = meanfield.sample(model, [0.0, 1e-6], runs=2, seed=1, classes=8)
    assert 0.0 < found["battery_energy"][1] < 1.0


def test_hyperfine_lines_of_nitrogen():
    triplet = equal_copies(Lorentzian(1e6), hyperfine_shifts("14N"))
    assert triplet.offsets_hz == (-2.14e6, 0.0, 2.14e6)
    pair = equal_copies(Voigt(0.1e6, 0.1e6), hyperfine_shifts("15N"))
    np.testing.assert_allclose(pair.share_below(0.0), 0.5, rtol=1e-12)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Voigt(0.0, 1e6), "gaussian_fwhm_hz = 0.0"),
        (lambda: Tabulated((0.0, 1.0, 1.0), (0.0, 1.0, 0.0)), "must rise: value 3 does not"),
        (lambda: Tabulated((0.0, 1.0), (0.0, -1.0)), "weights = -1.0"),
        (lambda: Tabulated((0.0, math.nan), (0.0, 1.0)), "frequencies_hz = nan"),
        (lambda: Tabulated((0.0, 1.0), (0.0, 0.0)), "weights = 0.0: must not all be 0"),
        (lambda: Tabulated((0.0,), (1.0,)), "at least two"),
        # of a spectrum in Hz, a centre in MHz
        (lambda: Tabulated((2.8e9, 2.9e9), (1.0, 1.0), 2870.0), "must lie in the line, 2.8e+09"),
        (lambda: Tabulated("ab", (1.0,)), "frequencies_hz = 'ab'"),
        (lambda: FieldMap((), ()), "weights = 0: must be as many"),
        (lambda: FieldMap((1.0, 2.0), (1.0,)), "weights = 1: must be as many"),
        (lambda: FieldMap((0.0, 1.0), (1.0, 0.0)), "couplings = 0.0"),
        (lambda: battery_of(None, axes=(Subensemble(1.0),)), "need a line"),
        (lambda: battery_of(UNEVEN, axes=(Subensemble(0.5),)), "sum to 1"),
        (lambda: battery_of(UNEVEN, axes=3), "axes = 3: must be a list"),
        (
            lambda: battery_of(None, couplings=FieldMap((1.0,), (1.0,)), coupling_spread=0.1),
            "give it or couplings, not both",
        ),
    ],
)
def test_what_is_no_line_or_map_is_refused(make, message):
    with pytest.raises(InputError) as refusal:
        make()
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)
