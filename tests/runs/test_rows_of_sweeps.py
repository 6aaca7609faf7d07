"""What a study tells of its single runs: whose rows they are, how many, where a number is not."""

import json

import numpy as np
import pandas as pd
import pytest
import tomli_w
from typer.testing import CliRunner

from darkbattery.nvmodel import InputError, Summary
from darkbattery.runs.choice.choice import chosen, not_everywhere
from darkbattery.runs.cli import app
from darkbattery.runs.definitions.definition import parse_definition
from darkbattery.runs.results.store import SUMMED, definition_content, load, write_checksums
from darkbattery.runs.results.study import run_study
from darkbattery.runs.results.summary import runs_line, runs_made
from darkbattery.runs.start.replay import replay


def _definition(model, **run):
    return {"model": model, "run": {"times": [0.0, 0.5, 1.0], "seed": 4, **run}}


@pytest.fixture(autouse=True)
def _no_figures(monkeypatch):
    monkeypatch.setattr("darkbattery.runs.start.execute._draw", lambda *_: ())  # takes seconds


def _run(tmp_path, content, *arguments):
    path = tmp_path / "study.toml"
    path.write_text(tomli_w.dumps(content), "utf-8")
    answer = CliRunner().invoke(app, ["run", str(path), "--out", str(tmp_path / "out"), *arguments])
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_rows_of_all_points_are_told_apart_by_swept_fields(tmp_path):
    model = {"n_battery": [1, 2], "ratio": 3, "nbar": [0, 0.5]}
    records = {"levels": [0.4], "of_end": []}
    _run(tmp_path, _definition(model, method="sample", runs=20, records=records))
    rows = pd.read_parquet(tmp_path / "out" / "records")
    assert len(rows) == 4 * 20
    assert not rows.duplicated(["n_battery", "nbar", "run"]).any()
    assert list(rows.columns[:3]) == ["n_battery", "nbar", "run"]
    assert rows["nbar"].dtype == float  # 0 and 0.5 are one column
    assert "time_to_40" in rows
    assert "time_to_25" not in rows
    # the definition in the folder is the one that was run
    assert load(tmp_path / "out").study.definition.records == Summary(levels=(0.4,), of_end=())


def test_points_with_and_without_noise_have_the_same_columns(tmp_path):
    model = {"n_battery": 1, "ratio": 3, "battery_noise": {"emission": [0.0, 0.3]}}
    _run(tmp_path, _definition(model, method="sample", runs=20, records="summary"))
    rows = pd.read_parquet(tmp_path / "out" / "records")
    lost = rows.groupby("battery_noise.emission")["local_loss"].sum()
    assert lost[0.0] == 0
    assert lost[0.3] > 0
    assert rows["final_J"].isna().sum() == 20


def test_an_extension_keeps_its_levels_and_adds_up_its_time(tmp_path):
    model = {"n_battery": 1, "ratio": 3}
    few = _definition(model, method="sample", runs=20, records="summary")
    _run(tmp_path, few)
    out = tmp_path / "out"
    record = json.loads((out / "provenance.json").read_text("utf-8"))
    assert record["runs_made"] == {"model": 20}
    record["wall_seconds"] = 1000.0  # as if it had been long
    (out / "provenance.json").write_text(json.dumps(record), "utf-8")
    write_checksums(out, SUMMED)
    more = _definition(model, method="sample", runs=30, records={"levels": [0.4]})
    path = tmp_path / "study.toml"
    path.write_text(tomli_w.dumps(more), "utf-8")
    refused = CliRunner().invoke(app, ["run", str(path), "--out", str(out), "--extend"])
    assert str(refused.exception).startswith("run.records = Summary(levels=(0.4,)): must be")
    more = _definition(model, method="sample", runs=30, records="summary")
    said = _run(tmp_path, more, "--extend")
    assert "s with all before" in said
    record = json.loads((out / "provenance.json").read_text("utf-8"))
    assert record["runs_made"] == {"model": 30}
    assert 1000.0 < record["wall_seconds"] < 1600.0
    assert len(pd.read_parquet(out / "records")) == 30


def test_the_number_of_runs_is_told_and_answers_the_precision(tmp_path):
    precision = {"observable": "battery_energy", "absolute": 0.05, "min_runs": 50}
    model = {"n_battery": 1, "ratio": [3, 5]}
    said = _run(tmp_path, _definition(model, method="sample", runs=100_000, precision=precision))
    study = load(tmp_path / "out").study
    line = runs_line(study)
    assert line in said
    assert line.endswith(
        ": enough for an error of battery_energy of at most 0.05 at every output time"
    )
    shown = CliRunner().invoke(app, ["show", str(tmp_path / "out")]).output
    assert line in shown
    for label, number in runs_made(study):
        ratio = int(label.partition("=")[2])
        here = study.table[study.table["ratio"] == ratio]
        assert set(here["runs"]) == {number}
        assert 50 <= number < 100_000
        worst = here[here["observable"] == "battery_energy"]["error"].max()
        assert worst <= 0.05
    precision["absolute"] = 1e-6
    unreached = parse_definition(_definition(model, method="sample", runs=60, precision=precision))
    assert "60 single runs at each point: not enough" in runs_line(run_study(unreached))
    exact = parse_definition(_definition(model, method="evolve"))
    assert runs_line(run_study(exact)) == ""


ASKED = ["battery_energy", "daemonic_ergotropy"]


def test_a_method_gives_an_observable_where_it_has_it_and_says_where_not():
    # averages know what single runs know at nbar = 0 alone
    model = {"n_battery": 2, "ratio": 3, "nbar": [0.0, 0.5, 1.0]}
    definition = parse_definition(
        _definition(model, method=["evolve", "sample"], runs=50, observables=ASKED)
    )
    assert not_everywhere(definition) == ["evolve: no daemonic_ergotropy at nbar=0.5 and nbar=1.0"]
    study = run_study(definition)
    there = study.table[study.table["observable"] == "daemonic_ergotropy"]
    assert sorted(there[there["method"] == "evolve"]["nbar"].unique()) == [0.0]
    assert sorted(there[there["method"] == "sample"]["nbar"].unique()) == [0.0, 0.5, 1.0]
    assert study.warnings[0] == "evolve: no daemonic_ergotropy at nbar=0.5 and nbar=1.0"
    cold, warm, _ = definition.points()
    assert chosen(definition, cold, "evolve").observables == tuple(ASKED)
    assert chosen(definition, warm, "evolve").observables == ("battery_energy",)


def test_a_method_without_anything_at_a_point_is_refused():
    model = {"n_battery": 2, "ratio": 3, "nbar": [0.0, 0.5]}
    definition = parse_definition(_definition(model, method="evolve", observables=[ASKED[1]]))
    with pytest.raises(InputError, match=r"has none of the observables .* at nbar=0.5"):
        run_study(definition)


def test_the_definition_with_levels_is_written_as_it_was_read():
    model = {"n_battery": 1, "ratio": 3}
    for records in ("summary", {"levels": [0.1, 0.9]}, {"of_end": [0.99]}):
        definition = parse_definition(_definition(model, method="sample", runs=5, records=records))
        assert parse_definition(definition_content(definition)) == definition
    plain = _definition(model, method="sample", runs=5, records="summary")
    assert definition_content(parse_definition(plain))["run"]["records"] == "summary"
    for bad, reason in (
        ({"level": [0.5]}, "run.records.level = 'level': unknown; did you mean 'levels'?"),
        ({"levels": [2.0]}, "run.records.levels = 2.0: must be a finite number > 0, at most 1"),
    ):
        with pytest.raises(InputError, match=reason.replace("?", r"\?")):
            parse_definition(_definition(model, method="sample", runs=5, records=bad))


def test_results_of_an_earlier_version_are_read_without_numbers_of_runs(tmp_path):
    from darkbattery.runs.results.store import TABLE

    _run(tmp_path, _definition({"n_battery": 1, "ratio": 3}, method="sample", runs=20))
    out = tmp_path / "out"
    pd.read_parquet(out / TABLE).drop(columns="runs").to_parquet(out / TABLE, index=False)
    write_checksums(out, SUMMED)
    study = load(out).study
    assert (study.table["runs"] == 0).all()
    assert runs_line(study) == ""
    assert np.isfinite(study.table["value"]).all()


def test_runs_at_a_resonator_have_rows_and_are_made_again(tmp_path):
    ensemble = {"number": 2, "coupling_hz": 1.0}
    resonator = {"frequency_hz": 5e9, "linewidth_fwhm_hz": 2.4}
    model = {"battery": ensemble, "charger": ensemble | {"number": 4}, "resonator": resonator}
    names = ["battery_energy", "ergotropy"]
    run = {"method": "sample", "runs": 12, "records": "summary", "single_runs": 1}
    _run(tmp_path, _definition(model, engine="auto", observables=names, **run))
    rows = pd.read_parquet(tmp_path / "out" / "records")
    again = replay(load(tmp_path / "out"), run=7, point=0)
    assert rows["emitted_photons"][7] == len(again.jumps)
    assert rows["final_energy"][7] == again.states["battery_energy"].iloc[-1]
    # both sides of every jump are drawn, beside the three output times
    assert len(again.drawn) == 3 + 2 * len(again.jumps)
    assert {"photons", "ergotropy", "population_2"} <= set(again.states)
