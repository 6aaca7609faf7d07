"""What the number of classes decides, judged as it is read: end, peak, delay and shape."""

import math

import numpy as np
import pytest

from darkbattery import meanfield
from darkbattery.meanfield.classes.classerror import ClassError, class_error
from darkbattery.meanfield.classes.division import ENOUGH, divide
from darkbattery.meanfield.classes.jointclasses import with_classes
from darkbattery.meanfield.classes.moments import bandwidth, system_of
from darkbattery.nvmodel import (
    Gaussian,
    Lorentzian,
    Multiplet,
    QGaussian,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Spins,
)
from darkbattery.nvmodel.lines.shapes import line_classes
from darkbattery.nvmodel.refusal import InputError
from tests.meanfield.test_nv import SPINS, device

TIMES = np.linspace(0.0, 10.0, 101)


def burst(at, width=0.5, height=1.0):
    rise = 0.5 * (1.0 + np.tanh((TIMES - at) / width))
    energy = height * rise
    power = height * 0.5 / width / np.cosh((TIMES - at) / width) ** 2
    return {"battery_energy": energy, "charger_energy": 1.0 - energy, "power": power}


def test_a_burst_that_comes_later_is_an_error_of_the_delay_alone():
    one, two = burst(5.0), burst(5.25)
    # compared time by time the shift by half a width is a quarter of the charge
    assert np.abs(one["battery_energy"] - two["battery_energy"]).max() > 0.24
    found = class_error(TIMES, one, two)
    # outputs stand 0.1 apart, where a burst of width 0.5 is interpolated to a percent
    np.testing.assert_allclose(found.delay, 0.05, rtol=0.01)
    assert max(found.end, found.curve, found.peak) < 0.01
    (warning,) = found.warnings(31, most=10**6)
    assert "5 % in the time of the burst" in warning
    assert "energies" not in warning


def test_height_width_and_end_are_told_apart():
    lower = class_error(TIMES, burst(5.0), burst(5.0, height=0.9))
    # least squares also move a lower curve a little, and read its peak between outputs
    np.testing.assert_allclose([lower.end, lower.peak], 0.1, rtol=0.05)
    wider = class_error(TIMES, burst(5.0), burst(5.0, width=0.6))
    np.testing.assert_allclose(wider.peak, 1.0 / 6.0, rtol=1e-3)
    assert wider.end < 1e-6
    assert wider.curve > 0.03


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_output_times_are_compared_as_they_are(count):
    one, two = ({k: v[-count:] for k, v in burst(at).items()} for at in (5.0, 5.2))
    found = class_error(TIMES[-count:], one, two)
    assert found.delay == 0.0
    assert found.curve == max(np.abs(one[n] - two[n]).max() for n in ("battery_energy",))


def test_the_advice_names_what_can_be_taken():
    assert ClassError(0.0, 0.0, 0.0, 0.0).warnings(31, most=10**6) == ()
    wrong = ClassError(end=0.02, peak=0.0, delay=0.0, curve=0.02)
    assert "try classes = 40" in wrong.warnings(31, most=40)[0]
    assert "no more spins" in wrong.warnings(40, most=40)[0]


@pytest.mark.parametrize(
    ("width", "coupling", "last"), [(5, 7, 5.0), pytest.param(10, 14, 3.0, marks=pytest.mark.long)]
)
def test_who_follows_the_advice_is_soon_told_nothing(width, coupling, last):
    times, classes = np.linspace(0.0, last * 1e-6, 101), 15
    told = []
    while True:
        solution = meanfield.evolve(device(width, coupling), times, classes=classes)
        if not solution.warnings:
            break
        told.append(classes)
        classes = int(solution.warnings[-1].rpartition("classes = ")[2])
    assert 1 <= len(told) <= 3
    # the burst itself is right from the first: where classes rephase is what is told
    assert solution.provenance["class_error_peak"] < 1e-3


@pytest.mark.parametrize(
    "line", [Gaussian(1e6), Lorentzian(1e6), QGaussian(1e6, 1.39)], ids=lambda line: repr(line)[:5]
)
@pytest.mark.parametrize("classes", [2, 3, 31, 101])
def test_no_class_holds_few_spins_but_where_all_do(line, classes):
    for number in (120, 10**4, 10**16):
        found = divide(Spins(number, "up", line=line), classes, 1e7)
        plain, weight = line_classes(line, classes)
        np.testing.assert_allclose(found.weights.sum(), 1.0, rtol=1e-12)
        if not np.array_equal(found.weights, weight):
            assert found.weights.min() * number >= ENOUGH
        # nothing rotates faster than with equal weights, unless it is near
        assert np.abs(found.detunings).max() <= max(4.0 * 1e7, np.abs(plain).max())
    assert found.weights.min() < weight.min() or classes == 2


@pytest.mark.parametrize(("width", "most"), [(1.6e6, 1e-3), (0.5e6, 3e-3)])
def test_a_triplet_is_divided_as_one_line_where_it_overlaps_and_as_three_where_not(width, most):
    # 14N: components that overlap, each with the same nodes, rephase together: off by .03 and by
    # 2 % in the peak at 31 classes; three that do not, divided as one line, by .09
    line = Multiplet(Gaussian(width), (-2.2e6, 0.0, 2.2e6), (1 / 3,) * 3)
    model = ResonatorBattery(
        **{
            name: SpinEnsemble(number, 2e6 * math.pi * 7.0 / 1e8, t2_s=1e-6, line=line)
            for name, number in (("battery", SPINS // 6), ("charger", SPINS - SPINS // 6))
        },
        resonator=Resonator(frequency_hz=2.87e9, linewidth_fwhm_hz=13.8e6),
    )
    times = np.linspace(0.0, 2.5e-6, 101)
    few, many = (meanfield.evolve(system_of(model, K), times) for K in (31, 93))
    for name in ("battery_energy", "charger_energy"):
        # the burst within 31 classes' time of rephasing; resolved lines have ten classes each
        np.testing.assert_allclose(few[name], many[name], atol=most)
    np.testing.assert_allclose(few["power"].max(), many["power"].max(), rtol=1e-3)


@pytest.mark.parametrize(
    ("line", "classes", "most"),
    [(QGaussian(10e6, 1.39), 101, 1e-5), (Lorentzian(10e6), 51, 1e-3)],
    ids=["q-Gaussian", "Lorentzian"],
)
def test_spins_far_off_hardly_take_part(line, classes, most):
    # 2e-6 and 2e-4 seen; a Lorentzian has some per cent of its spins beyond four bandwidths
    ensembles = {
        name: SpinEnsemble(number, 2e6 * math.pi * 14.0 / 1e8, t2_s=1e-6, line=line)
        for name, number in (("battery", SPINS // 6), ("charger", SPINS - SPINS // 6))
    }
    model = ResonatorBattery(**ensembles, resonator=Resonator(2.87e9, linewidth_fwhm_hz=13.8e6))
    times, found = np.linspace(0.0, 1e-6, 51), []
    for width in (bandwidth(model), 5.0 * bandwidth(model)):
        divided = divide(ensembles["charger"].spins("up", 0.0, 0.0), classes, width)
        system = with_classes(model, divided, divided)
        found.append(meanfield.evolve(system, times)["battery_energy"])
    assert 0.0 < np.abs(found[0] - found[1]).max() < most


def test_few_spins_with_a_line_have_as_many_classes_as_spins_where_nobody_asks_for_more():
    battery, charger = (
        SpinEnsemble(n, coupling=2e6, t2_s=1e-5, line=Gaussian(fwhm_hz=1e5)) for n in (3, 7)
    )
    model = ResonatorBattery(charger, Resonator(3e9, linewidth_fwhm_hz=1e6), battery)
    times = [0.0, 1e-7]
    for answer in (
        lambda **more: meanfield.evolve(model, times, **more),
        lambda **more: meanfield.evolve(model, times, order=1, **more),
        lambda **more: meanfield.sample(model, times, runs=2, seed=1, **more),
    ):
        assert answer().provenance["classes"] == 3
        assert answer(classes=2).provenance["classes"] == 2
        with pytest.raises(InputError, match=r"classes = 4: must be at most .* spins, 3$"):
            answer(classes=4)
