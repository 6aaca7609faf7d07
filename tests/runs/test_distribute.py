import numpy as np
import pytest

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery, InputError
from darkbattery.runs.ranks.distribute import Campaign, Job, distribute, distribute_all


@pytest.mark.parametrize("battery", [CollectiveBattery(2, 10), CollectiveBattery(2, 5, nbar=0.4)])
def test_is_one_call_of_sample_to_the_bit(battery):
    times, runs = [0.1, 0.4], 3 * 1024 + 17
    whole = trajectories.sample(battery, times, runs=runs, seed=5, first=100)
    spread = distribute(trajectories.sample, battery, times, runs=runs, seed=5, first=100)
    assert spread.runs == runs
    for name in whole.values:
        assert np.array_equal(whole[name], spread[name]), name


def test_jobs_stand_in_one_line():
    times = np.array([0.2])
    models = [CollectiveBattery(1, n) for n in (1, 2, 3)]
    jobs = [Job(trajectories.sample, m, times, runs=5, seed=1) for m in models]
    for model, found in zip(models, distribute_all(jobs).solutions, strict=True):
        alone = trajectories.sample(model, times, runs=5, seed=1)
        assert np.array_equal(found["battery_energy"], alone["battery_energy"])


def test_progress_ends_at_the_total():
    seen = []

    class Listener:
        def update(self, done, total, mine, of_job):
            seen.append((done, total, mine.runs, of_job))

    distribute(
        trajectories.sample, CollectiveBattery(1, 5), [1.0], 2000, seed=1, progress=Listener()
    )
    assert seen[-1] == (2000, 2000, 2000, 2000)


def test_progress_tells_the_runs_of_each_point_from_those_of_the_sweep():
    """The error on the screen was scaled by the runs of all points: three times too small of 9."""
    seen = []

    class Listener:
        def update(self, done, total, mine, of_job):
            seen.append((mine.runs, of_job))

    models = [CollectiveBattery(1, n) for n in (1, 2, 3)]
    jobs = [Job(trajectories.sample, m, np.array([0.2]), runs=3000, seed=1) for m in models]
    distribute_all(jobs, campaign=Campaign(progress=Listener()))
    # one rank makes all runs of a point itself
    assert all(mine == of_job for mine, of_job in seen)
    assert seen[-1] == (3000, 3000)


def test_nothing_to_do_is_refused():
    with pytest.raises(InputError, match="runs = 0"):
        distribute(trajectories.sample, CollectiveBattery(1, 5), [1.0], runs=0, seed=1)
