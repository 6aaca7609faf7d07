"""A receiver in a definition: what is stored, drawn and replayed of runs, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from darkbattery import meanfield, runs
from darkbattery.nvmodel.refusal import InputError
from darkbattery.runs.cli import app
from darkbattery.runs.definitions.definition import parse_definition
from darkbattery.runs.figures import draw
from darkbattery.runs.results.store import Result, definition_content
from darkbattery.runs.results.study import run_study
from darkbattery.runs.start.replay import draw_replay, replay

RECEIVER = {
    "port": "out",
    "sampling_rate_hz": 50e6,
    "bandwidth_hz": 20e6,
    "noise_temperature_k": 4,
}
MODEL = {
    "resonator": {
        "frequency_hz": 3e9,
        "linewidth_fwhm_hz": 1e6,
        "ports": {"in": {"linewidth_fwhm_hz": 2e5}, "out": {"linewidth_fwhm_hz": 5e5}},
    },
    "charger": {"number": 10**6, "coupling_hz": 6e3, "t2_s": 1e-6},
}
TOML = """
[model.resonator]
frequency_hz = 3e9
linewidth_fwhm_hz = 1e6
ports.in.linewidth_fwhm_hz = 2e5
ports.out.linewidth_fwhm_hz = 5e5
[model.charger]
number = 1e6
coupling_hz = 6e3
t2_s = 1e-6
[run]
engine = "semiclassical"
method = "sample"
runs = 5
seed = 3
single_runs = 3
times = { stop = 1e-6, points = 3 }
receiver = { port = "out", sampling_rate_hz = 50e6, bandwidth_hz = 20e6, noise_temperature_k = 4 }
"""


def _content(run=None, **receiver):
    asked = {
        "engine": "semiclassical", "method": "sample", "runs": 5, "seed": 3, "single_runs": 3,
        "times": [0.0, 5e-7, 1e-6], "receiver": RECEIVER | receiver,
    }  # fmt: skip
    return {"model": MODEL, "run": asked | (run or {})}


def test_a_study_stores_and_draws_what_python_gives():
    definition = parse_definition(_content({"first": 2}))
    study = run_study(definition)
    point = definition.points()[0]
    shots = meanfield.port_records(
        point.model, definition.times, 3, 3, definition.receiver, first=2
    )
    for name, part in (
        ("received_in_phase of out", np.real),
        ("received_quadrature of out", np.imag),
        ("received_power of out", lambda signal: np.abs(signal) ** 2),
    ):
        rows = study.single_runs[study.single_runs["observable"] == name]
        assert list(rows["run"].unique()) == [2, 3, 4]
        np.testing.assert_array_equal(rows["value"].to_numpy().reshape(3, -1), part(shots.signal))
        np.testing.assert_array_equal(rows["time"].to_numpy()[: shots.times.size], shots.times)
    titles = [axis.get_title("left") for axis in draw(study).axes]
    assert "received at port out: 3 shots" in titles
    assert "I and Q of run 2 at port out" in titles


def test_a_receiver_changes_no_run_and_stands_in_the_result():
    with_one = parse_definition(_content())
    content = _content()
    del content["run"]["receiver"]
    without = parse_definition(content)
    assert with_one.digest() == without.digest()
    assert with_one.study_digest() == without.study_digest()
    assert parse_definition(definition_content(with_one)) == with_one
    tables = [run_study(one).table for one in (with_one, without)]
    pd.testing.assert_frame_equal(*tables)


def test_a_replay_has_the_record_of_a_run_that_was_not_stored_too():
    definition = parse_definition(_content())
    result = Result(run_study(definition), {})
    for run, kept in ((1, True), (4, False)):
        one = replay(result, run, 0)
        assert set(one.received["run"]) == {run}
        rows = result.study.single_runs
        rows = rows[(rows["run"] == run) & rows["observable"].isin(definition.receiver.names)]
        assert kept == bool(len(rows))
        if kept:
            pd.testing.assert_frame_equal(rows.reset_index(drop=True), one.received)
    axes = draw_replay(one).axes
    assert "received at port out: 1 shot" in [axis.get_title("left") for axis in axes]
    # seconds with the prefix of the longest, as in the figures of a run
    last = one.states["time"].iloc[-1]
    assert axes[-1].get_xlabel() == "t (µs)"
    assert all(0.9 < axis.get_xlim()[1] / (1e6 * last) < 1.1 for axis in axes)


@pytest.mark.long
def test_run_and_replay_leave_the_same_record(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shots.toml").write_text(TOML)
    invoke = CliRunner().invoke
    assert invoke(app, ["run", "shots.toml", "--out", "out"]).exit_code == 0
    assert invoke(app, ["replay", "out", "--run", "1"]).exit_code == 0
    stored = pd.read_parquet("out/single_runs.parquet")
    stored = stored[(stored["run"] == 1) & stored["observable"].str.startswith("received")]
    again = pd.read_parquet("out/replay/point-0-run-1-received.parquet")
    pd.testing.assert_frame_equal(stored.reset_index(drop=True), again)


@pytest.mark.parametrize(
    ("receiver", "run", "message"),
    [
        ({"port": "ot"}, {}, "run.receiver.port = 'ot': .*did you mean 'out'"),
        ({"bandwidth_hz": 3e7}, {}, "run.receiver.bandwidth_hz = 3.*: must be at most half"),
        ({"noise_temperature_k": -4}, {}, "run.receiver.noise_temperature_k = -4: must be"),
        ({"sampling_rate_hz": "fast"}, {}, "run.receiver.sampling_rate_hz = 'fast': must be"),
        ({"bandwith_hz": 1e6}, {}, "run.receiver.bandwith_hz.*did you mean 'bandwidth_hz'"),
        ({"bandwidth_hz": 1e5}, {}, "run.receiver.bandwidth_hz = 1.*: needs .* samples"),
        ({"sampling_rate_hz": 1.9e11}, {"single_runs": 1000}, "makes 1.9e.08 samples of all"),
        ({}, {"engine": "quantum"}, "run.receiver = .*quantum jumps count photons"),
        ({}, {"engine": "auto"}, 'run.receiver = .*only with engine = "semiclassical"'),
        ({}, {"receiver": "out"}, "run.receiver = 'out': must be a table"),
        ({}, {"receiver": {"port": "out"}}, "run.receiver.sampling_rate_hz = None: must be given"),
        ({}, {"method": "evolve"}, 'run.runs = 5: only with method = "sample"'),
    ],
)
def test_bad_receivers_are_refused_in_a_line(receiver, run, message):
    with pytest.raises(InputError, match=message):
        parse_definition(_content(run, **receiver))


def test_it_is_refused_without_a_resonator_and_without_single_runs(tmp_path):
    content = _content()
    content["model"] = {"n_battery": 2, "n_charger": 10}
    with pytest.raises(InputError, match=r"run.receiver.port = 'out': .*no resonator with ports"):
        parse_definition(content)
    averages = {"engine": "semiclassical", "method": "evolve", "times": [1e-6]}
    with pytest.raises(InputError, match=r'run.receiver = .*only with method = "sample"'):
        parse_definition({"model": MODEL, "run": averages | {"receiver": RECEIVER}})
    path = tmp_path / "bad.toml"
    path.write_text(TOML.replace('port = "out"', 'port = "up"'))
    for command in ("check", "run"):
        answer = CliRunner().invoke(app, [command, str(path)])
        assert str(answer.exception) == "run.receiver.port = 'up': unknown; known: in, out"


def test_a_port_that_is_not_there_is_refused_with_the_nearest_that_is():
    definition = {
        "model": MODEL,
        "run": {
            "engine": "semiclassical",
            "method": "evolve",
            "times": [0.0, 1e-7],
            "observables": ["port_power of ot"],
        },
    }
    with pytest.raises(
        InputError, match=r"'port_power of ot': .* did you mean 'port_power of out'"
    ):
        runs.run(definition)
