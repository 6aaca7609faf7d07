"""Rows of single runs and the sums over them come from one pass: each run is made once."""

import numpy as np
import pytest

from darkbattery import meanfield
from darkbattery.meanfield.paths import walk
from darkbattery.nvmodel import CollectiveBattery, LocalNoise, Pulse, Stage
from darkbattery.trajectories import sample, single_run
from darkbattery.trajectories.jumps.counts.tally import JumpStudy
from darkbattery.trajectories.jumps.photons import decays, records
from darkbattery.trajectories.jumps.photons.decays import DecayStudy
from darkbattery.trajectories.jumps.photons.walks import MOST_SINGLE_JUMPS
from darkbattery.trajectories.jumps.spins import noisy_records

TIMES = np.linspace(0.0, 0.6, 13)
RUNS = 300  # more than one group of runs, and a rest
WITH_ERGOTROPY = ["battery_energy", "power", "ergotropy", "energy_variance_conditional"]
COLLECTIVE = {
    "cold": (CollectiveBattery(3, 7), TIMES, ["battery_energy"], DecayStudy),
    "many photons": (CollectiveBattery(2, 900), TIMES / 300, ["power"], DecayStudy),
    "cold, by records": (CollectiveBattery(3, 7), TIMES, ["peak_emission_time"], JumpStudy),
    "warm": (CollectiveBattery(3, 7, nbar=0.3), TIMES, WITH_ERGOTROPY, JumpStudy),
    "in groups": (
        CollectiveBattery(1, 10 * round(MOST_SINGLE_JUMPS), nbar=0.1),
        TIMES[:3] / MOST_SINGLE_JUMPS,
        ["power"],
        JumpStudy,
    ),
}
NOISY = {
    "noise": CollectiveBattery(2, 4, battery_noise=LocalNoise(emission=0.3), nbar=0.2),
    "protocol": CollectiveBattery(2, 3, protocol=(Stage(0.1), Pulse(0.5, 0.5), Stage(9.0))),
}


def _same_counts(one, other):
    for name, array in one.arrays().items():
        assert np.array_equal(array, other.arrays()[name]), name


@pytest.mark.parametrize("name", COLLECTIVE)
def test_rows_and_sums_come_from_one_pass(name, monkeypatch):
    battery, times, names, kind = COLLECTIVE[name]
    made = []
    for module in (decays, records):

        def counted(seed, first, taus, q, path, follow=module.follow):
            made.extend(range(first, first + path.burst.size))
            follow(seed, first, taus, q, path)

        monkeypatch.setattr(module, "follow", counted)
    runs = 3 if name == "in groups" else RUNS
    both = sample(battery, times, runs, seed=4, first=7, observables=names, records="summary")
    assert made == list(range(7, 7 + runs))
    assert isinstance(both.tally.study, kind)
    _same_counts(both.tally, sample(battery, times, runs, 4, 7, names).tally)
    rows = both.records
    assert rows.run.tolist() == made[:runs]
    if name == "in groups":
        return
    for run in (7, 6 + runs):
        one, row = single_run(battery, times, seed=4, run=run), rows.iloc[run - 7]
        assert row.final_energy == one.battery_energy[-1]
        assert row.emitted_photons == one.emitted_photons[-1]
        assert row.absorbed_photons == one.absorbed_photons[-1]


@pytest.mark.parametrize("name", NOISY)
def test_rows_and_sums_of_noisy_runs_come_from_one_pass(name, monkeypatch):
    battery, add_runs, made = NOISY[name], noisy_records.add_noisy_runs, []

    def counted(seed, first, *rest):
        made.extend(range(first, first + rest[-1].size))
        add_runs(seed, first, *rest)

    monkeypatch.setattr(noisy_records, "add_noisy_runs", counted)
    names = ["battery_energy", "ergotropy"]
    both = sample(battery, TIMES, 40, seed=4, first=7, observables=names, records="summary")
    assert made == list(range(7, 47))
    assert isinstance(both.tally.study, JumpStudy)
    _same_counts(both.tally, sample(battery, TIMES, 40, 4, 7, names).tally)
    for run in (7, 46):
        one, row = single_run(battery, TIMES, seed=4, run=run), both.records.iloc[run - 7]
        assert row.run == run
        assert row.final_energy == one.battery_energy[-1]
        assert row.emitted_photons == one.emitted_photons[-1]
        lost = np.count_nonzero(np.isin(one.processes, (3, 6)))
        assert row.local_loss == lost


def test_rows_and_sums_of_wigner_runs_come_from_one_pass(monkeypatch):
    battery, made = CollectiveBattery(20, 60), []
    meanfield.sample(battery, TIMES / 20, 1, seed=4)  # the step is chosen with runs of its own
    real = walk.walk

    def counted(*of_runs):
        found = real(*of_runs)
        made.append(found.delay.size)
        return found

    monkeypatch.setattr(walk, "walk", counted)
    meanfield.sample(battery, TIMES / 20, 40, seed=4)
    alone = made.copy()
    made.clear()
    both = meanfield.sample(battery, TIMES / 20, 40, seed=4, records="summary")
    assert made == alone
    assert both.records.run.tolist() == list(range(40))
    _same_counts(both.tally, meanfield.sample(battery, TIMES / 20, 40, seed=4).tally)
