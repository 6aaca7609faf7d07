"""The semiclassical engine at the edges: right, or refused in one line, never endless."""

import numpy as np
import pytest

from darkbattery import meanfield
from darkbattery.meanfield.averages.stepper import Explicit, advance
from darkbattery.nvmodel import CollectiveBattery, Pulse
from darkbattery.nvmodel.refusal import InputError

NBARS = (0.0, 1e-300, 0.5, 1e6, 1e12)
SIZES = [(1, 1), (3, 5), (2**53 + 1, 1), (10**15, 5 * 10**15)]


@pytest.mark.parametrize("nbar", NBARS)
@pytest.mark.parametrize("sizes", SIZES)
def test_nothing_happens_in_no_time(sizes, nbar):
    battery = CollectiveBattery(*sizes, nbar=nbar)
    for found in (
        meanfield.evolve(battery, [0.0, 1e-300]),
        meanfield.evolve(battery, [0.0, 1e-300], order=1),
        meanfield.sample(battery, [0.0, 1e-300], runs=2, seed=1),
    ):
        # 1e-9: the resolution of sums over paths
        assert np.abs(found["battery_energy"]).max() < 1e-9
        assert np.abs(found["charger_energy"] - 1.0).max() < 1e-9


@pytest.mark.parametrize("order", [1, 2, "runs"])
def test_a_protocol_of_pulses_alone_lasts_no_time(order):
    battery = CollectiveBattery(3, 5, protocol=[Pulse(rotate_charger=np.pi)])

    def answered(times):
        if order == "runs":
            return meanfield.sample(battery, times, runs=2, seed=1)
        return meanfield.evolve(battery, times, order=order)

    with pytest.raises(
        InputError, match=r"times\[1\] = 0.5: must be <= 0, where the protocol ends"
    ):
        answered([0.0, 0.5])
    # 1e-9: the resolution of sums over paths
    assert abs(answered([0.0])["charger_energy"][0]) < 1e-9


@pytest.mark.parametrize("last", [pytest.param(1e9, marks=pytest.mark.long), 1e100])
def test_times_far_beyond_the_fastest_rate_are_refused(last):
    battery = CollectiveBattery(n_battery=3, n_charger=5)
    with pytest.raises(InputError, match=r"times = .* steps of"):
        meanfield.evolve(battery, [0.0, last])
    with pytest.raises(InputError, match=r"times = .* steps of"):
        meanfield.sample(battery, [0.0, last], runs=1, seed=0)


def test_hot_moments_settle_where_a_thermal_ladder_does():
    """A short time for nbar = 1e6, long for its rate: half filled, as the exact solver has it."""
    found = meanfield.evolve(CollectiveBattery(n_battery=3, n_charger=5, nbar=1e6), [1e-4])
    assert abs(found["battery_energy"][0] - 0.5) < 1e-5  # exact: 1/2 + O(1/nbar)


def test_a_solution_that_diverges_is_refused_where_it_does():
    def explode(t, y, out):
        out[:] = y * y  # 1/(1 - t)

    with pytest.raises(InputError, match="diverge at 1:"):
        list(advance(Explicit(explode, [(slice(0, 1), 1e-3)]), np.ones(1), [2.0], 1e-9))


def test_a_first_step_that_overflows_is_taken_again(monkeypatch):
    """Nothing at the start says how fast a field that is sent in will ring up: a step of 1e10."""

    def ring_up(time, y, out):
        out[:] = -1e30 * (y - 1e-3)

    monkeypatch.setitem(advance.__globals__, "MEASURED_STEPS", 100)
    with pytest.raises(InputError, match="needs more than"):
        list(advance(Explicit(ring_up, [(slice(0, 1), 1e-6)]), np.zeros(1), [1e10], 1e-6))
