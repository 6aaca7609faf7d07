import numpy as np
import pytest

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery, InputError
from darkbattery.runs.definitions.precision import Precision
from darkbattery.runs.ranks.distribute import distribute


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"observable": "power", "absolute": 0.1}, "precision.observable"),
        ({"observable": "battery_energy"}, "one of them"),
        ({"observable": "battery_energy", "absolute": 1, "relative": 1}, "one of them"),
        ({"observable": "battery_energy", "absolute": 0.0}, "precision.absolute = 0.0"),
        ({"observable": "battery_energy", "relative": float("nan")}, "precision.relative = nan"),
        ({"observable": "battery_energy", "absolute": 1, "min_runs": 1}, "min_runs = 1"),
    ],
)
def test_bad_input(fields, message):
    with pytest.raises(InputError, match=message):
        Precision(**fields)


def test_times_must_be_output_times():
    precision = Precision("battery_energy", absolute=0.1, times=(0.3,))
    with pytest.raises(InputError, match=r"precision.times = 0.3"):
        distribute(
            trajectories.sample,
            CollectiveBattery(1, 5),
            [0.1, 0.2],
            runs=10**5,
            seed=1,
            precision=precision,
        )


def test_runs_that_are_all_alike_prove_little():
    """At t = 0 every run is the same: the error is judged sqrt(2)/(n + 4), never zero."""
    found = trajectories.sample(CollectiveBattery(1, 5), [0.0], runs=100, seed=1)
    assert found.errors["battery_energy"][0] == 0.0
    precision = Precision("battery_energy", absolute=1e-3, min_runs=2)
    goal = precision.next_goal(found, 5)
    assert goal == 800  # as far as one question may lead
    loose = Precision("battery_energy", absolute=0.02, min_runs=2)
    # sqrt(2)/104 = 0.0136 < 0.02
    assert loose.next_goal(found, 5) == found.runs


def test_the_target_is_reached_and_not_far_overshot():
    battery = CollectiveBattery(2, 10)
    precision = Precision("battery_energy", absolute=5e-4)
    found = distribute(
        trajectories.sample, battery, [0.1, 0.4, 0.9], runs=10**7, seed=3, precision=precision
    )
    error = found.errors["battery_energy"].max()
    # 2 % of runs more than predicted, blocks of 1024, and a prediction from 10^5 runs
    assert 0.95 * 5e-4 < error <= 5e-4


def test_rare_events_are_covered_as_often_as_stated():
    """A photon with probability 0.049, asked to 0.002: the trap of stopping after two runs.

    One battery and one charger spin: the triplet, weight 1/2, emits with rate 2. Over 200 seeds the
    mean must lie within 1.96 errors of the truth in 95 % of them; three binomial standard
    deviations of that, sqrt(0.95 0.05/200) = 1.5 %, are allowed.
    """
    battery, probability = CollectiveBattery(1, 1), 0.049
    tau = -0.5 * np.log(1.0 - 2.0 * probability)
    precision = Precision("emitted_photons", absolute=0.002, min_runs=2)
    covered, runs = 0, []
    for seed in range(200):
        found = distribute(
            trajectories.sample, battery, [tau], runs=10**6, seed=seed, precision=precision
        )
        error = found.errors["emitted_photons"][0]
        covered += abs(found["emitted_photons"][0] - probability) < 1.96 * error
        runs.append(found.runs)
    assert abs(covered / 200 - 0.95) < 3 * 0.0154
    # p(1 - p)/0.002^2 = 11,650 runs are needed
    assert min(runs) > 9000
    assert max(runs) < 15000
