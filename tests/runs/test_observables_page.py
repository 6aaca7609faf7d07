"""The docs' table of observables is what `nvmodel.observables` and the methods say."""

from pathlib import Path

from darkbattery.nvmodel.observables import OBSERVABLES
from darkbattery.runs.studies.pages import make
from darkbattery.runs.studies.reference.observables import observables_table

PAGE = Path(__file__).parents[2] / "docs" / "observables.md"


def test_the_page_is_what_its_generator_writes(tmp_path):
    copy = tmp_path / "observables.md"
    copy.write_text(PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    make("observables", copy)
    assert copy.read_text(encoding="utf-8") == PAGE.read_text(encoding="utf-8")


def test_every_observable_has_a_row_and_some_method():
    table = observables_table().set_index("name")
    assert [name.removesuffix(" of PORT`").strip("`") for name in table.index] == list(OBSERVABLES)
    methods = table.drop(columns=["symbol", "unit", "definition"])
    assert (methods != "-").any(axis=1).all()
    # known from the model: over-run averages exist in closed form at T = 0 alone
    assert "warm" in table.loc["`daemonic_ergotropy`", "evolve"]
    assert table.loc["`photons`", "semiclassical evolve"] == "resonator"
