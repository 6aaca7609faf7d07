"""Joint classes in the engine: against its own classes, and against what they must average to."""

import math
from dataclasses import replace

import numpy as np
import pytest

from darkbattery import meanfield
from darkbattery.meanfield.averages.linear import growth_rate, threshold_cooperativity
from darkbattery.meanfield.classes.jointclasses import with_classes
from darkbattery.nvmodel import QGaussian, Resonator, ResonatorBattery, SpinEnsemble
from darkbattery.nvmodel.lines.classes import (
    Subensemble,
    coupled_line,
    coupling_quadrature,
    joint_classes,
)
from darkbattery.nvmodel.refusal import InputError

MHZ = 2.0 * math.pi * 1e6
SPINS = 10**16
LINE = QGaussian(10e6, q=1.39)


def charging(line=LINE, **more):
    spins = {"coupling": 14.0 * MHZ / math.sqrt(SPINS), "t2_s": 1e-6, "line": line, **more}
    return ResonatorBattery(
        battery=SpinEnsemble(number=SPINS // 6, **spins),
        charger=SpinEnsemble(number=SPINS - SPINS // 6, **spins),
        resonator=Resonator(frequency_hz=2.87e9, linewidth_fwhm_hz=13.8e6),
    )


def joint(model, count, **parts):
    classes = joint_classes(LINE, count=count, **parts)
    return with_classes(model, classes, classes)


def test_few_classes_give_the_burst_of_many():
    model = charging()
    times = np.linspace(0.0, 1e-6, 101)
    few = meanfield.evolve(joint(model, 25), times)
    more = meanfield.evolve(joint(model, 51), times)
    # the growth is smooth in frequency, so that the order-4 error is all there is (4.5e-4 at 25)
    np.testing.assert_allclose(few["power"].max(), more["power"].max(), rtol=6e-4)
    # equal weights agree within their own error, 0.5 percent at 51
    own = meanfield.evolve(model, times, classes=51)
    np.testing.assert_allclose(own["power"].max(), more["power"].max(), rtol=0.01)
    np.testing.assert_allclose(own["battery_energy"], more["battery_energy"], atol=0.02)


def test_growth_of_joint_classes_is_that_of_the_line():
    model = charging()
    # the engine's refined root; the classes' order-4 error
    np.testing.assert_allclose(growth_rate(joint(model, 101)), growth_rate(model), rtol=1e-6)


def test_linear_growth_sees_the_coupled_line_alone():
    axes = (Subensemble(0.5, -3e6, 0.7), Subensemble(0.5, 3e6, 1.2))
    model = charging()
    spread = coupling_quadrature(0.5, 3)
    found = growth_rate(joint(model, 25, subensembles=axes, couplings=spread))
    seen = charging(line=coupled_line(LINE, axes))
    np.testing.assert_allclose(found, growth_rate(seen), rtol=1e-3)  # order 4 at 25
    assert abs(threshold_cooperativity(seen) / threshold_cooperativity(model) - 1.0) > 0.05


def test_a_spread_of_couplings_as_the_engine_divides_it():
    # without a line the engine's rule and Gauss' must meet; 12 nodes of that are off by 2e-4
    model = charging(line=None, coupling_spread=0.4)
    times = np.linspace(0.0, 0.5e-6, 101)
    classes = joint_classes(None, couplings=coupling_quadrature(0.4, 18))
    found = meanfield.evolve(with_classes(model, classes, classes), times)["battery_energy"]
    errors = [
        np.abs(meanfield.evolve(model, times, classes=count)["battery_energy"] - found).max()
        for count in (25, 101)
    ]
    # the couplings' tail shifts a steep rise: order 2.6 (equal weights, which cut it: 1, and .01)
    assert errors[1] < 0.1 * errors[0]
    assert errors[1] < 1e-4
    equal = meanfield.evolve(charging(line=None), times)
    assert np.abs(found - equal["battery_energy"]).max() > 0.02


def test_detunings_and_a_charger_alone():
    model = replace(charging(), battery=None, charger_detuning_hz=4e6)
    classes = joint_classes(LINE, count=31)
    system = with_classes(model, classes)
    np.testing.assert_allclose(system.number @ system.detuning / system.total, 4.0 * MHZ)
    np.testing.assert_allclose(system.total, model.charger.number, rtol=1e-12)
    # 31 classes of the charger alone: order 4
    np.testing.assert_allclose(growth_rate(system), growth_rate(model), rtol=1e-3)


def test_bad_classes_are_refused():
    model, classes = charging(), joint_classes(LINE, count=31)
    with pytest.raises(InputError, match="battery"):
        with_classes(model, classes)
    few = ResonatorBattery(SpinEnsemble(number=100, coupling=1.0), Resonator(3e9, 1e6))
    with pytest.raises(InputError, match="less than one spin"):
        with_classes(few, classes)
