"""The crossover study: the page and the map are what its definitions give."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from darkbattery import trajectories
from darkbattery.meanfield.expected import read_map
from darkbattery.nvmodel import CollectiveBattery, InputError
from darkbattery.runs.compare.matching import Source, matched
from darkbattery.runs.definitions.definition import find_definition, read_definition
from darkbattery.runs.pages.marks import markdown
from darkbattery.runs.ranks.signals import StopRequest
from darkbattery.runs.results.study import run_study
from darkbattery.runs.start.workplace import Workplace
from darkbattery.runs.studies.regimes.command import (
    GRIDS,
    METHODS,
    NAMES,
    carry_out,
    differences_of,
    fitted_peak,
    read_evidence,
    tell,
)
from darkbattery.runs.studies.regimes.errors import (
    LEVELS,
    Evidence,
    error_map,
    in_reservoir,
    usable_from,
)
from darkbattery.runs.studies.regimes.tables import all_tables, usable_by_model, usable_table

PAGE = Path(__file__).parents[2] / "docs" / "regimes.md"


def _table(name: str) -> str:
    """What stands between the marks of the page."""
    found = re.search(
        rf"<!-- {name}: generated -->\n(.*?)<!-- {name}: end -->", PAGE.read_text(), re.DOTALL
    )
    assert found is not None, name
    return found[1].strip()


def _part(name: str, **model: float) -> Source:
    """One of the study's definitions with some of its fields fixed."""
    definition = read_definition(find_definition(f"regimes/{name}"))
    fields = tuple(
        (key, (model.get(key, v[0]),) if key in model else v) for key, v in definition.model
    )
    return Source(name, run_study(replace(definition, model=fields)))


def test_the_first_tables_are_those_of_the_map():
    errors = read_map()
    assert _table("usable") == markdown(usable_table(errors))
    assert _table("usable_by_model") == markdown(usable_by_model(errors))


def test_the_map_covers_the_study():
    errors = in_reservoir(read_map())
    assert set(errors["method"]) == set(METHODS)
    models = errors[["ratio", "nbar"]].drop_duplicates()
    assert sorted(models.itertuples(index=False, name=None)) == [(2, 0), (2, 0.5), (5, 0), (5, 0.5)]
    energies = errors[(errors["observable"] == "battery_energy") & (errors["method"] == "wigner")]
    sizes = energies.groupby(["ratio", "nbar"])["spins"]
    assert (sizes.min() == [3, 3, 6, 6]).all()
    assert sizes.max().max() == 9_999_999_999_999_996
    # where less than 1 % is said, chance alone would hardly ever have shown more
    assert energies[energies["largest"] < 0.01]["noise"].max() < 0.015


@pytest.mark.parametrize("grid", GRIDS)
def test_the_map_is_made_again_where_it_is_cheap(grid):
    """Without noise: first, second order and delay average, at R = 5 and nbar = 0."""
    model = {"ratio": 5, "nbar": 0.0}
    if grid == "large":
        model["n_battery"] = 1_666_666_666_666_666
    methods = ("first", "second", "delay")
    exact, *others = [_part(f"{name}_{grid}", **model) for name in ("exact", *methods)]
    found = error_map(_evidence(differences_of(matched([exact, *others], False, False).pairs)))
    keys = ["method", "observable", "ratio", "nbar", "n_battery"]
    kept = in_reservoir(read_map()).set_index(keys)
    made = found.set_index(keys)
    assert len(made)
    for column in ("largest", "end", "peak", "peak_time"):
        expected = kept.loc[made.index, column].to_numpy()
        # four digits are kept; exact energies and integrators are good to 1e-8
        np.testing.assert_allclose(made[column].to_numpy(), expected, rtol=2e-3, atol=1e-7)


def test_wigner_is_made_again_at_one_point():
    """The same seed and runs: the same number in the map, but for another machine's rounding."""
    model = {"ratio": 5, "nbar": 0.0, "n_battery": 10}
    pairs = matched([_part("exact_small", **model), _part("wigner_small", **model)], False, False)
    (row,) = (
        error_map(_evidence(differences_of(pairs.pairs)))
        .query("observable == 'battery_energy'")
        .to_dict("records")
    )
    (kept,) = (
        in_reservoir(read_map())
        .query(
            "method == 'wigner' and observable == 'battery_energy' and n_battery == 10"
            " and ratio == 5 and nbar == 0"
        )
        .to_dict("records")
    )
    assert row["largest"] == pytest.approx(kept["largest"], rel=0.05)
    assert row["end"] == pytest.approx(kept["end"], rel=0.05)


def _evidence(rows: list[dict[str, object]]) -> Evidence:
    nothing = pd.DataFrame()
    return Evidence(pd.DataFrame(rows), nothing, nothing, nothing)


def test_numbers_of_the_page_known_from_elsewhere():
    """The exact peak power and the modal run's 27 %, from the engine and from theory."""
    cells = [line.strip("| ").split(" | ") for line in _table("peaks").splitlines()[2:]]
    rows = {(row[0], row[1], row[2]): row for row in cells}
    times = np.linspace(0.0, 10.0 / 40, 2001)
    power = trajectories.evolve(CollectiveBattery(10, 50), times, ["power"])["power"]
    assert float(rows["5", "0", "60"][3]) == pytest.approx(power.max() / 40, abs=5e-4)
    # N to infinity: sech^2 of the modal run, P = 1/4; the average over exponential weights, 0.1957
    largest = rows["5", "0", "$10^{16}$"]
    w = np.exp(np.linspace(-40.0, 4.0, 4401))
    s = np.linspace(-5.0, 8.0, 1301)[:, None]
    modal = 0.25 / np.cosh(0.5 * (s + np.log(w))) ** 2
    average = np.trapezoid(modal * np.exp(-w) * w, np.log(w), axis=1).max()
    assert float(largest[3]) == pytest.approx(average, abs=2e-4)
    assert float(largest[4]) == pytest.approx(0.25 / average, abs=2e-3)


def test_usable_from_needs_all_larger_sizes():
    errors = pd.DataFrame(
        {"spins": [3, 30, 300], "ratio": 2.0, "nbar": 0.0, "largest": [0.3, 0.01, 0.3]}
    )
    assert usable_from(errors, "largest", 0.2) is None
    assert usable_from(errors[:2], "largest", 0.2) == 30
    assert usable_from(errors[1:2], "largest", 0.2) == 0
    assert list(LEVELS) == sorted(LEVELS, reverse=True)


def test_a_peak_between_the_times():
    times = np.linspace(0.0, 8.0, 65)
    at, height = fitted_peak(times, 0.3 / np.cosh(0.5 * (times - 3.33)) ** 2)
    assert at == pytest.approx(3.33, abs=2e-3)
    assert height == pytest.approx(0.3, rel=1e-3)
    assert fitted_peak(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 0.0])) == (1.0, 1.0)


def test_definitions_run_by_name_and_share_their_times():
    for grid in GRIDS:
        found = [
            read_definition(find_definition(f"regimes/{name}_{grid}"))
            for name in ("exact", *METHODS)
        ]
        assert len({(one.model, one.times, one.time_unit) for one in found}) == 1
    assert set(NAMES) >= {"jumps", "paths", "ladder"}


def test_a_page_without_marks_is_refused(tmp_path):
    page, result = tmp_path / "page.md", tmp_path / "result"
    (result / "tables").mkdir(parents=True)
    pd.DataFrame({"a": ["b"]}).to_parquet(result / "tables" / "usable.parquet")
    page.write_text("no marks")
    with pytest.raises(InputError, match="marks"):
        tell(result, page, tmp_path)
    assert page.read_text() == "no marks"


def test_a_foreign_folder_is_never_replaced(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    program = [sys.executable, "-c", "from darkbattery.runs.cli import main; main()"]
    command = [*program, "regimes", "--replace"]
    answer = subprocess.run(
        [*command, "--out", "mine"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1
    assert (tmp_path / "mine" / "thesis.tex").exists()


@pytest.mark.long
def test_the_whole_page(tmp_path):
    """Five minutes: every table, number by number (sampled ones to their last digits)."""
    partial = tmp_path / "regimes.partial"
    partial.mkdir()  # as its owner does
    carry_out(Workplace(tmp_path / "regimes", partial, False, StopRequest()))
    evidence = read_evidence(partial)
    for name, table in all_tables(evidence, error_map(evidence)).items():
        made = re.split(r"[\s|/()]+", markdown(table))
        for new, old in zip(made, re.split(r"[\s|/()]+", _table(name)), strict=True):
            try:
                number = float(old)
            except ValueError:
                assert new == old, name
                continue
            # another machine's rounding moves paths, not their statistics
            assert float(new) == pytest.approx(number, rel=0.15, abs=2e-2), name
