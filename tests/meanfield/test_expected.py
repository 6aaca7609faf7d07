"""Every entry tells what error to expect, and takes what the docs hand it."""

import numpy as np

from darkbattery import meanfield, trajectories
from darkbattery.meanfield.classes.moments import system_of
from darkbattery.nvmodel import CollectiveBattery

SMALL = CollectiveBattery(1, 2)
TIMES = np.linspace(0.0, 12.0, 61)


def answers(battery):
    return [
        meanfield.evolve(battery, TIMES),
        meanfield.delay_average(battery, TIMES),
        meanfield.sample(battery, TIMES, runs=4000, seed=1),
    ]


def test_few_spins_are_told_of_at_every_entry():
    exact = trajectories.evolve(SMALL, TIMES)["battery_energy"]
    for found in answers(SMALL):
        told = found.provenance["expected_error"]["battery_energy"]
        error = np.abs(found["battery_energy"] - exact).max() / exact.max()
        noise = found.errors["battery_energy"].max() / exact.max() if found.runs else 0.0
        # the map has the worst of its R and nbar at this size
        assert error < told + 4.0 * noise
        assert error > 0.02
        assert [text for text in found.warnings if text.startswith("expect ")]


def test_many_spins_are_not_warned_of():
    battery = CollectiveBattery(1000, 5000)
    assert meanfield.evolve(battery, [0.01]).warnings == ()
    assert meanfield.sample(battery, [0.001], runs=2, seed=1).warnings == ()


def test_a_system_is_taken_wherever_a_model_is():
    battery = CollectiveBattery(100, 500)
    system, times = system_of(battery, 1), np.linspace(0.0, 0.03, 11)
    assert meanfield.expected_delay(system) == meanfield.expected_delay(battery)
    for run in (
        lambda model: meanfield.evolve(model, times),
        lambda model: meanfield.delay_average(model, times),
        lambda model: meanfield.sample(model, times, runs=8, seed=2),
    ):
        np.testing.assert_array_equal(run(system)["battery_energy"], run(battery)["battery_energy"])


def test_runs_of_a_system_merge():
    one = system_of(SMALL, 1)
    first = meanfield.sample(one, [1.0], runs=2, seed=1)
    assert first.merge(meanfield.sample(one, [1.0], runs=2, seed=1, first=2)).runs == 4
