"""What is known of an observable, and the groups that the methods make of it."""

import pytest

from darkbattery.nvmodel.observables import OBSERVABLES, Needs, needing


def test_every_observable_needs_something_and_has_words():
    for name, one in OBSERVABLES.items():
        assert one.needs, name
        assert one.words, name
        assert "_" not in one.words, name
        assert one.bounds[0] < one.bounds[1], name


@pytest.mark.parametrize("name", OBSERVABLES)
def test_units_go_with_what_is_said_of_them(name):
    one = OBSERVABLES[name]
    # of the whole battery: in joule, and the capacity
    whole = one.unit == "J" or name == "capacity"
    assert one.per_spin == (one.unit.startswith(("ħω", "(ħω)")) and not whole) or name in (
        "excitation_balance",
    )
    powers = ("power", "power_bound", "power_bound_trace", "statistical_speed", "population_speed")
    assert one.per_time == ("rate" in name or name in powers)
    assert (Needs.BATTERY in one.needs) == (
        any(word in name for word in ("battery", "ergotropy", "energy_variance"))
        or name in (*powers, "open_work", "entanglement_rate")
        or name in ("charging_efficiency", "energy_reliability", "energy_reliability_bound")
        or name.startswith(("capacity", "log_negativity", "speed_limit"))
        or Needs.STATE in one.needs
    )


def test_nothing_that_is_linear_takes_more_than_means():
    for name, one in OBSERVABLES.items():
        assert not one.linear or Needs.MEANS in one.needs, name


def test_needs_are_all_needed():
    both = needing(Needs.RECORD | Needs.POPULATIONS)
    scatter = {"ergotropy_variance_runs", "ergotropy_reliability"}
    assert set(both) == {"daemonic_ergotropy", *scatter}
    elsewhere = Needs.RECORD | Needs.SQUARES | Needs.RATES | Needs.COHERENCE
    assert needing(Needs.POPULATIONS, without=elsewhere) == (
        "ergotropy",
        "ergotropy_total",
        "capacity_unitary",
        "capacity_unitary_total",
    )
