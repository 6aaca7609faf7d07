"""Rows of single runs of both engines: when they reach which charge, and on which ladder."""

import numpy as np
import pytest

from darkbattery import meanfield, trajectories
from darkbattery.nvmodel import CollectiveBattery, DickeState, InputError, LocalNoise, Summary

TIMES = np.linspace(0.0, 3.0, 31)
CHOSEN = Summary(levels=(0.3, 0.6), of_end=(0.9,))
SAMPLERS = {
    "cold": (trajectories.sample, CollectiveBattery(3, 9)),
    "warm": (trajectories.sample, CollectiveBattery(3, 9, nbar=0.2)),
    "noisy": (
        trajectories.sample,
        CollectiveBattery(2, 6, battery_noise=LocalNoise(emission=0.3)),
    ),
    "other start": (trajectories.sample, CollectiveBattery(2, 6, charger_start=DickeState(4))),
    "classical": (meanfield.sample, CollectiveBattery(30, 90)),
}


@pytest.mark.parametrize(("sample", "battery"), SAMPLERS.values(), ids=SAMPLERS)
def test_times_to_charge_are_those_of_each_run_alone(sample, battery):
    names = ["battery_energy"]
    rows = sample(battery, TIMES, runs=12, seed=5, observables=names, records=CHOSEN).records
    assert {"time_to_30", "time_to_60", "time_to_90_of_end"} <= set(rows)
    assert not {"time_to_25", "time_to_50_of_end"} & set(rows)
    for run, row in rows.iterrows():
        one = sample(battery, TIMES, runs=1, seed=5, first=run, observables=names)
        energy = one["battery_energy"]
        if energy[-1] < 1e-8:  # steps of the sums are 1e-9
            assert np.isnan(row["time_to_90_of_end"])
            continue
        for column, level in (
            ("time_to_30", 0.3),
            ("time_to_60", 0.6),
            ("time_to_90_of_end", 0.9 * energy[-1]),
        ):
            reached = np.flatnonzero(energy >= level)
            expected = TIMES[reached[0]] if reached.size else np.nan
            # times pass through units of gamma: some units in the last place
            assert row[column] == pytest.approx(expected, rel=1e-14, nan_ok=True)


@pytest.mark.parametrize("kind", ["cold", "warm", "other start"])
def test_final_ladders_are_those_of_the_distribution(kind):
    _, battery = SAMPLERS[kind]
    found = trajectories.sample(battery, TIMES, runs=200, seed=3, records="summary")
    counted = found.distributions["dark_state"]
    J, runs = np.unique(found.records["final_J"], return_counts=True)
    there = counted.weight > 0
    assert J.tolist() == np.sort(counted.low[there]).tolist()
    assert dict(zip(J, runs, strict=True)) == dict(
        zip(counted.low[there], counted.weight[there], strict=True)
    )


def test_a_cold_run_ends_in_the_dark_state_of_its_ladder():
    battery = CollectiveBattery(2, 6)
    rows = trajectories.sample(battery, [0.0, 60.0], runs=50, seed=2, records="summary").records
    # all start at M = (6 - 2)/2 and end at M = -J
    assert (rows["emitted_photons"] == 2 + rows["final_J"]).all()


def test_without_a_ladder_there_is_none_and_rows_have_the_same_columns():
    noisy = trajectories.sample(SAMPLERS["noisy"][1], TIMES, 5, seed=1, records="summary").records
    plain = trajectories.sample(SAMPLERS["cold"][1], TIMES, 5, seed=1, records="summary").records
    assert noisy["final_J"].isna().all()
    assert plain.dtypes.to_dict() == noisy.dtypes.to_dict()
    assert list(plain.columns) == list(noisy.columns)


def test_levels_are_refused_in_one_line():
    for fields, reason in (
        ({"levels": (0.0,)}, "records.levels = 0.0: must be a finite number > 0"),
        ({"of_end": (1.5,)}, "records.of_end = 1.5"),
        ({"levels": (0.5, 0.5)}, "must be different"),
        ({"levels": 0.5}, "must be a list"),
    ):
        with pytest.raises(InputError, match=reason):
            Summary(**fields)
    with pytest.raises(InputError, match="records = 'sumary'"):
        trajectories.sample(SAMPLERS["cold"][1], TIMES, 5, seed=1, records="sumary")
