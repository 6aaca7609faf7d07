"""Bounds by the number of jumps: never broken, nearly met, and from another derivative."""

import numpy as np
import pytest

from darkbattery.nvmodel import CollectiveBattery, InputError, LocalNoise
from darkbattery.trajectories import evolve, sample, single_runs
from darkbattery.trajectories.averages.counting import photon_probabilities
from darkbattery.trajectories.reading.conditional import unravelling
from darkbattery.trajectories.reading.photonstates import photon_states

NAMES = ["energy_reliability", "fano_factor", "energy_reliability_bound", "fano_factor_bound"]
SIZES = [(1, 1), (1, 5), (2, 10), (3, 3), (10, 50)]


@pytest.mark.parametrize("sizes", SIZES)
def test_they_are_never_broken_and_say_something(sizes):
    battery = CollectiveBattery(*sizes)
    times = np.geomspace(0.02, 10.0, 25) / max(1, sizes[1] - sizes[0])
    found = evolve(battery, times, NAMES)
    seen = np.isfinite(found["energy_reliability_bound"])
    assert seen[:12].all()
    share = (found["energy_reliability"] / found["energy_reliability_bound"])[seen]
    # averages are exact to 1e-10, variances of energies that hardly differ to some 1e-7
    assert share.max() <= 1.0 + 1e-6
    fano = found["fano_factor_bound"] / found["fano_factor"]
    assert fano.max() <= 1.0 + 1e-9
    # met where the first photon decides, and within a factor of two until the burst
    assert share[0] > 0.85
    assert fano[0] > 0.94
    if sizes[1] > sizes[0]:
        assert share[times[seen] * (sizes[1] - sizes[0]) < 1.0].min() > 0.5


@pytest.mark.parametrize("nbar", [0.2, 2.0])
def test_heat_has_jumps_of_both_kinds(nbar):
    times = np.geomspace(1e-3, 3.0, 20)
    found = evolve(CollectiveBattery(2, 10, nbar=nbar), times, ["fano_factor", "fano_factor_bound"])
    share = found["fano_factor_bound"] / found["fano_factor"]
    assert share.max() <= 1.0 + 1e-9
    # at the start absorption is a part nbar/(nbar + 1) of a N_C-th of the emission's slope
    assert share[0] > 0.6
    sampled = sample(CollectiveBattery(2, 10, nbar=nbar), times[::6], 2000, 5, 0, ["fano_factor"])
    beyond = found["fano_factor_bound"][::6] - sampled["fano_factor"]
    assert (beyond < 4.0 * sampled.errors["fano_factor"]).all()


@pytest.mark.parametrize("sizes", [(1, 5), (3, 9)])
def test_the_slope_is_that_of_a_faster_charging(sizes):
    """The same function of the photon number, over runs whose rates are all larger by 1 + h."""
    battery, times, h = CollectiveBattery(*sizes).experiment, np.array([0.05, 0.2, 0.5]), 1e-4
    p = photon_probabilities(battery, times)
    energy = photon_states(unravelling(battery), times, p >= 0.0, False).energy
    faster, slower = (photon_probabilities(battery, times * (1.0 + s)) for s in (h, -h))
    slope = ((faster - slower) * energy).sum(axis=0) / (2.0 * h)
    photons = np.arange(p.shape[0]) @ p
    expected = (p * energy).sum(axis=0) * np.sqrt(photons) / np.abs(slope)
    found = evolve(battery, times, ["energy_reliability_bound"])["energy_reliability_bound"]
    np.testing.assert_allclose(found, expected, rtol=1e-6)  # h squared, and rounding over h


def test_runs_that_are_made_keep_to_it():
    """Of (2, 10) before its burst, where runs reach 90 percent of what the bound allows."""
    battery, times = CollectiveBattery(2, 10), [0.05, 0.1]
    made = single_runs(battery, times, 3, range(800)).courses["battery_energy"]
    reliability = made.mean(axis=0) / made.std(axis=0, ddof=1)
    bound = evolve(battery, times, ["energy_reliability_bound"])["energy_reliability_bound"]
    # of 800 runs: a standard deviation is known to some 3 percent
    assert (reliability < 1.1 * bound).all()
    assert (reliability > 0.75 * bound).all()


def test_where_jumps_are_no_chain_of_the_ladders_it_is_refused_in_a_line():
    for more in ({"nbar": 0.3}, {"detector_efficiency": 0.5}):
        with pytest.raises(InputError, match=r"energy_reliability_bound.*every photon is counted"):
            evolve(CollectiveBattery(1, 2, **more), [1.0], ["energy_reliability_bound"])
    noisy = CollectiveBattery(1, 2, battery_noise=LocalNoise(dephasing=1.0))
    for name in ("energy_reliability_bound", "fano_factor_bound"):
        with pytest.raises(InputError, match="not available"):
            evolve(noisy, [1.0], [name])
        with pytest.raises(InputError, match="not available"):
            sample(CollectiveBattery(1, 2), [1.0], 10, 1, observables=[name])
