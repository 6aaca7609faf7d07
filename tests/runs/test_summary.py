"""The numbers that run, show and report print: one time each; and the stored single runs."""

import numpy as np
import pytest

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery
from darkbattery.runs.definitions.definition import parse_definition
from darkbattery.runs.figures import draw
from darkbattery.runs.report.charts import charts
from darkbattery.runs.results.study import run_study
from darkbattery.runs.results.summary import ends
from darkbattery.runs.terminal.screen import found


def _study(model, method, **run):
    return run_study(parse_definition({"model": model, "run": {"method": method, **run}}))


def _row(study):
    (curves,) = ends(study).values()
    return {(o.quantity, o.moment, o.method): o.value for o in found(study, curves)}


def test_the_end_of_the_times_is_not_the_steady_state():
    """At N_B = 1000 charging has hardly begun: E = 7.6e-5 at the end, W is .9989 at infinity."""
    model = {"n_battery": 1000, "ratio": 5}
    names = ["battery_energy", "ergotropy"]
    row = _row(_study(model, ["steady", "evolve"], times=[0.0, 1e-5], observables=names))
    battery = CollectiveBattery(1000, 5000)
    evolved = trajectories.evolve(battery, [0.0, 1e-5], names)
    steady = trajectories.steady_state(battery, names)
    assert row["battery energy", "at the end", "exact"] == evolved["battery_energy"][-1] < 1e-3
    assert row["ergotropy", "at the end", "exact"] == evolved["ergotropy"][-1] < 1e-3
    assert row["battery energy", "steady state", "exact"] == steady["battery_energy"][0] > 0.99
    assert row["ergotropy", "steady state", "exact"] == steady["ergotropy"][0] > 0.99


def test_what_the_times_do_not_have_is_not_taken_from_infinity():
    """The default observables of so many spins have no ergotropy at finite times."""
    row = _row(_study({"n_battery": 1000, "ratio": 5}, ["steady", "evolve"], times=[0.0, 1e-5]))
    assert ("ergotropy", "at the end", "exact") not in row
    assert row["ergotropy", "steady state", "exact"] > 0.99


def test_deviations_compare_the_same_time():
    """0.02 of 1/gamma is far from the end: against the steady state z would be some -600."""
    run = {"times": [0.0, 0.02], "runs": 2000, "seed": 3, "observables": ["battery_energy"]}
    without = _row(_study({"n_battery": 2, "ratio": 5}, ["steady", "sample"], **run))
    assert not any(method == "deviation" for _, _, method in without)
    assert (
        without["battery energy", "steady state", "exact"]
        > without["battery energy", "at the end", "sampled"] + 0.4
    )
    row = _row(_study({"n_battery": 2, "ratio": 5}, ["steady", "evolve", "sample"], **run))
    assert abs(row["battery energy", "at the end", "deviation"]) < 4.0  # of one seed


@pytest.mark.parametrize("engine", ["quantum", "semiclassical"])
def test_stored_runs_are_the_first_that_were_made(engine):
    names = ["power", "emission_rate"]
    run = {
        "times": [0.1, 0.3], "runs": 3, "first": 40, "seed": 5, "single_runs": 5, "engine": engine,
        "observables": names,
    }  # fmt: skip
    study = _study({"n_battery": 2, "ratio": 5}, "sample", **run)
    stored = study.single_runs
    assert sorted(stored["run"].unique()) == [40, 41, 42]
    assert list(stored["observable"].unique()) == names
    if engine == "quantum":
        one = trajectories.sample(CollectiveBattery(2, 10), [0.1, 0.3], 1, 5, first=41)
        here = stored[(stored["run"] == 41) & (stored["observable"] == "power")]
        np.testing.assert_array_equal(here["value"], one["power"])
    # the mean of all runs is that of the table: they are the same runs
    mean = stored.groupby(["observable", "time"], sort=False)["value"].mean()
    table = study.table.set_index(["observable", "time"])["value"]
    for key, value in mean.items():
        # sums keep 30 bits of each quantity's largest magnitude
        assert value == pytest.approx(table[key], abs=1e-6)
    draw(study)  # which has no energies to draw
    assert any("single runs" in chart.name for chart in charts(study))


def test_stored_runs_of_a_study_that_stopped_early():
    run = {
        "times": [0.1], "runs": 100_000, "single_runs": 300, "seed": 5, "engine": "semiclassical",
        "precision": {"observable": "battery_energy", "absolute": 0.2, "min_runs": 20},
    }  # fmt: skip
    study = _study({"n_battery": 2, "ratio": 5}, "sample", **run)
    made = study.sampled[0].runs
    assert made < 300  # one block
    assert study.single_runs["run"].nunique() == made


def test_without_names_energies_ergotropy_and_photons_are_stored():
    study = _study({"n_battery": 2, "ratio": 5}, "sample", times=[0.1], runs=2, single_runs=1)
    expected = ["battery_energy", "charger_energy", "ergotropy", "emitted_photons"]
    assert list(study.single_runs["observable"].unique()) == expected
