"""The quantum engine at the edges: sizes, temperatures and times, each right or refused."""

import itertools

import numpy as np
import pytest

from darkbattery import trajectories
from darkbattery.nvmodel import CollectiveBattery, Detector, LocalNoise, Stage
from darkbattery.nvmodel.refusal import InputError
from darkbattery.trajectories.jumps.counts.lengths import (
    MOST_JUMPS,
    jumps_until,
    thermal_photons,
)
from darkbattery.trajectories.propagate.chains import pair_chains
from darkbattery.trajectories.space.angular import coupled_basis

NBARS = (0.0, 1e-300, 1e-16, 0.5, 1e6, 1e12)


@pytest.mark.parametrize("nbar", NBARS)
@pytest.mark.parametrize("sizes", [(1, 1), (1, 5), (3, 5), (5, 3)])
def test_times_from_nothing_to_eternity(sizes, nbar):
    battery = CollectiveBattery(*sizes, nbar=nbar)
    for last in (1e9, 1e100):
        found = trajectories.evolve(battery, [0.0, 1e-300, last])
        rest = trajectories.steady_state(battery)
        for name in ("battery_energy", "charger_energy", "ergotropy", "ergotropy_total"):
            # 1e-10: what evolve promises
            assert abs(found[name][-1] - rest[name][0]) < 1e-10, name
        for column in (0, 1):
            assert abs(found["battery_energy"][column]) < 1e-10
            assert abs(found["charger_energy"][column] - 1.0) < 1e-10
        assert all(np.isfinite(values).all() for values in found.values.values())


def test_every_mode_but_the_steady_ones_decays_at_the_rate_that_ends_the_integration():
    for sizes, nbar in itertools.product([(1, 2), (3, 5), (4, 4), (5, 25)], [0.0, 0.3, 10.0, 1e6]):
        basis = coupled_basis(*sizes)
        chains = pair_chains(basis, nbar, furthest=basis.n_ladders)
        inside = chains.inside(basis)
        for c in range(chains.first.size):
            rows = np.flatnonzero(inside[:, c])
            q = np.diag(-chains.loss[rows, c])
            q += np.diag(chains.gain_above[rows[1:], c], -1)
            q += np.diag(chains.gain_below[rows[:-1], c], 1)
            rates = np.sort(-np.linalg.eigvals(q).real)
            decaying = rates[1:] if chains.first[c] == chains.second[c] else rates
            # 1e-6: eigenvalues of matrices that are not symmetric, up to 1e9 in size
            assert (decaying > (2.0 * nbar + 1.0) * (1.0 - 1e-6)).all()


@pytest.mark.parametrize("nbar", [0.0, 0.5, 1e6])
def test_sizes_that_a_double_cannot_tell_apart(nbar):
    """2^53 + 1 spins: the energies of the few spins end where the closed form says."""
    battery = CollectiveBattery(n_battery=1, n_charger=2**53 + 1, nbar=nbar)
    assert battery.n_charger == 9007199254740993
    found = trajectories.evolve(battery, [0.0, 1e9])
    rest = trajectories.steady_state(battery)
    # a charger of N spins at nbar << N fills one battery spin up to (2 nbar + 1)/N or so
    assert abs(rest["battery_energy"][0] - 1.0) < 1e-9
    assert abs(found["battery_energy"][1] - rest["battery_energy"][0]) < 1e-9
    with pytest.raises(InputError, match="take N_C - N_B up to about"):
        trajectories.sample(battery, [1.0], runs=1, seed=0)
    equal = CollectiveBattery(n_battery=2**53 + 1, n_charger=2**53 + 1, nbar=nbar)
    for solver in (trajectories.steady_state, lambda b: trajectories.evolve(b, [1.0])):
        with pytest.raises(InputError, match="n_battery, n_charger"):
            solver(equal)


@pytest.mark.parametrize("nbar", NBARS)
def test_single_runs_are_right_or_refused(nbar):
    battery = CollectiveBattery(n_battery=1, n_charger=2, nbar=nbar)
    start = trajectories.sample(battery, [0.0, 1e-300], runs=3, seed=1)
    # 1e-15: sums in units of 2^-30 hold 0 and 1 exactly
    assert np.abs(start["battery_energy"]).max() < 1e-15
    assert np.abs(start["charger_energy"] - 1.0).max() < 1e-15
    if nbar < 1e-10:
        ended = trajectories.sample(battery, [1e9], runs=2000, seed=1)
        rest = trajectories.steady_state(battery)
        gap = abs(ended["battery_energy"] - rest["battery_energy"])[0]
        assert gap < 4.0 * ended.errors["battery_energy"][0]
        return
    for action in (trajectories.sample, trajectories.single_run):
        with pytest.raises(InputError, match="jumps or steps until then"):
            action(battery, [0.0, 1e9], 1, 1)


PUMPED = LocalNoise(emission=1.0, pumping=0.5)


@pytest.mark.parametrize(
    "beside",
    [
        {"nbar": 1.0, "detector_efficiency": 0.5},
        {"battery_noise": PUMPED, "detector_efficiency": 0.5},
        {"battery_noise": PUMPED},
        {"charger_noise": LocalNoise(dephasing=1.0)},
        {"nbar": 1.0, "battery_noise": LocalNoise(emission=1.0)},
        {"detuning": 1.0},
        {"nbar": 1.0, "detector": Detector("homodyne")},
    ],
    ids=str,
)
@pytest.mark.parametrize("action", [trajectories.sample, trajectories.single_run])
def test_runs_without_end_are_refused_before_they_begin(action, beside):
    with pytest.raises(InputError, match=r"times = 1000000000000\.0: .* until then, at most"):
        action(CollectiveBattery(1, 2, **beside), [1e12], 1, 1)


def test_the_jumps_by_which_noisy_runs_are_refused():
    """Of the stage that lasts: what begins behind the last output counts for nothing."""
    noise = LocalNoise(emission=1.0, pumping=0.5)
    loud = Stage(1e300, battery_noise=LocalNoise(pumping=1.0))
    battery = CollectiveBattery(2, 4, battery_noise=noise, protocol=(Stage(10.0), loud))
    found = jumps_until(battery.experiment, 10.0)
    assert found == 6 + 10.0 * 2 * 2 * 0.5
    course = trajectories.sample(battery, [10.0], 200, 1, records="summary").records
    # at most, and no more than a few times too many: it decides about orders of magnitude
    assert 1.0 < found / (2 * course["emitted_photons"].mean()) < 5.0


@pytest.mark.parametrize("nbar", [0.01, 0.5, 5.0, 100.0])
def test_the_photons_by_which_long_runs_are_refused(nbar):
    """Within a factor of three of the exact number: it decides about orders of magnitude."""
    battery = CollectiveBattery(n_battery=2, n_charger=8, nbar=nbar)
    found = trajectories.evolve(battery, [1e4, 2e4])
    exact = np.diff(found["emitted_photons"] + found["absorbed_photons"])[0]
    assert 1 / 3 < thermal_photons(battery, 1e4) / exact < 3.0
    assert thermal_photons(battery, 1e4) < MOST_JUMPS


@pytest.mark.long
def test_heat_that_leaves_only_tiny_steps_is_refused():
    hot = CollectiveBattery(n_battery=2**53 + 1, n_charger=1, nbar=1e12)
    with pytest.raises(InputError, match=r"nbar = .* too hot"):
        trajectories.evolve(hot, [1e-3], ["battery_energy"])
