"""The average over delays of a sequence: the burst in one stage, everything else refused."""

import math

import numpy as np
import pytest

from darkbattery import meanfield
from darkbattery.nvmodel import (
    CollectiveBattery,
    Drive,
    InputError,
    LocalNoise,
    Polarised,
    Pulse,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
)

NAMES = ["battery_energy", "charger_energy", "power", "emitted_photons"]
WAIT, INVERT = Stage(0.01, "none"), Pulse(rotate_charger=math.pi)


def test_after_a_wait_it_is_that_of_the_plain_battery_later():
    plain = CollectiveBattery(1000, 5000)
    times = np.linspace(0.0, 0.005, 26)
    waited = CollectiveBattery(1000, 5000, protocol=(WAIT, Stage(9.0)))
    one = meanfield.delay_average(plain, times, NAMES)
    two = meanfield.delay_average(waited, np.append(0.004, 0.01 + times), NAMES)
    for name in NAMES:
        # the integrator's tolerance
        scale = np.abs(one[name]).max()
        np.testing.assert_allclose(two[name][1:], one[name], atol=1e-6 * scale, err_msg=name)
    assert [two[name][0] for name in NAMES] == pytest.approx([0.0, 1.0, 0.0, 0.0], abs=1e-12)


def sequence(*steps):
    spins = SpinEnsemble(10**6, coupling=6e3, polarisation=-1.0, t2_s=1e-5)
    return ResonatorBattery(
        spins,
        Resonator(3e9, 1e6),
        SpinEnsemble(2 * 10**5, coupling=6e3, t2_s=1e-5),
        charger_detuning_hz=60e6,
        protocol=steps,
    )


@pytest.mark.long
def test_it_is_the_mean_of_single_runs():
    """Inverted beside the resonator, stepped in: Wigner's runs, each with a delay of its own."""
    model = sequence(INVERT, Stage(2e-7), Stage(1e-5, charger_detuning=0.0, rise=2e-8))
    times = np.array([1e-7, 1e-6, 1.5e-6, 2e-6, 3e-6])
    found = meanfield.delay_average(model, times)
    runs = meanfield.sample(model, times, 500, 3)
    modal = meanfield.evolve(model, times)
    for name in ("battery_energy", "charger_energy"):
        off = np.abs(found[name] - runs[name])
        # 5e-4: a part of the growth is done while the field steps in
        assert (off < 4.0 * runs.errors[name] + 1e-3).all(), (name, off)
    assert np.abs(modal["charger_energy"] - runs["charger_energy"]).max() > 0.05


def test_before_the_burst_all_runs_are_the_modal_one():
    model = CollectiveBattery(1000, 5000, protocol=(WAIT, Stage(9.0)))
    for times in ([0.0], [0.0, 0.005]):  # the first is what `check` tries
        found = meanfield.delay_average(model, times, NAMES)
        modal = meanfield.evolve(model, times, observables=NAMES)
        for name in NAMES:
            np.testing.assert_allclose(found[name], modal[name], atol=1e-9, err_msg=name)


def test_it_grows_as_fast_as_the_wait_has_left_the_inversion():
    """A charger that decays while nothing is coupled: the rate is that of what is left."""
    noise = LocalNoise(emission=30.0)
    wait = Stage(0.01, "none", charger_noise=noise)
    waited = CollectiveBattery(1000, 5000, protocol=(wait, Stage(9.0)))
    up = math.exp(-0.3)
    later = CollectiveBattery(1000, 5000, charger_start=Polarised(up))
    times = np.linspace(0.0, 0.02, 11)
    one = meanfield.delay_average(later, times, NAMES)
    two = meanfield.delay_average(waited, 0.01 + times, NAMES)
    assert two.provenance["growth_rate"] == pytest.approx(one.provenance["growth_rate"], rel=1e-6)
    # without the decay before it it would be off by .1
    np.testing.assert_allclose(two["battery_energy"], one["battery_energy"], atol=1e-6)


@pytest.mark.parametrize(
    ("steps", "last", "message"),
    [
        ((WAIT,), 0.005, "must burst: nothing grows in any stage"),
        ((Stage(0.004), Stage(1.0, "battery")), 0.5, "the switch at 0.004 at one: end before it"),
        ((Stage(0.004), Pulse(dephase_battery=1.0), Stage(1.0)), 0.5, "the switch at 0.004"),
        ((Pulse(rotate_charger=0.5), Stage(1.0)), 0.005, "turns spins partly"),
        (
            (Stage(1.0, battery_detuning=0.0, rise=0.01),),
            0.5,
            "rise = 0.01: no average over delays",
        ),
    ],
)
def test_what_has_no_such_average_is_refused_with_its_reason(steps, last, message):
    model = CollectiveBattery(1000, 5000, protocol=steps)
    with pytest.raises(InputError) as refusal:
        meanfield.delay_average(model, [last])
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_fields_and_detuned_chargers_give_none():
    drive = Drive(1e6, 1e-7)
    with pytest.raises(InputError, match="sends fields in"):
        meanfield.delay_average(sequence(INVERT, Stage(1e-5, drives=[drive])), [1e-6])
    with pytest.raises(InputError, match="must burst"):
        meanfield.delay_average(sequence(Stage(1e-5, charger_detuning=0.0)), [1e-6])
