"""Steps in the classes' own frames against explicit ones of the same equations."""

from dataclasses import replace

import numpy as np
import pytest

from darkbattery.meanfield.averages.following import PHASED, SECOND, follow
from darkbattery.meanfield.averages.frames import tableau
from darkbattery.meanfield.averages.regrowth import Regrowth
from darkbattery.meanfield.averages.stretches import stretches_of
from darkbattery.meanfield.averages.turningsteps import TurningSteps
from darkbattery.meanfield.classes.legs import legs
from darkbattery.meanfield.classes.moments import System, system_of
from darkbattery.nvmodel import (
    CollectiveBattery,
    Drive,
    LocalNoise,
    Lorentzian,
    Pulse,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
)


def switched(kappa: float, *more: Pulse, drives: tuple[Drive, ...] = ()) -> System:
    """Lines that step in with both shapes of a rise, unequal couplings and losses, a warm field."""
    line = Lorentzian(fwhm_hz=0.4)
    battery = SpinEnsemble(number=400, coupling=0.05, line=line, t2_s=3.0, t1_s=9.0)
    charger = SpinEnsemble(number=1600, coupling=0.07, line=line, t2_s=2.0, polarisation=-0.8)
    moving = {"rise": 0.3, "battery_detuning": 4.0}
    model = ResonatorBattery(
        battery,
        Resonator(1.0, linewidth_fwhm_hz=kappa / (2.0 * np.pi), temperature_k=2e-11),
        charger,
        protocol=(
            Stage(1.0, charger_detuning=9.0),
            Pulse(dephase_battery=0.5, dephase_charger=0.5),
            *more,
            Stage(2.0, **moving, drives=drives),
            Stage(1.5, rise=0.2, rise_shape="linear", battery_detuning=-6.0),
        ),
    )
    return system_of(model, 4)


def reservoir() -> System:
    noise = LocalNoise(dephasing=0.7, emission=0.2)
    battery = CollectiveBattery(
        3, 12, nbar=0.4, detuning=2.0, battery_noise=noise, charger_noise=noise
    )
    return replace(system_of(battery, 1), field_detuning=0.0)


TURN = Pulse(rotate_battery=1.0, rotate_charger=2.0, axis=0.5)
FIELD = Drive(amplitude=40.0, duration_s=1.5, detuning_hz=0.3)


def turned_in_a_reservoir() -> System:
    """Without a field of its own, and with one sent in."""
    return replace(reservoir(), protocol=(Pulse(rotate_battery=1.0), Stage(1.5, drives=(FIELD,))))


@pytest.mark.parametrize(
    ("way", "system"),
    [
        (SECOND, switched(2.0)),
        (SECOND, switched(12.0)),
        (SECOND, reservoir()),
        (PHASED, switched(2.0)),
        (PHASED, switched(6.0, TURN, drives=(FIELD,))),
        (PHASED, turned_in_a_reservoir()),
    ],
)
def test_both_ways_go_to_the_same_state(way, system):
    times = np.linspace(0.0, 4.5 if len(system.protocol) > 2 else 1.5, 19)
    tolerance = 1e-10

    def moments(way):
        seen = Regrowth(way.correlations(system.number.size))
        return list(follow((way,), system, times, tolerance, seen))

    for one, two in zip(moments(way), moments(replace(way, steps=None)), strict=True):
        for name in ("z", "z_rate", "coherence", "photons", "leaving", "left", "supplied", "pairs"):
            found, expected = getattr(one, name), getattr(two, name)
            # a hundred steps' errors, multiplied by a burst of some e-folds
            scale = max(1.0, float(np.abs(expected).max()))
            np.testing.assert_allclose(found, expected, atol=1e-7 * scale, err_msg=name)


def test_what_turns_alone_takes_steps_of_any_length():
    """Uncoupled spins a thousand turns away: C turns and decays over one step, exactly."""
    system = replace(reservoir(), coupling=np.zeros(2), detuning=np.array([0.0, 2e3]))
    (leg,) = legs(system, np.array([3.0]))
    steps = TurningSteps(leg, next(stretches_of(leg)), 0.0)
    y = SECOND.start(system)
    y[-6:] = [0.1, 0.02, 0.3, 0.0, -0.04, 0.0]
    new, e5, e3 = steps.take(0.0, y, 3.0)
    decay = np.exp(-3.0 * (system.decoherence[0] + system.decoherence))
    turned = (0.02 - 0.04j) * decay[1] * np.exp(-3j * 2e3)
    # the angle is known to 6000 roundings
    np.testing.assert_allclose([new[-5], new[-2]], [turned.real, turned.imag], atol=1e-12)
    assert new[-6] == pytest.approx(0.1 * decay[0])
    # T1 alone is left to the rule
    assert e3 > e5 > 0.0


def test_errors_of_the_two_orders_are_those_of_the_rule():
    """What the tableau leaves out is zero in the order in which its columns stand."""
    rule = tableau()
    sums = rule.inner.sum(axis=1)
    np.testing.assert_allclose(sums, rule.nodes, atol=1e-14)
    assert rule.weights.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(rule.errors.sum(axis=1), 0.0, atol=1e-13)
