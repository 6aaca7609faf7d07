"""A protocol from its file to its figure."""

import matplotlib.pyplot as plt
import pytest

from darkbattery.runs.definitions.definition import (
    find_definition,
    parse_definition,
    read_definition,
)
from darkbattery.runs.figures import draw
from darkbattery.runs.results.study import run_study


def _definition(**changes):
    steps = {
        "charge": {"duration": 0.5},
        "pulse": {"dephase_battery": [0.0, 1.0]},
        "discharge": {"duration": 1.0, "coupled": "battery"},
    }
    for name, fields in changes.items():
        steps[name] = {**steps[name], **fields}
    model = {"n_battery": 2, "ratio": 2, "protocol": steps}
    run = {"method": "evolve", "times": [0.0, 0.25, 0.5, 1.0, 1.5]}
    return parse_definition({"title": "t", "model": model, "run": run})


def _marks(study):
    figure = draw(study)
    axis = figure.axes[0]
    upright = [line.get_xdata() for line in axis.lines if len(line.get_xdata()) == 2]
    lines = [low for low, high in upright if low == high]
    found = lines, [text.get_text() for text in axis.texts]
    plt.close(figure)
    return found


def test_stage_boundaries_are_drawn_with_their_names():
    study = run_study(_definition())
    assert _marks(study) == ([0.0, 0.5], ["charge", "pulse, discharge"])


def test_every_other_stage_is_shaded():
    """Up to the end of what is drawn; the pulse at 0.5 begins no stage of its own."""
    figure = draw(run_study(_definition()))
    axis = figure.axes[0]
    shaded = [patch.get_x() for patch in axis.patches], [p.get_width() for p in axis.patches]
    assert shaded == ([0.5], [1.0])
    assert all(patch.get_zorder() < 0 for patch in axis.patches)  # behind all curves
    plt.close(figure)


def test_boundaries_that_differ_from_curve_to_curve_are_not_drawn():
    study = run_study(_definition(charge={"duration": [0.5, 0.75]}))
    assert _marks(study) == ([], [])


def test_the_shipped_proposal_stores_dephases_and_discharges():
    study = run_study(read_definition(find_definition("discharge")))
    swept = "protocol.pulse.dephase_battery"
    table = study.table.pivot(index=[swept, "time"], columns="observable", values="value")
    fresh, pulsed = table.loc[0.0], table.loc[1.0]
    at = fresh.index.get_indexer([0.9, 1.0, 3.0], method="nearest")
    # charged and dark: the steady energy of (10, 50), which the store keeps to a few e-8
    assert fresh["battery_energy"].iloc[at[0]] == pytest.approx(0.94883478, abs=1e-6)
    assert fresh["emission_rate"].iloc[at[0]] < 1e-5
    # a pulse keeps the energy, ends the entanglement, and brings the rate to gamma a spin
    one = pulsed.iloc[at[1]]
    assert one["battery_energy"] == pytest.approx(fresh["battery_energy"].iloc[at[1]], abs=1e-10)
    assert one["log_negativity"] == pytest.approx(0.0, abs=1e-10)
    assert one["power"] == pytest.approx(-one["battery_energy"], abs=1e-8)
    # dark for ever: 0.047 of it, reference digits
    share = pulsed["battery_energy"].iloc[at[2]] / one["battery_energy"]
    assert share == pytest.approx(0.047, abs=1e-3)
    assert fresh["battery_energy"].iloc[at[2]] < 1e-6
