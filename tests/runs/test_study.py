"""Studies: that each point of a sweep is computed as the engines compute it."""

import numpy as np
import pytest

from darkbattery import meanfield
from darkbattery.nvmodel import CollectiveBattery
from darkbattery.runs.definitions.definition import parse_definition
from darkbattery.runs.results.study import run_study


def test_averaged_delays_at_equal_stages_of_the_burst():
    stages = [0.0, 3.0, 9.0]
    content = {
        "model": {"n_battery": [10, 100], "ratio": 5},
        "run": {
            "engine": "semiclassical",
            "method": "evolve",
            "delays": "averaged",
            "times": {"values": stages, "unit": "burst"},
        },
    }
    table = run_study(parse_definition(content)).table
    for size in (10, 100):
        times = np.array(stages) / (4 * size)
        expected = meanfield.delay_average(CollectiveBattery(size, 5 * size), times)
        found = table[(table.n_battery == size) & (table.observable == "battery_energy")]
        assert found.time.to_numpy() == pytest.approx(times, abs=0.0)
        assert found.value.to_numpy() == pytest.approx(expected["battery_energy"], abs=0.0)
    assert "excitation_balance" not in set(table.observable)
