"""The docs' table of methods is what the methods themselves say."""

from pathlib import Path

import pytest

from darkbattery.meanfield import methods as semiclassical
from darkbattery.nvmodel import InputError
from darkbattery.runs.choice.choice import AT_RESONATOR, IN_RESERVOIR
from darkbattery.runs.studies.pages import main, make
from darkbattery.runs.studies.reference.methods import NOWHERE, methods_table
from darkbattery.trajectories.averages.dicke import CLOSED

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"


@pytest.fixture(scope="module")
def table():
    return methods_table()


def test_the_page_is_what_its_generator_writes(tmp_path):
    copy = tmp_path / "methods.md"
    copy.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    make("methods", copy)
    assert copy.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "given", [[], ["methods"], ["method", "page.md"], ["methods", "a", "b", "c"]]
)
def test_what_makes_no_page_is_refused_in_a_line(given):
    with pytest.raises(InputError, match=r"NAME PAGE|did you mean 'methods'"):
        main(given)


def test_every_method_has_a_row(table):
    names = {one.name for one in (*IN_RESERVOIR, *AT_RESONATOR, *CLOSED, *semiclassical.METHODS)}
    assert set(table["method"]) == names


def test_sizes_are_those_of_the_limits(table):
    """The largest that a method gives is not refused; ten times as many is, or takes too long."""
    rows = table.set_index(["method", "of"])
    chains = rows.loc[("master equation", "reservoir, nbar = 0")]
    assert chains["negativity"] != NOWHERE
    heisenberg = rows.loc[("Heisenberg equation on doubling grids", "reservoir, nbar = 0")]
    assert heisenberg["energies, rates"].endswith("$10^{17}$")
    assert heisenberg["negativity"] == NOWHERE
