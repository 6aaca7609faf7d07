"""Statistics of single runs in definitions, result folders, figures and tables."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from darkbattery.nvmodel import InputError
from darkbattery.runs.definitions.definition import parse_definition
from darkbattery.runs.definitions.jsonschema import json_schema
from darkbattery.runs.figures.save import save_figures
from darkbattery.runs.figures.statistics import draw_statistics
from darkbattery.runs.results.store import definition_content, load
from darkbattery.runs.results.study import refuse_unread, run_study
from tests.mpi import launch

ASKED = {
    "of": ["first_passage of 0.5", "peak_power", "work from 0.1 to 0.4"],
    "joint": [["emitted_photons at t = 0.2", "final_J"]],
    "where": "emitted_photons < 3 at t = 0.2",
}
CONTENT = {
    "title": "asked",
    "model": {"n_battery": 2, "n_charger": [4, 10]},
    "run": {
        "method": "sample",
        "times": {"stop": 1.0, "points": 21},
        "observables": ["battery_energy"],
        "runs": 2000,
        "seed": 3,
        "statistics": ASKED,
    },
}
TOML = """
title = "asked"
[model]
n_battery = 2
n_charger = [4, 10]
[run]
method = "sample"
times = { stop = 1.0, points = 21 }
observables = ["battery_energy"]
runs = 2000
seed = 3
[run.statistics]
of = ["first_passage of 0.5", "peak_power", "work from 0.1 to 0.4"]
joint = [["emitted_photons at t = 0.2", "final_J"]]
where = "emitted_photons < 3 at t = 0.2"
"""


def _with(**run):
    return CONTENT | {"run": CONTENT["run"] | run}


def test_a_definition_says_them_and_is_written_as_it_was_read():
    definition = parse_definition(CONTENT)
    assert parse_definition(definition_content(definition)) == definition
    plain = parse_definition(_with(statistics=None))
    assert plain.study_digest() != definition.study_digest()
    # as versions without statistics had it
    assert plain.study_digest() == parse_definition(_with(statistics=None, runs=7)).study_digest()
    table = json_schema()["properties"]["run"]["properties"]["statistics"]["properties"]
    assert table["joint"]["items"]["maxItems"] == 2


@pytest.mark.parametrize(
    ("run", "text"),
    [
        ({"statistics": 3}, "run.statistics = 3: must be a table"),
        ({"statistics": {"off": []}}, "run.statistics.off"),
        ({"statistics": {"of": ["peak"]}}, "run.statistics.of = 'peak': unknown"),
        ({"statistics": {}}, "must ask for something"),
        ({"statistics": {"of": ["work from 0 to 0.42"]}}, "run.statistics.of = 0.42: must be one"),
        ({"method": "evolve", "runs": None}, 'only with method = "sample"'),
        ({"times": {"stop": 1.0, "points": 21, "unit": "burst"}}, 'not with unit = "burst"'),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_line(run, text):
    with pytest.raises(InputError) as refused:
        parse_definition(_with(**run))
    assert text in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_runs_do_not_have_is_refused_before_any_are_made():
    definition = parse_definition(
        CONTENT | {"model": {"n_battery": 2, "n_charger": 4, "battery_noise": {"dephasing": 1.0}}}
    )
    with pytest.raises(InputError, match="is not known of these runs"):
        refuse_unread(definition)


def test_tables_and_figure_of_a_sweep():
    study = run_study(parse_definition(CONTENT))
    whole = study.statistics[study.statistics.time.isna()]
    assert set(whole.n_charger) == {4, 10}
    shares = whole[whole.quantity == "runs"].set_index("n_charger").value
    joints = study.joints[study.joints["where"] == ""]
    for size, joint in joints.groupby("n_charger"):
        assert joint.weight.sum() == 2000
        assert joint[joint.one_low < 3].weight.sum() == round(2000 * shares[size])
    figure = draw_statistics(study)
    # three quantities, the selected runs' energy, one joint histogram
    assert sum(axis.axison for axis in figure.axes) == 5
    # two points, all and selected; whole numbers as points, bins as steps with their own edges
    drawn = [len(axis.lines) + len(axis.patches) for axis in figure.axes[:4]]
    assert drawn == [4] * 4
    plt.close(figure)


def test_a_level_that_no_run_reaches_and_whole_numbers_are_drawn_as_such():
    asked = {"of": ["first_passage of 1", "final_J"], "joint": [["final_J", "final_J"]]}
    study = run_study(parse_definition(_with(statistics=asked, runs=50)))
    figure = draw_statistics(study)
    passage, spin, joint = figure.axes[:3]
    assert [text.get_text() for text in passage.texts] == ["no run reached it"]
    assert passage.get_xlabel() == "first passage of 1  (1/γ)"
    for line in spin.lines:
        assert np.array_equal(line.get_xdata(), np.round(line.get_xdata()))
    sizes = joint.collections[0].get_sizes()
    runs = study.joints[study.joints.n_charger == 4].weight.to_numpy()
    assert np.allclose(sizes / sizes.max(), runs / runs.max())  # areas are numbers of runs
    plt.close(figure)


@pytest.mark.long  # drawing takes five seconds
def test_the_figure_is_saved_beside_the_others(tmp_path):
    study = run_study(parse_definition(CONTENT))
    assert "statistics.png" in [path.name for path in save_figures(study, tmp_path)]


def test_extending_a_study_gives_the_bytes_of_one_start(tmp_path):
    (tmp_path / "asked.toml").write_text(TOML.replace("runs = 2000", "runs = 900"))
    (tmp_path / "whole.toml").write_text(TOML)
    first = launch.here("run", "asked.toml", "--out", "asked", cwd=tmp_path).stdout
    (tmp_path / "asked.toml").write_text(TOML)
    launch.here("run", "asked.toml", "--out", "asked", "--extend", cwd=tmp_path)
    launch.here("run", "whole.toml", "--out", "whole", cwd=tmp_path)
    assert "selected: emitted_photons < 3 at t = 0.2" in first
    for name in ("statistics.parquet", "joints.parquet", "distributions.parquet"):
        assert (tmp_path / "asked" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    read = load(tmp_path / "whole").study
    assert read.statistics.equals(pd.read_parquet(tmp_path / "whole" / "statistics.parquet"))
    assert np.isfinite(read.statistics.value).all()
