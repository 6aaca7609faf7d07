"""The batteries that others compare with: closed forms, published exponents, and the one figure."""

import numpy as np
import pytest
import qutip
from scipy.linalg import expm

from darkbattery.nvmodel import InputError
from darkbattery.nvmodel.dicke import DickeBattery
from darkbattery.runs.definitions.definition import (
    find_definition,
    parse_definition,
    read_definition,
)
from darkbattery.runs.results.study import observables_of, run_study
from darkbattery.runs.studies.baselines.figure import DEFINITIONS, capacities, draw, peak_powers
from darkbattery.trajectories.averages.dicke import evolve_dicke


@pytest.fixture(scope="module")
def tables():
    studies = {name: run_study(read_definition(find_definition(name))) for name in DEFINITIONS}
    return {name.removeprefix("baselines/"): study.table for name, study in studies.items()}


def test_a_weakly_coupled_spin_oscillates_as_jaynes_and_cummings_say():
    """sin^2(lambda t); the counter-rotating terms add lambda and less."""
    coupling = 2e-3
    t = np.linspace(0.0, np.pi / coupling, 9)
    found = evolve_dicke(DickeBattery(1, coupling), t)
    np.testing.assert_allclose(
        found["battery_energy"], np.sin(coupling * t) ** 2, atol=3 * coupling
    )


def test_strong_coupling_against_a_dense_exponential():
    n, kept, coupling = 3, 60, 0.4
    x, z = (qutip.jmat(n / 2, axis).full() for axis in "xz")
    a = np.diag(np.sqrt(np.arange(1.0, kept)), 1)
    h = np.kron(np.eye(n + 1), a.T @ a) + np.kron(z, np.eye(kept))
    h = h + 2 * coupling * np.kron(x, a + a.T)
    start = np.zeros((n + 1) * kept)
    start[n * kept + n] = 1.0
    state = expm(-2.5j * h) @ start
    weights = (np.abs(state) ** 2).reshape(n + 1, kept)
    found = evolve_dicke(DickeBattery(n, coupling), [0.0, 2.5])
    energy = weights.sum(axis=1) @ np.arange(n, -1, -1) / n
    assert abs(found["battery_energy"][1] - energy) < 1e-7  # the integrator's tolerance
    assert abs(found["photons"][1] - weights.sum(axis=0) @ np.arange(kept)) < 1e-6


def test_power_is_the_slope_of_the_energy_and_ergotropies_are_bounded():
    t = np.linspace(0.0, 6.0, 601)
    for arrangement in ("collective", "parallel"):
        found = evolve_dicke(DickeBattery(4, 0.3, arrangement), t)
        slope = np.gradient(found["battery_energy"], t, edge_order=2)
        np.testing.assert_allclose(found["power"], slope, atol=2e-3)  # differences of step 0.01
        assert (found["ergotropy_local"] <= found["ergotropy"] + 1e-9).all()
        assert (found["ergotropy"] <= found["battery_energy"] + 1e-9).all()
    one = evolve_dicke(DickeBattery(1, 0.3), t)
    np.testing.assert_allclose(found["battery_energy"], one["battery_energy"], atol=1e-12)
    np.testing.assert_allclose(found["photons"], 4 * one["photons"], atol=1e-12)


def test_average_power_grows_as_ferraro_and_others_found():
    """Total E/t at its best grows as N^(3/2): per spin as the root."""
    best = {}
    for n in (4, 8):
        t = np.linspace(0.0, 6.0 / np.sqrt(n), 121)
        found = evolve_dicke(DickeBattery(n, 0.5), t, ["battery_energy"])
        best[n] = (n * found["battery_energy"][1:] / t[1:]).max()
    # 0.02: what is left of the approach to large N at N = 4 to 8
    assert abs(np.log2(best[8] / best[4]) - 1.5) < 0.02


def test_three_exponents_of_power_in_one_table(tables):
    powers = peak_powers(tables["dicke"], tables["dark_power"])
    slopes = {}
    for name, part in powers.groupby("battery"):
        late = part.sort_values("n").iloc[-2:]
        slopes[name] = np.log(late.gain.iloc[1] / late.gain.iloc[0]) / np.log(2.0)
    assert abs(slopes["parallel"]) < 1e-9
    # from N = 4 to 8 and 8 to 16; 0.02 and 0.2 for what is left of the approach to large N
    assert abs(slopes["Dicke, collective"] - 0.5) < 0.02
    assert abs(slopes["dark states, R = 5"] - 1.0) < 0.2


def test_spins_hold_more_together_where_chargers_are_more(tables):
    held = capacities(tables["dark_capacity"])
    many = held[(held.ratio > 1) & (held.n > 1)]
    assert (many.gain > 1.0).all()
    # E_{R,1} = (R/(R+1))^2 and E -> 1 for many spins at R > 1
    largest = held[(held.ratio == 5) & (held.n == 32)].gain.iloc[0]
    assert 1.3 < largest < (6 / 5) ** 2
    figure = draw(peak_powers(tables["dicke"], tables["dark_power"]), held)
    assert len(figure.axes) == 2


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"n_battery": 0, "coupling": 0.1}, "n_battery"),
        ({"n_battery": 1, "coupling": 0.0}, "coupling"),
        ({"n_battery": 1, "coupling": 3.0}, "coupling"),
        ({"n_battery": 1, "coupling": 0.1, "arrangement": "serial"}, "arrangement"),
    ],
)
def test_bad_fields_are_refused(fields, field):
    with pytest.raises(InputError) as refusal:
        DickeBattery(**fields)
    assert refusal.value.field == field
    with pytest.raises(InputError, match=f"model.dicke.{field}"):
        parse_definition({"model": {"dicke": fields}, "run": {"method": "evolve", "times": [1.0]}})


def test_what_it_has_not_is_refused():
    model = {"dicke": {"n_battery": 2, "coupling": 0.1}}
    for method in ("steady", "sample"):
        runs = {"runs": 5} if method == "sample" else {}
        definition = parse_definition(
            {"model": model, "run": {"method": method, "times": [1.0], **runs}}
        )
        with pytest.raises(InputError, match="closed Dicke battery"):
            observables_of(definition, method) or run_study(definition)
    with pytest.raises(InputError, match="states of spins and photons"):
        evolve_dicke(DickeBattery(300, 0.1), [1.0])
    with pytest.raises(InputError, match="times"):
        evolve_dicke(DickeBattery(1, 0.1), [1e9])
