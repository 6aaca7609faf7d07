import math

import numpy as np
import pytest
from scipy.integrate import quad

from darkbattery.nvmodel import (
    CollectiveBattery,
    DickeState,
    Drive,
    InputError,
    LocalNoise,
    Polarised,
    Pulse,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
    Stage,
    StepResponse,
)
from darkbattery.nvmodel.course import Course
from darkbattery.nvmodel.protocol import boundaries, courses, simplified, total_duration

SPINS = SpinEnsemble(number=2, coupling=1.0)
CAVITY = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=1e6)
COIL = StepResponse([0.1, 0.25, 0.7], [0.05, 1.1, 0.98])  # late, too far, and not quite there


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
        ({"protocol": (Stage(1.0, drives=(Drive(1.0, 1.0),)),)}, "protocol[0].drives = (Drive"),
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
        (lambda: Stage(1.0, battery_detuning=math.nan), "battery_detuning = nan: must be"),
        (lambda: Stage(1.0, rise=2.0), "rise = 2.0: must be at most the duration, 1"),
        (lambda: Stage(1.0, rise=-1.0), "rise = -1.0: must be"),
        (lambda: Stage(1.0, rise_shape="expnential"), "did you mean 'exponential'"),
        (lambda: Stage(0.5, rise_shape=COIL), "rise = 0.7: must be at most the duration, 0.5"),
        (lambda: Stage(1.0, rise=0.5, rise_shape=COIL), "give it or a step response, not both"),
        (lambda: Stage(1.0, drives=3), "drives = 3: must be a list of Drive"),
        (lambda: Stage(1.0, drives=[3]), r"drives\[0\] = 3: must be a Drive"),
        (lambda: Stage(1.0, drives=[Drive(1.0, 0.5, 0.6)]), "lasts from 0.6 to 1.1: must lie in"),
        (
            lambda: Stage(1.0, drives=[Drive(1.0, 0.5, 0.1, shape="gaussian")]),
            "lasts from -0.15 to 0.35: must lie in",
        ),
        (lambda: Pulse(rotate_battery=math.inf), "rotate_battery = inf: must be"),
        (lambda: Pulse(rotation_error=-0.1), "rotation_error = -0.1: must be"),
        (lambda: Pulse(1.0, rotate_charger=1.0), "pulse = Pulse(.*): rotates or dephases: write"),
        (
            lambda: ResonatorBattery(SPINS, CAVITY, drive=Drive(1.0, 1.0), protocol=[Stage(2.0)]),
            "drive = Drive(.*): must be None with a protocol",
        ),
        (
            lambda: ResonatorBattery(
                SPINS, CAVITY, SPINS, protocol=[Stage(2.0)]
            ).eliminate_resonator(),
            "protocol = (.*): must be ()",
        ),
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


@pytest.mark.parametrize("shape", ["exponential", "linear", COIL])
def test_a_phase_is_the_integral_of_its_detuning(shape):
    course = Course(3.0, -2.0, rise=0.7, shape=shape)
    for since in (0.05, 0.2, 0.3, 0.7, 5.0):
        kinks = [0.1, 0.25, 0.7]
        area = quad(lambda s: float(course.at(s)), 0.0, since, points=kinks, epsabs=1e-12)[0]
        assert course.turned(since) == pytest.approx(area, abs=1e-10)  # quad's own error


def test_a_measured_response_is_followed_to_its_end():
    course = Course(3.0, -2.0, rise=0.7, shape=COIL)
    along = np.array([0.0, 0.05, 0.1, 0.25, 0.7, 9.0])
    shares = np.array([0.0, 0.025, 0.05, 1.1, 0.98, 0.98]) / 0.98
    np.testing.assert_allclose(course.at(along), 3.0 - 5.0 * shares, atol=1e-14)
    ramp = Course(3.0, -2.0, rise=0.7, shape=StepResponse([0.0, 0.7], [0.0, 1.0]))
    linear = Course(3.0, -2.0, rise=0.7, shape="linear")
    np.testing.assert_allclose(ramp.at(along), linear.at(along), atol=1e-14)
    np.testing.assert_allclose(ramp.turned(along), linear.turned(along), atol=1e-14)
    assert Stage(1.0, rise_shape=COIL).rise == 0.7
    many = StepResponse(np.linspace(0.0, 1.0, 5001), np.linspace(0.0, 1.0, 5001))
    assert (len(many.cuts), many.cuts[-1]) == (32, 1.0)


@pytest.mark.parametrize(
    ("times", "response", "message"),
    [
        ([0.0, 0.2, 0.1], [0.0, 0.5, 1.0], "times[2] = 0.1: must rise"),
        ([0.0, 0.1, 0.1], [0.0, 0.5, 1.0], "times[2] = 0.1: must rise"),
        ([-0.1, 0.1], [0.0, 1.0], "times = -0.1: must be a finite number >= 0"),
        ([0.0, math.nan], [0.0, 1.0], "times = nan"),
        ([0.0, 0.1], [math.nan, 1.0], "response = nan"),
        ([0.0, 0.1], [0.0, 0.9], "response = 0.9: must end within 0.05 of 1"),
        ([0.0, 0.1, 0.2], [0.0, 1.0], "response = 2: must be as many as times, 3"),
        ([0.0, 0.1], [5.0, 1.0], "response = 5.0: must be a number from -2 to 2"),
        ([0.0], [1.0], "must be a list of 2 to 100000 numbers"),
    ],
)
def test_bad_responses_are_refused_in_one_line(times, response, message):
    with pytest.raises(InputError) as refusal:
        StepResponse(times, response)
    assert message in str(refusal.value)


def test_a_stage_takes_over_what_the_last_rise_reached():
    steps = (
        Stage(1.0, battery_detuning=2.0, rise=1.0),
        Pulse(1.0),
        Stage(0.5, battery_detuning=0.0, charger_detuning=1.0, rise=0.5, rise_shape="linear"),
        Stage(math.inf),
    )
    battery, charger = zip(*courses(steps, own=(0.0, -4.0)), strict=True)
    reached = 2.0 - 2.0 * math.exp(-1.0)
    assert [one.before for one in battery] == pytest.approx([0.0, reached, 0.0], abs=1e-15)
    assert [one.before for one in charger] == [-4.0, -4.0, 1.0]
    assert [one.after for one in charger] == [-4.0, 1.0, -4.0]
    np.testing.assert_array_equal(charger[2].at([0.0, 1.0]), -4.0)


def test_stages_are_joined_only_where_nothing_changes():
    quiet = LocalNoise()
    count = lambda *steps: len(simplified(steps, quiet, quiet))  # noqa: E731
    assert count(Stage(1.0, battery_detuning=1.0), Stage(1.0, battery_detuning=1.0, rise=0.5)) == 1
    assert count(Stage(1.0), Stage(1.0, battery_detuning=1.0)) == 2
    assert count(Stage(1.0), Pulse(rotate_charger=1.0), Stage(1.0)) == 3
    assert count(Stage(1.0), Pulse(rotation_error=1.0), Stage(1.0)) == 1
    assert count(Stage(1.0, drives=[Drive(1.0, 1.0)]), Stage(1.0)) == 2
    rising = Stage(1.0, battery_detuning=1.0, rise=1.0)
    assert count(rising, rising) == 1
    assert count(rising, Stage(1.0, battery_detuning=1.0)) == 2  # the rest of the way is a step
