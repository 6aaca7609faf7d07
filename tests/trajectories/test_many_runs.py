"""Many runs as arrays are single runs side by side, and add up to what `sample` says of them."""

import numpy as np
import pandas as pd
import pytest

from darkbattery import trajectories
from darkbattery.nvmodel import (
    CollectiveBattery,
    Detector,
    InputError,
    LocalNoise,
    Resonator,
    ResonatorBattery,
    SpinEnsemble,
)
from tests.mpi import launch

TIMES = [0.0, 0.2, 0.7]
MODELS = {
    "cold": CollectiveBattery(2, 5),
    "warm": CollectiveBattery(2, 5, nbar=0.4),
    "noisy": CollectiveBattery(2, 3, battery_noise=LocalNoise(dephasing=0.5)),
    "mode": ResonatorBattery(
        SpinEnsemble(3, coupling=2.0), Resonator(3e9, 1.0), SpinEnsemble(2, coupling=2.0)
    ),
    "mixed": ResonatorBattery(
        SpinEnsemble(2, coupling=2.0, polarisation=0.8),
        Resonator(3e9, 1.0),
        SpinEnsemble(2, coupling=1.0),
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_they_are_the_runs_that_are_made_and_added_up(name):
    model, chosen = MODELS[name], [4, 5, 6, 7, 8]
    found = trajectories.single_runs(model, TIMES, 3, chosen)
    one = trajectories.single_run(model, TIMES, 3, 6)
    np.testing.assert_array_equal(found.jumps_of(6), one.jump_times)
    np.testing.assert_array_equal(found.populations[2], one.populations)
    np.testing.assert_array_equal(found.final_amplitudes[2], one.amplitudes[-1])
    sampled = trajectories.sample(model, TIMES, 5, 3, first=4)
    energy = found.courses["battery_energy"].mean(axis=0)
    # sums of single runs are in units of 2^-30
    np.testing.assert_allclose(energy, sampled["battery_energy"], atol=2e-9)
    np.testing.assert_allclose(found.populations.sum(axis=2), 1.0, atol=1e-9)
    levels = np.arange(3) / 2
    np.testing.assert_allclose(
        found.populations @ levels, found.courses["battery_energy"], atol=1e-9
    )
    states, jumps = found.states_to_dataframe(), found.jumps_to_dataframe()
    assert len(states) == 15
    photons = jumps[jumps.process == trajectories.PROCESSES[0]].groupby("run").size()
    last = states[states.time == 0.7].set_index("run").emitted_photons
    np.testing.assert_array_equal(photons.reindex(last.index, fill_value=0), last)
    final = found.final_states_to_dataframe()
    norm = (final.real**2 + final.imaginary**2).groupby(final.run).sum()
    np.testing.assert_allclose(norm, 1.0, atol=1e-9)


@pytest.mark.parametrize(
    ("runs", "text"),
    [
        (5, "must be indices of runs"),
        ([], "at least one index"),
        ([1, 1], "each once"),
        ([-1], "must be a whole number"),
        (range(30_000_000), "fewer runs or times"),
    ],
)
def test_what_are_no_runs_is_refused_in_a_line(runs, text):
    with pytest.raises(InputError, match=text):
        trajectories.single_runs(MODELS["cold"], TIMES, 3, runs)


RECORDS = {
    "homodyne": CollectiveBattery(2, 4, detector=Detector("homodyne", phase=0.3)),
    "heterodyne": CollectiveBattery(1, 3, detector=Detector("heterodyne", efficiency=0.5)),
    "warm homodyne": CollectiveBattery(1, 2, nbar=0.3, detector=Detector("homodyne")),
    "photons missed": CollectiveBattery(1, 2, nbar=0.3, detector_efficiency=0.5),
}


@pytest.mark.parametrize("name", RECORDS)
def test_records_of_many_runs_are_those_of_each(name):
    """Side by side or one by one: the same bits."""
    model = RECORDS[name]
    found = trajectories.single_runs(model, TIMES, 3, [4, 5, 6, 2])
    size = model.n_battery + 1
    assert found.battery_states.shape == (4, 3, size, size)
    for place, run in ((1, 5), (3, 2)):
        one = trajectories.single_run(model, TIMES, 3, run)
        np.testing.assert_array_equal(found.battery_states[place], one.battery_state)
        np.testing.assert_array_equal(found.courses["ergotropy"][place], one.ergotropy)
        np.testing.assert_array_equal(found.jumps_of(run), one.jump_times)
        if one.record is not None:
            np.testing.assert_array_equal(found.record[place], one.record)
    states = found.states_to_dataframe()
    rows = trajectories.sample(model, TIMES, 3, 3, first=4, records="summary").records
    last = states[(states.time == 0.7) & (states.run >= 4)]
    np.testing.assert_array_equal(last.battery_energy, rows.final_energy)
    assert ("record_x" in states) == (name != "photons missed")
    if "record_x" in states:
        whole = states[states.run >= 4].groupby("run").record_x.sum()
        np.testing.assert_allclose(whole, rows.record_x, atol=1e-12)
        assert ("record_y" in states) == (name == "heterodyne")
    batteries = found.final_batteries_to_dataframe()
    diagonal = batteries[batteries.excitations == batteries.excitations_2]
    np.testing.assert_allclose(diagonal.groupby("run").real.sum(), 1.0, atol=1e-12)
    final = found.final_states_to_dataframe()
    if name == "homodyne":  # pure: amplitudes over J and the photons emitted
        norm = (final.real**2 + final.imaginary**2).groupby(final.run).sum()
        np.testing.assert_allclose(norm, 1.0, atol=1e-9)
    else:
        assert final.empty


DEFINITION = """
title = "some"
[model]
n_battery = 2
n_charger = [3, 5]
[run]
method = "sample"
times = [0.0, 0.2, 0.7]
runs = 20
seed = 3
"""


def test_replay_writes_tables_of_many_runs(tmp_path):
    (tmp_path / "some.toml").write_text(DEFINITION)
    launch.here("run", "some.toml", "--out", "some", cwd=tmp_path)
    order = ("replay", "some", "--run", "4", "--to", "8", "--point", "1")
    assert launch.here(*order, cwd=tmp_path).returncode == 0
    stem = tmp_path / "some" / "replay" / "point-1-runs-4-8"
    found = trajectories.single_runs(MODELS["cold"], TIMES, 3, range(4, 9))
    for kind, table in (
        ("jumps", found.jumps_to_dataframe()),
        ("states", found.states_to_dataframe()),
        ("final", found.final_states_to_dataframe()),
    ):
        pd.testing.assert_frame_equal(pd.read_parquet(f"{stem}-{kind}.parquet"), table)
    assert not stem.with_name(f"{stem.name}-battery.parquet").exists()
    refused = launch.here("replay", "some", "--run", "4", "--to", "20", cwd=tmp_path)
    assert refused.returncode == 2
    assert "--to = 20: must be a whole number" in refused.stderr


def test_replay_writes_records_of_many_runs(tmp_path):
    text = DEFINITION.replace("[3, 5]", "4\ndetector = { kind = 'homodyne', phase = 0.3 }")
    (tmp_path / "some.toml").write_text(text)
    launch.here("run", "some.toml", "--out", "some", cwd=tmp_path)
    made = launch.here("replay", "some", "--run", "4", "--to", "8", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    stem = tmp_path / "some" / "replay" / "point-0-runs-4-8"
    model = CollectiveBattery(2, 4, detector=Detector("homodyne", phase=0.3))
    found = trajectories.single_runs(model, TIMES, 3, range(4, 9))
    for kind, table in (
        ("states", found.states_to_dataframe()),
        ("final", found.final_states_to_dataframe()),
        ("battery", found.final_batteries_to_dataframe()),
    ):
        pd.testing.assert_frame_equal(pd.read_parquet(f"{stem}-{kind}.parquet"), table)
