import math

import pytest

from darkbattery.nvmodel import (
    CollectiveBattery,
    DickeState,
    InputError,
    LocalNoise,
    Polarised,
    Pulse,
    Stage,
)
from darkbattery.nvmodel.protocol import boundaries, total_duration


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"detuning": math.inf}, "detuning = inf: must be"),
        ({"detector_efficiency": 1.1}, "detector_efficiency = 1.1: must be"),
        ({"battery_noise": 0.1}, "battery_noise = 0.1: must be a LocalNoise"),
        ({"charger_start": "down"}, "charger_start = 'down': unknown"),
        ({"charger_start": DickeState(4)}, "charger_start.excitations = 4: must be"),
        ({"battery_start": DickeState(1, j=0.5)}, "battery_start.j = 0.5: must be 1 less"),
        ({"battery_start": DickeState(2, j=0)}, "battery_start.j = 0.0: must be 1 less"),
        ({"protocol": (1,)}, "protocol[0] = 1: must be a Stage"),
        ({"protocol": 1}, "protocol = 1: must be a list"),
        ({"protocol": (Stage(math.inf), Stage(1.0))}, "protocol[0].duration = inf: only the last"),
    ],
)
def test_refusals_name_the_field(fields, message):
    with pytest.raises(InputError, match=message.replace("[", r"\[").replace("(", r"\(")):
        CollectiveBattery(n_battery=2, n_charger=3, **fields)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LocalNoise(dephasing=-1.0), "dephasing = -1.0: must be"),
        (lambda: LocalNoise(pumping=math.nan), "pumping = nan: must be"),
        (lambda: Polarised(1.5), "up = 1.5: must be a number from 0 to 1"),
        (lambda: DickeState(-1), "excitations = -1: must be"),
        (lambda: Stage(0.0), "duration = 0.0: must be"),
        (lambda: Stage(1.0, coupled="bth"), "did you mean 'both'"),
        (lambda: Stage(1.0, battery_noise=1), "battery_noise = 1: must be a LocalNoise"),
        (lambda: Pulse(dephase_battery=2.0), "dephase_battery = 2.0: must be"),
    ],
)
def test_parts_refuse_what_they_cannot_be(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_thermal_noise_keeps_the_ratio_of_the_bath():
    noise = LocalNoise.thermal(relaxation=0.2, nbar=0.3)
    assert noise.pumping / noise.emission == pytest.approx(0.3 / 1.3, rel=1e-15)


def test_stages_begin_where_the_ones_before_end():
    steps = (Stage(2.0, name="a"), Pulse(1.0, name="b"), Stage(0.5, name="c"), Stage(math.inf))
    assert boundaries(steps) == ((0.0, "a"), (2.0, "b"), (2.0, "c"), (2.5, ""))
    assert total_duration(steps) == math.inf
    assert total_duration(steps[:3]) == 2.5
