"""The page on the scatter of single runs: its numbers made again, and its marks."""

from pathlib import Path

import numpy as np
import pytest

from darkbattery.nvmodel import InputError
from darkbattery.runs.definitions.definition import find_definition, read_definition
from darkbattery.runs.pages.marks import fill, rows_of_page, shown
from darkbattery.runs.studies.fluctuations import (
    RATIO,
    SIZE,
    TEMPERATURE,
    charging_line,
    exponent,
    reliability_table,
    spread,
)
from darkbattery.runs.studies.pages import make
from darkbattery.trajectories import sample, steady_state
from darkbattery.trajectories.reading.endstates import dark_states

PAGE = Path(__file__).parents[2] / "docs" / "fluctuations.md"


def _read(cell):
    """Value and error of a cell such as 0.0614(15), or 12.3(1.2)."""
    value, digits = cell.rstrip(")").split("(")
    places = len(value.partition(".")[2])
    return float(value), float(digits) * (1.0 if "." in digits else 10.0**-places)


@pytest.mark.parametrize(
    ("name", "mark", "left_out", "points"),
    [(SIZE, "size", ("R", "reached"), (0, 1, 2)), (RATIO, "ratio", ("N_B",), (1, 3, 5))],
)
def test_rows_of_the_page_made_again(name, mark, left_out, points):
    """Run i is fixed by (seed, i) alone: the cells must be the same, character by character."""
    definition = read_definition(find_definition(name))
    page = rows_of_page(PAGE, mark)
    assert len(page) == len(definition.points())
    for i in points:
        model = definition.points()[i].model
        times = definition.times_of(model)
        made = sample(model, times, definition.runs, definition.seed, records="summary")
        line, _ = charging_line(model, made.records)
        assert page[i] == [cell for key, cell in line.items() if key not in left_out]


def test_reliabilities_of_the_page():
    """Exact, hence the same characters; none beyond its bound."""
    page = rows_of_page(PAGE, "reliability")
    assert page == reliability_table().to_numpy().tolist()
    values = np.array(page, dtype=float)
    assert (values[:, 3] <= values[:, 4]).all()
    assert (values[:, 5] >= values[:, 6]).all()


def test_temperatures_of_the_page():
    """Closed forms again, and single runs within five errors of them."""
    definition = read_definition(find_definition(TEMPERATURE))
    names = ("energy_variance_runs", "energy_variance_conditional", "ergotropy_variance_runs")
    page = rows_of_page(PAGE, "temperature")
    assert len(page) == len(definition.points())
    for cells, point in zip(page, definition.points(), strict=True):
        steady = steady_state(point.model, names)
        for column, name in zip((2, 4, 6), names, strict=True):
            exact = np.sqrt(steady[name][0])
            assert cells[column + 1] == shown(exact)
            value, error = _read(cells[column])
            assert abs(value - exact) < 5.0 * error


def test_exponents_of_the_page_are_near_their_limits():
    for cells in rows_of_page(PAGE, "exponents"):
        value, _ = _read(cells[1])
        # 1/N_B, with corrections of order 1/10 and 1/ln at the smallest size
        assert value == pytest.approx(-1.0, abs=0.06)
        if cells[2] != "-":
            assert value == pytest.approx(float(cells[2]), abs=0.02)


def test_large_batteries_scatter_as_the_page_says():
    """sd E = R^(3/2)/[(R - 1)^2 N_B] for R > 1; sqrt(1 - pi/4)/(2 sqrt(N_B)) for R = 1."""

    def scatter(n_battery, n_charger):
        dark = dark_states(n_battery, n_charger)
        return np.sqrt(dark.probability @ (dark.energy - dark.probability @ dark.energy) ** 2)

    # corrections of order 1/N_B, with a factor of some 15 at R = 2
    for ratio in (2, 5):
        limit = ratio**1.5 / (ratio - 1) ** 2 / 4000
        assert scatter(4000, 4000 * ratio) == pytest.approx(limit, rel=0.006)
    # at R = 1 of order 1/sqrt(N_B)
    limit = np.sqrt(1.0 - np.pi / 4.0) / (2.0 * np.sqrt(400.0))
    assert scatter(400, 400) == pytest.approx(limit, rel=0.03)


def test_jackknife_of_a_standard_deviation_and_of_a_power():
    rng = np.random.default_rng(3)
    normal = rng.normal(size=40_000)
    found = spread(normal)
    # the error of a Gaussian's deviation is sigma/sqrt(2 n); of 32 groups it is known to 13 %
    assert found.error == pytest.approx(1.0 / np.sqrt(80_000), rel=0.4)
    # the same numbers at every size: the power is exact, and known to be
    sizes = np.array([10.0, 100.0, 1000.0])
    a, error = exponent(sizes, [spread(normal * size**-0.5) for size in sizes])
    assert a == pytest.approx(-0.5, abs=1e-12)
    assert error < 1e-12


def test_a_page_without_marks_is_refused(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("no marks")
    with pytest.raises(InputError, match="page = 'size': has no such marks"):
        fill(page, {"size": None})


@pytest.mark.long
def test_the_whole_page_made_again(tmp_path):
    (tmp_path / "figures").mkdir()
    copy = tmp_path / "fluctuations.md"
    copy.write_text(PAGE.read_text())
    make("fluctuations", copy, tmp_path / "results")
    assert copy.read_text() == PAGE.read_text()
    assert (tmp_path / "figures" / "fluctuations.png").stat().st_size > 10_000
