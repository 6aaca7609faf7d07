"""The paper's figures, appendix and claims: verdicts regenerated, panels with all their curves."""

import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from darkbattery.nvmodel import InputError
from darkbattery.runs.definitions.definition import read_definition, shipped_definitions
from darkbattery.runs.pages.marks import rows_of_page
from darkbattery.runs.pages.typeset import typeset
from darkbattery.runs.studies.paper.appendix import (
    Rate,
    compare,
    derived_equations,
    steady_populations,
)
from darkbattery.runs.studies.paper.claims import Evidence, Verdict, judged
from darkbattery.runs.studies.paper.command import layouts_of, tell, write_figure
from darkbattery.runs.studies.paper.evidence import gather
from darkbattery.runs.studies.paper.panels import LAYOUTS, PANELS, curve_label, panel_data
from darkbattery.runs.studies.paper.table import (
    CLAIMS,
    appendix_table,
    claims_table,
    two_spins_table,
)
from tests.mpi import launch
from tests.systems import steady_energy_zero_temperature, two_spin_steady_z

PAGE = Path(__file__).parents[2] / "docs" / "paper.md"


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    found = gather()
    assert found is not None
    return found


@pytest.fixture(scope="module")
def claims(evidence) -> pd.DataFrame:
    return claims_table(evidence)


def test_verdicts_are_those_of_the_page(claims):
    measured = dict(zip(map(typeset, claims["claim"]), claims["verdict"], strict=True))
    assert measured == {row[0]: row[-1] for row in rows_of_page(PAGE, "claims")}


def test_every_claim_is_named_once_and_judged(claims):
    assert claims["claim"].is_unique
    assert set(claims["verdict"]) <= {str(verdict) for verdict in Verdict}
    assert not claims["numbers"].str.contains("nan").any()
    # a limit must be named wherever a verdict can be within limits
    limited = claims[claims["verdict"] == str(Verdict.LIMITED)]
    assert limited["criterion"].str.contains("limits:").all()


def test_no_verdict_is_typed_by_hand():
    """Claims take their verdict from `judged`, but for those left to a model to come."""
    folder = Path(sys.modules[read_definition.__module__].__file__).parent / "paper"
    for path in folder.glob("claims_*.py"):
        text = path.read_text()
        for name in ("HOLDS", "LIMITED", "FAILS"):
            assert f"Verdict.{name}" not in text, path
    assert [judged(True), judged(False, True), judged(False)] == [
        Verdict.HOLDS,
        Verdict.LIMITED,
        Verdict.FAILS,
    ]


def test_a_different_physics_gets_different_verdicts(evidence):
    """A verdict follows its numbers: turned curves turn it."""
    size = evidence.rows("size").assign(battery_energy=lambda t: 1.0 - t["battery_energy"])
    turned = Evidence(dict(evidence.tables) | {"size": size}, evidence.definitions)
    growth = next(claim for claim in CLAIMS if claim.name == "E_ss grows with N_B")
    assert growth.measure(evidence).verdict == Verdict.HOLDS
    assert growth.measure(turned).verdict == Verdict.FAILS


CAPTIONS = {
    "fig2a": "N_B 1 2 3",
    "fig2b": "R 2 5 10",
    "fig2c": "N_B 1 2 3",
    "fig2d": "N_B 1 2 3",
    "fig2e": "R 2 5 10",
    "fig2f": "N_B 1 2 3",
    "fig3a": "N_B 1 2 10",
    "fig3b": "R 1 5 50",
    "fig4a": "N_B 1 2 3",
    "fig4b": "N_B 1 2 3",
    "fig4c": "R 2 3 5",
    "fig4d": "R 2 3 5",
    "fig5a": "N_B 1 2 3",
    "fig5b": "N_B 1 2 3",
    "fig5c": "R 3 5 10",
    "fig5d": "R 3 5 10",
    "fig6a": "T 0 2 4",
    "fig6b": "R 1 2 3 4",
    "fig6c": "R 1 2 3 4",
    "fig6d": "R 4",
}


def test_panels_are_the_papers_with_their_captions_curves():
    in_paper = {layout.figure for layout in LAYOUTS if layout.in_paper}
    panels = {panel.name: panel for panel in PANELS if panel.figure in in_paper}
    assert list(panels) == list(CAPTIONS)
    for name, caption in CAPTIONS.items():
        symbol, *values = caption.split()
        shown = [curve_label(panels[name], value) for value in panels[name].values]
        assert shown == [f"${symbol}$ = {value}" for value in values], name


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.name)
def test_each_panel_has_all_its_curves(panel, evidence):
    data = panel_data(panel, evidence)
    assert set(data["quantity"]) == {layer.y for layer in panel.layers}
    assert np.isfinite(data.select_dtypes("number").to_numpy(dtype=float)).all()
    lengths = data.groupby(["quantity", panel.by]).size()
    assert len(lengths) == len(panel.layers) * len(panel.values)
    assert lengths.nunique() == 1
    assert lengths.iloc[0] >= 10


def test_a_figure_is_written_with_its_data(evidence, tmp_path):
    (layout,) = layouts_of(4)
    paths = write_figure(layout, evidence, tmp_path)
    assert [path.suffix for path in paths] == [".png", ".svg"]
    assert all(path.stat().st_size < 250_000 for path in paths)
    for letter in "abcd":
        parquet = pd.read_parquet(tmp_path / "data" / f"fig4{letter}.parquet")
        csv = pd.read_csv(tmp_path / "data" / f"fig4{letter}.csv")
        pd.testing.assert_frame_equal(parquet, csv, check_dtype=False)
    before = paths[1].read_bytes()
    assert write_figure(layout, evidence, tmp_path)[1].read_bytes() == before


def test_numbers_known_from_elsewhere(evidence):
    for row in evidence.rows("size").itertuples():
        exact = steady_energy_zero_temperature(row.n_battery, row.n_battery * row.ratio)
        assert row.battery_energy == pytest.approx(float(exact), abs=1e-13)
    # an independent integration of the master equation, to the digits it was known to
    peaks = evidence.rows("power peaks by size", ratio=5).set_index("n_battery")
    for size, (value, time) in {
        1: (0.80532, 0.4465),
        2: (1.58063, 0.304),
        3: (2.36555, 0.236),
    }.items():
        assert peaks["power_peak"][size] == pytest.approx(value, abs=2e-5)
        assert peaks["power_time"][size] == pytest.approx(time, abs=5e-4)
    far = evidence.rows("rate peaks at R = 50")
    assert list(far["power_peak"]) == pytest.approx([9.685, 19.407, 29.11], abs=2e-3)
    # from a coarser grid, which cuts the tops of jumps
    assert list(far["rate_peak"]) == pytest.approx([3.07, 6.68, 10.25], abs=2e-2)
    steady = evidence.rows("size", ratio=5).set_index("n_battery")["log_negativity"]
    assert list(steady[[1, 2, 3, 5]]) == pytest.approx([0.5621, 0.8010, 0.9058, 0.9939], abs=1e-4)


def test_the_appendix_differs_where_it_must():
    found = {one.number: one for one in compare()}
    assert list(found) == list(range(18, 28))
    assert {n for n, one in found.items() if one.agrees} == {18, 19, 20, 21, 25}
    assert {n for n, one in found.items() if one.rates_agree and not one.agrees} == {24, 27}
    assert "lacks 2n̄γ ρ24" in found[22].difference
    assert "should have -(n̄+1)γ" in found[23].difference
    assert "lacks 2(n̄+1)γ ρ12" in found[26].difference
    assert all("sign of iω opposite" in found[n].difference for n in (22, 23, 24, 26, 27))
    assert len(appendix_table()) == 10


def test_derived_equations_keep_the_trace():
    """The four populations' gains and losses cancel, each coefficient for itself."""
    equations = derived_equations()
    for element in [(i, i) for i in range(1, 5)]:
        rates = [equations[i, i].get(element, Rate()) for i in range(1, 5)]
        assert sum(rate.nbar_part for rate in rates) == Fraction(0)
        assert sum(rate.constant for rate in rates) == Fraction(0)


def test_two_spins_in_the_end():
    table = two_spins_table()
    for row in table.to_dict("records"):
        if row["start"] == "down":
            assert row["<J_B^z>"] == pytest.approx(two_spin_steady_z(row["nbar"]), abs=1e-12)
            assert row["largest difference to (32)"] < 1e-12
        elif row["nbar"] > 0:
            assert row["largest difference to (32)"] > 0.01
    assert np.trace(steady_populations(0.5, "thermal")).real == pytest.approx(1.0, abs=1e-12)


def test_definitions_of_the_paper_run_by_name():
    names = [name for name in shipped_definitions() if name.startswith("paper/")]
    assert len(names) >= 10
    assert "paper/charging" in names


def test_a_page_without_marks_is_refused(tmp_path, claims):
    page, result = tmp_path / "page.md", tmp_path / "result"
    result.mkdir()
    claims.to_parquet(result / "claims.parquet")
    page.write_text("no marks")
    with pytest.raises(InputError, match="marks"):
        tell(result, page)


@pytest.mark.parametrize("figure", [1, 7, -3])
def test_an_unknown_figure_is_refused(figure):
    with pytest.raises(InputError, match=f"--figure = {figure}: must be one of 2, 3, 4, 5, 6"):
        layouts_of(figure)


def test_an_unknown_figure_is_refused_in_one_line(tmp_path):
    answer = launch.here("paper", "--figure", "7", "--out", "out", cwd=tmp_path)
    assert answer.returncode == 2
    assert answer.stderr.count("\n") == 1
    assert "--figure = 7" in answer.stderr
    assert not (tmp_path / "out").exists()


def test_one_figure_by_command(tmp_path):
    answer = launch.here("paper", "--figure", "3", "--out", "out", cwd=tmp_path)
    assert answer.returncode == 0, answer.stderr
    names = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*")}
    assert names == {
        "figures/fig3.png",
        "figures/fig3.svg",
        *(f"data/fig3{letter}.{kind}" for letter in "ab" for kind in ("csv", "parquet")),
        "paper.json",
    }
