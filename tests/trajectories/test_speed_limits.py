"""Speed limits of charging against closed forms and against QuTiP's states on a fine grid."""

import math

import numpy as np
import pytest
import qutip

from darkbattery import trajectories
from darkbattery.nvmodel import (
    CollectiveBattery,
    DickeBattery,
    Experiment,
    InputError,
    LocalNoise,
    Pulse,
    Resonator,
    Spins,
    Stage,
)

MT, ML = LIMITS = ("speed_limit_mandelstam_tamm", "speed_limit_margolus_levitin")
TIMES = np.array([0.0, 0.05, 0.4, 1.3, 6.0])


@pytest.mark.parametrize("nbar", [0.0, 0.3])
def test_one_spin_that_only_fills_meets_both_limits(nbar):
    """Its distribution has one direction, and goes straight: both limits are t."""
    found = trajectories.evolve(CollectiveBattery(1, 5, nbar=nbar), TIMES, LIMITS)
    for name in LIMITS:
        assert np.isnan(found[name][0])  # nothing has changed yet
        # levels below 1e-10 leave out an angle of 1e-5
        np.testing.assert_allclose(found[name][1:], TIMES[1:], rtol=2e-5)
        assert (found[name][1:] <= TIMES[1:] * (1.0 + 1e-12)).all()
    assert found.provenance["speed_limit_error"] < 1e-3


def test_one_spin_that_fills_and_empties():
    """There and back: the way is twice the top less what is left (angles a: p_1 = sin^2 a)."""
    battery = CollectiveBattery(1, 5, battery_noise=LocalNoise(emission=0.5))
    times = np.append(np.linspace(0.4, 2.0, 60), 6.0)
    energy = trajectories.evolve(battery, times, ["battery_energy"])["battery_energy"]
    found = trajectories.evolve(battery, times[-1:], LIMITS)
    assert energy[-1] < 0.5 * energy.max()
    for name, angle in ((MT, np.arcsin(np.sqrt(energy))), (ML, energy)):
        # the top of a parabola between output times: 1e-4 of it
        exact = times[-1] * angle[-1] / (2.0 * angle.max() - angle[-1])
        np.testing.assert_allclose(found[name][-1], exact, rtol=3e-4)


def test_the_closed_battery_in_a_weak_field_rotates():
    """One photon, one spin: p_1 = sin^2(lambda t) in the rotating wave, straight to the top."""
    battery, times = DickeBattery(n_battery=1, coupling=0.002), np.array([300.0, 780.0])
    found = trajectories.evolve(battery, times, [*LIMITS, "statistical_speed"])
    # counter-rotating terms are of the order of the coupling, and their wiggles lengthen the way
    np.testing.assert_allclose(found["statistical_speed"], 0.002, rtol=0.02)
    for name in LIMITS:
        np.testing.assert_allclose(found[name], times, rtol=0.02)


def _by_qutip(n_battery, n_charger, nbar, times):
    """Both limits by sums over 1,200 steps of QuTiP's states."""
    b, c = (qutip.jmat(n / 2, "-") for n in (n_battery, n_charger))
    L = qutip.tensor(b, qutip.qeye(n_charger + 1)) + qutip.tensor(qutip.qeye(n_battery + 1), c)
    start = qutip.tensor(qutip.basis(n_battery + 1, n_battery), qutip.basis(n_charger + 1, 0))
    grid = np.linspace(0.0, math.sqrt(times[-1]), 1201) ** 2
    collapse = [math.sqrt(nbar + 1.0) * L] + ([math.sqrt(nbar) * L.dag()] if nbar else [])
    options = {"atol": 1e-13, "rtol": 1e-11, "nsteps": 100_000, "progress_bar": ""}
    states = qutip.mesolve(0.0 * L, start, grid, collapse, options=options).states
    p = np.maximum([np.diag(state.ptrace(0).full()).real for state in states], 0.0)
    # neighbours' angles and differences: of second order in a step
    arcs = np.arccos(np.minimum(np.sqrt(p[1:] * p[:-1]).sum(axis=1), 1.0))
    length = np.append(0.0, np.cumsum(arcs))
    change = np.append(0.0, np.cumsum(np.abs(np.diff(p, axis=0)).max(axis=1)))
    angle = np.arccos(np.minimum(np.sqrt(p * p[0]).sum(axis=1), 1.0))
    at = np.array([np.abs(grid - t).argmin() for t in times])
    ml = np.abs(((p[0] - p) * p[0]).sum(axis=1))
    return grid[at], grid[at] * angle[at] / length[at], grid[at] * ml[at] / change[at]


@pytest.mark.parametrize(("n_battery", "n_charger", "nbar"), [(2, 4, 0.0), (2, 3, 0.4)])
def test_few_spins_against_qutip(n_battery, n_charger, nbar):
    times, mt, ml = _by_qutip(n_battery, n_charger, nbar, np.array([0.3, 1.0, 4.0]))
    found = trajectories.evolve(CollectiveBattery(n_battery, n_charger, nbar=nbar), times, LIMITS)
    assert mt[-1] < 0.95 * times[-1]  # not all of it is trivial
    # chords of 1,200 steps, and their arccos near 1 (1e-8 a step)
    np.testing.assert_allclose(found[MT], mt, rtol=5e-4)
    np.testing.assert_allclose(found[ML], ml, rtol=5e-4)


def test_a_resonator_s_own_oscillation_and_a_stage_that_ends_the_change():
    """At a mode, and with the charger cut off: nothing changes from 0.5 on but the clock."""
    spins = Spins(1, "down", 1.0), Spins(2, "up", 1.0)
    mode = Resonator(3e9, 2.0 / (2.0 * math.pi), temperature_k=0.0)
    found = trajectories.evolve(Experiment(*spins, mode), [0.3, 3.0], [*LIMITS, "power"])
    assert (found[MT] <= [0.3, 3.0]).all()
    assert found[MT][1] < 2.9  # it swings
    stages = (Stage(0.5), Stage(math.inf, coupled="none"))
    battery = CollectiveBattery(1, 5, protocol=stages)
    found = trajectories.evolve(battery, [0.5, 2.0], LIMITS)
    np.testing.assert_allclose(found[MT], [0.5, 2.0], rtol=1e-4)


def test_speeds_bound_the_power_between_them():
    names = ["power", "power_bound", "power_bound_trace", "statistical_speed", "population_speed"]
    found = trajectories.evolve(CollectiveBattery(3, 9, nbar=0.2), TIMES[1:], names)
    for bound in ("power_bound", "power_bound_trace"):
        assert (np.abs(found["power"]) <= found[bound] * (1.0 + 1e-9)).all()
    # Cauchy and Schwarz again: half the sum of |dp/dt| is at most the speed
    assert (found["power_bound_trace"] <= found["statistical_speed"] * (1.0 + 1e-9)).all()


def test_the_first_photon_of_an_empty_battery_fills_no_level_at_once():
    """t = 0: the charger alone changes, and the battery's rates are nothing, not half of it."""
    found = trajectories.evolve(CollectiveBattery(1, 1), [0.0], ["population_speed"])
    assert found["population_speed"][0] == pytest.approx(0.0, abs=1e-12)


def test_refused_where_a_pulse_turns_the_battery_in_no_time():
    spins = Spins(1, "down", 1.0), Spins(2, "up", 1.0)
    mode = Resonator(3e9, 2.0 / (2.0 * math.pi), temperature_k=0.0)
    model = Experiment(*spins, mode, (Pulse(rotate_battery=1.0), Stage(math.inf)))
    with pytest.raises(InputError, match="a pulse turns the battery in no time"):
        trajectories.evolve(model, [1.0], LIMITS)
    with pytest.raises(InputError, match="not available here"):
        trajectories.sample(CollectiveBattery(1, 2), [1.0], 2, 1, observables=LIMITS)
