import dataclasses
import pickle

import numpy as np
import pytest

from darkbattery.nvmodel import CollectiveBattery, InputError, thermal_occupation
from darkbattery.nvmodel.refusal import output_times


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"n_battery": 0}, "n_battery = 0: must be a whole number, 1 to"),
        ({"n_battery": -1}, "n_battery = -1: must be"),
        ({"n_battery": 2.5}, "n_battery = 2.5: must be"),
        ({"n_battery": True}, "n_battery = True: must be"),
        ({"n_battery": "3"}, "n_battery = '3': must be"),
        ({"n_charger": float("nan")}, "n_charger = nan: must be"),
        ({"n_charger": float("inf")}, "n_charger = inf: must be"),
        ({"nbar": float("nan")}, "nbar = nan: must be a finite number >= 0"),
        ({"nbar": -0.1}, "nbar = -0.1: must be"),
        ({"temperature": -1.0}, "temperature = -1.0: must be"),
        ({"nbar": 0.5, "temperature": 1.0}, "nbar = 0.5: give nbar or temperature, not both"),
        ({"gamma": 0.0}, "gamma = 0.0: must be a finite number >= 1e-100"),
        ({"gamma": "fast"}, "gamma = 'fast': must be"),
        ({"battery_start": "termal"}, "did you mean 'thermal'?"),
    ],
)
def test_bad_input_is_refused_in_one_line(fields, message):
    with pytest.raises(InputError) as refusal:
        CollectiveBattery(**({"n_battery": 1, "n_charger": 5} | fields))
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_refusals_travel_between_processes():
    refusal = InputError("nbar", -1.0, "must be >= 0")
    received = pickle.loads(pickle.dumps(refusal))
    assert (received.field, str(received)) == ("nbar", str(refusal))


def test_whole_floats_are_whole_numbers_and_large_ones_stay_exact():
    assert CollectiveBattery(1e16, 2**53 + 1).n_battery == 10**16
    assert CollectiveBattery(1, 2**53 + 1).n_charger == 2**53 + 1


def test_temperature_sets_the_occupation():
    # nbar = 1/(e - 1) at k_B T = hbar omega; 1e-15: rounding of one division
    assert thermal_occupation(1.0) == pytest.approx(1.0 / (np.e - 1.0), rel=1e-15)
    assert CollectiveBattery(1, 1, temperature=0.0).nbar == 0.0
    assert thermal_occupation(1e-4) == 0.0


def test_fields_can_be_replaced():
    battery = CollectiveBattery(1, 5, temperature=2.0)
    assert dataclasses.replace(battery, gamma=3.0).nbar == battery.nbar


@pytest.mark.parametrize(
    ("field", "value"),
    [("nbar", 1e16), ("nbar", 10**400), ("temperature", 1e300), ("gamma", 1e101)],
)
def test_numbers_that_would_overflow_are_refused(field, value):
    with pytest.raises(InputError, match=f"{field} = .* at most 1e"):
        CollectiveBattery(n_battery=1, n_charger=5, **{field: value})


def test_times_that_would_overflow_are_refused():
    with pytest.raises(InputError, match=r"times\[1\] = 1e\+101: must be at most 1e\+100"):
        output_times([0.0, 1e101])
