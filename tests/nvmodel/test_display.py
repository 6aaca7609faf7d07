import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery, Resonator, ResonatorBattery, SpinEnsemble
from darkbattery.nvmodel.numbers import with_error
from darkbattery.nvmodel.solution import Reading, Solution

BATTERY = CollectiveBattery(n_battery=2, n_charger=10, nbar=0.5)
CAVITY = Resonator(frequency_hz=3e9, linewidth_fwhm_hz=1e6, temperature_k=0.1)


def _parsed(html):
    return ElementTree.fromstring(f"<div>{html}</div>")


@pytest.mark.parametrize(
    "shown",
    [
        BATTERY,
        ResonatorBattery(charger=SpinEnsemble(number=10, coupling=1.0), resonator=CAVITY),
        trajectories.evolve(BATTERY, [0.0, 0.5, 1.0]),
        trajectories.steady_state(BATTERY),
        trajectories.sample(BATTERY, [0.0, 0.5], runs=10, seed=1),
    ],
    ids=lambda shown: type(shown).__name__,
)
def test_notebooks_show_well_formed_tables(shown):
    page = _parsed(shown._repr_html_())
    assert len(page.findall(".//td")) >= 4


def test_numbers_inside_a_models_parts_are_for_people():
    spins = SpinEnsemble(number=10, coupling=54.03539364174444)
    shown = ResonatorBattery(charger=spins, resonator=CAVITY)._repr_html_()
    assert "coupling=54.0354)" in shown


def test_a_line_says_last_value_error_and_largest():
    single = trajectories.sample(BATTERY, [0.0, 0.2, 2.0], runs=100, seed=1)
    rows = [[cell.text for cell in row] for row in _parsed(single._repr_html_()).findall(".//tr")]
    power = next(row for row in rows if row[0] == "power")
    error = single.errors["power"][-1]
    assert power[1] == with_error(float(single["power"][-1]), float(error))
    assert power[2] == "ħωγ"
    largest = with_error(float(single["power"][1]), float(single.errors["power"][1]))
    assert power[3] == f"{largest} at γt = 0.2"


def test_text_from_outside_is_not_markup():
    solution = Solution([0.0], Reading({"<b>": np.zeros(1)}, warnings=("<i>",)))
    page = _parsed(solution._repr_html_())
    assert page.find(".//b") is None
    assert page.find(".//i") is None


def test_a_steady_state_has_no_columns_for_curves():
    """It had a heading "largest" over nothing."""
    page = _parsed(trajectories.steady_state(CollectiveBattery(2, 10))._repr_html_())
    assert [cell.text for cell in page.findall(".//th")] == ["observable", "steady state", "unit"]
    assert all(len(row) == 3 for row in page.findall(".//tr"))
