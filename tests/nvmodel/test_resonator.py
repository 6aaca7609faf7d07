"""Models of ensembles at a resonator: lines, elimination, refusals."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import quad

from darkbattery import meanfield
from darkbattery.meanfield.classes.division import divide
from darkbattery.meanfield.classes.moments import system_of
from darkbattery.nvmodel import (
    ApproximationWarning,
    Drive,
    Gaussian,
    InputError,
    Lorentzian,
    Multiplet,
    QGaussian,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Voigt,
)
from darkbattery.nvmodel.ergotropy import ergotropy_of_matrix, local_ergotropy_bloch
from darkbattery.nvmodel.lines.shapes import line_classes, lorentzian_overlap

MHZ = 2.0 * math.pi * 1e6
LINES = [Gaussian(5e6), Lorentzian(5e6), QGaussian(5e6, q=1.39), QGaussian(5e6, q=2.5)]
# hyperfine triplet of 14N
TRIPLET = Multiplet(QGaussian(1e6, q=1.39), (-2.14e6, 0.0, 2.14e6), (0.25, 0.5, 0.25))


@pytest.mark.parametrize("line", LINES, ids=repr)
def test_lines_are_normalised_and_have_their_width(line):
    # in MHz, tails mapped to a finite interval, on which quad reaches 1e-7
    def mapped(u):
        stretch = (1 + u * u) / (1 - u * u) ** 2
        return line.density(MHZ * u / (1 - u * u)) * MHZ * stretch

    total, _ = quad(mapped, -1, 1)
    np.testing.assert_allclose(total, 1.0, rtol=1e-7)
    half = line.density(np.pi * 5e6) / line.density(0.0)
    np.testing.assert_allclose(half, 0.5, rtol=1e-12)
    # the quantile inverts the integral of the density
    below, _ = quad(lambda w: line.density(w * MHZ) * MHZ, 0.0, float(line.quantile(0.9)) / MHZ)
    np.testing.assert_allclose(below, 0.4, rtol=1e-7)


@pytest.mark.parametrize("line", [*LINES, TRIPLET, Voigt(3e6, 1e6)], ids=str)
def test_quantiles_invert_shares_and_shares_integrate_the_density(line):
    u = np.linspace(0.01, 0.99, 15)
    np.testing.assert_allclose(line.share_below(line.quantile(u)), u, rtol=1e-12)
    places, width = line.quantile(u), 1e-4 * MHZ
    slope = (line.share_below(places + width) - line.share_below(places - width)) / (2 * width)
    # curvature times (1e-4)^2, and shares that differ by 1e-11 in the tails
    np.testing.assert_allclose(slope, line.density(places), rtol=1e-4)


@pytest.mark.parametrize(
    ("offsets", "weights"), [((0.0,), (0.5,)), ((0.0, 1.0), (1.0,)), ((), ()), ((0.0,), (-1.0,))]
)
def test_bad_multiplets_are_refused(offsets, weights):
    with pytest.raises(InputError, match="weights"):
        Multiplet(Gaussian(1.0), offsets, weights)


def test_q_gaussian_lies_between_gaussian_and_lorentzian():
    places = np.linspace(0.0, 20.0, 9) * MHZ
    near = {"rtol": 1e-3}  # the approach is linear in q - 1 and q - 2
    np.testing.assert_allclose(
        QGaussian(5e6, q=1.00001).density(places[:4]), Gaussian(5e6).density(places[:4]), **near
    )
    np.testing.assert_allclose(
        QGaussian(5e6, q=2.0).density(places), Lorentzian(5e6).density(places), rtol=1e-12
    )


@pytest.mark.parametrize("line", [*LINES, TRIPLET], ids=repr)
def test_classes_are_symmetric_and_of_equal_weight(line):
    for K in (4, 7):
        detunings, weights = line_classes(line, K)
        assert np.array_equal(detunings, -detunings[::-1])
        assert np.array_equal(weights, np.full(K, 1.0 / K))
        assert (np.diff(detunings) > 0).all()


@pytest.mark.parametrize("detuning", [0.0, 3.0 * MHZ])
def test_overlap_of_two_lorentzians_adds_their_widths(detuning):
    for rate in (1e-3 * MHZ, MHZ, 50.0 * MHZ):
        width = rate + np.pi * 5e6
        expected = width / (width**2 + detuning**2)
        found = lorentzian_overlap(Lorentzian(5e6), rate, detuning)
        # 20,000 points on a peak 1e-3 of the line wide, off its centre
        np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_coupling_classes_have_the_spread_asked_for():
    spins = SpinEnsemble(number=10**6, coupling=2.0, coupling_spread=0.3)
    for number, tolerance in ((10**12, 3e-6), (10**3, 0.02)):  # order 4; quantiles cut the tails
        found = divide(replace(spins, number=number).spins("up", 0.0, 0.0), 401, bandwidth=1.0)
        mean = found.weights @ found.couplings
        np.testing.assert_allclose(found.weights @ found.couplings**2, 1.0, rtol=1e-12)
        np.testing.assert_allclose(np.sqrt(1.0 - mean**2) / mean, 0.3, rtol=tolerance)


@pytest.mark.parametrize("number", [10**12, 10**3])
def test_couplings_and_detunings_of_classes_are_independent(number):
    line = SpinEnsemble(number=number, coupling=2.0, coupling_spread=0.3, line=Gaussian(1.0))
    found = divide(line.spins("up", 0.0, 0.0), 401, bandwidth=100.0)
    assert np.array_equal(found.couplings, found.couplings[::-1])
    w, g = np.clip(found.detunings**2, 0.0, 40.0), found.couplings  # but for the farthest few
    deviation = [x - found.weights @ x for x in (w, g)]
    spread = [np.sqrt(found.weights @ x**2) for x in deviation]
    # a Hammersley set of 200 points has a discrepancy of ln(200)/200
    assert abs(found.weights @ (deviation[0] * deviation[1]) / np.prod(spread)) < 0.026


def device(width_hz=0.0, linewidth=13.8e6, collective=7.0, **options):
    number, line = 6 * 10**15, QGaussian(width_hz, q=1.39) if width_hz else None
    spins = {"coupling": collective * MHZ / math.sqrt(number), "line": line} | options
    return ResonatorBattery(
        battery=SpinEnsemble(number=number // 6, **spins),
        charger=SpinEnsemble(number=5 * (number // 6), **spins),
        resonator=Resonator(frequency_hz=3e9, linewidth_fwhm_hz=linewidth),
    )


def test_elimination_is_refused_where_the_resonator_is_too_slow():
    # kappa/2pi = 13.8 MHz against g sqrt(N)/2pi = 7 MHz
    with pytest.raises(InputError, match=r"cannot be eliminated: .* from memory"):
        device().eliminate_resonator()
    with pytest.raises(InputError, match="cannot be eliminated"):
        device().eliminate_resonator(tolerance=0.1)
    with pytest.warns(ApproximationWarning, match="estimated relative error 0.4"):
        battery = device().eliminate_resonator(tolerance=0.6)
    g = device().charger.coupling
    assert battery.gamma == 4.0 * g * g / device().resonator.kappa


def test_elimination_error_is_that_of_the_growth_rate():
    for linewidth in (13.8e6, 50e6, 400e6):
        model = device(linewidth=linewidth)
        eliminated = model.eliminate_resonator(tolerance=10.0) if linewidth > 3e8 else None
        error = model.elimination_error()
        assert error.total == error.memory
        fast = 2.0 * model.charger.collective_coupling**2 * 0.8 / model.resonator.kappa
        found = fast / meanfield.growth_rate(model) - 1.0
        np.testing.assert_allclose(found, error.memory, rtol=1e-6)
        if eliminated:
            np.testing.assert_allclose(meanfield.growth_rate(eliminated), fast, rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        ({"width_hz": 50e6}, "broadening"),
        ({"t2_s": 1e-8}, "decoherence"),
        ({"t1_s": 1e-8, "t2_s": 2e-8}, "relaxation"),
        ({"polarisation": 0.5}, "polarisation"),
        ({"coupling_spread": 0.5}, "coupling"),
    ],
)
def test_what_forbids_elimination_is_named(options, cause):
    model = device(linewidth=1e9, collective=2.0, **options)
    assert model.elimination_error().cause == cause
    with pytest.raises(InputError, match=cause):
        model.eliminate_resonator()


def test_what_cannot_be_eliminated_at_all():
    model = device(linewidth=1e9)
    alone = ResonatorBattery(charger=model.charger, resonator=model.resonator)
    with pytest.raises(InputError, match="battery"):
        alone.eliminate_resonator()
    driven = ResonatorBattery(
        charger=model.charger,
        battery=model.battery,
        resonator=model.resonator,
        drive=Drive(amplitude=1.0, duration_s=1.0),
    )
    with pytest.raises(InputError, match="drive"):
        driven.eliminate_resonator()


@pytest.mark.parametrize(
    ("build", "field"),
    [
        (lambda: SpinEnsemble(number=0, coupling=1.0), "number"),
        (lambda: SpinEnsemble(number=1, coupling=0.0), "coupling"),
        (lambda: SpinEnsemble(number=1, coupling=1.0, polarisation=1.1), "polarisation"),
        (lambda: SpinEnsemble(number=1, coupling=1.0, t1_s=1.0, t2_s=2.1), "t2_s"),
        (lambda: SpinEnsemble(number=1, coupling=1.0, equilibrium=2.0), "equilibrium"),
        (lambda: Resonator(frequency_hz=1.0), "linewidth_fwhm_hz, linewidth_hwhm_hz"),
        (
            lambda: Resonator(frequency_hz=1.0, linewidth_fwhm_hz=1.0, linewidth_hwhm_hz=0.5),
            "linewidth_fwhm_hz, linewidth_hwhm_hz",
        ),
        (lambda: Resonator(1.0, linewidth_fwhm_hz=-1.0), "linewidth_fwhm_hz"),
        (lambda: QGaussian(1.0, q=3.0), "q"),
        (lambda: Gaussian(0.0), "fwhm_hz"),
        (lambda: Drive(amplitude=1.0, duration_s=0.0), "duration_s"),
        (lambda: Drive(amplitude=1.0, duration_s=1.0, shape="squar"), "shape"),
        (lambda: ResonatorBattery(charger=1, resonator=Resonator(1.0, 1.0)), "charger"),
    ],
)
def test_bad_fields_are_refused_by_name(build, field):
    with pytest.raises(InputError) as caught:
        build()
    assert caught.value.field == field
    assert "\n" not in str(caught.value)


def test_linewidth_conventions_agree():
    full, half = Resonator(1e9, linewidth_fwhm_hz=2.0), Resonator(1e9, linewidth_hwhm_hz=1.0)
    assert full.kappa == half.kappa == 4.0 * math.pi


def test_coherence_lasts_as_long_as_relaxation_allows_unless_told():
    assert SpinEnsemble(number=1, coupling=1.0, t1_s=1.5).t2_s == 3.0
    assert SpinEnsemble(number=1, coupling=1.0).decoherence_rate == 0.0


def test_more_classes_than_spins_are_refused():
    spins = SpinEnsemble(number=3, coupling=1.0, line=Gaussian(1.0))
    with pytest.raises(InputError, match="classes"):
        system_of(ResonatorBattery(spins, Resonator(1.0, 1.0)), 4)


def test_local_ergotropy_of_a_bloch_vector_is_that_of_its_matrix():
    for z, minus in [(0.3, 0.2 + 0.1j), (-0.6, 0.3j), (-0.5, 0.0)]:
        # basis (down, up); <sigma^-> is the coherence rho_(up, down)
        rho = [[(1 - z) / 2, np.conj(minus)], [minus, (1 + z) / 2]]
        expected = ergotropy_of_matrix(rho, [[0.0, 0.0], [0.0, 1.0]])
        np.testing.assert_allclose(local_ergotropy_bloch(z, minus), expected, atol=1e-15)
