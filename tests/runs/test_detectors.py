"""Detectors in definitions, and the page on what a record is worth."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from darkbattery.nvmodel import Detector, InputError
from darkbattery.runs.definitions.definition import (
    find_definition,
    parse_definition,
    read_definition,
)
from darkbattery.runs.pages.marks import rows_of_page, shown
from darkbattery.runs.ranks.world import working_communicator
from darkbattery.runs.start.execute import Order, execute
from darkbattery.runs.studies.detectors import (
    SIZE,
    exact,
    exact_table,
    one_spin_table,
)
from darkbattery.runs.studies.pages import make

PAGE = Path(__file__).parents[2] / "docs" / "detectors.md"
RUN = {"method": "sample", "times": [0.1, 0.4], "runs": 10}


def _definition(**detector):
    model = {"n_battery": 1, "ratio": 2}
    return parse_definition({"model": model | detector, "run": RUN})


def test_a_detector_is_swept_by_its_fields():
    sweep = {"kind": ["homodyne", "heterodyne"], "efficiency": [0.5, 1.0]}
    found = [point.model.detector for point in _definition(detector=sweep).points()]
    pairs = [(kind, efficiency) for kind in sweep["kind"] for efficiency in sweep["efficiency"]]
    assert found == [Detector(kind, efficiency=efficiency) for kind, efficiency in pairs]


def test_a_photon_counter_is_one_model_in_both_forms_and_the_short_form_keeps_its_digest():
    short, long = (
        _definition(detector_efficiency=0.5),
        _definition(detector={"kind": "photons", "efficiency": 0.5}),
    )
    assert short.points()[0].model == long.points()[0].model
    assert dict(short.model) == {"n_battery": (1,), "ratio": (2,), "detector_efficiency": (0.5,)}


@pytest.mark.parametrize(
    ("detector", "message"),
    [
        ({"kind": "eye"}, r"detector\.kind = 'eye'"),
        ({"kind": "photons", "phase": 1.0}, r"detector\.phase = 1\.0: must be 0"),
        ({"kind": "homodyne", "efficiency": 0.0}, r"detector\.efficiency = 0\.0"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_refusals_of_definitions(detector, message):
    with pytest.raises(InputError, match=message):
        _definition(detector=detector)


@pytest.mark.long
def test_the_table_of_a_small_study(tmp_path):
    text = find_definition(SIZE).read_text()
    text = text.replace("[1, 2, 5, 10]", "[1, 2]").replace("20_000", "200")
    (tmp_path / "small.toml").write_text(text.replace("points = 49", "points = 4"))
    order = Order(str(tmp_path / "small.toml"), tmp_path / "out", "replace")
    execute(order, working_communicator(), Console(quiet=True))
    table = exact_table(tmp_path / "out", "n_battery", "N_B")
    assert table["N_B"].tolist() == ["1", "2"]
    page = rows_of_page(PAGE, "size")
    # exact columns of the page, made again
    for row, cells in zip(table.itertuples(index=False), page, strict=False):
        assert [row[i] for i in (0, 1, 2, 5)] == [cells[i] for i in (0, 1, 2, 5)]


def _numbers(cells):
    return [float(cell.split("(")[0]) for cell in cells]


def test_every_worth_on_the_page_lies_between_its_bounds():
    for cells in [*rows_of_page(PAGE, "size"), *rows_of_page(PAGE, "ratio")]:
        average, photons, homodyne, heterodyne, energy = _numbers(cells[1:6])
        assert average <= photons < homodyne < energy
        assert photons < heterodyne < energy
    for cells in rows_of_page(PAGE, "temperature"):
        average, *worths, energy = _numbers(cells[1:])
        assert all(average < worth < energy for worth in worths)


def test_sizes_that_stand_in_two_tables_agree():
    """(2, 10) at R = 5 is in both: by 20,000 runs, and by 10,000."""
    (by_size,) = (cells for cells in rows_of_page(PAGE, "size") if cells[0] == "2")
    (by_ratio,) = (cells for cells in rows_of_page(PAGE, "ratio") if cells[0] == "5")
    one, two = _numbers(by_size[1:6]), _numbers(by_ratio[1:6])
    # two standard errors of the smaller study, 1.0e-3; exact columns are the same
    np.testing.assert_allclose(one, two, atol=2e-3)
    assert [by_size[i] for i in (1, 2, 5)] == [by_ratio[i] for i in (1, 2, 5)]


def test_one_spin_by_one():
    for cells, row in zip(rows_of_page(PAGE, "one"), one_spin_table().values.tolist(), strict=True):
        assert cells == row


def test_the_exact_columns_are_those_of_a_perfect_counter():
    model = read_definition(find_definition(SIZE)).points()[1].model
    found = exact(model, [10.0])
    assert shown(found["daemonic_ergotropy"][0]) == rows_of_page(PAGE, "size")[0][2]


@pytest.mark.long
def test_the_whole_page_made_again(tmp_path):
    (tmp_path / "figures").mkdir()
    copy = tmp_path / "detectors.md"
    copy.write_text(PAGE.read_text())
    make("detectors", copy, tmp_path / "results")
    assert copy.read_text() == PAGE.read_text()
